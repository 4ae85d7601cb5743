"""/drains and /workers: what the team wishes of the workers is kept, published and noted."""

from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from redis import Redis

from pod_jobs.catalog.models import Audit
from pod_jobs.janitor import rounds
from pod_jobs.jobs import drains, keys
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import Settings
from pod_jobs.web.intake import worker_orders
from tests.integration.web.conftest import Caller, problem


def test_a_drain_is_kept_published_and_noted(
    callers: dict[str, Caller], redis: Redis, settings: Settings, catalog: None
) -> None:
    team = callers["tina"]
    said = {"scope": "host", "name": "encoder-2", "why": "new disks"}
    made = team("POST", "/api/v1/drains", json=said)
    assert made.status_code == 201
    assert {key: made.get_json()[key] for key in (*said, "who")} == {**said, "who": "tina"}
    assert drains.why_drained(redis, "w", "encoder-2", "encoding") == "drained by tina: new disks"
    again = callers["ada"]("POST", "/api/v1/drains", json={"scope": "host", "name": "encoder-2"}).get_json()
    assert (again["id"], again["who"]) == (made.get_json()["id"], "tina"), "the first one stays"

    redis.delete(keys.DRAINS)
    duties = rounds.build_duties(settings, JOB_TYPES, redis, nullcontext)
    next(duty for duty in duties if duty.name == "drains").do(datetime.now(UTC))
    assert drains.any_drained(redis), "the catalog remembers what Redis forgot"

    assert team("DELETE", f"/api/v1/drains/{made.get_json()['id']}").status_code == 204
    assert drains.why_drained(redis, "w", "encoder-2", "encoding") == ""
    problem(team("DELETE", "/api/v1/drains/1"), 404, "not-found")
    noted = [(row.who, row.action, row.subject) for row in Audit.select().order_by(Audit.id)]
    assert noted[-2:] == [("tina", "drain", "host encoder-2"), ("tina", "resume", "host encoder-2")]


def test_present_jobs_go_back_only_when_that_is_asked(
    callers: dict[str, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted: list[str] = []
    monkeypatch.setattr(worker_orders, "interrupt", lambda scope, name: interrupted.append(name))
    for name, said in {"one": {}, "two": {"now": False}, "three": {"now": True}}.items():
        drain = {"scope": "host", "name": name, **said}
        assert callers["tina"]("POST", "/api/v1/drains", json=drain).status_code == 201
    assert interrupted == ["three"]


def test_what_is_no_drain_is_refused(callers: dict[str, Caller]) -> None:
    for wrong in (
        {},
        {"scope": "house"},
        {"scope": "all", "name": "x"},
        {"scope": "host"},
        {"scope": "host", "name": 5},
    ):
        problem(callers["tina"]("POST", "/api/v1/drains", json=wrong), 400, "malformed")
    problem(callers["léa"]("POST", "/api/v1/drains", json={"scope": "all"}), 403, "forbidden")
