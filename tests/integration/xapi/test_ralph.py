"""Against a real Ralph, the LRS that French universities run."""

import json
import sqlite3
from collections.abc import Iterator
from uuid import uuid4

import pytest

from pod_jobs.xapi import production
from pod_jobs.xapi.delivery import Delivery, Fate, LaneState, Sendable, deliver
from pod_jobs.xapi.lrs import LrsClient
from pod_jobs.xapi.statement import Application, Frozen, accept
from tests.integration.xapi.ralph import Ralph
from tests.unit.xapi.samples import ACTOR, NOW, Statement, plain, session

pytestmark = pytest.mark.service


@pytest.fixture
def client(ralph: Ralph) -> Iterator[LrsClient]:
    client = LrsClient(ralph.endpoint())
    yield client
    client.close()


@pytest.fixture
def partial_client(partial_ralph: Ralph) -> Iterator[LrsClient]:
    client = LrsClient(partial_ralph.endpoint())
    yield client
    client.close()


def fresh(statement: Statement, **changes: object) -> Sendable:
    """`statement`, accepted under an id that no other test uses."""
    accepted = accept(statement | {"id": str(uuid4())} | changes, Application(), NOW)
    assert isinstance(accepted, Frozen)
    return Sendable(accepted.id, accepted.body, accepted.suspect)


def kept(ralph: Ralph, statements: list[Sendable]) -> list[Statement]:
    """Which of these statements the store has, by id."""
    connection = sqlite3.connect(ralph.store)
    found = {i: json.loads(body) for i, body in connection.execute("SELECT id, body FROM statement")}
    connection.close()
    return [found[statement.id] for statement in statements if statement.id in found]


def dead(delivery: Delivery) -> list[tuple[int, str]]:
    return [(i, outcome.code) for i, outcome in enumerate(delivery.outcomes) if outcome.fate is Fate.DEAD]


def test_a_session_and_what_the_platform_did_are_stored_as_they_were_frozen(ralph: Ralph, client: LrsClient) -> None:
    video = production.VideoActivity("https://univ.example", 3, "Cours n° 1", "fr")
    events = [
        production.build_uploaded(video, ACTOR, NOW),
        production.build_encoded(video, "7-g1", True, 75.5, NOW),
        production.build_transcribed(video, "7-g1", "fr", NOW),
        production.build_published(video, "7-g1", NOW),
    ]
    statements = [fresh(statement) for statement in [*session(), *events]]
    delivery = deliver(statements, client)
    assert (delivery.lane, delivery.requests, dead(delivery)) == (LaneState.OPEN, 1, [])
    for ours, theirs in zip(statements, kept(ralph, statements), strict=True):
        added = {"stored", "authority"}
        assert {name: value for name, value in theirs.items() if name not in added} == json.loads(ours.body)


def test_a_resend_is_stored_once(ralph: Ralph, client: LrsClient) -> None:
    statements = [fresh(plain()) for _ in range(20)]
    for _ in range(3):
        delivery = deliver(statements, client)
        assert (delivery.lane, delivery.requests) == (LaneState.OPEN, 1)
    more = [*statements[10:], *(fresh(plain()) for _ in range(5))]
    assert deliver(more, client).requests == 1
    assert len(kept(ralph, [*statements, *more[10:]])) == 25


def test_one_that_ralph_refuses_in_a_hundred(ralph: Ralph, client: LrsClient) -> None:
    statements = [fresh(plain(), **({"actor": {"name": "nobody"}} if i == 71 else {})) for i in range(100)]
    assert statements[71].suspect
    delivery = deliver(statements, client)
    assert (dead(delivery), delivery.lane) == ([(71, "rejected")], LaneState.OPEN)
    assert delivery.requests <= 15
    assert len(kept(ralph, statements)) == 99


def test_another_statement_under_a_used_id(client: LrsClient) -> None:
    statements = [fresh(plain()) for _ in range(10)]
    deliver(statements, client)
    changed = fresh(plain(result={"success": True}), id=statements[4].id)
    statements[4] = Sendable(statements[4].id, changed.body.replace(changed.id.encode(), statements[4].id.encode()))
    delivery = deliver(statements, client)
    assert (dead(delivery), delivery.lane) == ([(4, "conflict")], LaneState.OPEN)


def test_partial_success(partial_ralph: Ralph, partial_client: LrsClient) -> None:
    statements = [fresh(plain(), **({"actor": {"name": "nobody"}} if i == 7 else {})) for i in range(10)]
    for requests in (2, None):
        delivery = deliver(statements, partial_client)
        assert (dead(delivery), delivery.lane) == ([(7, "rejected")], LaneState.OPEN)
        assert delivery.requests == requests or requests is None
    good = statements[:7] + statements[8:]
    assert deliver(good, partial_client).requests == 1
    assert len(kept(partial_ralph, good)) == 9


def test_a_wrong_password(ralph: Ralph) -> None:
    endpoint = ralph.endpoint()
    client = LrsClient(type(endpoint)(endpoint.url, endpoint.login, "wrong"))
    delivery = deliver([fresh(plain())], client)
    assert (delivery.lane, delivery.outcomes[0].fate) == (LaneState.STOPPED, Fate.LATER)
    client.close()
