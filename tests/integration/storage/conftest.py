import pytest

from pod_jobs.media.process.tools import Tools, find_tools
from tests.clips import Clips


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def tools() -> Tools:
    return find_tools("", "none")
