"""Where another recording is looked for in a file, and where not."""

import time
from pathlib import Path

import pytest

from pod_jobs.media.probing import appended

EBML = b"\x1aE\xdf\xa3\x9f\x42\x82\x84webm"
UNKNOWN, FIVE = b"\x18\x53\x80\x67\x01" + b"\xff" * 7, b"\x18\x53\x80\x67\x85"
BEGIN, ON = b"OggS\0\2" + bytes(20), b"OggS\0\0" + bytes(20)


def box(kind: bytes, size: int = 8) -> bytes:
    return size.to_bytes(4) + kind + bytes(size - 8)


FILE = box(b"ftyp", 24) + box(b"moov") + (1).to_bytes(4) + b"mdat" + (20).to_bytes(8) + bytes(4)


@pytest.mark.parametrize(
    ("container", "data", "follows"),
    [
        ("mov,mp4", FILE, ""),
        ("mov,mp4", FILE * 2, "unread"),
        ("mov,mp4", FILE + box(b"moof") + FILE, "read"),
        ("mov,mp4", FILE + (0).to_bytes(4) + b"free" + FILE, ""),
        ("mov,mp4", FILE + b"SEFT", ""),
        ("mov,mp4", (1).to_bytes(4) + b"mdat" + b"\xff" * 8, ""),
        ("matroska,webm", EBML + FIVE + bytes(5), ""),
        ("matroska,webm", EBML + FIVE + bytes(5) + EBML, "read"),
        ("matroska,webm", EBML + FIVE + EBML[:5], ""),
        ("matroska,webm", EBML + UNKNOWN + bytes(50), ""),
        ("matroska,webm", EBML + UNKNOWN + bytes(50) + EBML, "read"),
        ("matroska,webm", EBML + UNKNOWN + bytes(50) + EBML[:4] + bytes(80), ""),
        ("matroska,webm", EBML, ""),
        ("matroska,webm", EBML + UNKNOWN[:-1] + b"\xfe", ""),
        ("matroska,webm", EBML + UNKNOWN[:4] + bytes(1) + b"\xff" * 20, ""),
        ("ogg", BEGIN + BEGIN + ON + ON, ""),
        ("ogg", BEGIN + ON + ON + BEGIN + ON, "unread"),
        ("mp3", BEGIN + ON + BEGIN, ""),
    ],
)
def test_what_follows(tmp_path: Path, container: str, data: bytes, follows: str) -> None:
    (tmp_path / "file").write_bytes(data)
    assert appended.what_follows(str(tmp_path / "file"), container, time.monotonic() + 10) == follows


@pytest.mark.parametrize("lead", [90, 100, 150, 199, 200, 201, 700])
def test_it_is_found_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lead: int) -> None:
    monkeypatch.setattr(appended, "BLOCK_BYTES", 200)
    (tmp_path / "file").write_bytes(EBML + UNKNOWN + bytes(lead) + EBML + bytes(300))
    assert appended.what_follows(str(tmp_path / "file"), "matroska,webm", time.monotonic() + 10) == "read"
    assert appended.what_follows(str(tmp_path / "file"), "matroska,webm", time.monotonic() - 1) == ""
