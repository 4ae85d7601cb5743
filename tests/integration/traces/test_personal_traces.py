"""One person's data: exported, erased, voided, and what an opt-out leaves."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis import Redis

from pod_jobs.catalog import database
from pod_jobs.catalog.store import instance, lanes, personal_traces, statements, users
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.catalog.trace_models import Statement, Straggler
from pod_jobs.errors import Refused
from pod_jobs.instance import learning_traces
from pod_jobs.janitor import traces as janitor
from pod_jobs.settings import Settings, load
from pod_jobs.xapi.actors import build_actor, pseudonym
from pod_jobs.xapi.statement import canonical
from pod_jobs.xapi.validity import VOIDED
from tests.integration.traces.conftest import Deliver, Site
from tests.integration.xapi.strict_lrs import StrictLrs
from tests.unit.xapi.samples import numbered


def watch(site: Site, who: str, *numbers: int) -> list[str]:
    """Statements of a person; returns their ids."""
    raws: list[dict[str, Any]] = [numbered(number) for number in numbers]
    for raw in raws:
        del raw["actor"]
    return [entry["id"] for entry in site.send(*raws, who=who)]


def exported(site: Site, who: str) -> list[str]:
    with database.connect(site.settings.database_url).connection_context():
        marks = learning_traces.marks_of(site.settings, users.find(who))
        return [json.loads(row.body)["id"] for row in personal_traces.of_person(marks)]


def erase(site: Site, who: str, settings: Settings | None = None) -> int:
    with database.connect(site.settings.database_url).connection_context():
        return learning_traces.erase(settings or site.settings, users.find(who), datetime.now(UTC))


def test_an_export_has_all_of_one_person_and_nothing_of_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal_traces, "CHUNK", 2)
    own, others = watch(site, "léa", 1, 2, 3, 4, 5), watch(site, "max", 6)
    assert (exported(site, "léa"), exported(site, "max")) == (own, others)


def test_what_is_erased_is_gone_with_its_pseudonym(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    lrs.refuses = lambda statement: True
    own = watch(site, "léa", 1, 2)
    others = watch(site, "max", 3)
    before = site.user("léa")
    assert erase(site, "léa") == 2
    assert (exported(site, "léa"), exported(site, "max")) == ([], others)
    assert site.user("léa").uuid != before.uuid
    assert learning_traces.actor_of(site.settings, site.user("léa")) != learning_traces.actor_of(site.settings, before)
    lrs.refuses = lambda statement: False
    deliver(times=2)
    assert set(lrs.statements) == set(others), "what still waited is not sent"
    assert own
    again = watch(site, "léa", 1)
    assert exported(site, "léa") == again, "the person can go on under another pseudonym"


def test_record_stores_are_told_to_void_what_they_have(
    site: Site, deliver: Deliver, lrs: StrictLrs, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = watch(site, "léa", 1, 2)
    deliver()
    waiting = watch(site, "léa", 3)
    monkeypatch.setenv("POD_JOBS_XAPI__VOID_ERASED", "true")
    assert erase(site, "léa", load(site.settings.home)) == 3
    deliver(times=2)
    voids = [one for one in lrs.statements.values() if one["verb"]["id"] == VOIDED]
    assert sorted(one["object"]["id"] for one in voids) == sorted(own)
    assert waiting[0] not in lrs.statements
    assert "léa" not in json.dumps(voids, ensure_ascii=False)


def test_nothing_is_erased_while_it_may_be_on_its_way(site: Site) -> None:
    own = watch(site, "léa", 1)
    with database.connect(site.settings.database_url).connection_context():
        lanes.claim("one", "w", 90, datetime.now(UTC))
    with pytest.raises(Refused) as refused:
        erase(site, "léa")
    assert refused.value.code == "lane-busy" and exported(site, "léa") == own


def test_dead_letters_of_the_person_are_erased_too(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    [bad, _] = watch(site, "léa", 1, 2)
    lrs.refuses = lambda statement: statement["id"] == bad
    deliver()
    assert site.lanes()["one"].dead == 1
    erase(site, "léa")
    with database.connect(site.settings.database_url).connection_context():
        assert (Straggler.select().count(), Statement.select().count()) == (0, 0)


def test_traces_are_found_after_the_settings_of_actors_were_changed(site: Site) -> None:
    """Each of these was the actor of léa under other settings; Max has nothing to do with them."""
    user, settings = site.user("léa"), site.settings
    former = "https://former.example"
    with database.connect(settings.database_url).connection_context():
        instance.remember_home_page(former)
        now = datetime.now(UTC)
        key = settings.secret(learning_traces.KEY).encode()
        present = settings.xapi_home_page
        accounts = [(present, "léa"), (former, "léa"), (former, user.uuid), (former, pseudonym(key, UUID(user.uuid)))]
        others = [("https://moodle.example", "léa"), (present, "Léa"), (former, "max")]
        for number, (page, name) in enumerate([*accounts, *others]):
            body = canonical({**numbered(number), "actor": build_actor(page, name)}).decode()
            statements.add([NewStatement(str(uuid4()), body, "v", None, (), False, of_profile=False)], (), now)
        assert len(list(personal_traces.of_person(learning_traces.marks_of(settings, user)))) == len(accounts)
        before = user.created_at - timedelta(days=1)  # somebody else had this name then
        Statement.update(received_at=before).where(Statement.body.contains(former)).execute()
        assert learning_traces.erase(settings, user, now) == 3
        assert [row.number for row in Statement.select()] == [2, 5, 6, 7]


def test_an_erasure_that_is_asked_for_while_a_lane_is_worked_is_carried_out_later(site: Site, redis: Redis) -> None:
    own = watch(site, "léa", 1)
    now, later = datetime.now(UTC), datetime.now(UTC) + timedelta(seconds=100)
    with database.connect(site.settings.database_url).connection_context():
        lanes.claim("one", "w", 90, now)
        personal_traces.order_erasure(site.user("léa"), now)
        assert janitor.erase_ordered(site.settings, now, nullcontext) == 0
        assert janitor.LaneRelay(redis, site.settings).relay(later) == 0, "or a lane would be worked all the time"
    assert exported(site, "léa") == own
    with database.connect(site.settings.database_url).connection_context():
        assert janitor.erase_ordered(site.settings, later, nullcontext) == 1
        assert personal_traces.ordered_erasures() == [] and Statement.select().count() == 0
