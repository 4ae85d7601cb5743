"""Puts a finished encoding into the form that an Esup-Pod imports. No frame is encoded for it: the pass's own are copied.

Pod wants each rendition as one MPEG-TS file with a playlist of byte ranges, picture and sound together; thumbnails and the
overview as PNG; and info_video.json, which lists them. Our own fMP4 goes, so that nothing is stored twice; the master
playlist then leads to the MPEG-TS, so that our pages play it too.
"""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from pod_jobs.errors import FfmpegFailed
from pod_jobs.media.command.ffmpeg import ALWAYS, NO_TAGS, build_package
from pod_jobs.media.facts.mp4_boxes import CODECS_OF_SOUND
from pod_jobs.media.hls import checks
from pod_jobs.media.hls.playlists import MediaPlaylist, Variant, build_master, parse_playlist, prolonged
from pod_jobs.media.outputs.images import COLUMNS
from pod_jobs.media.planning.ladder import PlannedRendition
from pod_jobs.media.planning.pod_files import PodFiles, as_one_picture, describe
from pod_jobs.media.planning.streams import AUDIO, Picture, Sound
from pod_jobs.media.process.tools import Tools
from pod_jobs.media.work import Work
from pod_jobs.media_folder import MASTER_NAME, POD_INFO, POD_OVERVIEW, POD_SUBTITLE
from pod_jobs.system import plain_files

OWN_ENDINGS = (".m4s", ".jpg")
THUMBNAILS = tuple(f"thumbnail_{n}.jpg" for n in range(1, 5))


def put_into_form(
    work: Work, files: PodFiles, picture: Picture | None, sounds: Sequence[Sound], rendered: dict[str, checks.Rendered]
) -> None:
    """Replace our files in the folder of `work` by Pod's. Errors: FfmpegFailed, OutOfResources, DiskFull."""
    duration_s = max(stream.playlist.duration_s for stream in rendered.values())
    renditions = picture.renditions if picture else ()
    rendition_names = [rendition.name for rendition in renditions]
    playlists: dict[str, MediaPlaylist] = {}
    if renditions:
        argv = build_transport(work.tools, files, renditions, [sound.name for sound in sounds], work.plan.segment_s)
        work.side("package", argv, duration_s)
        with work.explained():
            playlists = {
                name: _checked(work.folder, files.stem(name), duration_s, rendered[name].playlist)
                for name in rendition_names
            }
    if files.with_source and renditions:
        _make_source(work, files, renditions[-1].name, has_sound=bool(sounds), duration_s=duration_s)
    _rename(work.folder, files, renditions)
    with work.forgiven("warning-pictures"):
        _pictures(work, files)
    _texts(work.folder)
    _remove_ours(work.folder, {f"{files.stem(name)}.m3u8" for name in rendition_names})
    if picture:
        master = _master(files, picture, sounds, rendered, playlists)
        for name in filter(None, (MASTER_NAME, files.master)):
            plain_files.write_text(work.folder / name, master)
    names = [path.name for path in work.folder.iterdir()]
    info = describe(files, duration_s, names, rendition_names, is_video=picture is not None, has_sound=bool(sounds))
    plain_files.write_text(work.folder / POD_INFO, info)


def build_transport(
    tools: Tools, files: PodFiles, renditions: Sequence[PlannedRendition], sounds: Sequence[str], segment_s: int
) -> list[str]:
    """The command that copies each rendition with all sounds into MPEG-TS."""
    argv = [tools.ffmpeg, *ALWAYS, "-protocol_whitelist", "file"]
    for name in [*(rendition.name for rendition in renditions), *sounds]:
        argv += ["-i", f"file:{name}.m4s"]
    sound_options = [word for n in range(len(sounds)) for word in ("-map", f"{len(renditions) + n}:a:0")]
    for n, rendition in enumerate(renditions):
        stem = files.stem(rendition.name)
        argv += ["-map", f"{n}:v:0", *sound_options, *NO_TAGS, "-c", "copy", "-f", "hls", "-hls_time", str(segment_s)]
        argv += ["-hls_playlist_type", "vod", "-hls_segment_type", "mpegts", "-hls_flags", "single_file"]
        argv += ["-hls_segment_filename", f"{stem}.ts", f"{stem}.m3u8"]
    return argv


def build_stills(tools: Tools, sources: Sequence[str], names: Sequence[str]) -> list[str]:
    """The command that writes JPEGs of ours as PNG."""
    argv = [tools.ffmpeg, *ALWAYS, "-protocol_whitelist", "file"]
    for source in sources:
        argv += ["-i", f"file:{source}"]
    for n, name in enumerate(names):
        argv += ["-map", f"{n}:v:0", "-frames:v", "1", "-pix_fmt", "rgb24", "-update", "1", name]
    return argv


def build_overview(tools: Tools, sheets: Sequence[str]) -> list[str]:
    """The command that puts the sheets of a storyboard below each other."""
    argv = [tools.ffmpeg, *ALWAYS, "-protocol_whitelist", "file"]
    for sheet in sheets:
        argv += ["-i", f"file:{sheet}"]
    stack = ["-filter_complex", f"vstack=inputs={len(sheets)}"] if len(sheets) > 1 else []
    return [*argv, *stack, "-frames:v", "1", "-pix_fmt", "rgb24", "-update", "1", f"{POD_OVERVIEW}.png"]


