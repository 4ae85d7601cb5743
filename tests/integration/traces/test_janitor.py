"""What the janitor does for learning traces: it orders deliveries, and tells what the platform did."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from pod_jobs.catalog import database
from pod_jobs.catalog.store import lanes, statements, videos
from pod_jobs.catalog.trace_models import Statement
from pod_jobs.instance import learning_traces
from pod_jobs.janitor import traces as duties
from pod_jobs.jobs import queue
from pod_jobs.xapi.actors import build_actor
from pod_jobs.xapi.production import ATTACHED, COMPLETED, SUBMITTED, UPLOADED
from tests.integration.traces.conftest import Deliver, Site, fill
from tests.integration.xapi.strict_lrs import StrictLrs
from tests.orders import UPLOAD
from tests.unit.xapi import samples

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


def end_silent(site: Site, hours: float) -> None:
    """Do the duty, so many hours from now."""
    then = datetime.now(UTC) + timedelta(hours=hours)
    with database.connect(site.settings.database_url).connection_context():
        list(duties.end_silent_sessions(site.settings, then, nullcontext))


def verbs_of(site: Site, registration: str) -> list[str]:
    with database.connect(site.settings.database_url).connection_context():
        return [row.verb.rpartition("/")[2] for row in statements.of_registration(registration)]


def test_a_session_that_was_silent_for_a_day_is_ended_once(site: Site) -> None:
    person = site.user("max")
    said = samples.session()
    for one in said:
        del one["actor"]
    registration = said[0]["context"]["registration"]
    site.send(*said[:2], who="max")
    end_silent(site, 23)
    assert verbs_of(site, registration) == ["initialized", "played"]
    end_silent(site, 25)
    end_silent(site, 26)
    assert verbs_of(site, registration) == ["initialized", "played", "paused", "terminated"]
    assert learning_traces.actor_of(site.settings, person)["account"]["name"] in last_body(site)
    *_, late = site.call("max", "POST", "/statements", json=said[-2:]).json()["statements"]
    assert late["accepted"] is False and late["problem"]["status"] == 409, "its page came back after all"
    assert verbs_of(site, registration).count("terminated") == 1


def test_who_opted_out_and_other_programs_are_left_alone(site: Site) -> None:
    said = samples.session()[:2]
    elsewhere = "https://moodle.example"
    foreign = [{**one, "actor": build_actor(elsewhere, "7")} for one in said]
    site.send(*foreign)
    registration = str(uuid4())
    own = [{**one, "context": {**one["context"], "registration": registration}} for one in said]
    for one in own:
        del one["actor"]
    site.send(*own, who="max")
    with database.connect(site.settings.database_url).connection_context():
        statements.opt_out(site.user("max"), True, datetime.now(UTC))
    end_silent(site, 25)
    assert verbs_of(site, samples.REGISTRATION) == ["initialized", "played"]
    assert verbs_of(site, registration) == ["initialized", "played"]


def last_body(site: Site) -> str:
    with database.connect(site.settings.database_url).connection_context():
        return str(Statement.select().order_by(Statement.number.desc()).get().body)


def replace_enabled(site: Site) -> Any:
    return site.settings.xapi.model_copy(update={"enabled": False})
