"""The filters that bring any picture to the colours of every output: BT.709, limited range, 4:2:0 of 8 bits. Pure.

Only zimg (zscale) knows primaries, so what it cannot read is converted first into a format that it can. No filter has
to guess, because the two ffmpegs guess differently.
"""

from dataclasses import replace

from pod_jobs.media.facts.media_info import VideoTrack
from pod_jobs.media.planning.colours import BT709, MATRICES, Colours, colours_of

RESIZED = "filter=spline36"
STAMPED = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
# Colours outside BT.709 have a negative red, green or blue. Clipping them in YUV would change the other two as well
WITHIN_GAMUT = ("format=gbrp10le", "zscale=min=gbr:m=bt709:rin=full:r=limited", "format=yuv420p", STAMPED)
HDR_NITS = 100  # the brightness of SDR's white that HDR is measured by
# What zscale calls a matrix -> what swscale calls it
SWSCALE = {"gbr": "auto", "7": "smpte240m", "bt2020nc": "bt2020", "bt2020c": "bt2020", "ycgco": "auto"}
EXACT = "flags=bicubic+accurate_rnd+full_chroma_int"
SCREEN = "iec61966-2-1"  # the curve by which primaries are converted, as browsers do


def suits_zimg(track: VideoTrack) -> bool:
    """Whether zscale can read it as it is: planar YUV, of a size that its chroma divides."""
    name = track.pix_fmt
    if track.is_rgb or track.has_alpha or not name.startswith(("yuv4", "yuvj4")):
        return False
    chroma = name.removeprefix("yuvj").removeprefix("yuv")[:3]
    odd = (track.width_px % 2, track.height_px % 2)
    return {"420": odd == (0, 0), "422": not odd[0], "440": not odd[1], "444": True}.get(chroma, False)


def need_conversion(track: VideoTrack) -> bool:
    """Whether more has to be done than resizing and limiting the range."""
    return track.changes_colours or not (suits_zimg(track) and colours_of(track).are_ours)


def converted(track: VideoTrack, width_px: int, height_px: int) -> list[str]:
    """From the picture in its `readable` format to one of `width_px` x `height_px` in the colours of every output."""
    colours, flattened = colours_of(track), _flattened(track)
    if track.has_alpha:
        colours = replace(colours, matrix="gbr", full_range=True)
    size = f"{width_px}:{height_px}:{RESIZED}"
    if track.hdr:
        return [*flattened, *_tone_map(colours, size)]
    scaled = f"{size}:min={colours.matrix}:rin={_range(colours)}"
    if colours.primaries == "bt709" and not colours.transfer:
        return [*flattened, f"zscale={scaled}:m=bt709:r=limited", "format=yuv420p", STAMPED]
    light = f"pin={colours.primaries}:p=bt709:tin={colours.transfer or SCREEN}:t={SCREEN}"
    return [*flattened, f"zscale={scaled}:{light}:m=gbr:r=full", *WITHIN_GAMUT]


def resized(width_px: int, height_px: int) -> str:
    """A picture of BT.709 at another size, its range limited. zimg takes a third of the time of ffmpeg's own."""
    return f"zscale={width_px}:{height_px}:{RESIZED}:range=limited,{STAMPED}"


def copied_colours(track: VideoTrack) -> str:
    """What the bitstream filter h264_metadata has to write into a copied picture of limited range; "" when it is there."""
    code = next(code for code, name in MATRICES.items() if name == colours_of(track).matrix)
    if (track.primaries, track.transfer, track.matrix, track.says_range) == (BT709, BT709, code, True):
        return ""
    tags = f"colour_primaries={BT709}:transfer_characteristics={BT709}:matrix_coefficients={code}"
    return f"{tags}:video_full_range_flag=0"


def readable(track: VideoTrack) -> tuple[str, str]:
    """A format that zscale reads, or in which nothing is lost, and the options of the filter scale that lead there."""
    colours = colours_of(track)
    is_steady = not track.changes_colours
    if suits_zimg(track) and is_steady:
        return track.pix_fmt, ""
    if track.has_alpha:
        matrix = SWSCALE.get(colours.matrix, colours.matrix)
        options = f":in_color_matrix={matrix}:in_range={_range(colours)}:{EXACT}"
        return "gbrap", options
    if track.is_rgb:
        return ("gbrp" if track.bits <= 8 else "gbrp16le"), ""
    depth = next((f"{bits}le" for bits in (10, 12, 16) if 8 < track.bits <= bits), "")
    ranges = f":in_range={_range(colours)}:out_range={_range(colours)}"
    if track.pix_fmt.startswith("gray"):  # which swscale 9 always takes for full range: the numbers stay as they are
        ranges = ":in_range=full:out_range=full"
    elif not is_steady:  # each frame says what it is, and is brought to what the first one is
        matrix = SWSCALE.get(colours.matrix, colours.matrix)
        ranges = f":in_color_matrix=auto:out_color_matrix={matrix}:out_range={_range(colours)}"
    return f"yuv444p{depth}", f"{ranges}:{EXACT}"


def _flattened(track: VideoTrack) -> list[str]:
    """Transparency becomes black, as in players, or white for GIF and APNG, as in image viewers. Hidden colours stay hidden."""
    if not track.has_alpha:
        return []
    opaque = ["premultiply=inplace=1", "format=gbrp"]
    return ["negate", *opaque, "negate"] if track.codec in ("gif", "apng") else opaque


def _tone_map(colours: Colours, size: str) -> list[str]:
    """HDR to SDR, after scaling down: it works on 32-bit floats."""
    return [
        f"zscale={size}:min={colours.matrix}:m={colours.matrix}:rin={_range(colours)}:r={_range(colours)}",
        f"zscale=min={colours.matrix}:tin={colours.transfer}:pin={colours.primaries}:rin={_range(colours)}"
        f":t=linear:p=bt709:npl={HDR_NITS}",
        "format=gbrpf32le",
        "tonemap=hable:desat=0",
        "zscale=t=bt709:r=full",
        *WITHIN_GAMUT,
    ]


def _range(colours: Colours) -> str:
    return "full" if colours.full_range else "limited"
