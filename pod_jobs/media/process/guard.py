"""Protects the host from every ffmpeg and every probe: white lists, limits, a sandbox. Builds arguments; opens nothing.

An upload counts as hostile. A text file named x.mp4 can make an unguarded ffmpeg read other users' files, ask the network,
or run a decoder that nobody has looked at for ten years. There are three nets:

1. `facts/file_type.py`: the first bytes must be those of a container we know. Playlists, scripts and archives never reach
   ffmpeg.
2. `input_options`: white lists of protocols, demuxers and decoders, and ceilings on streams, pixels and analysis.
3. `sandboxed`: bubblewrap where it works: no network, read-only /usr, the inputs, one output folder, and a filter of system
   calls that leaves it threads, but no other process and no namespace. Where it does not, Landlock and a stricter filter.
"""

import fnmatch
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pod_jobs.media.planning.limits import Limits
from pod_jobs.system import landlock

DEMUXERS = tuple(
    """
    mov mp4 matroska webm avi asf flv mpeg mpegts mpegvideo ogg wav w64 mp3 aac flac aiff caf mxf ac3 eac3 amr dv
    au wv gif apng
    """.split()
)

# Decoders that a lecturer's file may need, as shell patterns. Left out on purpose: decoders that read other files, or read
# text as pictures (svg, ansi, tty), game formats, and MagicYUV (heap overflow, CVE-2026-8461).
DECODERS = tuple(
    """
    h264 hevc av1 libdav1d vp8 vp9 vp6 vp6a vp6f theora mpeg1video mpeg2video mpeg4 msmpeg4 msmpeg4v1 msmpeg4v2 h263
    h263i h263p flv wmv1 wmv2 wmv3 vc1 mss2 mjpeg mjpegb png prores dnxhd dvvideo cfhd jpeg2000 libopenjpeg rawvideo
    v210 v410 huffyuv ffvhuff ffv1 utvideo qtrle svq1 svq3 cinepak msvideo1 msrle tscc tscc2 camtasia zmbv flashsv
    flashsv2 rpza
    libvpx libvpx-vp9 gif apng
    aac aac_latm mp1 mp1float mp2 mp2float mp3 mp3float ac3 eac3 dca truehd opus libopus vorbis libvorbis flac alac
    pcm_* adpcm_ima_qt adpcm_ima_wav adpcm_ms adpcm_swf adpcm_yamaha adpcm_g722 adpcm_g726 wmav1 wmav2 wmapro wmavoice
    amrnb amrwb libopencore_amrnb libopencore_amrwb gsm gsm_ms speex libspeex nellymoser qdm2 mace3 mace6 wavpack s302m
    """.split()
)

# Still pictures, by the demuxer that must be named; only for processes that read a watermark
PICTURES = {"png_pipe": "png", "jpeg_pipe": "mjpeg"}

# For builds with liblcevc: when FFmpeg up to 9.0.2 applies an LCEVC layer that H.264 or HEVC carries, it may write beyond its
# pictures (CVE-2026-125262). A layer that is exported is not applied, and the plain picture remains.
WITHOUT_LAYERS = ("-export_side_data", "enhancements")

# Decoders of subtitles that are text; only for processes that extract one
TEXT_DECODERS = tuple("ass ssa srt subrip mov_text text webvtt cc_dec eia_608".split())


FILTER = "<descriptor of the filter>"  # in arguments; run.py puts its number there
SHOWN = ("/usr", "/etc/alternatives", "/etc/ld.so.cache")
CARDS_IN_SYS = ("/sys/dev/char", "/sys/devices")


@dataclass(frozen=True)
class Sandbox:
    """How processes are locked in: by "bwrap", "landlock" or "none". `lacking` says why not by bwrap, unless that is a setting.
    `devices` are those of a graphics card that encodes. `filters`: a filter of system calls works here."""

    kind: str
    bwrap: str = ""
    lacking: str = ""
    devices: tuple[str, ...] = ()
    filters: bool = False


