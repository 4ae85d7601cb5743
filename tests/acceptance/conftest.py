"""What page tests share: one web app and one Chromium for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.acceptance.browser import Faults, sign_in, visitor
from tests.acceptance.instance import Instance, running
from tests.acceptance.site import Outputs, Site, make_clip, served
from tests.servers import short_folder


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    """The whole product, as `./run up` starts it."""
    with running() as made:
        yield made


@pytest.fixture(scope="session")
def outputs() -> Iterator[Outputs]:
    with short_folder() as folder:
        yield Outputs(folder)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with served() as made:
        yield made


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=2)


@pytest.fixture
def video(site: Site, clip: Path) -> int:
    """Id of a video that waits for its encode."""
    return site.upload("Thermodynamique.mp4", clip)


@pytest.fixture
def opened(chromium: Browser, site: Site) -> Iterator[tuple[Page, Faults]]:
    with visitor(chromium, site) as (_, page, faults):
        sign_in(page)
        yield page, faults


@pytest.fixture
def page(opened: tuple[Page, Faults]) -> Page:
    """A page, signed in as the administrator."""
    return opened[0]


@pytest.fixture
def faults(opened: tuple[Page, Faults]) -> Faults:
    """The faults of `page`."""
    return opened[1]
