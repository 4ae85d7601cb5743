from pathlib import Path
from types import SimpleNamespace
from typing import Any

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
