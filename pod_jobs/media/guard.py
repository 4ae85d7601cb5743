"""What is put on every ffmpeg and every probe: lists of what may be opened, limits, a sandbox. Pure; opens nothing.

An upload is hostile until proven otherwise: a text file named x.mp4 makes a bare ffmpeg read other users' files, ask
the network, or walk into a decoder nobody has looked at for ten years. Three nets:

1. `sniff`: the first bytes must be those of a container we know. Playlists, scripts, archives never reach ffmpeg.
2. `input_options`: protocols, demuxers and decoders by white list, and ceilings on streams, pixels and analysis.
3. `sandboxed`: bubblewrap, where it works: no network, read-only /usr, one input, one output folder.
"""

import fnmatch
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pod_jobs.errors import BadSource
from pod_jobs.media.cut import Range

DEMUXERS = tuple(
    """
    mov mp4 matroska webm avi asf flv mpeg mpegts mpegvideo ogg wav w64 mp3 aac flac aiff caf mxf ac3 eac3 amr dv
    """.split()
)

# Decoders a lecturer's file can need, as shell patterns. Left out on purpose: everything that reads other files or text
# as pictures (svg, ansi, tty), game formats, and MagicYUV (heap overflow, CVE-2026-8461).
DECODERS = tuple(
    """
    h264 hevc av1 libdav1d vp8 vp9 vp6 vp6a vp6f theora mpeg1video mpeg2video mpeg4 msmpeg4 msmpeg4v1 msmpeg4v2 h263
    h263i h263p flv wmv1 wmv2 wmv3 vc1 mss2 mjpeg mjpegb png prores dnxhd dvvideo cfhd jpeg2000 libopenjpeg rawvideo
    v210 v410 huffyuv ffvhuff ffv1 utvideo qtrle svq1 svq3 cinepak msvideo1 msrle tscc tscc2 camtasia zmbv flashsv
    flashsv2 rpza
    aac aac_latm mp1 mp1float mp2 mp2float mp3 mp3float ac3 eac3 dca truehd opus libopus vorbis libvorbis flac alac
    pcm_* adpcm_ima_qt adpcm_ima_wav adpcm_ms adpcm_swf adpcm_yamaha adpcm_g722 adpcm_g726 wmav1 wmav2 wmapro wmavoice
    amrnb amrwb libopencore_amrnb libopencore_amrwb gsm gsm_ms speex libspeex nellymoser qdm2 mace3 mace6 wavpack s302m
    """.split()
)

# Decoders of subtitles that are text; only for the processes that extract one
TEXT_DECODERS = tuple("ass ssa srt subrip mov_text text webvtt cc_dec eia_608".split())

PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<MPD", b"<?xml", b"<smil", b"<asx", b"v=0", b"#EXT")

