import signal

import pytest

from pod_jobs.errors import BadSource, DiskFull, FfmpegFailed, OutOfResources
from pod_jobs.media.process.exits import error_of
from pod_jobs.media.process.run import ProcessEnd


def finished(code: int, words: str = "") -> ProcessEnd:
    return ProcessEnd(code, words, wall_s=1, cpu_s=1, peak_mb=1)


@pytest.mark.parametrize(
    ("code", "words", "error", "name"),
    [
        (1, "av_interleaved_write_frame(): No space left on device", DiskFull, "disk-full"),
        (228, "Error writing trailer: No space left on device", DiskFull, "disk-full"),
        (1, "x: Disk quota exceeded", DiskFull, "disk-full"),
        (-signal.SIGKILL, "", OutOfResources, "encode-killed"),
        (-signal.SIGTERM, "", OutOfResources, "encode-killed"),
        (255, "Exiting normally, received signal 15.", OutOfResources, "encode-killed"),
        (255, "Error opening output: Operation not permitted", FfmpegFailed, "encode-failed"),
        (-signal.SIGSEGV, "", FfmpegFailed, "encode-failed"),
        (-signal.SIGXCPU, "", FfmpegFailed, "encode-too-slow"),
        (1, "x: Invalid data found when processing input", BadSource, "source-damaged"),
        (183, "[in#0] Error opening input: Invalid data found when processing input", BadSource, "source-damaged"),
        (69, "", BadSource, "source-damaged"),
        (1, "moov atom not found", BadSource, "source-damaged"),
        (1, "Codec (magicyuv) not on whitelist 'h264,aac'", BadSource, "source-unsupported-codec"),
        (1, "Unknown encoder 'libx264'", FfmpegFailed, "encode-failed"),
        (1, "", FfmpegFailed, "encode-failed"),
    ],
)
def test_what_an_end_means(code: int, words: str, error: type[Exception], name: str) -> None:
    found = error_of(finished(code, words), behind_bwrap=False)
    assert type(found) is error
    assert found.code == name


@pytest.mark.parametrize("words", ["Codec (magicyuv) not on whitelist 'h264'", "Decoder (codec magicyuv) not found"])
def test_the_codec_that_is_not_supported_is_named(words: str) -> None:
    found = error_of(finished(1, words), behind_bwrap=False)
    assert isinstance(found, BadSource) and found.facts == {"codec": "magicyuv"}


def test_success() -> None:
    assert error_of(finished(0, "some warning: Invalid data found"), behind_bwrap=False) is None


def test_a_signal_behind_the_sandbox() -> None:
    killed = finished(128 + signal.SIGKILL)
    assert type(error_of(killed, behind_bwrap=True)) is OutOfResources
    assert type(error_of(killed, behind_bwrap=False)) is FfmpegFailed
