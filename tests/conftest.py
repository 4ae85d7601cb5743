"""One Chromium for all tests, because Playwright allows only one of its loops at a time in a process."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.acceptance.browser import CHROMIUM, started
from tests.servers import need


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    need(CHROMIUM.exists(), "Chromium")
    with started() as browser:
        yield browser
