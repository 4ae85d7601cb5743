"""The Runner Manager API as Pod 4.2, 4.4 and V5 call it."""

import json
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from werkzeug.test import TestResponse

from pod_jobs import hand_over
from pod_jobs.catalog.models import Attempt, Outbox, Task, User, Video
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import site_callbacks, site_orders, users
from pod_jobs.catalog.store.waiting_line import Limits
from pod_jobs.instance import sites
from pod_jobs.jobs import keys, queue
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import Settings, load
from pod_jobs.web.app import create_app
from pod_jobs.web.services import now
from tests.integration.web.conftest import Browser, Caller, Worker

ORDER: dict[str, Any] = {
    "etab_name": "Université / Pod",
    "app_name": "Esup-Pod",
    "app_version": "4.2.0",
    "task_type": "encoding",
    "source_url": "https://1.1.1.1/media/videos/abc/Cours%20n%C2%B0%201.mp4",
    "notify_url": "https://1.1.1.1/runner/notify_task_end/",
    "parameters": {"rendition": '{"360": {"resolution": "640x360"}}', "video_id": 7, "video_title": "Été 🎓"},
}
FILES = {"360p_Cours.mp4": b"film" * 1000, "info_video.json": b"{}"}


@dataclass
class Pod:
    """An unmodified Pod: 4.2 sends `Bearer`, V5 `X-API-Token`."""

    app: Flask
    token: str
    is_v5: bool = False

    def __call__(self, method: str, path: str, **options: Any) -> TestResponse:
        proof = {"X-API-Token": self.token} if self.is_v5 else {"Authorization": f"Bearer {self.token}"}
        headers = {**proof, **options.pop("headers", {})}
        client = self.app.test_client(use_cookies=False)
        return client.open(path, method=method, headers=headers, buffered=True, **options)

    def submit(self, **changes: Any) -> TestResponse:
        return self("POST", "/task/execute", json={**ORDER, **changes})

    def order(self, **changes: Any) -> str:
        response = self.submit(**changes)
        assert (response.status_code, response.get_json()["status"]) == (200, "running"), response.text
        return str(response.get_json()["task_id"])


@pytest.fixture
def pod(app: Flask, tokens: dict[str, str]) -> Pod:
    return Pod(app, tokens["site-univ"])


@pytest.fixture
def v5(pod: Pod) -> Pod:
    return Pod(pod.app, pod.token, is_v5=True)


@pytest.fixture
def other(app: Flask, catalog: None) -> Pod:
    """The Pod of another university."""
    return Pod(app, users.create_token(users.create("site-other", "site", None, now()), "tests", now()))


def task_of(public_id: str) -> Task:
    found: Task = SiteOrder.get(SiteOrder.public_id == public_id).task
    return found


def finish(worker: Worker, task: Task, **result: Any) -> None:
    order = worker.start({"id": task.id, "generation": task.generation})
    worker.write(order, FILES)
    mimes = {"mp4": "video/mp4", "json": "application/json"}
    outputs = [
        {"kind": "mp4", "name": name, "mime": mimes[name.rpartition(".")[2]], "bytes": len(content)}
        for name, content in FILES.items()
    ]
    sums = dict.fromkeys(FILES, "ab" * 32)
    said = {"folder": worker.folder(order), "outputs": outputs, "duration_s": 3.0, "is_video": True, **result}
    worker.report(order, "done", result={**said, "infos": {"sums": sums}})


def test_an_order_is_stored_before_it_is_answered(pod: Pod, catalog: None, redis: Redis) -> None:
    public_id = pod.order()
    task = task_of(public_id)
    assert (task.state, task.kind, task.video.title, task.video.owner.name) == (
        *("waiting", "pod_encode", "Été 🎓", "site-univ"),
    )
    assert task.options["source_url"] == ORDER["source_url"] and task.options["parameters"] == ORDER["parameters"]
    assert queue.fetch(redis, f"pod_encode-{task.id}-g1") is not None and not Outbox.select().exists()
    assert SiteOrder.get().answered_at is not None


