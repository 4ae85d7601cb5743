"""The team's list of tasks: what a filter finds, and orders for all that match it."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from pod_jobs.catalog.models import Audit, Outbox, Task, Video
from pod_jobs.catalog.store import many_tasks, task_search, tasks
from pod_jobs.catalog.store.task_search import TaskFilter
from pod_jobs.catalog.waiting_order import PRIORITIES
from pod_jobs.web.services import now
from tests.integration.web.conftest import Browser, Caller, Worker
from tests.integration.web.pages.test_team import failed

FILTERS: dict[str, TaskFilter] = {
    "state": TaskFilter(state="error"),
    "error": TaskFilter(error="encode-killed"),
    "host": TaskFilter(host="host"),
    "text": TaskFilter(text="optique"),
    "text with other accents and case": TaskFilter(text="côurs ÔPTIQUE"),
    "why it failed": TaskFilter(text="Killed by Signal"),
    "why it failed, with its number": TaskFilter(text="killed by signal 9"),
    "the code of a sentence with the text": TaskFilter(text="nothing else has it", codes=("encode-killed",)),
    "a queue": TaskFilter(kinds=("encode", "pod_encode"), state="error"),
    "one of some states": TaskFilter(states=("error", "cancelled")),
    "several": TaskFilter(state="error", kind="encode", template="web", owner="léa", text="Optique"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_finds_what_it_says(name: str, lea: Caller, worker: Worker, catalog: None) -> None:
    wanted = failed(lea, worker, name="Cours Optique.mp4")
    lea.upload(name="Other.mp4")
    assert [task.id for task in task_search.page(FILTERS[name], 10)] == [wanted["id"]]
    assert task_search.count(FILTERS[name]) == 1
    assert task_search.page(TaskFilter(owner="max"), 10) == []


def test_the_sentence_of_an_error_and_a_queue_are_searched_in_the_language_of_the_page(
    browser: Browser, lea: Caller, worker: Worker
) -> None:
    failed(lea, worker, name="Cours Optique.mp4")
    lea.upload(name="Other.mp4")
    browser.sign_in("tina")
    french = {"Accept-Language": "fr"}
    for query, headers in (
        ("text=the+SYSTEM+stopped", {}),
        ("text=le+systeme+a+arrete", french),
        ("text=killed+by+signal+9", {}),
        ("state=error&queue=encoding", {}),
    ):
        page = browser.get(f"/team/tasks?{query}", headers=headers).text
        assert "Cours Optique" in page and "Other" not in page.split("</form>")[-1], query
    assert "Cours Optique" not in browser.get("/team/tasks?queue=transcripting").text
    assert "There is no queue pottery." in browser.get("/team/tasks?queue=pottery").text


def test_programs_filter_the_list_as_people_do(lea: Caller, worker: Worker, callers: dict[str, Caller]) -> None:
    wanted = failed(lea, worker, name="Cours Optique.mp4")
    lea.upload(name="Other.mp4")
    tina = callers["tina"]
    for query in ("text=optique", "error=encode-killed&queue=encoding", "state=error&state=cancelled", "host=host"):
        found = tina("GET", f"/api/v1/tasks?{query}").get_json()["tasks"]
        assert [one["id"] for one in found] == [wanted["id"]], query
    assert tina("GET", "/api/v1/tasks?owner=max").get_json()["tasks"] == []
    assert len(tina("GET", "/api/v1/tasks?since=2020-01-01T00:00:00Z").get_json()["tasks"]) == 2
    for query in ("queue=pottery", "since=yesterday", "state=tired"):
        assert tina("GET", f"/api/v1/tasks?{query}").status_code == 400, query
    assert callers["max"]("GET", "/api/v1/tasks?text=optique").get_json()["tasks"] == []


def test_days_ids_and_deleted_videos(lea: Caller, worker: Worker, catalog: None) -> None:
    first, second = lea.upload(name="A.mp4"), lea.upload(name="B.mp4")
    assert task_search.count(TaskFilter(text=f"#{first['task']['id']}")) == 1
    assert task_search.count(TaskFilter(since=now())) == 0
    assert task_search.count(TaskFilter(since=now() - timedelta(hours=1), until=now())) == 2
    assert [task.id for task in task_search.page(TaskFilter(), 1)] == [second["task"]["id"]]
    assert lea("DELETE", f"/api/v1/videos/{second['id']}").status_code in (200, 202, 204)
    assert task_search.count(TaskFilter()) == 1


def test_many_run_again_as_one_would(lea: Caller, worker: Worker, catalog: None) -> None:
    good = [failed(lea, worker, name=f"{number}.mp4") for number in range(3)]
    gone, beside, open_one = (failed(lea, worker, name=f"{name}.mp4") for name in ("gone", "beside", "open"))
    Video.update(deleted_at=now()).where(Video.id == gone["video"]).execute()
    assert lea("POST", f"/api/v1/videos/{beside['video']}/encode", json={}).status_code < 300
    assert lea("POST", f"/api/v1/tasks/{open_one['id']}/requeue").status_code == 202
    everything = [task.id for task in Task.select().order_by(Task.id)]
    other = next(task for task in everything if task not in {one["id"] for one in (*good, gone, beside, open_one)})
    changed = many_tasks.order_again([*everything, 999], now())
    renewed = [task.id for task in changed.tasks]
    assert renewed == [task["id"] for task in good]
    assert {number: error.code for number, error in changed.refused.items()} == {
        gone["id"]: "refused",
        beside["id"]: "task-beside",
        open_one["id"]: "task-open",
        other: "task-open",
        999: "not-found",
    }
    for number in renewed:
        task = tasks.get(number)
        assert (task.state, task.generation, task.error_code, task.ended_at) == ("waiting", 2, None, None)
        row = Outbox.get(Outbox.job_id == f"encode-{number}-g2")
        assert row.payload == {"task": number, "generation": 2}
    assert many_tasks.order_again(everything, now()).tasks == []


def test_many_are_stopped(lea: Caller, worker: Worker, catalog: None) -> None:
    waiting, running, ended = lea.upload(name="w.mp4")["task"], lea.upload(name="r.mp4")["task"], failed(lea, worker)
    worker.start(running)
    many_tasks.cancel([waiting["id"], running["id"], ended["id"]], now())
    found = {task.id: (task.state, task.cancel_requested) for task in Task.select()}
    wanted = {waiting["id"]: ("cancelled", True), running["id"]: ("running", True), ended["id"]: ("error", False)}
    assert found == wanted


def extent(browser: Browser, action: str = "requeue", **fields: str) -> str:
    """What the question about these tasks says of them: how many they are, and the sum of their ids."""
    page = browser.get(f"/team/tasks/{action}?{urlencode(fields)}").text
    return re.findall(r'name="extent" value="([0-9]+-[0-9]+)"', page)[0]


def confirm(browser: Browser, count: int, action: str = "requeue", **fields: str) -> Any:
    """Answer the question, as one that was about `count` tasks."""
    seen = f"{count}-{extent(browser, action, **fields).partition('-')[2]}"
    form = {"csrf_token": browser.csrf_token(), "extent": seen, **fields}
    return browser.client.post(f"/team/tasks/{action}", data=form)


def test_as_many_tasks_that_are_others_are_not_the_same(
    browser: Browser, lea: Caller, worker: Worker, catalog: None
) -> None:
    """One leaves and one comes between the question and the answer."""
    first, _ = failed(lea, worker), failed(lea, worker, name="b.mp4")
    browser.sign_in("tina")
    seen = extent(browser, state="error")
    many_tasks.order_again([first["id"]], now())
    failed(lea, worker, name="c.mp4")
    form = {"csrf_token": browser.csrf_token(), "extent": seen, "state": "error"}
    answer = browser.client.post("/team/tasks/requeue", data=form)
    assert answer.status_code == 200 and "Nothing was changed." in answer.text and "Requeue 2" in answer.text
    assert Task.select().where(Task.state == "error").count() == 2


def test_all_that_match_are_requeued_once(browser: Browser, lea: Caller, worker: Worker, catalog: None) -> None:
    for number in range(3):
        failed(lea, worker, name=f"{number}.mp4")
    browser.sign_in("tina")
    page = browser.get("/team/tasks/requeue?state=error").text
    assert "Requeue 3" in page
    changed = confirm(browser, 2, state="error")
    assert changed.status_code == 200 and "Nothing was changed." in changed.text and "Requeue 3" in changed.text
    assert Task.select().where(Task.state == "error").count() == 3
    answer = confirm(browser, 3, state="error")
    assert (answer.status_code, answer.location) == (303, "/team/tasks?state=error")
    assert "Done: 3." in browser.get(answer.location).text
    assert Task.select().where(Task.state == "waiting", Task.generation == 2).count() == 3
    assert Audit.select().where(Audit.who == "tina", Audit.action == "requeue").count() == 1
    assert confirm(browser, 3, state="error").status_code == 200  # somebody else was quicker


@pytest.mark.parametrize("action", ["stop", "high", "normal", "low"])
def test_no_order_is_carried_out_for_other_tasks_than_were_counted(
    browser: Browser, lea: Caller, catalog: None, action: str
) -> None:
    first, second = (lea.upload(name=f"{name}.mp4")["task"]["id"] for name in ("a", "b"))
    many_tasks.prioritise([first, second], PRIORITIES["low" if action == "normal" else "normal"])
    before = [(task.state, task.priority) for task in Task.select().order_by(Task.id)]
    browser.sign_in("tina")
    answer = confirm(browser, 1, action, state="waiting")
    assert answer.status_code == 200 and "Nothing was changed." in answer.text
    assert [(task.state, task.priority) for task in Task.select().order_by(Task.id)] == before
    assert confirm(browser, 2, action, state="waiting").status_code == 303
    after = [(task.state, task.priority) for task in Task.select().order_by(Task.id)]
    assert after == [("cancelled", 0) if action == "stop" else ("waiting", PRIORITIES[action])] * 2


def test_the_question_tells_how_many_of_the_tasks_will_change(browser: Browser, lea: Caller, worker: Worker) -> None:
    failed(lea, worker)
    failed(lea, worker, name="b.mp4")
    lea.upload(name="waits.mp4")
    browser.sign_in("tina")

    def question(action: str, query: str = "") -> str:
        return " ".join(browser.get(f"/team/tasks/{action}?{query}").text.split())

    assert "Tasks that match: 3 · of these will change: 2" in question("requeue") and "Requeue 2" in question("requeue")
    assert "of these will change: 1" in question("stop") and "Stop 1" in question("stop")
    assert "of these will change: 1" in question("high") and "will change" not in question("requeue", "state=error")
    assert "of these will change: 0" in question("stop", "state=error") and "Stop 0" not in question(
        "stop", "state=error"
    )


def test_slices_that_were_done_stay_done_when_the_process_dies(
    browser: Browser, lea: Caller, worker: Worker, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        failed(lea, worker, name=f"{number}.mp4")
    monkeypatch.setattr(many_tasks, "SLICE", 1)
    whole, calls = many_tasks.order_again, []

    def dies_at_the_second(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise MemoryError
        return whole(*arguments)

    monkeypatch.setattr(many_tasks, "order_again", dies_at_the_second)
    browser.sign_in("tina")
    assert confirm(browser, 3, state="error").status_code == 500
    assert Task.select().where(Task.state == "error").count() == 2
    monkeypatch.undo()
    assert confirm(browser, 2, state="error").status_code == 303
    assert Task.select().where(Task.state == "waiting").count() == 3


def test_a_filter_that_is_none_is_said(browser: Browser, lea: Caller) -> None:
    lea.upload()
    browser.sign_in("tina")
    for query, words in (
        ("state=broken", "There is no state broken."),
        ("since=2026-13-45", "2026-13-45 is no date."),
        ("until=9999-12-31", "9999-12-31 is no date."),
    ):
        page = browser.get(f"/team/tasks?{query}")
        assert page.status_code == 200 and words in page.text
        assert "Requeue 0" not in browser.get(f"/team/tasks/requeue?{query}").text
    assert browser.get("/team/tasks?text=%25%00&before=x").status_code in (200, 400)
    assert browser.get("/team/tasks/explode").status_code == 404


def test_a_value_that_is_no_choice_is_shown_as_chosen(browser: Browser, catalog: None) -> None:
    browser.sign_in("tina")
    page = browser.get("/team/tasks?kind=<old>&template=gone&queue=encoding").text
    for value in ("&lt;old&gt;", "gone"):
        assert f'<option value="{value}" selected>{value}</option>' in page
    assert page.count(">encoding</option>") == 1 and " selected>" not in browser.get("/team/tasks").text


@pytest.mark.parametrize("seen", ["", "x", "1", "9" * 25, "9" * 5000], ids=len)
def test_an_extent_that_is_none_is_asked_for_again(
    browser: Browser, lea: Caller, worker: Worker, catalog: None, seen: str
) -> None:
    failed(lea, worker)
    browser.sign_in("tina")
    form = {"csrf_token": browser.csrf_token(), "extent": seen, "state": "error"}
    answer = browser.client.post("/team/tasks/requeue", data=form)
    assert answer.status_code == 200 and "Requeue 1" in answer.text
    assert Task.select().where(Task.state == "error").count() == 1


def test_a_page_begins_behind_a_task(browser: Browser, lea: Caller) -> None:
    first, second = (lea.upload(name=f"{name}.mp4") for name in ("Algebra", "Optics"))
    browser.sign_in("tina")
    older = browser.get(f"/team/tasks?before={second['task']['id']}").text
    assert "Algebra" in older and "Optics" not in older
    for unread in ("", "x", "²", "٩٩", "9" * 25, "9" * 5000):  # digits of other scripts, or more than a database takes
        assert "Optics" in browser.get(f"/team/tasks?before={unread}").text
    assert browser.get(f"/team/tasks?text=%23{'9' * 25}").status_code == 200
    assert "Algebra" not in browser.get(f"/team/tasks?before={first['task']['id']}").text


def test_a_link_to_older_tasks_is_there_when_there_are_some(
    browser: Browser, lea: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_jobs.web.pages.team.tasks.ROWS", 2)
    browser.sign_in("tina")
    first, second = (lea.upload(name=f"{number}.mp4")["task"]["id"] for number in range(2))
    assert "before=" not in browser.get("/team/tasks").text
    lea.upload(name="2.mp4")
    assert f"before={second}" in browser.get("/team/tasks").text
    assert f"before={first}" not in browser.get(f"/team/tasks?before={second}").text


def test_a_lecturer_gives_no_priorities(browser: Browser, lea: Caller, catalog: None) -> None:
    number = lea.upload()["task"]["id"]
    browser.sign_in("léa")
    form = {"csrf_token": browser.csrf_token()}
    assert browser.client.post(f"/team/tasks/{number}/high", data=form).status_code == 403
    assert tasks.get(number).priority == 0


def test_the_priority_of_all_that_match_and_of_one_task(browser: Browser, lea: Caller, catalog: None) -> None:
    first, second = (lea.upload(name=f"{name}.mp4")["task"]["id"] for name in ("a", "b"))
    browser.sign_in("tina")
    asked = browser.get("/team/tasks/high?state=waiting").get_data(as_text=True)
    assert "High priority for these tasks?" in asked
    assert confirm(browser, 2, "high", state="waiting").status_code == 303
    assert [tasks.get(number).priority for number in (first, second)] == [1, 1]
    form = {"csrf_token": browser.csrf_token()}
    assert browser.client.post(f"/team/tasks/{first}/low", data=form).status_code == 303
    page = browser.get(f"/team/tasks/{first}").get_data(as_text=True)
    assert "Low priority" in page and "Number 2 in the queue" in page


def test_states_and_orders_for_all_are_one_click_away(browser: Browser, lea: Caller, worker: Worker) -> None:
    failed(lea, worker)
    for name in ("a", "b"):
        lea.upload(name=f"{name}.mp4")
    browser.sign_in("tina")

    def found(query: str) -> tuple[list[str], set[str]]:
        page = browser.get(f"/team/tasks?{query}").text
        chips, _, rest = page.partition('chips"')[2].partition("</nav>")
        return re.findall(r">\s*([^<>]+?)\s*</a>", chips), set(re.findall(r'href="/team/tasks/([a-z]+)\?', rest))

    assert found("") == (
        ["All tasks", "Waiting (2)", "Running (0)", "Failed (1)", "Done", "Stopped"],
        set(),
    )
    assert found("owner=l%C3%A9a")[1] == {"requeue", "stop", "delete", "high", "normal", "low"}
    assert found("state=waiting")[1] == {"stop", "high", "normal", "low"}
    assert found("state=error")[1] == {"requeue", "delete"}
    assert found("text=a")[0][1] == "Waiting", "to count beside another filter would take long"
    assert "state=running&amp;text=a" in browser.get("/team/tasks?text=a&state=error").text


@pytest.mark.parametrize("path", ["", "/tasks", "/errors", "/machines", "/schedule", "/figures", "/captions"])
def test_a_lecturer_who_asks_for_a_page_of_the_team_is_refused(browser: Browser, path: str) -> None:
    browser.sign_in("léa")
    for headers in ({}, {"HX-Request": "true"}):
        assert browser.get(f"/team{path}", headers=headers).status_code == 403


def test_a_title_with_markup_from_right_to_left_and_emoji_stays_text(browser: Browser, lea: Caller) -> None:
    title = "<img src=x onerror=alert(1)> محاضرة 🎓 & {{ 7 * 7 }}"
    task = lea.upload(title=title)["task"]
    browser.sign_in("tina")
    for path in ("/team", "/team/tasks", f"/team/tasks/{task['id']}", "/team/captions"):
        page = browser.get(path).text
        assert "&lt;img src=x onerror=alert(1)&gt; محاضرة 🎓 &amp; {{ 7 * 7 }}" in page, path
        assert "<img src=x" not in page and "49" not in page.split("محاضرة")[1][:20], path
    assert "محاضرة" in browser.get("/team/tasks?text=محاضرة").text


def test_a_task_that_is_deleted_under_the_page(browser: Browser, lea: Caller, worker: Worker) -> None:
    task = failed(lea, worker)
    browser.sign_in("tina")
    here, part = f"/team/tasks/{task['id']}", {"HX-Request": "true"}
    known = {**part, "If-None-Match": browser.get(here, headers=part).headers["ETag"]}
    assert lea("DELETE", f"/api/v1/videos/{task['video']}").status_code == 204
    gone = browser.get(here, headers=known)
    assert gone.status_code == 404 and "<h1>" in gone.text and "<header" not in gone.text, "it stands within the page"
    assert browser.send("POST", f"{here}/requeue").status_code == 404
    assert f"#{task['id']}" not in browser.get("/team/tasks").text


def test_a_page_whose_session_has_ended_is_told_so_and_gets_no_form(browser: Browser) -> None:
    answer = browser.get("/team", headers={"HX-Request": "true"})
    assert answer.status_code == 401 and "<form" not in answer.text
    assert browser.get("/team").status_code == 302