def _checked(folder: Path, stem: str, duration_s: float, ours: MediaPlaylist) -> MediaPlaylist:
    """The playlist of a rendition in MPEG-TS, mended, and compared with its file and with our own playlist of the same frames.
    Errors: FfmpegFailed."""
    path = folder / f"{stem}.m3u8"
    try:
        text = prolonged(plain_files.read_text(path), duration_s)
        playlist = parse_playlist(text)
    except (OSError, ValueError) as error:
        raise FfmpegFailed(f"result check: {stem}: {error}") from error
    size = plain_files.size_of(folder / f"{stem}.ts")
    if not playlist.ended or playlist.end != size:
        raise FfmpegFailed(f"result check: {stem}.ts has {size} bytes, its playlist speaks of {playlist.end}")
    if size < ours.end:  # the same frames are never smaller in MPEG-TS
        raise FfmpegFailed(f"result check: {stem}.ts has {size} bytes, and the pass {ours.end}")
    if abs(playlist.duration_s - duration_s) > checks.tolerance_s(duration_s):
        raise FfmpegFailed(f"result check: {stem} lasts {playlist.duration_s:.1f} of {duration_s:.1f} s")
    plain_files.write_text(path, text)
    return playlist


def _make_source(work: Work, files: PodFiles, best: str, *, has_sound: bool, duration_s: float) -> None:
    rendition_path, source_path = work.folder / f"{best}.mp4", work.folder / f"{files.base}.mp4"
    if plain_files.size_of(rendition_path) is not None:  # it is a rendition to download too
        with plain_files.open_plain(rendition_path) as rendition, plain_files.replacing(source_path) as source:
            shutil.copyfileobj(rendition, source, 1 << 20)
        return
    work.side("package", build_package(work.tools, [best], has_sound, "mp4"), duration_s)
    rendition_path.rename(source_path)


def _rename(folder: Path, files: PodFiles, renditions: Sequence[PlannedRendition]) -> None:
    new_names = {f"{rendition.name}.mp4": f"{files.stem(rendition.name)}.mp4" for rendition in renditions}
    new_names |= {f"{AUDIO}{ending}": f"{files.sound}{ending}" for ending in (".mp3", ".m4a")}
    for ours, theirs in new_names.items():
        if plain_files.size_of(folder / ours) is not None:
            (folder / ours).rename(folder / theirs)


def _pictures(work: Work, files: PodFiles) -> None:
    stills = [name for name in THUMBNAILS if plain_files.size_of(work.folder / name)]
    if stills:
        names = [files.thumbnail(n) for n in range(len(stills))]
        work.side("pictures", build_stills(work.tools, stills, names), 1.0)
    board = work.folder / "storyboard.vtt"
    if not plain_files.size_of(board):
        return
    text = plain_files.read_text(board)
    sheets = sorted(
        {line.partition("#")[0] for line in text.split("\n") if "#xywh=" in line}, key=lambda n: (len(n), n)
    )
    work.side("pictures", build_overview(work.tools, sheets), 1.0)
    tile_px = int(next(line for line in text.split("\n") if "#xywh=" in line).rpartition(",")[2])
    plain_files.write_text(work.folder / f"{POD_OVERVIEW}.vtt", as_one_picture(text, COLUMNS * tile_px))


def _texts(folder: Path) -> None:
    """Subtitles of the source under the name that Pod 4.1 gave them."""
    for path in [*folder.glob("captions_*.vtt")]:
        path.rename(folder / (POD_SUBTITLE + path.name.removeprefix("captions_")))
    for path in [*folder.glob("subtitles_*.vtt"), folder / "storyboard.vtt"]:
        plain_files.remove(path)


def _remove_ours(folder: Path, playlists: Collection[str]) -> None:
    """Remove what Pod does not want: all playlists but these, our segments and pictures."""
    for path in [*folder.iterdir()]:
        is_ours = path.suffix == ".m3u8" and path.name not in playlists
        if path.suffix in OWN_ENDINGS or is_ours:
            plain_files.remove(path)


def _master(
    files: PodFiles,
    picture: Picture,
    sounds: Sequence[Sound],
    rendered: dict[str, checks.Rendered],
    playlists: dict[str, MediaPlaylist],
) -> str:
    sound_codecs = [CODECS_OF_SOUND[sound.encoder.name] for sound in sounds[:1]]
    variants = [
        Variant(
            name=files.stem(rendition.name),
            width_px=rendition.width_px,
            height_px=rendition.height_px,
            fps=picture.fps,
            codecs=",".join([rendered[rendition.name].track.codecs, *sound_codecs]),
            peak_bps=playlists[rendition.name].peak_bps,
            average_bps=playlists[rendition.name].average_bps,
        )
        for rendition in picture.renditions
    ]
    return build_master(variants, ())
