"""Turns the return code and the last words of an ffmpeg into an error of ours.

Exit codes differ between versions (1 in 5.1, the low byte of the AVERROR since 7), so the words decide. They are in
English because run.py sets LC_ALL=C.
"""

import re
import signal

from pod_jobs.errors import BadSource, DiskFull, FfmpegFailed, OutOfResources, PodJobsError
from pod_jobs.media.process.run import ProcessEnd

CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS, signal.SIGTRAP}
OWN_LIMITS = {signal.SIGXCPU: "encode-too-slow", signal.SIGXFSZ: "encode-failed"}
STOPPED_BY_SIGNAL = 255  # ffmpeg's own code after a signal that it caught
TOO_MANY_ERRORS = 69  # more than two thirds of the frames did not decode

DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded")
UNSUPPORTED = re.compile(r"Codec \((\S+)\) not on whitelist|Decoder \(codec (\S+)\) not found")
DAMAGED = re.compile(
    r"Invalid data found|moov atom not found|Error while decoding|Error submitting packet to decoder"
    r"|Nothing was written|does not contain any stream|could not find codec parameters|Cannot determine format"
    r"|received no packets|Output file is empty|End of file|matches no streams",
    re.IGNORECASE,
)


def error_of(finished: ProcessEnd, *, behind_bwrap: bool) -> PodJobsError | None:
    """The error to raise; None for success. `behind_bwrap`: a signal appears as 128 plus its number."""
    code = finished.returncode
    if code == 0:
        return None
    message = finished.stderr.strip() or f"exit code {code}"
    killer = _signal(code, behind_bwrap)
    if killer is not None:
        return _ended_by(killer, message)
    if DISK_FULL.search(message):
        return DiskFull(message)
    if code == STOPPED_BY_SIGNAL and "Operation not permitted" not in message:  # AVERROR(EPERM) has the same low byte
        return OutOfResources(message)
    if match := UNSUPPORTED.search(message):
        return BadSource(message, code="source-unsupported-codec", codec=match[1] or match[2])
    if code == TOO_MANY_ERRORS or DAMAGED.search(message):
        return BadSource(message, code="source-damaged")
    return FfmpegFailed(message)


def _signal(code: int, behind_bwrap: bool) -> signal.Signals | None:
    number = -code if code < 0 else code - 128 if behind_bwrap else 0
    return signal.Signals(number) if number in {*signal.valid_signals()} and number in {*signal.Signals} else None


def _ended_by(killer: signal.Signals, message: str) -> PodJobsError:
    reason = f"ended by {killer.name}: {message}"
    if killer in CRASHES:
        return FfmpegFailed(reason)
    if killer in OWN_LIMITS:
        return FfmpegFailed(reason, code=OWN_LIMITS[killer])
    return OutOfResources(reason)
