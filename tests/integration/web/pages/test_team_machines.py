"""The team's page of machines: who is alive, who is silent, what runs where; drains and stops."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from pod_jobs.catalog.models import Attempt, Audit, Drain
from pod_jobs.catalog.store import machines
from pod_jobs.jobs import hosts, keys, queue
from pod_jobs.jobs.hosts import SignOfLife
from pod_jobs.web.services import now
from tests.integration.web.conftest import Browser, Caller, Worker, problem
from tests.integration.web.pages.test_team import failed

GB = 10**9


def sign(redis: Redis, host: str, queue_name: str = "encoding", ago_s: float = 0, **more: Any) -> None:
    """What a worker of this host wrote so many seconds ago."""
    SignOfLife(redis, host, queue_name, lambda: "7.1", lambda: 0).give()
    field = f"{queue_name}@{host}"
    said = json.loads(redis.hget(keys.HOSTS, field) or "")
    said |= {"at": (now() - timedelta(seconds=ago_s)).isoformat(), "disk_free": 412 * GB, **more}
    redis.hset(keys.HOSTS, field, json.dumps(said))


def alive(redis: Redis, name: str, host: str, queue_name: str = "encoding", state: str = "busy") -> None:
    """A worker as RQ lists it."""
    key = f"rq:worker:{name}"
    redis.sadd(keys.rq_workers_of(queue_name), key)
    redis.hset(key, mapping={"state": state, "hostname": host})


def test_a_machine_says_what_it_does(browser: Browser, lea: Caller, worker: Worker, redis: Redis) -> None:
    task = lea.upload(name="Cours <7>.mp4")["task"]
    worker.start(task)
    used = {"processors": 3.46, "memory": 1_240_000_000, "host": "host", "trouble": "the disk is <full>"}
    queue.write_progress(redis, task["id"], {"step": "encode", "fraction": 0.63, "eta_s": 95.0, **used})
    failed(lea, worker)
    sign(redis, "host", load=1.5, processors=4, memory=16 * GB, memory_free=7 * GB)
    alive(redis, "encoding.host.1", "host")
    browser.sign_in("tina")
    page = browser.get("/team/machines").text
    for words in (
        "Cours &lt;7&gt;",
        "63 %",
        "processors: 3.5 · memory 1.24 GB",
        "A transfer is repeated: the disk is &lt;full&gt;",
        "1.5 on 4 processors",
        "7 GB of 16 GB free",
        "412 GB",
        "ffmpeg 7.1",
        "works",
    ):
        assert words in page, words
    own = " ".join(browser.get(f"/team/tasks/{task['id']}").text.split())
    assert "Its job on host uses: processors: 3.5 · memory 1.24 GB" in own
    assert "failed: 1" in page and "has given no sign of life" not in page and "Takes no job" not in page
    sign(redis, "host", "xapi", ago_s=3, held="the clock is an hour off <b>")
    assert "Takes no job: xapi: the clock is an hour off &lt;b&gt;" in browser.get("/team/machines").text
    sign(redis, "waiting", held="catalog: it refuses the token")
    held = browser.get("/team/machines").text.partition("name-waiting")[2].partition("</section>")[0]
    assert "takes no job now" in held and "waits for jobs" not in held
    assert "workers: 1 of 1" in page


def test_a_silent_machine_is_said_on_every_page_of_the_team(
    browser: Browser, lea: Caller, worker: Worker, redis: Redis
) -> None:
    task = lea.upload(name="Lost.mp4")["task"]
    worker.start(task)
    sign(redis, "host", ago_s=40)
    sign(redis, "enc2", ago_s=5)
    sign(redis, "old", ago_s=100_000)
    browser.sign_in("tina")
    here = f"/team/tasks/{task['id']}"
    question = "/team/tasks/stop?state=running"
    for path in ("/team", "/team/tasks", "/team/errors", "/team/machines", here, f"{here}/part", question, "/traces"):
        page = browser.get(path).text
        assert "The machine host has given no sign of life" in page, path
        assert "enc2 has given" not in page and "old has given" not in page
    page = browser.get("/team/machines").text
    assert page.index("machine-host") < page.index("machine-enc2")
    assert "runs there as far as we know" in page and "Lost" in page
    assert browser.send("POST", "/team/machines/host/forget").status_code == 303
    assert "The machine host has given" not in browser.get("/team").text
    browser.send("POST", "/sign-out")
    browser.sign_in("léa")
    assert "has given no sign of life" not in browser.get(f"/team/tasks/{task['id']}").text


def test_a_machine_is_drained_stopped_and_resumed(
    browser: Browser, lea: Caller, worker: Worker, redis: Redis, catalog: None
) -> None:
    task = lea.upload()["task"]
    worker.start(task)
    alive(redis, "encoding.host.1", "host")
    alive(redis, "encoding.other.1", "other")
    browser.sign_in("tina")
    form = {"scope": "host", "name": "host", "why": "new <disk>"}
    assert browser.send("POST", "/team/drains", data=form).status_code == 303
    page = browser.get("/team/machines").text
    assert "The machine host takes no new jobs." in page and "new &lt;disk&gt;" in page
    assert not queue.is_interrupt_requested(redis, task["id"], "encoding.host.1")
    stopped = browser.send("POST", "/team/drains", data={**form, "now": "1"})
    assert "Jobs that go back to their queues: 1." in browser.get(stopped.location).text
    assert queue.is_interrupt_requested(redis, task["id"], "encoding.host.1")
    assert not queue.is_interrupt_requested(redis, task["id"], "encoding.other.1"), "the next run goes on"
    drain = Drain.get()
    answer = browser.send("POST", f"/team/drains/{drain.id}/end", data={"back": "machines"})
    assert (answer.status_code, answer.location) == (303, "/team/machines")
    assert Drain.select().count() == 0
    assert [row.action for row in Audit.select().order_by(Audit.id)][-2:] == ["drain", "resume"]
    assert browser.send("POST", "/team/drains", data={"scope": "house"}).status_code == 400


def test_all_workers_are_stopped_after_a_question(
    browser: Browser, lea: Caller, worker: Worker, redis: Redis, catalog: None
) -> None:
    task = lea.upload()["task"]
    worker.start(task)
    alive(redis, "encoding.host.1", "host")
    browser.sign_in("tina")
    form = {"scope": "all", "name": "", "why": "a <move>", "now": "1"}
    question = browser.send("POST", "/team/drains", data=form)
    assert question.status_code == 200 and "Jobs that go back to their queues: 1" in question.text
    assert 'name="why" value="a &lt;move&gt;"' in question.text and 'name="sure" value="1"' in question.text
    assert Drain.select().count() == 0
    assert not queue.is_interrupt_requested(redis, task["id"], "encoding.host.1")
    assert browser.send("POST", "/team/drains", data={**form, "sure": "1"}).status_code == 303
    assert (Drain.get().scope, Drain.get().why) == ("all", "a <move>")
    assert queue.is_interrupt_requested(redis, task["id"], "encoding.host.1")


def test_a_queue_is_paused_with_who_and_why(browser: Browser, redis: Redis) -> None:
    browser.sign_in("tina")
    browser.send("POST", "/team/drains", data={"scope": "queue", "name": "transcripting", "why": "model update"})
    page = browser.get("/team/machines").text
    assert "The queue transcripting is paused." in page and "paused by tina" in page and "model update" in page


def test_the_api_lists_and_forgets_hosts(callers: dict[str, Caller], redis: Redis) -> None:
    sign(redis, "enc2", ago_s=30)
    sign(redis, "enc2", "catalog")
    team = callers["tina"]
    found = team("GET", "/api/v1/hosts").get_json()["hosts"]
    assert [(one["host"], one["queue"], one["ffmpeg"]) for one in found] == [
        ("enc2", "catalog", "7.1"),
        ("enc2", "encoding", "7.1"),
    ]
    assert team("DELETE", "/api/v1/hosts/enc2").status_code == 204
    assert team("GET", "/api/v1/hosts").get_json()["hosts"] == []
    drain = team("POST", "/api/v1/drains", json={"scope": "host", "name": "enc2", "now": True})
    assert drain.status_code == 201
    problem(team("POST", "/api/v1/drains", json={"scope": "host", "name": "enc3", "now": 1}), 400, "malformed")
    problem(callers["léa"]("GET", "/api/v1/hosts"), 403, "forbidden")


def test_what_is_no_entry_of_ours_is_left_out(redis: Redis) -> None:
    sign(redis, "good")
    whole = json.loads(redis.hget(keys.HOSTS, "encoding@good") or "")
    spoilt: dict[str, Any] = {"at": "today", "load": "much", "version": 7, "memory": float("nan"), "disk_free": 10**400}
    for number, (name, value) in enumerate(spoilt.items()):
        redis.hset(keys.HOSTS, f"encoding@bad{number}", json.dumps({**whole, name: value}))
    redis.hset(keys.HOSTS, "encoding@text", "no json")
    redis.hset(keys.HOSTS, "encoding@naive", json.dumps({**whole, "at": datetime(2026, 1, 1).isoformat()}))  # noqa: DTZ001
    assert [one.host for one in hosts.list_hosts(redis, now())] == ["good"]


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1999-12-31T00:00:00Z"])
def test_an_instant_that_no_clock_says_breaks_no_page(
    redis: Redis, browser: Browser, callers: dict[str, Caller], instant: str
) -> None:
    sign(redis, "good")
    whole = {**json.loads(redis.hget(keys.HOSTS, "encoding@good") or ""), "reports": 2}
    redis.hset(keys.HOSTS, "encoding@good", json.dumps({**whole, "reports_since": instant}))
    redis.hset(keys.HOSTS, "encoding@bad", json.dumps({**whole, "at": instant}))
    (entry,) = hosts.list_hosts(redis, now())
    assert (entry.host, entry.reports, entry.reports_since) == ("good", 2, None)
    (kept,) = hosts.keeping_reports(redis, now(), 60)
    assert (kept["host"], kept["since"]) == ("good", None)
    browser.sign_in("tina")
    assert "Reports that wait there" in browser.get("/team/machines").text


def test_a_worker_that_stops_takes_its_entry_back(redis: Redis) -> None:
    life = SignOfLife(redis, "enc9", "encoding", lambda: "", lambda: 5 * GB)
    life.look_at_disk()
    life.give()
    (entry,) = hosts.list_hosts(redis, now())
    assert (entry.host, entry.queue, entry.disk_free) == ("enc9", "encoding", 5 * GB)
    assert entry.processors and entry.memory and entry.memory_free
    redis.delete(keys.HOSTS)
    life.give()
    assert hosts.list_hosts(redis, now()) == [], "not more often than it has to"
    life.take_back()
    assert hosts.list_hosts(redis, now()) == []


def test_what_ended_today_is_counted_by_host(lea: Caller, worker: Worker, catalog: None) -> None:
    failed(lea, worker)
    worker.finish(worker.start(lea.upload()["task"]))
    assert machines.ended_since(now() - timedelta(hours=1)) == {"host": {"error": 1, "done": 1}}
    Attempt.update(ended_at=now() - timedelta(days=2)).execute()
    assert machines.ended_since(now() - timedelta(hours=1)) == {}


def test_without_the_key_value_server_the_page_says_so(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        from redis.exceptions import ConnectionError

        raise ConnectionError

    for name in ("jobs.workforce.list_workers", "jobs.hosts.list_hosts", "jobs.drains.publish"):
        monkeypatch.setattr(f"pod_jobs.{name}", away)
    browser.sign_in("tina")
    page = browser.get("/team/machines")
    assert page.status_code == 200 and "The key-value server does not answer; progress" in page.text
    form = {"scope": "all", "name": "", "now": "1"}
    assert "The key-value server does not answer; progress" in browser.send("POST", "/team/drains", data=form).text
    answer = browser.send("POST", "/team/drains", data={**form, "sure": "1"})
    assert answer.status_code == 303 and "learn of this when it is back" in browser.get("/team").text


def test_the_navigation_says_how_much_there_is_to_look_at(
    browser: Browser, lea: Caller, worker: Worker, redis: Redis
) -> None:
    def badges(path: str, **more: Any) -> dict[str, str]:
        page = browser.get(path, **more).text
        found = re.findall(r'id="badge-(\w+)"([^>]*)><span aria-hidden="true">(\d+)<', page)
        return {name: number for name, more, number in found if "hidden" not in more}

    browser.sign_in("tina")
    assert badges("/team") == {}
    failed(lea, worker)
    failed(lea, worker, code="source-damaged")
    sign(redis, "enc3", ago_s=40)
    everywhere = {"team": "3", "errors": "2", "machines": "1"}
    assert badges("/team/schedule") == everywhere
    assert badges("/team/schedule", headers={"HX-Request": "true"}) == everywhere, "they come with each moving part"
    assert badges("/") == {"team": "3"}
    browser.send("POST", "/sign-out")
    browser.sign_in("léa")
    assert badges("/") == badges("/team/tasks/1") == badges("/team/tasks/1", headers={"HX-Request": "true"}) == {}