def test_what_a_worker_gets(pod: Pod, catalog: None, worker: Worker, settings: Settings) -> None:
    task = task_of(pod.order())
    order = worker.start({"id": task.id, "generation": 1})
    site = {"name": "univ", "hosts": [], "networks": ["127.0.0.0/8"], "folder": ""}
    assert order["site"] == {**site, "age_s": order["site"]["age_s"]}
    assert 0 <= order["site"]["age_s"] < 60 and order["source"] == ""
    assert (settings.media_folder / f"videos/{task.video_id:06d}").is_dir()


def test_the_token_and_the_callbacks_address_are_in_no_row_and_no_answer(
    v5: Pod, catalog: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    public_id = v5.order(notify_url="https://1.1.1.1/api/encoding/webhook/?secret=hush-hush&video_id=7")
    rows = json.dumps([list(SiteOrder.select().dicts()), list(Task.select().dicts())], default=str)
    shown = v5("GET", f"/task/status/{public_id}").text + v5("GET", "/task/list").text
    for secret in ("hush-hush", v5.token):
        assert secret not in rows and secret not in shown and secret not in caplog.text
    assert "https://1.1.1.1/api/encoding/webhook/" in shown


def test_the_same_order_gets_the_same_task_until_it_has_ended(pod: Pod, catalog: None, worker: Worker) -> None:
    first = pod.order()
    assert pod.order() == first and Task.select().count() == 1
    for name, value in {
        "source_url": "https://1.1.1.1/b.mp4",
        "parameters": {"rendition": "{}"},
        "notify_url": "https://1.1.1.1/other/",
        "app_name": "Pod",
        "etab_name": "another",
    }.items():
        assert pod.order(**{name: value}) != first, name
    finish(worker, task_of(first))
    assert pod.order() != first


def test_the_secret_in_the_callbacks_address_tells_two_v5_sites_apart(v5: Pod, catalog: None) -> None:
    urls = [f"https://1.1.1.1/api/encoding/webhook/?secret={secret}&video_id=7" for secret in ("a", "b")]
    assert v5.order(notify_url=urls[0]) != v5.order(notify_url=urls[1])


def test_unknown_fields_and_parameters_are_ignored(pod: Pod) -> None:
    pod.order(priority=3, parameters={"hls": {"encode_hls": True}, "from_a_newer_version": [1]})
    pod.order(parameters='{"rendition": {}}')


def test_status_and_list(pod: Pod, other: Pod, catalog: None, worker: Worker) -> None:
    public_id = pod.order()
    shown = pod("GET", f"/task/status/{public_id}").get_json()
    assert (shown["task_id"], shown["status"], shown["error"]) == (public_id, "running", None)
    assert shown["parameters"] == ORDER["parameters"] and shown["etab_name"] == ORDER["etab_name"]
    assert pod("GET", "/task/list").get_json() == {public_id: shown}
    finish(worker, task_of(public_id))
    assert pod("GET", f"/task/status/{public_id}").get_json()["status"] == "completed"
    assert other("GET", "/task/list").get_json() == {}


@pytest.mark.parametrize("what", ["status/{}", "result/{}", "result/{}/file/info_video.json"])
def test_a_site_sees_only_its_own_tasks(pod: Pod, other: Pod, catalog: None, worker: Worker, what: str) -> None:
    public_id = pod.order()
    finish(worker, task_of(public_id))
    assert pod("GET", f"/task/{what.format(public_id)}").status_code == 200
    assert other("GET", f"/task/{what.format(public_id)}").status_code == 404
    assert other("POST", f"/task/stop/{public_id}").status_code == 404


def test_a_person_is_no_site(callers: dict[str, Caller], pod: Pod, lea: Caller) -> None:
    assert lea("POST", "/task/execute", json=ORDER).status_code == 403
    assert callers["site-univ"]("GET", "/api/v1/videos").status_code == 403
    assert pod("GET", "/api/v1/tasks").status_code == 403


def test_the_manifest_has_sums_for_bearer_and_names_for_v5(pod: Pod, v5: Pod, catalog: None, worker: Worker) -> None:
    public_id = pod.order()
    assert pod("GET", f"/task/result/{public_id}").status_code == 425
    finish(worker, task_of(public_id))
    response = pod("GET", f"/task/result/{public_id}")
    assert response.headers["X-Task-ID"] == public_id
    assert response.get_json() == {
        "task_id": public_id,
        "files": [{"file_path": name, "sha256": "ab" * 32} for name in sorted(FILES)],
    }
    assert v5("GET", f"/task/result/{public_id}").get_json()["files"] == sorted(FILES)


def test_files_are_served_whole_and_in_ranges_and_nothing_else_is(pod: Pod, catalog: None, worker: Worker) -> None:
    public_id = pod.order()
    finish(worker, task_of(public_id))
    here = f"/task/result/{public_id}/file"
    whole = [pod("GET", f"{here}/{name}") for name in FILES]
    assert [answer.data for answer in whole] == list(FILES.values())
    assert [answer.mimetype for answer in whole] == ["video/mp4", "application/json"]
    part = pod("GET", f"{here}/360p_Cours.mp4", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.data) == (206, b"film")
    for name in ("done.json", "../../../catalog.sqlite3", "%2e%2e/source", "none.mp4", "etc/passwd"):
        assert pod("GET", f"{here}/{name}").status_code == 404, name


def test_a_failed_task_has_no_result_and_says_why(pod: Pod, catalog: None, worker: Worker) -> None:
    public_id = pod.order()
    order = worker.start({"id": task_of(public_id).id, "generation": 1})
    worker.report(
        order, "error", error_code="source-not-fetched", error_facts={"host": "1.1.1.1"}, reason="answers 404"
    )
    shown = pod("GET", f"/task/status/{public_id}").get_json()
    assert (shown["status"], shown["error"]) == (
        "failed",
        "The recording could not be fetched from 1.1.1.1.\nanswers 404",
    )
    assert pod("GET", f"/task/result/{public_id}").status_code == 400


def test_a_task_that_took_too_long_is_a_timeout(pod: Pod, catalog: None, worker: Worker) -> None:
    public_id = pod.order()
    order = worker.start({"id": task_of(public_id).id, "generation": 1})
    worker.report(order, "error", error_code="encode-too-slow", reason="x")
    assert pod("GET", f"/task/status/{public_id}").get_json()["status"] == "timeout"


def test_stop(pod: Pod, catalog: None) -> None:
    public_id = pod.order()
    response = pod("POST", f"/task/stop/{public_id}")
    assert (response.status_code, response.get_json()["status"]) == (202, "stop_requested")
    shown = pod("GET", f"/task/status/{public_id}").get_json()
    assert (shown["status"], shown["error"]) == ("failed", "Cancelled by user.")
    assert pod("POST", f"/task/stop/{public_id}").status_code == 409
    for unknown in ("none", "%00", public_id.upper(), "0" * 36, "é"):
        assert pod("POST", f"/task/stop/{unknown}").status_code == 404


@pytest.mark.parametrize("path", ["/api/health", "/manager/health"])
def test_health_tells_whether_the_token_is_right(pod: Pod, v5: Pod, path: str) -> None:
    assert pod("GET", path).get_json()["status"] == v5("GET", path).get_json()["status"] == "healthy"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-API-Token": "wrong"}, {"Authorization": "Bearer "}):
        assert pod.app.test_client().get(path, headers=headers).status_code == 401


def test_health_counts_the_tasks_of_the_site_and_the_workers(pod: Pod, other: Pod, catalog: None, redis: Redis) -> None:
    pod.order()
    assert [one("GET", "/api/health").get_json()["tasks"] for one in (pod, other)] == [1, 0]
    assert pod("GET", "/api/health").get_json()["runners"] == 0
    redis.sadd(keys.rq_workers_of("transcripting"), "rq:worker:a")
    redis.hset("rq:worker:a", mapping={"state": "idle", "hostname": "host"})
    assert pod("GET", "/api/health").get_json()["runners"] == 1


def test_version_and_administration(pod: Pod, browser: Browser) -> None:
    version = pod.app.test_client().get("/api/version").get_json()
    assert version["version_info"].keys() == {"major", "minor", "patch"}
    browser.sign_in("tina")
    assert browser.get("/admin").status_code == 302


@pytest.mark.parametrize(
    "changes",
    [
        {"task_type": "painting"},
        {"source_url": ""},
        {"source_url": 7},
        {"etab_name": None},
        {"parameters": "no json"},
        {"parameters": [1]},
        {"parameters": {"a": "x" * 40_000}},
        {"app_name": "a\0b"},
        {"app_name": "a\ud800b"},
        {"parameters": {"video_title": "\ud800"}},
        {"parameters": {"a": float("nan")}},
        {"source_url": "file:///etc/passwd"},
        {"source_url": "https://user:word@1.1.1.1/a.mp4"},
        {"source_url": "http://10.0.0.1/a.mp4"},
        {"source_url": "http://169.254.169.254/latest/"},
    ],
)
def test_an_order_that_can_never_be_carried_out_is_refused(pod: Pod, catalog: None, changes: dict[str, Any]) -> None:
    response = pod.submit(**changes)
    assert response.status_code == 422 and response.get_json()["detail"], response.text
    assert pod.submit(**changes).status_code == 422  # Pod sends it again every few minutes
    (task,) = Task.select()
    assert (task.state, task.error_code, task.error_reason) == (
        "error",
        response.get_json()["code"],
        response.get_json()["detail"],
    )
    assert task.error_group and SiteOrder.get().callback == "none"
    assert "word" not in json.dumps([list(SiteOrder.select().dicts()), list(Video.select().dicts())], default=str)


def test_no_json_is_refused(pod: Pod, catalog: None) -> None:
    for body in (b"", b"[]", b"{", b"\xff", b"[" * 100_000):
        response = pod("POST", "/task/execute", data=body, content_type="application/json")
        assert response.status_code == 422, body[:10]
    assert Task.select().where(Task.state == "error", Task.error_code == "order-unreadable").count() == 5


def test_a_site_that_sends_nonsense_fills_no_table(pod: Pod, catalog: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_orders, "MOST_REFUSED", 2)
    for number in range(4):
        assert pod.submit(task_type=f"painting {number}").status_code == 422
    assert Task.select().count() == 2
    pod.order()


def test_who_looks_at_uploads_ends_no_order_of_a_site(pod: Pod, callers: dict[str, Caller], catalog: None) -> None:
    task = task_of(pod.order())
    said = {"fault": {"code": "source-unreadable", "reason": "x", "facts": {}}}
    assert callers["workers"]("POST", f"/api/v1/videos/{task.video_id}/inspection", json=said).status_code == 409
    assert Task.get().state == "waiting"


@pytest.mark.parametrize(
    "url",
    [
        "https://user@1.1.1.1/",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "http://[::1]/",
        "ftp://1.1.1.1/",
        "https://",
        "nonsense",
        "http://169.254.169.254/",
    ],
)
def test_a_callback_that_must_not_be_called_is_refused(pod: Pod, catalog: None, url: str) -> None:
    response = pod.submit(notify_url=url)
    assert response.status_code == 400 and "notify_url" in response.get_json()["detail"]
    assert [task.state for task in Task.select()] == ["error"], "the team finds it among the errors"


def test_a_callback_whose_name_leads_to_two_addresses(pod: Pod, catalog: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pod_jobs.outside.addresses.look_up", lambda host, port: ["1.1.1.1", "10.0.0.1"])
    assert pod.submit(notify_url="https://pod.univ.fr/").status_code == 400


def test_a_callback_that_nobody_can_look_up_now_is_taken(pod: Pod) -> None:
    pod.order(notify_url="https://pod.nowhere.invalid/runner/notify_task_end/")


def test_no_callback_may_be_wanted(pod: Pod, catalog: None, worker: Worker) -> None:
    for notify_url in ("", None):
        public_id = pod.order(notify_url=notify_url, source_url=f"https://1.1.1.1/{notify_url}.mp4")
        finish(worker, task_of(public_id))
    assert {row.callback for row in SiteOrder.select()} == {"none"}


def test_the_hosts_and_the_number_of_waiting_tasks_that_the_settings_allow(other: Pod) -> None:
    assert other.submit().status_code == 400  # its callback goes elsewhere
    for number in range(2):
        other.order(notify_url="", source_url=f"https://1.1.1.1/{number}.mp4")
    response = other.submit(notify_url="", source_url="https://1.1.1.1/3.mp4")
    assert (response.status_code, response.get_json()["code"]) == (429, "waiting-limit")
    assert other.submit(notify_url="", source_url="https://1.1.1.1/4.mp4").status_code == 429
    assert Task.select().where(Task.error_code == "waiting-limit").count() == 1, "the team sees it once a day"
    other.order(notify_url="", source_url="https://1.1.1.1/1.mp4")  # the same one still gets its task


def test_one_too_many_of_a_site_waits_again_until_another_one_has_ended(
    pod: Pod, catalog: None, worker: Worker, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when its next try is due while others run in its place."""
    monkeypatch.setattr(Settings, "running_quotas", {"site-univ": 1})
    first, second = (task_of(pod.order(source_url=f"https://1.1.1.1/{number}.mp4")) for number in range(2))
    order = worker.start({"id": first.id, "generation": 1})
    redis.delete("rq:queue:encoding")
    assert worker.start({"id": second.id, "generation": 1}, 409)["code"] == "superseded"
    limits = Limits(0, {"site-univ": 1})
    assert hand_over.hand_over(redis, JOB_TYPES, "encoding", limits) == 0 and not queue.positions(redis, "encoding")
    worker.report(order, "error", error_code="internal", reason="x")
    hand_over.hand_over(redis, JOB_TYPES, "encoding", limits)  # unless the report has done it
    assert list(queue.positions(redis, "encoding")) == [f"pod_encode-{second.id}-g2"]


def ended_by(worker: Worker, pod: Pod, how: str) -> str:
    """The callback's status after a task ended like this."""
    public_id = pod.order(source_url=f"https://1.1.1.1/{how}.mp4")
    task = task_of(public_id)
    if how == "cancelled":
        pod("POST", f"/task/stop/{public_id}")
    elif how == "done":
        finish(worker, task)
    else:
        order = worker.start({"id": task.id, "generation": 1})
        worker.report(order, how, error_code="internal" if how == "error" else None, reason="x")
    return str(SiteOrder.get(SiteOrder.public_id == public_id).callback)


def test_every_end_owes_a_callback(pod: Pod, catalog: None, worker: Worker) -> None:
    assert {how: ended_by(worker, pod, how) for how in ("done", "error", "cancelled")} == {
        "done": "waiting",
        "error": "waiting",
        "cancelled": "waiting",
    }


def test_a_task_that_the_team_runs_again_owes_a_second_one(
    pod: Pod, catalog: None, worker: Worker, callers: dict[str, Caller]
) -> None:
    ended_by(worker, pod, "error")
    row = SiteOrder.get()
    assert callers["tina"]("POST", f"/api/v1/tasks/{row.task_id}/requeue").status_code == 202
    assert SiteOrder.get().callback == "none"
    finish(worker, Task.get())
    row = SiteOrder.get()
    assert row.callback == "waiting" and row.ends == 3
    (debt,) = site_callbacks.due("univ", now() + timedelta(minutes=5), 9)
    assert debt.state == "done"


def test_a_lost_worker_owes_one_too(pod: Pod, catalog: None, worker: Worker) -> None:
    """D4: in Pod 4.1 the video stayed "in progress"."""
    task = task_of(pod.order())
    for generation in (1, 2):
        order = worker.start({"id": task.id, "generation": generation})
        worker.report(order, "killed", reason="signal 9")
    assert Task.get().state == "error" and SiteOrder.get().callback == "waiting"


def test_while_redis_is_away_an_order_is_accepted_and_handed_over_when_it_is_back(
    settings: Settings, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch, catalog: None, redis: Redis
) -> None:
    """D7: in Pod 4.1 the video stayed "in progress", and its old files were gone."""
    with monkeypatch.context() as patch:
        patch.setenv("POD_JOBS_REDIS__URL", "unix:///nowhere/redis.sock")
        away = Pod(create_app(load(settings.home)).test_client().application, tokens["site-univ"])
        public_id = away.order()
        assert away.order() == public_id, "Pod sends it again, and it is the same"
    task = task_of(public_id)
    assert Outbox.select().count() == 1 and not redis.keys("rq:job:*")
    assert hand_over.hand_over(redis, JOB_TYPES, "encoding", Limits()) == 1  # the janitor, in its next round
    assert queue.fetch(redis, f"pod_encode-{task.id}-g1") is not None and not Outbox.select().exists()


def test_site_users_follow_the_settings(settings: Settings, tokens: dict[str, str], catalog: None) -> None:
    for site in settings.site:
        (settings.home / "secrets" / f"site_{site.name}").write_text(f"token-of-{site.name}-0123456789\n")
    sites.prepare(settings, now())
    sites.prepare(settings, now())
    assert users.find_by_token("token-of-univ-0123456789", now()).name == "site-univ"
    (settings.home / "secrets" / "site_univ").write_text("another-token-0123456789")
    sites.prepare(settings, now())
    with pytest.raises(Exception, match="such a token"):
        users.find_by_token("token-of-univ-0123456789", now())
    sites.prepare(settings.model_copy(update={"site": ()}), now())
    assert {user.name: user.active for user in User.select().where(User.role == "site")} == {
        "site-univ": False,
        "site-other": False,
    }
    sites.prepare(settings, now())
    assert users.find_by_token("another-token-0123456789", now()).name == "site-univ"


@pytest.mark.parametrize("token", ["short", "x" * 51])
def test_a_token_that_pod_cannot_store_stops_the_start(
    settings: Settings, catalog: None, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings.model_copy(update={"site_tokens": {"univ": token, "other": "z" * 20}})
    with pytest.raises(Exception, match="give 16 to 50"):
        sites.prepare(given, now())


def test_results_go_when_they_were_kept_long_enough(pod: Pod, catalog: None, worker: Worker) -> None:
    public_id = pod.order()
    finish(worker, task_of(public_id))
    ended = task_of(public_id).ended_at
    assert ended is not None
    past = ended + timedelta(microseconds=1)
    assert site_callbacks.expire("univ", past, now()) == 0  # Pod has not been told yet
    SiteOrder.update(callback="delivered").execute()
    assert site_callbacks.expire("univ", ended, now()) == 0
    assert site_callbacks.expire("univ", past, now()) == 1
    assert Video.get().deleted_at is not None and pod("GET", f"/task/status/{public_id}").status_code == 404


def test_errors_are_filtered_by_the_site_that_ordered_the_tasks(
    pod: Pod, lea: Caller, callers: dict[str, Caller], catalog: None, worker: Worker, browser: Browser
) -> None:
    own = lea.upload(name="Optique.mp4")["task"]
    worker.report(worker.start(own), "error", error_code="encode-killed", reason="killed by signal 9")
    lea("PUT", f"/api/v1/tasks/{own['id']}/help")
    ended_by(worker, pod, "error")
    task_id = task_of(SiteOrder.get().public_id).id

    def found(query: str) -> list[tuple[int, int, int]]:
        answer = callers["tina"]("GET", f"/api/v1/errors{query}").get_json()
        assert len(answer["help_asked"]) == (0 if query else 1)
        return sorted((one["latest_task"], one["count"], sum(one["trend"])) for one in answer["groups"])

    assert found("") == [(own["id"], 1, 1), (task_id, 1, 1)]
    assert found("?site=univ") == [(task_id, 1, 1)] and found("?site=other") == []
    Task.update(kind="pod_encode", error_group=Task.get_by_id(task_id).error_group).execute()
    Attempt.update(error_group=Task.get_by_id(task_id).error_group).execute()
    assert found("") == [(task_id, 2, 2)] and found("?site=univ") == [(task_id, 1, 1)], "only the site's own count"
    browser.sign_in("tina")
    page = browser.get("/team/errors?site=univ&days=7").text
    assert "Optique" not in page and "Optique" in browser.get("/team/errors?days=7").text
    assert 'href="/team/errors?days=1&amp;site=univ"' in page, "another period keeps the site"
    assert 'href="/team/errors?days=7"' in page, "and back to all sites"


def test_figures_are_filtered_by_the_site_that_ordered_the_tasks(
    pod: Pod, lea: Caller, callers: dict[str, Caller], worker: Worker, browser: Browser, catalog: None
) -> None:
    own = lea.upload()["task"]
    worker.report(worker.start(own), "error", error_code="encode-stalled", reason="why")
    ended_by(worker, pod, "error")
    pod.order(source_url="https://1.1.1.1/next.mp4")
    code = Task.get(Task.kind == "pod_encode", Task.state == "error").error_code

    def failures(query: str) -> dict[str, float]:
        [day] = callers["tina"]("GET", f"/api/v1/figures?days=1{query}").get_json()["days"]
        return dict(day["numbers"].get("failed", {}))

    assert failures("") == {"encode-stalled": 1, code: 1}
    assert failures("&site=univ") == {code: 1} and failures("&site=other") == {}
    browser.sign_in("tina")
    page = browser.get("/team/figures?days=7&site=univ").text
    assert code in page and "encode-stalled" not in page and "Storage by owner" not in page
    assert 'href="/team/figures?days=30&amp;site=univ"' in page and 'href="/team/figures?days=7"' in page
    table = browser.get("/team/figures/failures.csv?days=7&site=univ")
    assert (
        table.text.splitlines()[1:] == [f"{code},1.0"] and "failures-univ.csv" in table.headers["Content-Disposition"]
    )
    assert "encode-stalled" in browser.get("/team/figures/failures.csv?days=7").text
    assert browser.get("/team/figures/failures.csv?site=%0Ax%22").status_code == 200
    overview = browser.get("/team").text
    assert re.search('univ</b></a>\\s*<span class="soft">running: 0 ·\\s*waiting: 1<', overview)
    assert re.search('other</b></a>\\s*<span class="soft">running: 0 ·\\s*waiting: 0<', overview)


def test_the_team_sees_what_a_site_ordered_and_tells_it_at_once(
    pod: Pod, lea: Caller, catalog: None, worker: Worker, browser: Browser
) -> None:
    lea.upload(name="Optique.mp4")
    ended_by(worker, pod, "error")
    task = task_of(SiteOrder.get().public_id)
    SiteOrder.update(tries=3, reason="the site answers 500", due_at=now() + timedelta(hours=1)).execute()
    browser.sign_in("tina")
    found = browser.get("/team/tasks?site=univ").text
    assert "Été 🎓" in found and "Optique" not in found and "Été 🎓" not in browser.get("/team/tasks?site=other").text
    page = browser.get(f"/team/tasks/{task.id}").text
    for words in ("waiting to be delivered", "the site answers 500", "Université / Pod", "Tell the site now"):
        assert words in page, words
    assert pod.token not in page
    response = browser.send("POST", f"/team/tasks/{task.id}/tell-site")
    assert response.status_code == 303 and SiteOrder.get().due_at <= now()
    SiteOrder.update(callback="delivered", delivered_at=now()).execute()
    page = browser.get(f"/team/tasks/{task.id}").text
    assert "Tell the site now" not in page and "the site univ knows of the end" in page
    assert browser.send("POST", f"/team/tasks/{task.id}/tell-site").status_code == 409


def test_nobody_orders_here_what_a_site_keeps(pod: Pod, catalog: None, callers: dict[str, Caller]) -> None:
    video = task_of(pod.order()).video_id
    response = callers["tina"]("POST", f"/api/v1/videos/{video}/encode")
    assert (response.status_code, response.get_json()["code"]) == (409, "source-at-site")


def test_a_site_waits_in_turn_with_others_and_by_its_priority(pod: Pod, other: Pod, catalog: None) -> None:
    mine, theirs = task_of(pod.order()), task_of(other.order(notify_url=""))
    assert (mine.party, mine.priority) == ("site-univ", 0)
    assert (theirs.party, theirs.priority) == ("site-other", 1)


def test_parameters_that_nest_deeply_are_refused(pod: Pod) -> None:
    deep: Any = 1
    for _ in range(25):
        deep = [deep]
    assert pod.submit(parameters={"deep": deep}).status_code == 422
    assert pod.submit(parameters=json.dumps({"deep": deep})).status_code == 422


def test_what_sites_do_not_know_is_counted_found_and_sent_again(
    pod: Pod, catalog: None, worker: Worker, browser: Browser, callers: dict[str, Caller]
) -> None:
    told, waiting, given_up = (task_of(pod.order(source_url=f"https://1.1.1.1/{number}.mp4")) for number in range(3))
    for task, changes in (
        (told, {"callback": "delivered"}),
        (waiting, {"callback": "waiting", "tries": 3, "reason": "answers 500", "due_at": now() + timedelta(hours=2)}),
        (given_up, {"callback": "given-up", "tries": 90, "reason": "answers 404"}),
    ):
        finish(worker, task)
        SiteOrder.update(**changes).where(SiteOrder.task == task.id).execute()
    browser.sign_in("tina")
    overview = browser.get("/team").text
    assert "a site did not take yet: 1" in overview and "were given up: 1" in overview
    for state, task in (("waiting", waiting), ("given-up", given_up), ("delivered", told)):
        found = browser.get(f"/team/tasks?callback={state}").text
        assert [f'id="task-{one.id}"' in found for one in (told, waiting, given_up)] == [
            one.id == task.id for one in (told, waiting, given_up)
        ]
        assert ('action="/team/callbacks"' in found) is (state != "delivered")
        (shown,) = callers["tina"]("GET", f"/api/v1/callbacks?state={state}&site=univ").get_json()["callbacks"]
        assert (shown["task"], shown["site"], shown["state"]) == (task.id, "univ", state)
    for unknown in ("lost", ""):
        assert callers["tina"]("GET", f"/api/v1/callbacks?state={unknown}").status_code == 400
    assert callers["léa"]("POST", "/api/v1/callbacks/send", json={}).status_code == 403
    assert callers["tina"]("POST", "/api/v1/callbacks/send", json={"site": "other"}).get_json() == {"sent": 0}
    response = browser.send("POST", "/team/callbacks", data={"callback": "given-up"})
    assert response.status_code == 303 and response.location.endswith("/team/tasks?callback=given-up")
    rows = {row.task_id: row for row in SiteOrder.select()}
    assert [rows[task.id].callback for task in (told, waiting, given_up)] == ["delivered", "waiting", "waiting"]
    assert all(rows[task.id].due_at <= now() for task in (waiting, given_up))
    assert callers["tina"]("POST", "/api/v1/callbacks/send", json={}).get_json() == {"sent": 2}
    assert callers["tina"]("POST", f"/api/v1/tasks/{waiting.id}/callback").status_code == 202
    assert callers["tina"]("POST", f"/api/v1/tasks/{told.id}/callback").status_code == 409
