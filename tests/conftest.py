"""One Chromium for all tests, because Playwright allows only one of its loops at a time in a process."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.acceptance.browser import ARGUMENTS, CHROMIUM
from tests.servers import need


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    need(CHROMIUM.exists(), "Chromium")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS + as_root)
        yield browser
        browser.close()
