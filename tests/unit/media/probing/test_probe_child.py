from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from pod_jobs.media.probing import probe_child


@pytest.mark.parametrize(
    ("kind", "content", "microseconds", "promised_s"),
    [
        ("mov,mp4", b"", 2_500_000, 2.5),
        ("mov,mp4", b"", None, None),
        ("mp3", b"ID3\x00Xing\x00", 2_500_000, 2.5),
        ("mp3", b"ID3\x00VBRI\x00", 2_500_000, 2.5),
        ("mp3", b"ID3\x00", 2_500_000, None),  # reckoned from the bit rate of its beginning
        (sorted(probe_child.RECKONED)[0], b"", 2_500_000, None),
    ],
)
def test_a_duration_counts_where_the_file_says_it(
    tmp_path: Path, kind: str, content: bytes, microseconds: int | None, promised_s: float | None
) -> None:
    (tmp_path / "a").write_bytes(content)
    container: Any = SimpleNamespace(duration=microseconds, format=SimpleNamespace(name=kind))
    assert probe_child.promised_s(container, str(tmp_path / "a")) == promised_s


def clean() -> list[Any]:
    return [SimpleNamespace(is_corrupt=False)]


def corrupt() -> list[Any]:
    return [SimpleNamespace(is_corrupt=True)]


def fails() -> list[Any]:
    raise av.FFmpegError(1, "it cannot be decoded")


def packet(stream: int, kind: str, at_s: float | None, decode: Callable[[], list[Any]]) -> Any:
    pts = None if at_s is None else round(at_s * 1000)
    of = SimpleNamespace(type=kind)
    return SimpleNamespace(
        stream_index=stream, stream=of, pts=pts, dts=None, time_base=Fraction(1, 1000), size=9, decode=decode
    )


@pytest.mark.parametrize(
    ("packets", "first_s"),
    [
        ([packet(0, "video", 12.0, clean)], None),
        ([packet(0, "video", 12.0, fails), packet(0, "video", 13.0, fails)], 2.0),
        ([packet(0, "video", 12.0, corrupt)], 2.0),
        ([packet(0, "video", 11.0, corrupt)], None),  # of the first second
        ([packet(0, "video", None, corrupt)], None),
        ([packet(1, "audio", 12.0, fails)], None),  # the last of its track: a tag or a line feed
        ([packet(1, "audio", 12.0, fails), packet(0, "video", 13.0, clean)], None),
        ([packet(1, "audio", 12.0, fails), packet(1, "audio", 13.0, clean)], 2.0),
    ],
)
def test_the_first_damage_is_the_first_packet_that_cannot_be_decoded(packets: list[Any], first_s: float | None) -> None:
    container: Any = SimpleNamespace(start_time=10_000_000, streams=["picture", "sound"], demux=lambda _: iter(packets))
    assert probe_child.first_damage_s(container, [0, 1], 60.0) == first_s
