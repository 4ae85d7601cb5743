"""One Chromium for all tests, because Playwright allows only one of its loops at a time in a process; time limits that a busy
machine does not break, of Playwright's expectations and of Hypothesis; and a limit of tests that may pass at their second try.
"""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, expect

from tests import routes
from tests.acceptance.browser import CHROMIUM, started
from tests.servers import need

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
expect.set_options(timeout=20_000)  # browsers, encoders and three databases share two processors
routes.compile_once()

SECOND_TRIES = 3  # of 4,000 tests that share the processors with browsers and encoders; more is a fault


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which more tests than that needed a second try."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and len(terminal.stats.get("rerun", ())) > SECOND_TRIES:
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show why the first try of a test failed, so that its cause can be mended."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"passed or failed at its second try: {report.nodeid}", "_")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    need(CHROMIUM.exists(), "Chromium")
    with started() as browser:
        yield browser
