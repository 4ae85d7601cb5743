"""The files of uploads that have not ended."""

import os
from pathlib import Path

import pytest

from pod_jobs.media_folder import UPLOADS
from pod_jobs.storage.web_host_folder import WebHostFolder


@pytest.mark.parametrize(("limit", "is_left"), [(None, False), (1000.0, True), (1000.5, False)])
def test_a_file_goes_once_nobody_writes_to_it(tmp_path: Path, limit: float | None, is_left: bool) -> None:
    path = tmp_path / UPLOADS / "a"
    path.parent.mkdir(parents=True)
    path.touch()
    os.utime(path, (1000, 1000))
    folder = WebHostFolder(tmp_path)
    for _ in range(2):  # another process may be quicker
        folder.remove_upload("a", limit)
    assert path.exists() is is_left
