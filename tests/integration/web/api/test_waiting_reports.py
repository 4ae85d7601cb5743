"""Ends of runs on their way to the catalog: the team sees them and can push them."""

from redis import Redis

from pod_jobs.jobs import queue
from pod_jobs.jobs.report import entry_of, send_report
from tests.integration.web.conftest import PEOPLE, Caller, Worker, problem


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
