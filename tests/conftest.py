"""One Chromium for all tests, because Playwright allows only one of its loops at a time in a process; and no time limit for
the examples of Hypothesis, which a busy machine would break.
"""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from tests.acceptance.browser import CHROMIUM, started
from tests.servers import need

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    need(CHROMIUM.exists(), "Chromium")
    with started() as browser:
        yield browser
