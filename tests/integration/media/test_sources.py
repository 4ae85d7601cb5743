"""Random sources and random cuts whose every moment is known; `./run bench sources` tries 300."""

from pathlib import Path

import pytest

from pod_jobs.media.process.tools import find_tools
from tests.clips import builds
from tests.trials import attempt

BUILDS = list(builds().values())  # in turn: one is enough for each source


@pytest.mark.parametrize("number", range(30))
def test_each_moment_is_seen_and_heard_where_it_belongs(tmp_path: Path, number: int) -> None:
    tools = find_tools(BUILDS[number % len(BUILDS)], "auto")
    assert attempt(number, tmp_path, tools) == []
