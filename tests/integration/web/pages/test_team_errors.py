"""The team's page of errors, the page of a task, and what both do; also through the API."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from pod_jobs.catalog.models import Attempt, Task
from pod_jobs.catalog.store import error_groups, tasks
from pod_jobs.settings import Settings
from pod_jobs.web import run_logs
from pod_jobs.web.services import now
from tests.integration.web.conftest import Browser, Caller, Worker, problem
from tests.integration.web.pages.test_team import SENTENCE, failed


def test_the_errors_of_one_cause_are_one_line(browser: Browser, lea: Caller, worker: Worker) -> None:
    for name in ("a.mp4", "b <i>.mp4"):
        failed(lea, worker, name=name)
    browser.sign_in("tina")
    page = browser.get("/team/errors").text
    assert page.count(SENTENCE) == 1 and "tasks: 2" in page and "killed by signal #" in page
    assert "passes by itself" in page and "only on host" in page
    assert "Different errors: 1" in browser.get("/team/errors?days=1").text
    assert "Different errors: 1" in browser.get("/team/errors?days=nonsense").text
    overview = browser.get("/team").text
    assert "/team/errors/" in overview and SENTENCE in overview


def test_beyond_what_is_counted_pages_say_more_than(
    browser: Browser, callers: dict[str, Caller], lea: Caller, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        failed(lea, worker, name=name)
    browser.sign_in("tina")
    pages = ("/team/errors", f"/team/errors/{mark_of(callers['tina'])}", "/team/tasks")
    for most, is_more in ((3, False), (2, True)):
        monkeypatch.setattr(error_groups, "COUNTED", most)
        assert [f"ore than {most}" in browser.get(page).text for page in pages] == [is_more] * 3


def mark_of(team: Caller) -> str:
    """The fingerprint of the only group."""
    (group,) = team("GET", "/api/v1/errors").get_json()["groups"]
    return str(group["fingerprint"])


def test_the_technical_reason_stands_below_a_label_that_says_it_is_english(
    browser: Browser, callers: dict[str, Caller], lea: Caller, worker: Worker
) -> None:
    task = failed(lea, worker)
    browser.sign_in("tina")
    for path, reason in (
        (f"/team/tasks/{task['id']}", "killed by signal 9"),
        (f"/team/errors/{mark_of(callers['tina'])}", "killed by signal #"),
        ("/team/tasks/nonsense", "action"),
    ):
        page = browser.get(path, headers={"Accept-Language": "fr"}).text
        before, found, _ = page.partition(f">{reason}")
        assert found and before.rpartition("<pre")[2].count('lang="en"') == 1, path
        assert "Détail technique, en anglais" in before, path


def test_a_group_is_read_marked_and_requeued(
    browser: Browser, callers: dict[str, Caller], lea: Caller, worker: Worker, settings: Settings
) -> None:
    task = failed(lea, worker, name="Été <b>.mp4")
    folder = settings.media_folder / f"videos/{task['video']:06}" / f"encode-{task['id']}-g1.part"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "encoding.log").write_text("[12:00] pictures\n$ ffmpeg -i 'source <x>'\nexit code 1\n")
    mark = mark_of(callers["tina"])
    browser.sign_in("tina")
    page = browser.get(f"/team/errors/{mark}").text
    assert "ffmpeg -i &#39;source &lt;x&gt;&#39;" in page and "Été &lt;b&gt;" in page and "Last command" in page
    known = browser.send("POST", f"/team/errors/{mark}/known", data={"note": "memory <ordered>"})
    assert (known.status_code, known.location) == (303, f"/team/errors/{mark}")
    page = browser.get("/team/errors").text
    assert "Known errors: 1" in page and "memory &lt;ordered&gt;" in page and "No error group is open" in page
    failed(lea, worker, name="again.mp4")
    assert "came back after it was marked" in browser.get("/team/errors").text
    assert browser.send("POST", f"/team/errors/{mark}/unmark").status_code == 303
    confirm = browser.get(f"/team/tasks/requeue?state=error&group={mark}").text
    assert "Requeue 2" in confirm
    seen = re.findall(r'name="extent" value="([^"]+)"', confirm)[0]
    form = {"csrf_token": browser.csrf_token(), "extent": seen, "state": "error", "group": mark}
    assert browser.client.post("/team/tasks/requeue", data=form).status_code == 303
    assert "No failure of this kind is open any more." in browser.get(f"/team/errors/{mark}").text
    assert browser.get("/team/errors/0000").status_code == 404
    assert browser.send("POST", "/team/errors/0000/known").status_code == 404


def test_the_api_has_the_groups(callers: dict[str, Caller], lea: Caller, worker: Worker) -> None:
    failed(lea, worker)
    team = callers["tina"]
    mark = mark_of(team)
    group = team("GET", f"/api/v1/errors/{mark}").get_json()
    assert (group["count"], group["mender"], group["known"], group["sentence"]) == (1, "nobody", None, SENTENCE)
    assert group["places"] == [{"host": "host", "version": "", "ffmpeg": "", "count": 1}]
    known = team("PUT", f"/api/v1/errors/{mark}/known", json={"note": "seen"})
    assert (known.status_code, known.get_json()["known"]["note"], known.get_json()["known"]["by"]) == (
        200,
        "seen",
        "tina",
    )
    assert team("DELETE", f"/api/v1/errors/{mark}/known").status_code == 204
    problem(team("PUT", f"/api/v1/errors/{mark}/known", json={"note": 5}), 400, "malformed")
    problem(team("PUT", "/api/v1/errors/none/known", json={}), 404, "not-found")
    for unreadable in ("0", "", "x"):
        problem(team("GET", f"/api/v1/errors?days={unreadable}"), 400, "malformed")
    problem(lea("GET", "/api/v1/errors"), 403, "forbidden")


def test_a_worker_says_its_versions(lea: Caller, worker: Worker, catalog: None) -> None:
    task = lea.upload()["task"]
    said = {"generation": 1, "worker": "w", "host": "enc3", "pid": 1, "version": "0.1.0", "ffmpeg": "n" * 60}
    assert worker.caller("POST", f"/api/v1/tasks/{task['id']}/start", json=said).status_code == 200
    attempt = Attempt.get(Attempt.task == task["id"])
    assert (attempt.version, attempt.ffmpeg) == ("0.1.0", "n" * 40)
    problem(worker.caller("POST", f"/api/v1/tasks/{task['id']}/start", json={**said, "ffmpeg": 7}), 400, "malformed")


def test_a_task_tells_its_story(browser: Browser, lea: Caller, worker: Worker, catalog: None) -> None:
    task = lea.upload(name="Cours.mp4")["task"]
    order = worker.start(task)
    worker.report(order, "retry", retry_in_s=5, error_code="disk-full", reason="no space <left>", exit_code=28)
    browser.sign_in("tina")
    page = browser.get(f"/team/tasks/{task['id']}").text
    assert "no space &lt;left&gt;" in page and "exit code 28" in page and "The next try is due" in page
    worker.finish(worker.start(task))
    page = browser.get(f"/team/tasks/{task['id']}").text
    for words in ("ordered by léa", "try 1", "try 2", "will be tried again", "360p.mp4", "encoding.host.1"):
        assert words in page, words
    assert browser.get(f"/team/tasks/{task['id']}", headers={"HX-Request": "true"}).text.count("<h1") == 1


def test_its_owner_sees_it_without_machines_and_asks_for_help(
    app: Flask, browser: Browser, callers: dict[str, Caller], lea: Caller, worker: Worker
) -> None:
    task = failed(lea, worker)
    here = f"/team/tasks/{task['id']}"
    browser.sign_in("léa")
    page = browser.get(here).text
    assert "Send to the video team" in page and "encoding.host.1" not in page and 'href="/team/errors"' not in page
    assert browser.send("POST", f"{here}/ask-for-help").status_code == 303
    assert "The video team was asked to look at it" in browser.get(here).text
    team = Browser(app)
    team.sign_in("tina")
    assert "People ask for help" in team.get("/team/errors").text
    assert "Looked at it" in team.get(here).text
    assert team.send("POST", f"{here}/help-given").status_code == 303
    assert "People ask for help" not in team.get("/team/errors").text
    other = Browser(app)
    other.sign_in("max")
    assert other.get(here).status_code == 404 and other.send("POST", f"{here}/requeue").status_code == 404
    assert lea("PUT", f"/api/v1{here[5:]}/help").get_json()["help_asked_at"]
    assert lea("DELETE", f"/api/v1{here[5:]}/help").status_code == 204
    assert browser.send("POST", f"{here}/requeue").status_code == 303
    assert browser.send("POST", f"{here}/requeue").status_code == 409
    problem(lea("PUT", f"/api/v1{here[5:]}/help"), 409, "task-not-failed")
    assert browser.send("POST", f"{here}/stop").status_code == 303
    assert browser.send("POST", f"{here}/explode").status_code == 404


def test_another_template_makes_a_new_task(browser: Browser, lea: Caller, worker: Worker, settings: Settings) -> None:
    task = lea.upload()["task"]
    worker.finish(worker.start(task))
    browser.sign_in("tina")
    here = f"/team/tasks/{task['id']}"
    other = next(name for name in settings.templates if name != "web")
    assert other in browser.get(here).text
    answer = browser.send("POST", f"{here}/order", data={"template": other})
    assert answer.status_code == 303 and answer.location != here
    assert other in browser.get(answer.location).text
    again = browser.send("POST", f"{here}/order", data={"template": "web"})
    assert "A newer task replaces this one" in browser.get(here).text and again.status_code == 303
    assert browser.send("POST", f"{here}/order", data={"template": "nonsense"}).status_code in (400, 404, 422)


def test_a_failure_that_a_new_file_mends_offers_the_upload_first(browser: Browser, lea: Caller, worker: Worker) -> None:
    task = failed(lea, worker, code="source-damaged")
    browser.sign_in("léa")
    page = browser.get(f"/team/tasks/{task['id']}").text
    assert page.index("Upload another file") < page.index("Send to the video team")
    assert "Requeue" not in page and "Encode by this template" not in page, "they cannot help"


def test_a_fault_of_the_order_offers_to_order_again(browser: Browser, lea: Caller, worker: Worker) -> None:
    task = failed(lea, worker, code="source-cut-empty")
    browser.sign_in("léa")
    page = browser.get(f"/team/tasks/{task['id']}").text
    assert "by ordering it otherwise" in page and "Requeue" in page
    assert "uploading another file" not in page and "Upload another file" not in page


def test_of_a_long_log_only_the_end_is_read(app: Flask, lea: Caller, worker: Worker, settings: Settings) -> None:
    task = failed(lea, worker)
    folder = settings.media_folder / f"videos/{task['video']:06}" / f"encode-{task['id']}-g1.part"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "encoding.log").open("wb") as log:
        log.truncate(2_000_000_000)
        log.seek(0, 2)
        log.write("\nété\n$ ffmpeg -y\nlast\xff".encode("latin-1"))
    answer = lea("GET", f"/api/v1/tasks/{task['id']}/log").get_json()
    assert answer["text"].endswith("$ ffmpeg -y\nlast\ufffd") and len(answer["text"]) <= run_logs.TAIL_BYTES
    assert (answer["whole"], answer["command"], answer["bytes"]) == (False, "ffmpeg -y", 2_000_000_022)
    (folder / "encoding.log").unlink()
    problem(lea("GET", f"/api/v1/tasks/{task['id']}/log"), 404, "not-found")


def test_a_task_without_a_video_has_a_page_for_the_team(browser: Browser, catalog: None) -> None:
    row = Task.create(kind="verify", state="done", created_at=now(), queued_at=now(), ended_at=now() + timedelta(1))
    assert tasks.get(row.id)
    browser.sign_in("tina")
    assert "a schedule or another task" in browser.get(f"/team/tasks/{row.id}").text
    other = browser.get("/team/tasks/999999")
    assert other.status_code == 404
