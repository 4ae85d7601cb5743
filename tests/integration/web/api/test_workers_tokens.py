"""What the token of a worker opens: tasks of its queues, by workers of this version, and nothing that was given to another."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

import pod_jobs
from pod_jobs.catalog import database
from pod_jobs.catalog.models import ApiToken
from pod_jobs.catalog.seals import HEADER, seal_of
from pod_jobs.catalog.store import users
from pod_jobs.settings import Settings
from tests.integration.web.conftest import Caller, Worker, problem

RUNNER = {"worker": "encoding.host.1", "host": "host", "pid": 1}
HEAD, _, PATCH = pod_jobs.__version__.rpartition(".")


def token_for(app: Flask, settings: Settings, *queues: str) -> Caller:
    """Another worker, whose token is for these queues alone."""
    with database.connect(settings.database_url).connection_context():
        text = users.create_token(users.find("workers"), "host b", datetime.now(UTC), queues=queues)
    return Caller(app.test_client(use_cookies=False), text)


def start(caller: Caller, task: dict[str, Any], **more: Any) -> Any:
    said = {"generation": task["generation"], **RUNNER, **more}
    return caller("POST", f"/api/v1/tasks/{task['id']}/start", json=said)


def test_a_token_runs_tasks_of_its_queues_alone(app: Flask, settings: Settings, lea: Caller) -> None:
    task = lea.upload()["task"]
    other, own = token_for(app, settings, "transcripting", "xapi"), token_for(app, settings, "encoding")
    assert "encoding" in problem(start(other, task), 403, "worker-queue")["title"]
    assert lea("GET", f"/api/v1/tasks/{task['id']}").get_json()["state"] == "waiting"
    assert start(own, task).status_code == 200
    claim = {"holder": "xapi.host.1", "limit": 5}
    problem(own("POST", "/api/v1/xapi/lanes/ralph/claim", json=claim), 403, "worker-queue")
    problem(other("POST", "/api/v1/xapi/lanes/ralph/claim", json=claim), 404, "not-found")  # there is no such lane


def test_a_worker_is_told_what_its_token_is_for(
    app: Flask, settings: Settings, callers: dict[str, Caller], lea: Caller
) -> None:
    assert token_for(app, settings, "xapi")("GET", "/api/v1/me").get_json()["queues"] == ["xapi"]
    said = callers["workers"]("GET", "/api/v1/me").get_json()
    assert (said["version"], said["queues"]) == (pod_jobs.__version__, [])
    assert "version" not in lea("GET", "/api/v1/me").get_json()


def test_a_worker_of_another_version_gets_no_task(callers: dict[str, Caller], lea: Caller) -> None:
    task = lea.upload()["task"]
    for version in ("9.9.0", f"{HEAD}9.0", "x"):
        refusal = problem(start(callers["workers"], task, version=version), 409, "worker-version")
        assert version in refusal["title"] and pod_jobs.__version__ in refusal["title"]
    assert lea("GET", f"/api/v1/tasks/{task['id']}").get_json()["attempts"] == []
    assert start(callers["workers"], task, version=f"{HEAD}.{PATCH}7").status_code == 200


def test_a_web_host_that_is_updated_first_takes_what_older_workers_have_begun(
    callers: dict[str, Caller], worker: Worker, lea: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, waiting = worker.start(lea.upload()["task"]), lea.upload()["task"]
    monkeypatch.setattr(pod_jobs, "__version__", "9.9.0")
    problem(start(callers["workers"], waiting, version=f"{HEAD}.{PATCH}"), 409, "worker-version")
    place = f"/api/v1/runs/{begun['task']}/{begun['generation']}/{begun['attempt']}"
    assert worker.caller("POST", f"{place}/begin", headers={"X-Run-Key": begun["key"]}).status_code == 204
    worker.finish(begun)
    states = [lea("GET", f"/api/v1/tasks/{one}").get_json()["state"] for one in (begun["task"], waiting["id"])]
    assert states == ["done", "waiting"]
    assert start(callers["workers"], waiting, version="9.9.3").status_code == 200


def test_the_key_of_an_attempt_opens_nothing_to_another_worker(
    app: Flask, settings: Settings, worker: Worker, lea: Caller
) -> None:
    order = worker.start(lea.upload()["task"])
    place = f"/api/v1/runs/{order['task']}/{order['generation']}/{order['attempt']}"
    headers = {"X-Run-Key": order["key"]}
    assert worker.caller("GET", f"{place}/files", headers=headers).get_json() == {"files": {}}
    thief = token_for(app, settings)
    for method, path in (("GET", "source?name=" + order["source"]), ("POST", "begin"), ("GET", "files")):
        problem(thief(method, f"{place}/{path}", headers=headers), 409, "superseded")


@pytest.mark.parametrize("how", ["unknown", "revoked"])
def test_without_a_valid_token_nothing_is_given(
    app: Flask, settings: Settings, lea: Caller, how: str, worker: Worker
) -> None:
    order = worker.start(lea.upload()["task"])
    if how == "revoked":
        with database.connect(settings.database_url).connection_context():
            row = ApiToken.get(ApiToken.token_hash == users.hash_token(worker.caller.token))
            users.revoke_token(row.id, datetime.now(UTC))
    else:
        worker.caller.token = "x" * 40
    problem(start(worker.caller, lea.upload()["task"]), 401, "unauthorized")
    place = f"/api/v1/runs/{order['task']}/{order['generation']}/{order['attempt']}"
    problem(worker.caller("GET", f"{place}/files", headers={"X-Run-Key": order["key"]}), 401, "unauthorized")


def test_only_the_run_that_has_an_attempt_can_end_it(
    app: Flask, settings: Settings, worker: Worker, lea: Caller
) -> None:
    order = worker.start(lea.upload()["task"])
    path, who = f"/api/v1/tasks/{order['task']}/report", {"generation": 1, "attempt": 1, "worker": RUNNER["worker"]}
    thief, said = token_for(app, settings), {**who, "outcome": "cancelled"}
    right = seal_of(order["key"], {**who, "outcome": "retry", "error_code": "disk-full", "retry_in_s": 5.5})
    for seal in ("", "0" * 64, right, seal_of("another key", said), "é"):
        problem(thief("POST", path, json=said, headers={HEADER: seal}), 409, "superseded")
    unnumbered = {**who, "attempt": None, "outcome": "killed"}
    problem(thief("POST", path, json=unnumbered), 409, "superseded")
    assert lea("GET", f"/api/v1/tasks/{order['task']}").get_json()["state"] == "running"
    carried = {**who, "outcome": "retry", "error_code": "disk-full", "retry_in_s": 5.5}
    assert thief("POST", path, json=carried, headers={HEADER: right}).status_code == 200, "anybody may carry it"
    assert lea("GET", f"/api/v1/tasks/{order['task']}").get_json()["state"] == "waiting"


def test_only_workers_of_its_queue_say_that_a_task_died_before_it_began(
    app: Flask, settings: Settings, lea: Caller
) -> None:
    """Two such reports end a task for good, and nothing can seal them."""
    task = lea.upload()["task"]
    died = {"generation": 1, "worker": RUNNER["worker"], "attempt": None, "outcome": "killed", "signal": 9}
    path = f"/api/v1/tasks/{task['id']}/report"
    problem(token_for(app, settings, "xapi", "transcripting")("POST", path, json=died), 403, "worker-queue")
    assert lea("GET", f"/api/v1/tasks/{task['id']}").get_json()["generation"] == 1
    assert token_for(app, settings, "encoding")("POST", path, json=died).status_code == 200
    assert token_for(app, settings, "catalog")("POST", path, json={**died, "generation": 2}).status_code == 200
    assert lea("GET", f"/api/v1/tasks/{task['id']}").get_json()["state"] == "error"


def test_what_a_revoked_worker_wrote_is_not_taken(app: Flask, settings: Settings, worker: Worker, lea: Caller) -> None:
    task, own = lea.upload()["task"], token_for(app, settings)
    order = start(own, task).get_json()
    with database.connect(settings.database_url).connection_context():
        row = ApiToken.get(ApiToken.token_hash == users.hash_token(own.token))
        users.revoke_token(row.id, datetime.now(UTC))
    worker.report(order, "cancelled", 409)
    assert lea("GET", f"/api/v1/tasks/{task['id']}").get_json()["state"] == "running"


def test_a_report_that_nobody_will_mend_ends_its_attempt(worker: Worker, lea: Caller) -> None:
    for wrong, status in (
        ({"result": {"folder": "elsewhere"}}, 422),
        ({"result": []}, 400),
        ({"peak_mb": math.nan}, 400),
    ):
        order = worker.start(lea.upload()["task"])
        said = {"generation": 1, "attempt": 1, "worker": RUNNER["worker"], "outcome": "done", **wrong}
        path, headers = f"/api/v1/tasks/{order['task']}/report", {HEADER: seal_of(order["key"], said)}
        assert worker.caller("POST", path, json=said, headers=headers).status_code == status
        assert lea("GET", f"/api/v1/tasks/{order['task']}").get_json()["state"] == "running"
        assert worker.caller("POST", f"{path}?final=1", json=said, headers={HEADER: "x"}).status_code == 409
        assert lea("GET", f"/api/v1/tasks/{order['task']}").get_json()["state"] == "running"
        assert worker.caller("POST", f"{path}?final=1", json=said, headers=headers).status_code == status
        ended = lea("GET", f"/api/v1/tasks/{order['task']}").get_json()
        assert (ended["state"], ended["error"]["code"]) == ("error", "result-rejected")
