"""A job type that only a test knows: ordered, run by a real worker, shown in two languages, failed, run again, done."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from pod_jobs.settings import ROOT
from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import Site, serve
from tests.acceptance.toy_job import QUEUE
from tests.servers import KeyValueServer, short_folder, wait_until


@pytest.fixture
def toy_site() -> Iterator[Site]:
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start()
        try:
            with serve(folder / "home", server, "tests.acceptance.toy_job") as site:
                yield site
        finally:
            server.stop()


@pytest.fixture
def toy_workers(toy_site: Site) -> Iterator[None]:
    """A real worker of the toy's queue, and one for its reports."""
    variables = {**os.environ, "POD_JOBS_HOME": str(toy_site.home), "PYTHONPATH": str(ROOT)}
    variables |= {
        "POD_JOBS_REDIS__URL": f"unix://{toy_site.home.parent / 'redis.sock'}",
        "POD_JOBS_WEB__PORT": str(toy_site.port),
    }
    with (toy_site.home / "worker.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.acceptance.toy_job"]
        workers = [
            subprocess.Popen([*command, queue], env=variables, cwd=ROOT, stdout=log, stderr=log)
            for queue in (QUEUE, "catalog")
        ]
        yield
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(15)


def tasks_of(site: Site, video: int) -> dict[str, dict[str, Any]]:
    """Template -> task, of the toy's kind."""
    tasks = site.api("GET", f"videos/{video}")["tasks"]
    return {task["template"]: task for task in tasks if task["kind"] == "count_words"}


@pytest.mark.usefixtures("toy_workers")
def test_a_new_job_type_needs_nothing_but_itself(chromium: Browser, toy_site: Site, clip: Path) -> None:
    site = toy_site
    video = site.upload("Optique.mp4", clip)
    path = f"{site.url}/api/v1/videos/{video}"
    assert site.session.post(f"{path}/count_words", json={"most": "all"}, timeout=10).status_code == 400
    assert site.session.post(f"{path}/report", json={}, timeout=10).status_code == 404, "nobody orders a report"

    ordered = site.api("POST", f"videos/{video}/count_words", json={"most": 41})
    assert (ordered["kind"], ordered["options"], ordered["purpose"]) == ("count_words", {"most": 41}, "")
    assert ordered["words"]["name"] == "Word count"
    wait_until(lambda: tasks_of(site, video)[""]["state"] == "error")

    with visitor(chromium, site, locale="fr-FR") as (_, page, _faults):
        sign_in(page)
        page.goto(f"/videos/{video}")
        line = page.locator("#side-tasks > li", has_text="Compte des mots")
        expect(line).to_contain_text("Compte des mots")
        expect(line).to_contain_text("Non compté · L’enregistrement n’a pas de son.")
    with visitor(chromium, site) as (_, page, _faults):
        sign_in(page)
        page.goto(f"/videos/{video}")
        line = page.locator("#side-tasks > li", has_text="Not counted")
        expect(line).to_contain_text("Word count")
        expect(line).to_contain_text("Not counted · The recording has no sound.")
        line.get_by_role("button", name="Try again").click()
        expect(page.locator("#side-tasks > li", has_text="Word count")).to_have_count(2)
        expect(page.locator("#side-tasks > li", has_text="Counted")).to_have_count(2)
        page.locator("#history > summary").click()
        expect(page.locator("#history-rows")).to_contain_text("Word count")

    done = tasks_of(site, video)
    assert (done[""]["generation"], done[""]["infos"]) == (2, {"words": 41})
    assert (done["second"]["state"], done["second"]["infos"]) == ("done", {"words": 42}), "what the first one ordered"
    assert site.api("GET", f"videos/{video}")["state"] == "waiting", "its encode has no worker here"
