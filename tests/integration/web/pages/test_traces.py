"""The page of the learning traces as the server renders it, before its script runs."""

import json
from pathlib import Path

import pytest

from pod_jobs.catalog.store import dead_letters
from pod_jobs.catalog.trace_models import Lane
from pod_jobs.settings import Settings
from pod_jobs.web.services import now
from tests.integration.web.conftest import Browser
from tests.integration.web.pages.test_team import plain

NAMES = ("ralph", "moodle")


@pytest.fixture
def two_lanes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("xapi_key", *(f"lrs_{name}" for name in NAMES)):
        (home / "secrets" / name).write_text("x")
    lanes = [{"name": name, "url": f"https://{name}.example.org/xapi", "login": "us"} for name in NAMES]
    monkeypatch.setenv("POD_JOBS_XAPI__LANE", json.dumps(lanes))


def test_the_record_stores_can_be_read_without_scripts(
    two_lanes: None, settings: Settings, catalog: None, browser: Browser
) -> None:
    dead_letters.overview(NAMES, now())
    wrong = {"state": "stopped", "reason": "401: <wrong> password", "stored": 4711}
    Lane.update(wrong).where(Lane.name == "moodle").execute()
    browser.sign_in("tina")
    page = browser.get("/traces").text
    rows = [plain(row) for row in page.partition('id="lanes"')[2].partition("</section>")[0].split("<tr>")[2:]]
    assert rows == [
        "ralph Delivering 0 0 0",
        "moodle Stopped: the configuration is wrong 401: &lt;wrong&gt; password 0 4,711 0",
    ]


def test_without_a_record_store_there_is_no_table(browser: Browser) -> None:
    browser.sign_in("tina")
    page = browser.get("/traces").text
    assert "No record store is configured" in page
    assert "<table" not in page.partition('id="lanes"')[2].partition("</section>")[0]
