from collections.abc import Iterator

import pytest

from pod_jobs.xapi.lrs import LrsClient
from tests.integration.xapi.ralph import Ralph, running_ralph
from tests.integration.xapi.strict_lrs import StrictLrs, running_lrs


@pytest.fixture
def lrs() -> Iterator[StrictLrs]:
    with running_lrs() as server:
        yield server


@pytest.fixture
def client(lrs: StrictLrs) -> Iterator[LrsClient]:
    client = LrsClient(lrs.endpoint())
    yield client
    client.close()


@pytest.fixture(scope="session")
def ralph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ralph]:
    with running_ralph(tmp_path_factory.mktemp("ralph")) as server:
        yield server


@pytest.fixture(scope="session")
def partial_ralph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ralph]:
    """A Ralph with partial success, which stores the good statements of a batch."""
    with running_ralph(tmp_path_factory.mktemp("ralph"), partial=True) as server:
        yield server