# offset -> the bytes of a container that we let ffmpeg open
MAGIC: tuple[tuple[int, bytes], ...] = (
    *((4, box) for box in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")),  # MP4, QuickTime
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska, WebM
    (8, b"AVI "),
    (8, b"WAVE"),
    (0, b"riff\x2e\x91\xcf\x11"),  # Wave64
    (0, b"OggS"),
    (0, b"fLaC"),
    (0, b"ID3"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # ASF, WMV
    (0, b"FLV\x01"),
    (0, b"\x00\x00\x01\xba"),  # MPEG programme stream
    (0, b"\x00\x00\x01\xb3"),  # MPEG video
    (8, b"AIFF"),
    (8, b"AIFC"),
    (0, b"caff"),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01"),  # MXF
    (0, b"#!AMR"),
    (0, b"\x1f\x07\x00"),  # raw DV
    (0, b"\x0b\x77"),  # AC-3
)
HEAD_BYTES = 4096  # `sniff` needs no more
TS_PACKETS = (188, 192, 204)  # bytes: plain, with time code (AVCHD), with error correction


@dataclass(frozen=True)
class Limits:
    """Ceilings for one source. Times in seconds, memory in MB (10^6) of address space."""

    max_duration_s: int = 10 * 3600
    max_pixels: int = 36_000_000  # 8K is 33 million
    max_side_px: int = 10_000
    max_streams: int = 64
    probe_s: int = 60
    wall_factor: float = 30.0  # an encode may take this many times the duration, and 10 min more
    stall_s: int = 120  # without any progress
    memory_mb: int = 6000  # x264 at 1080p maps 2 GB and uses 600 MB
    grace_s: float = 3.0  # between SIGTERM and SIGKILL


@dataclass(frozen=True)
class Source:
    """A foreign file, and the demuxer that the probe opened it with: builds guess differently, and must not.

    `ranges` are the parts to read, (): all of it. Each is an input of its own, so that nothing else is decoded.
    """

    path: str
    demuxer: str
    ranges: tuple[Range, ...] = ()

    @property
    def opening(self) -> list[str]:
        return ["-f", self.demuxer, "-i", f"file:{self.path}"]


@dataclass(frozen=True)
class Sandbox:
    """How processes are locked in. `kind` "none" starts them as they are."""

    kind: str
    bwrap: str = ""


def sniff(head: bytes) -> None:
    """Refuse what does not begin like a container of ours (`head`: the first HEAD_BYTES). BadSource says why."""
    if not head:
        raise BadSource("0 bytes", code="source-empty")
    text = head.lstrip(b"\xef\xbb\xbf\r\n\t ")
    if text.startswith(PLAYLISTS):
        raise BadSource(f"begins with {bytes(text[:16])!r}", code="source-playlist")
    known = any(head[at : at + len(magic)] == magic for at, magic in MAGIC)
    if not (known or _mpeg_audio(head) or _transport_stream(head)):
        raise BadSource(f"begins with {head[:16]!r}: no container that we open", code="source-not-media")


def _mpeg_audio(head: bytes) -> bool:
    """MP3 or ADTS AAC: eleven set bits, a layer and a rate that exist; zeros before them are common."""
    frame = head.lstrip(b"\0")[:4]
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return False
    adts = frame[1] & 0xF6 == 0xF0
    return adts or (frame[1] & 0x06 != 0 and frame[1] & 0x18 != 0x08 and frame[2] & 0xF0 != 0xF0)


def _transport_stream(head: bytes) -> bool:
    """0x47 again and again at the distance of a packet."""
    return any(
        all(head[at + n * size] == 0x47 for n in range(5))
        for size in TS_PACKETS
        for at in range(size)
        if at + 4 * size < len(head)
    )


def allowed(patterns: Iterable[str], existing: Iterable[str]) -> tuple[str, ...]:
    """Those of `existing` that a pattern names, sorted: the white list for one build."""
    wanted = tuple(patterns)
    return tuple(sorted({name for name in existing if any(fnmatch.fnmatchcase(name, p) for p in wanted)}))


def input_options(demuxers: Sequence[str], decoders: Sequence[str], limits: Limits) -> list[str]:
    """What stands before the `-i` of a foreign file."""
    return [
        *("-protocol_whitelist", "file"),
        *("-format_whitelist", ",".join(demuxers)),
        *("-codec_whitelist", ",".join(decoders)),
        *("-max_streams", str(limits.max_streams)),
        *("-max_pixels", str(limits.max_pixels)),
        *("-probesize", "20M", "-analyzeduration", "20M"),
    ]


def sandboxed(sandbox: Sandbox, argv: Sequence[str], source: Path | None, folder: Path | None) -> list[str]:
    """`argv` behind the sandbox: /usr, the program, `source` read-only, `folder` writable, nothing else, no network.

    As process 1 of its own, so that bubblewrap waits for the program itself and its processor time is counted.
    """
    if sandbox.kind != "bwrap":
        return list(argv)
    binds: list[str] = []
    for path in ("/usr", "/etc/alternatives", "/etc/ld.so.cache", *_program_folders(argv[0])):
        binds += ["--ro-bind-try", path, path]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        binds += ["--symlink", f"usr/{name}", f"/{name}"] if os.path.islink(f"/{name}") else _bind_root(name)
    if source is not None:
        binds += ["--ro-bind", str(source), str(source)]
    if folder is not None:
        binds += ["--bind", str(folder), str(folder), "--chdir", str(folder)]
    locks = ["--unshare-all", "--die-with-parent", "--as-pid-1", "--proc", "/proc", "--dev", "/dev"]
    return [sandbox.bwrap, *locks, *binds, "--", *argv]


def _bind_root(name: str) -> list[str]:
    return ["--ro-bind-try", f"/{name}", f"/{name}"]


def _program_folders(program: str) -> tuple[str, ...]:
    """A program outside /usr brings itself; our own Python also brings its libraries and the probe's script."""
    if program == sys.executable:
        return (sys.prefix, sys.base_prefix, str(Path(__file__).parent))
    return () if program.startswith("/usr/") else (program,)
