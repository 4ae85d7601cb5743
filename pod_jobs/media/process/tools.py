"""Finds ffmpeg, what it can do, and whether the sandbox works. Each process asks once, when it starts."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import imageio_ffmpeg

from pod_jobs.errors import OutOfResources, PodJobsError, SettingsError
from pod_jobs.media.planning.codecs import PROCESSOR, Hardware
from pod_jobs.media.planning.limits import Limits
from pod_jobs.media.process import guard
from pod_jobs.media.process.run import Bounds, capture
from pod_jobs.system import landlock, seccomp

NEEDED_ENCODERS = ("libx264", "aac", "libmp3lame", "mjpeg")
NEEDED_FILTERS = tuple(
    """
    scale zscale tonemap format setsar setparams settb setpts split trim select bwdif crop pad drawbox mpdecimate overlay
    colorchannelmixer transpose hflip vflip sidedata fps tpad tile nullsrc streamselect interleave
    aresample aformat pan asplit atrim asettb asetpts asetnsamples aselect ainterleave apad volume alimiter ebur128 anullsrc
    showwavespic movie
    """.split()
)
OLDEST = (5, 1)
ASK = Bounds(wall_s=20, memory_mb=2000, file_mb=1)


@dataclass(frozen=True)
class Tools:
    """One build of ffmpeg. `demuxers` and `decoders` are our white lists, without what this build lacks. `bare`: options before
    the `-i` of whatever holds pictures of a foreign file; they keep the decoder from applying enhancement layers."""

    ffmpeg: str
    version: str
    demuxers: tuple[str, ...]
    decoders: tuple[str, ...]
    encoders: tuple[str, ...]
    filters: tuple[str, ...]
    sandbox: guard.Sandbox
    hardware: Hardware = PROCESSOR
    bare: tuple[str, ...] = ()

    def input_options(self, limits: Limits, decoders: Sequence[str] | None = None) -> list[str]:
        """The options before the `-i` of a foreign recording. `decoders`: instead of the white list."""
        return [*guard.input_options(self.demuxers, decoders or self.decoders, limits), *self.bare]


def find_tools(ffmpeg_path: str, sandbox: Literal["auto", "bwrap", "landlock", "none"]) -> Tools:
    """The ffmpeg at `ffmpeg_path` ("" = the one in the package imageio-ffmpeg). Takes 0.1 to 0.5 s.

    Errors: SettingsError names what is missing. If the sandbox does not work here, "bwrap" and "landlock" are errors;
    "auto" takes the best that works.
    """
    ffmpeg = _resolved(ffmpeg_path)
    about = _ask([ffmpeg, "-version"])
    version = _version(ffmpeg, about)
    tools = Tools(
        ffmpeg=ffmpeg,
        version=version,
        demuxers=guard.allowed(guard.DEMUXERS, ",".join(_listed(ffmpeg, "-demuxers")).split(",")),
        decoders=guard.allowed(guard.DECODERS, _listed(ffmpeg, "-decoders")),
        encoders=_listed(ffmpeg, "-encoders"),
        filters=_listed(ffmpeg, "-filters"),
        sandbox=_sandbox(ffmpeg, sandbox),
        bare=guard.WITHOUT_LAYERS if "lcevc" in about else (),
    )
    missing = [name for name in NEEDED_ENCODERS if name not in tools.encoders]
    missing += [name for name in NEEDED_FILTERS if name not in tools.filters]
    if missing:
        raise SettingsError(f"{ffmpeg} (version {version}) lacks {', '.join(missing)}")
    return tools


def _resolved(ffmpeg_path: str) -> str:
    if ffmpeg_path:
        program = shutil.which(ffmpeg_path)
        if not program:
            raise SettingsError(f"there is no program {ffmpeg_path}")
        return str(Path(program).resolve())
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())  # type: ignore[attr-defined,no-untyped-call]
    except RuntimeError as error:
        raise SettingsError(f"no ffmpeg: {error}") from error


def _version(ffmpeg: str, about: str) -> str:
    words = about.split()
    if words[:2] != ["ffmpeg", "version"]:
        raise SettingsError(f"{ffmpeg} does not answer like ffmpeg")
    number = re.match(r"n?([0-9]+)\.([0-9]+)", words[2])  # a build from git says N-12345-g… and is trusted
    if number and (int(number[1]), int(number[2])) < OLDEST:
        raise SettingsError(f"{ffmpeg} is version {words[2]}; {OLDEST[0]}.{OLDEST[1]} or newer is needed")
    return words[2]


def _listed(ffmpeg: str, option: str) -> tuple[str, ...]:
    """The names in the second column of `ffmpeg -decoders` and similar lists: " V....D h264   H.264 / AVC"."""
    lines = (line.split() for line in _ask([ffmpeg, "-hide_banner", option]).splitlines())
    return tuple(sorted({words[1] for words in lines if len(words) > 1 and words[1] != "="}))


def _ask(argv: list[str]) -> str:
    finished, text = capture(argv, Path("/"), ASK, lambda: None)
    if finished.returncode < 0:
        raise OutOfResources(f"{argv[0]} {argv[-1]} was ended by signal {-finished.returncode}")
    if finished.returncode:
        raise SettingsError(f"{argv[0]} {argv[-1]} ended with {finished.returncode}: {finished.stderr.strip()[-300:]}")
    return text


def _sandbox(ffmpeg: str, kind: str) -> guard.Sandbox:
    if kind == "none":
        return guard.Sandbox("none")
    bwrap = shutil.which("bwrap") if kind != "landlock" else None
    reason = "the program bwrap is not installed" if kind != "landlock" else ""
    for filters in (True, False) if bwrap and seccomp.is_known() else (False,) if bwrap else ():
        sandbox = guard.Sandbox("bwrap", bwrap or "", filters=filters)
        with tempfile.TemporaryDirectory() as folder:
            try:
                _ask(guard.sandboxed(sandbox, [ffmpeg, "-version"], (), Path(folder)))
                return sandbox
            except PodJobsError as error:
                reason = error.reason
    if kind == "bwrap":
        raise SettingsError(f"ffmpeg.sandbox is bwrap and that does not work here: {reason}")
    if landlock.version() and seccomp.is_known():
        sandbox = guard.Sandbox("landlock", lacking=reason, filters=True)
        with tempfile.TemporaryDirectory() as folder:
            try:
                _ask(guard.sandboxed(sandbox, [ffmpeg, "-version"], (), Path(folder)))
                return sandbox
            except PodJobsError as error:
                reason = f"{reason}; Landlock: {error.reason}"
    if kind == "landlock":
        raise SettingsError(f"ffmpeg.sandbox is landlock and that does not work here: {reason or 'not in this kernel'}")
    return guard.Sandbox("none", lacking=reason)
