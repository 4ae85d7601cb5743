"""The team's page of periodic tasks, cron in words, and which task ordered which."""

import pytest
from flask import Flask
from flask_babel import force_locale

from pod_jobs.catalog.models import Task
from pod_jobs.catalog.new_task import NewTask, Purpose
from pod_jobs.catalog.store import periodic, tasks
from pod_jobs.settings.periodic import PeriodicSettings
from pod_jobs.web.pages.team.cron_words import rhythm
from pod_jobs.web.services import now
from tests.integration.web.conftest import Browser, Caller, Worker, problem

WORDS = {
    "17 3 * * *": ("at 03:17, every day", "à 03:17, chaque jour"),
    "*/27 * * * *": (
        "in each hour at minute 0, 27, and 54, every day",
        "à chaque heure, à la minute 0, 27 et 54, chaque jour",
    ),
    "0 8-18/2 * * 1-5": (
        "at 08:00, 10:00, 12:00, 14:00, 16:00, and 18:00, from Monday to Friday",
        "à 08:00, 10:00, 12:00, 14:00, 16:00 et 18:00, du lundi au vendredi",
    ),
    "30 4 1,15 * *": ("at 04:30, on day 1 and 15 of the month", "à 04:30, le 1 et 15 du mois"),
    "0 0 1 1 0": (
        "at 00:00, on day 1 of the month or on Sunday, in January",
        "à 00:00, le 1 du mois ou le dimanche, en janvier",
    ),
    "* 3 * * *": ("every minute of the hours 3, every day", "chaque minute des heures 3, chaque jour"),
    "0 12 * * mon#1": ("0 12 * * mon#1", "0 12 * * mon#1"),
    "0 0 l * *": ("0 0 l * *", "0 0 l * *"),
}


@pytest.mark.parametrize("cron", WORDS)
def test_cron_in_words(app: Flask, cron: str) -> None:
    entry = PeriodicSettings(name="x", kind="verify", missed="skip", cron=cron)
    with app.test_request_context("/"):
        for language, wanted in zip(("en", "fr"), WORDS[cron], strict=True):
            with force_locale(language):
                assert rhythm(entry) == wanted


def test_an_entry_is_run_paused_and_resumed(browser: Browser, catalog: None) -> None:
    browser.sign_in("tina")
    page = browser.get("/team/schedule").text
    assert "at 03:17, every day" in page and "Europe/Paris" in page and "none yet" in page
    assert page.count("<li><time") == 5 and page.count("03:17</time>") == 5, "in the zone of the entry"
    ran = browser.send("POST", "/team/schedule/verify/run")
    task = Task.get()
    assert (ran.status_code, ran.location) == (303, f"/team/tasks/{task.id}")
    assert task.kind == "verify" and task.author.name == "tina"
    assert browser.send("POST", "/team/schedule/verify/run").status_code == 409, "its task is open"
    assert f"task {task.id}" in browser.get("/team/schedule").text
    browser.send("POST", "/team/schedule/verify/pause", data={"why": "move <of> disks"})
    for path in ("/team/schedule", "/team"):
        page = browser.get(path).text
        assert "The schedule of verify is paused." in page and "move &lt;of&gt; disks" in page
    tasks.cancel(task.id, now())
    assert periodic.fire("verify", "verify", now(), now(), run=True) is None, "a tick orders nothing"
    browser.send("POST", "/team/schedule/verify/resume")
    assert "is paused" not in browser.get("/team").text
    assert periodic.fire("verify", "verify", now(), now(), run=True) is not None
    assert browser.send("POST", "/team/schedule/nothing/run").status_code == 404
    assert browser.send("POST", "/team/schedule/verify/explode").status_code == 404


def test_an_instance_without_entries_says_what_to_write(
    browser: Browser, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = app.extensions["pod_jobs"]
    monkeypatch.setattr(type(site.settings), "periodic", (), raising=False)
    object.__setattr__(site.settings, "periodic", ())
    browser.sign_in("tina")
    assert "[[periodic]]" in browser.get("/team/schedule").text


def test_the_api_has_the_schedule(callers: dict[str, Caller], catalog: None) -> None:
    team = callers["tina"]
    (entry,) = team("GET", "/api/v1/schedule").get_json()["entries"]
    assert (entry["name"], entry["cron"], len(entry["next"]), entry["paused"]) == ("verify", "17 3 * * *", 5, None)
    paused = team("PUT", "/api/v1/schedule/verify/pause", json={"why": "x"}).get_json()
    assert (paused["paused"]["by"], paused["paused"]["why"]) == ("tina", "x")
    assert team("DELETE", "/api/v1/schedule/verify/pause").status_code == 204
    assert team("POST", "/api/v1/schedule/verify/run").status_code == 202
    problem(team("POST", "/api/v1/schedule/verify/run"), 409, "refused")
    problem(team("PUT", "/api/v1/schedule/verify/pause", json={"why": "x" * 501}), 400, "malformed")
    problem(team("PUT", "/api/v1/schedule/none/pause", json={}), 404, "not-found")
    problem(callers["léa"]("GET", "/api/v1/schedule"), 403, "forbidden")


def test_a_task_names_its_parent_and_its_children(
    browser: Browser, lea: Caller, worker: Worker, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pod_jobs.web.api.results._what_follows", lambda task, result: [NewTask("transcribe", "", {}, Purpose.ENRICH)]
    )
    first = lea.upload()["task"]
    worker.finish(worker.start(first))
    child = Task.get(Task.kind == "transcribe")
    assert child.parent == first["id"]
    browser.sign_in("tina")
    assert f'href="/team/tasks/{child.id}"' in browser.get(f"/team/tasks/{first['id']}").text
    assert f'href="/team/tasks/{first["id"]}"' in browser.get(f"/team/tasks/{child.id}").text
    assert lea("GET", f"/api/v1/tasks/{child.id}").get_json()["parent"] == first["id"]
