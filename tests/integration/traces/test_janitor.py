"""What the janitor does for learning traces: it orders deliveries, and tells what the platform did."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from pod_jobs.catalog import database
from pod_jobs.catalog.store import lanes, videos
from pod_jobs.janitor import traces as duties
from pod_jobs.jobs import queue
from pod_jobs.xapi.production import ATTACHED, COMPLETED, SUBMITTED, UPLOADED
from tests.integration.traces.conftest import Deliver, Site, fill
from tests.integration.xapi.strict_lrs import StrictLrs
from tests.orders import UPLOAD

Relay = Callable[[], int]


@pytest.fixture
def relay(site: Site, redis: Redis) -> Relay:
    janitor = site.settings.janitor.model_copy(update={"lost_s": 0})
    relay = duties.LaneRelay(redis, site.settings.model_copy(update={"janitor": janitor}))

    def once() -> int:
        with database.connect(site.settings.database_url).connection_context():
            return relay.relay(datetime.now(UTC) + timedelta(seconds=1))

    return once


def test_the_janitor_enqueues_a_due_lane_once(site: Site, relay: Relay, redis: Redis, deliver: Deliver) -> None:
    assert relay() == 0
    fill(site, 3)
    assert (relay(), relay()) == (2, 0)
    assert sorted(queue.positions(redis, "xapi")) == ["deliver_statements-one-0", "deliver_statements-two-0"]
    job = queue.fetch(redis, "deliver_statements-one-0")
    assert job is not None and list(job.args) == ["deliver_statements", {"lane": "one"}], (
        "no statement goes through Redis"
    )
    redis.flushall()
    assert relay() == 2, "RQ lost both"
    redis.delete("rq:queue:xapi")
    assert (relay(), relay()) == (0, 2), "their hashes are there, and no queue holds them"
    deliver()
    deliver("two")
    assert relay() == 0


def test_what_the_platform_did_arrives_as_statements(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    from pod_jobs.catalog.store import reports, tasks

    person = site.user("léa")
    now = datetime.now(UTC)
    with database.connect(site.settings.database_url).connection_context():
        video, (task,) = videos.create(person, "Été", videos.Source("a.mp4", 1), now, lambda path: None, UPLOAD)
        tasks.start(task.id, 1, tasks.Runner("w", "h", 1), now, 10)
        result = {"folder": "f", "outputs": []}
        reports.accept(task.id, reports.Report(1, "done", 1, "w", result), reports.Allowed(2, 5), now)
        assert duties.tell_events(site.settings, now, nullcontext) == 3
        assert duties.tell_events(site.settings, now, nullcontext) == 0
    deliver()
    assert {statement["verb"]["id"] for statement in lrs.statements.values()} == {UPLOADED, COMPLETED, SUBMITTED}
    assert ATTACHED not in str(lrs.statements)
    for statement in lrs.statements.values():
        assert statement["actor"]["account"]["homePage"] == "https://univ.example"
    published = next(s for s in lrs.statements.values() if s["verb"]["id"] == SUBMITTED)
    assert published["object"]["id"] == f"https://univ.example/xapi/activities/video/{video.id}"
    assert site.call("tina", "GET", "/labels").json()["statements"] == 3
    without = site.settings.model_copy(update={"xapi": replace_enabled(site)})
    with database.connect(site.settings.database_url).connection_context():
        videos.create(person, "t", videos.Source("a.mp4", 1), now, lambda path: None, UPLOAD)
        assert duties.tell_events(without, now, nullcontext) == 1, "forgotten"
        assert lanes.last_number() == 3


def replace_enabled(site: Site) -> Any:
    return site.settings.xapi.model_copy(update={"enabled": False})
