import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from pod_jobs.media.encode import Encoded, encode
from pod_jobs.media.process.tools import Tools, find_tools
from tests.clips import Clips, builds
from tests.servers import disk

BUILDS = ("wheel", "system")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that is marked `either_build` asks about our own code, not about ffmpeg's: it runs with one build, which its name
    chooses. All others run with each, and with POD_JOBS_TEST_EVERY_BUILD all do. Then some tests also try more cases."""
    if os.environ.get("POD_JOBS_TEST_EVERY_BUILD"):
        return
    spare = {item for item in items if item.get_closest_marker("either_build") and not _is_its_turn(item)}
    config.hook.pytest_deselected(items=list(spare))
    items[:] = [item for item in items if item not in spare]


def _is_its_turn(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    parameters: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    build = parameters.get("tools") or parameters.get("locked_tools", [None])[0]
    choice = BUILDS[crc32(re.sub("|".join(BUILDS), "", item.name).encode()) % 2]
    return build is None or build == choice or choice not in builds()


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session", params=BUILDS)
def tools(request: pytest.FixtureRequest) -> Tools:
    """Each ffmpeg build of this machine in turn."""
    if request.param not in builds():
        pytest.skip("this machine has no ffmpeg of its own")
    return find_tools(builds()[request.param], "auto")


EncodeOnce = Callable[[str], tuple[Encoded, Path]]


@pytest.fixture(scope="module")
def encoded(
    request: pytest.FixtureRequest, tools: Tools, clips: Clips, tmp_path_factory: pytest.TempPathFactory
) -> EncodeOnce:
    """Encodes a clip by name with the module's PLAN, once per build; gives the result and its folder."""

    @cache
    def once(name: str) -> tuple[Encoded, Path]:
        folder = tmp_path_factory.mktemp("out")
        return encode(clips.path(name), folder, request.module.PLAN, tools, lambda progress: None), folder

    return once


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty folder with room for 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with disk(folder, "size=2m"):
        yield folder
