"""Still pictures of a video: thumbnails, and a storyboard. Builds arguments and text; opens nothing.

A storyboard is a grid of small pictures, and a WebVTT file that says which part of the grid shows which seconds. All
pictures come from what the encoder wrote. Only key frames are decoded: ten minutes take less than a second.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pod_jobs.media.command.ffmpeg import ALWAYS
from pod_jobs.media.facts.times import vtt_time
from pod_jobs.media.planning.ladder import PlannedRendition
from pod_jobs.media.planning.limits import Limits, Source
from pod_jobs.media.process.tools import Tools

THUMBNAILS_AT = (0.25, 0.5, 0.75)  # of the duration
THUMBNAIL_PX = 720  # a rendition of at most that height is their source
STORYBOARD_FROM_S = 10.0  # shorter videos have no storyboard
TILE_PX = 90  # short side of a tile
COLUMNS, ROWS = 10, 10  # of a sheet: at most 1600 x 900 for 16:9
LONG_S = 10  # seconds per tile that one sheet grows to, before there are more sheets
MOST_SHEETS = 4
OURS = ("-nofind_stream_info",)  # our init segments say everything; ffmpeg would decode a frame of each input
ONE_FRAME = ("-threads", "1")  # with more threads, more frames are decoded before the first one comes out
JPEG = ("-q:v", "4", "-strict", "unofficial")
GREY_WIDTH_PX, GREY_HEIGHT_PX = 64, 36  # of the tiny copy of a thumbnail that tells whether it shows anything
LEAST_CONTRAST = 3.0  # standard deviation of its grey values, 0 to 255: a page with one line of text has 6
# JFIF wants full range and BT.601. JPEG encoders ask for yuvj420p, which is deprecated: hence -strict in `JPEG`
TO_JPEG = "out_range=full:out_color_matrix=bt601,format=yuv420p"
# Makes the tiny grey copy of the first frame
TO_GREY = (
    *("-frames:v", "1", "-vf"),
    f"scale={GREY_WIDTH_PX}:{GREY_HEIGHT_PX}:flags=area:out_range=full,format=gray",
    *("-f", "rawvideo"),
)


@dataclass(frozen=True)
class Storyboard:
    """A storyboard of `tiles` pictures of `width_px` x `height_px`, one every `interval_s` seconds."""

    duration_s: float
    interval_s: int
    tiles: int
    width_px: int
    height_px: int

    @property
    def columns(self) -> int:
        return min(self.tiles, COLUMNS)

    @property
    def rows(self) -> int:
        return min(math.ceil(self.tiles / COLUMNS), ROWS)

    @property
    def sheets(self) -> tuple[str, ...]:
        count = math.ceil(self.tiles / (COLUMNS * ROWS))
        return ("storyboard.jpg", *(f"storyboard_{n}.jpg" for n in range(2, count + 1)))


def plan_storyboard(duration_s: float, rendition: PlannedRendition, keyframe_s: int) -> Storyboard | None:
    """One sheet up to 1000 s, then a tile every 10 s on up to four sheets, then longer intervals. None for a short video."""
    if duration_s < STORYBOARD_FROM_S:
        return None
    one_sheet = duration_s / (COLUMNS * ROWS)
    all_sheets = one_sheet / MOST_SHEETS
    interval = keyframe_s * math.ceil(max(min(one_sheet, LONG_S), all_sheets, 1) / keyframe_s)
    scale = TILE_PX / min(rendition.width_px, rendition.height_px)
    width, height = (2 * round(side * scale / 2) for side in (rendition.width_px, rendition.height_px))
    return Storyboard(duration_s, interval, math.ceil(duration_s / interval), width, height)


def thumbnail_source(renditions: Sequence[PlannedRendition]) -> PlannedRendition:
    """The largest rendition that is not needlessly large."""
    small = [rendition for rendition in renditions if min(rendition.width_px, rendition.height_px) <= THUMBNAIL_PX]
    return small[-1] if small else renditions[0]


def build_pictures(
    tools: Tools,
    renditions: Sequence[PlannedRendition],
    duration_s: float,
    names: Sequence[str],
    board: Storyboard | None,
) -> list[str]:
    """One command for the thumbnails (`names`, spread over the duration) and the sheets of the storyboard.

    Beside each thumbnail goes a tiny grey copy, see `contrast`.
    """
    source = thumbnail_source(renditions)
    argv = [tools.ffmpeg, *ALWAYS, "-protocol_whitelist", "file"]
    for share in THUMBNAILS_AT:
        seek = ["-noaccurate_seek", "-ss", f"{share * duration_s:.3f}"]  # begins with the key frame before that instant
        argv += [*seek, *ONE_FRAME, *OURS, *tools.bare, "-i", f"file:{source.name}.m4s"]
    if board:
        argv += ["-skip_frame", "nokey", *OURS, *tools.bare, "-i", f"file:{renditions[0].name}.m4s"]
    still = ["-frames:v", "1", "-fps_mode", "passthrough", "-vf", f"scale={TO_JPEG}", *JPEG, "-update", "1"]
    for n, name in enumerate(names):
        argv += ["-map", f"{n}:v:0", *still, name]
        argv += ["-map", f"{n}:v:0", *TO_GREY, grey_copy(name)]
    if board:
        argv += ["-map", f"{len(THUMBNAILS_AT)}:v:0", "-vf", _storyboard_graph(board), "-fps_mode", "passthrough"]
        argv += [*JPEG, "-frames:v", str(len(board.sheets)), "-start_number", "1", "storyboard_%d.jpg"]
    return argv


def grey_copy(name: str) -> str:
    """The name of the tiny grey copy of a thumbnail. The file is removed as soon as it has been read."""
    return f"{name}.grey"


def contrast(grey: bytes) -> float:
    """Standard deviation of grey values from 0 to 255; nearly 0 for a black, white or otherwise blank picture."""
    return statistics.pstdev(grey) if grey else 0.0


def best_first(contrasts: Sequence[float]) -> list[int]:
    """The places of `contrasts` with the first picture that shows something in front, the others in their order.

    When none shows anything, the one with the most contrast goes in front.
    """
    places = range(len(contrasts))
    first = next((n for n in places if contrasts[n] >= LEAST_CONTRAST), None)
    if first is None:
        first = max(places, key=lambda n: contrasts[n])
    return [first, *(n for n in places if n != first)]


def _storyboard_graph(board: Storyboard) -> str:
    """The filters that give exactly one frame per interval. The last frame repeats, so that no tile stays black."""
    return (
        f"fps=1/{board.interval_s}:start_time=0:eof_action=pass,tpad=stop=2:stop_mode=clone,trim=end_frame={board.tiles},"
        f"scale={board.width_px}:{board.height_px}:{TO_JPEG},tile={board.columns}x{board.rows}"
    )


def build_cover(tools: Tools, limits: Limits, source: Source, index: int, name: str) -> list[str]:
    """The command for the picture attached to a recording (an album cover), as a JPEG at most 1280 pixels wide."""
    return [
        tools.ffmpeg,
        *ALWAYS,
        *tools.input_options(limits),
        *source.opening,
        *("-map", f"0:{index}", "-frames:v", "1"),
        *("-vf", f"scale=w='min(1280,iw)':h=-2:{TO_JPEG}", *JPEG, "-map_metadata", "-1", "-update", "1", name),
    ]


def build_wave(tools: Tools, sound: str, name: str) -> list[str]:
    """The command for a picture of the wave of a sound file that we wrote, as a JPEG."""
    wave = "[0:a:0]aformat=channel_layouts=mono,showwavespic=s=1280x360:colors=0x5a8fc8"
    return [
        *(tools.ffmpeg, *ALWAYS, "-protocol_whitelist", "file", "-i", f"file:{sound}"),
        *("-filter_complex", f"{wave},scale={TO_JPEG}", "-frames:v", "1", *JPEG, "-update", "1", name),
    ]


def build_vtt(board: Storyboard) -> str:
    """The WebVTT of a storyboard, whose cues are like "storyboard.jpg#xywh=160,0,160,90", as players read them."""
    per_sheet = COLUMNS * ROWS
    cues = ["WEBVTT"]
    for n in range(board.tiles):
        row, column = divmod(n % per_sheet, COLUMNS)
        begin, end = n * board.interval_s, min((n + 1) * board.interval_s, board.duration_s)
        where = f"{column * board.width_px},{row * board.height_px},{board.width_px},{board.height_px}"
        cues.append(f"{vtt_time(begin)} --> {vtt_time(end)}\n{board.sheets[n // per_sheet]}#xywh={where}")
    return "\n\n".join(cues) + "\n"
