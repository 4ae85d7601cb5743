"""A part of an open file, as a server reads it."""

from pathlib import Path

import pytest

from pod_jobs.web.guards.file_parts import FilePart


@pytest.mark.parametrize(
    ("start", "stop", "content"), [(0, 10, b"0123456789"), (3, 5, b"34"), (3, 3, b""), (8, 99, b"89"), (0, 1, b"0")]
)
def test_a_part_ends_where_it_should(tmp_path: Path, start: int, stop: int, content: bytes) -> None:
    (path := tmp_path / "file").write_bytes(b"0123456789")
    part = FilePart(file := path.open("rb"), start, stop)
    assert part.readable() and part.fileno() == file.fileno()
    assert b"".join(iter(lambda: part.read(4) or b"", b"")) == content
    part.close()
    assert file.closed
