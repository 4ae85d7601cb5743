import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pod_jobs.media.tools import Tools, find_tools
from tests.clips import Clips, builds


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session", params=["wheel", "system"])
def tools(request: pytest.FixtureRequest) -> Tools:
    """Each ffmpeg build of this machine in turn."""
    if request.param not in builds():
        pytest.skip("this machine has no ffmpeg of its own")
    return find_tools(builds()[request.param], "auto")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty folder with room for 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
