"""Ends of runs on their way to the catalog: the team sees them and can push them."""

import json
from datetime import UTC, datetime, timedelta

from redis import Redis

from pod_jobs.jobs import keys, queue
from pod_jobs.jobs.hosts import SignOfLife
from pod_jobs.jobs.report import entry_of, send_report
from tests.integration.web.conftest import PEOPLE, Browser, Caller, Worker, problem


def test_the_team_sees_what_waits_and_pushes_it(
    callers: dict[str, Caller], lea: Caller, worker: Worker, redis: Redis
) -> None:
    task = lea.upload()["task"]
    worker.start(task)
    report = {"generation": 1, "attempt": 1, "outcome": "done", "result": {}}
    send_report(redis, f"{task['id']}-g1-a1", entry_of(task["id"], report, ""))
    redis.delete("rq:queue:catalog")
    redis.zadd("rq:scheduled:catalog", {f"report-{task['id']}-g1-a1": 4102444800})

    team = callers[next(name for name, role in PEOPLE.items() if role == "team")]
    (waiting,) = team("GET", "/api/v1/waiting-reports").get_json()["reports"]
    assert (waiting["task"], waiting["outcome"], waiting["next_at"]) == (task["id"], "done", "2100-01-01T00:00:00Z")
    assert lea("GET", f"/api/v1/tasks/{task['id']}").get_json()["report_waits"]

    assert team("POST", "/api/v1/waiting-reports/push").get_json() == {"pushed": 1}
    assert list(queue.positions(redis, "catalog")) == [f"report-{task['id']}-g1-a1"]
    problem(lea("GET", "/api/v1/waiting-reports"), 403, "forbidden")
    problem(lea("POST", "/api/v1/waiting-reports/push"), 403, "forbidden")


def test_the_team_sees_which_hosts_keep_reports_and_since_when(
    callers: dict[str, Caller], browser: Browser, redis: Redis
) -> None:
    since = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    SignOfLife(redis, "enc2", "encoding", str, int, lambda: (3, since)).give()
    SignOfLife(redis, "enc3", "encoding", str, int).give()
    team = callers[next(name for name, role in PEOPLE.items() if role == "team")]
    found = team("GET", "/api/v1/waiting-reports").get_json()
    assert found == {"reports": [], "hosts": [{"host": "enc2", "reports": 3, "since": "2026-03-04T05:06:00+00:00"}]}
    facts = json.loads(redis.hget(keys.HOSTS, "encoding@enc2") or "")
    redis.hset(keys.HOSTS, "xapi@enc4", json.dumps(facts))  # another container with the same folder
    silent = {"at": (datetime.now(UTC) - timedelta(hours=1)).isoformat(), "reports_since": ""}
    redis.hset(keys.HOSTS, "xapi@renamed", json.dumps({**facts, **silent}))
    assert team("GET", "/api/v1/waiting-reports").get_json() == found, "the same reports are listed once"
    redis.hdel(keys.HOSTS, "xapi@enc4", "xapi@renamed")
    kept = {
        one["host"]: (one["reports"], one["reports_since"]) for one in team("GET", "/api/v1/hosts").get_json()["hosts"]
    }
    assert kept == {"enc2": (3, "2026-03-04T05:06:00+00:00"), "enc3": (0, None)}
    browser.sign_in("tina")
    (_, row) = browser.get("/team/machines").text.split("Reports that wait there")
    assert "3, since" in row and "2026-03-04T" in row