def allowed(patterns: Iterable[str], existing: Iterable[str]) -> tuple[str, ...]:
    """The names in `existing` that match a pattern, sorted: the white list for one build of ffmpeg."""
    all_patterns = tuple(patterns)
    matching = {name for name in existing if any(fnmatch.fnmatchcase(name, pattern) for pattern in all_patterns)}
    return tuple(sorted(matching))


def input_options(demuxers: Sequence[str], decoders: Sequence[str], limits: Limits) -> list[str]:
    """The options before the `-i` of a foreign file."""
    return [
        *("-protocol_whitelist", "file"),
        *("-format_whitelist", ",".join(demuxers)),
        *("-codec_whitelist", ",".join(decoders)),
        *("-max_streams", str(limits.max_streams)),
        *("-max_pixels", str(limits.max_pixels)),
        *("-probesize", "20M", "-analyzeduration", "20M"),
    ]


def sandboxed(sandbox: Sandbox, argv: Sequence[str], sources: Sequence[Path], folder: Path | None) -> list[str]:
    """`argv` inside the sandbox: it sees /usr, the program and `sources` read-only, and may write to `folder`. It has nothing
    else: no network, no capability even as root, no terminal.

    The program runs as process 1, so that bubblewrap waits for the program itself and its processor time is counted.
    """
    if sandbox.kind == "landlock":
        return _behind_landlock(sandbox, argv, sources, folder)
    if sandbox.kind != "bwrap":
        return list(argv)
    binds: list[str] = []
    for path in (*SHOWN, *_program_folders(argv[0])):
        binds += ["--ro-bind-try", path, path]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        binds += ["--symlink", f"usr/{name}", f"/{name}"] if os.path.islink(f"/{name}") else _bind_root(name)
    for device in sandbox.devices:
        binds += ["--dev-bind-try", device, device]
    for path in CARDS_IN_SYS if sandbox.devices else ():  # drivers look up devices there
        binds += ["--ro-bind-try", path, path]
    for source in sources:
        binds += ["--ro-bind", str(source), str(source)]
    if folder is not None:
        binds += ["--bind", str(folder), str(folder), "--chdir", str(folder)]
    locks = ["--unshare-all", "--cap-drop", "ALL", "--new-session", "--die-with-parent", "--as-pid-1"]
    locks += ["--seccomp", FILTER] if sandbox.filters else []
    kernel = ["--proc", "/proc", "--dev", "/dev"]
    read_only = ["--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"]  # last: binds are made there
    return [sandbox.bwrap, *locks, *kernel, *binds, *read_only, "--", *argv]


def _behind_landlock(sandbox: Sandbox, argv: Sequence[str], sources: Sequence[Path], folder: Path | None) -> list[str]:
    roots = (f"/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64"))
    cards = CARDS_IN_SYS if sandbox.devices else ()
    # Python finds the modules beside a program by a list of the folder's names
    shown = {
        "list": [str(Path(word).parent) for word in argv[1:] if argv[0] == sys.executable and word.endswith(".py")],
        "read": [*SHOWN, *roots, *_program_folders(argv[0]), *cards, *map(str, sources)],
        "write": [str(folder)] if folder is not None else [],
        "devices": ["/dev/null", "/dev/zero", "/dev/urandom", *sandbox.devices],
    }
    return [sys.executable, "-I", "-S", landlock.__file__, json.dumps(shown), *argv]


def _bind_root(name: str) -> list[str]:
    return ["--ro-bind-try", f"/{name}", f"/{name}"]


def _program_folders(program: str) -> tuple[str, ...]:
    """Folders to show for a program outside /usr: its own one; for our Python also its libraries."""
    if program == sys.executable:
        return (sys.prefix, sys.base_prefix)
    return () if program.startswith("/usr/") else (program,)
