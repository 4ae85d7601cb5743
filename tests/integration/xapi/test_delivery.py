"""A batch and an LRS in every mood: what becomes of each statement, and how many requests it takes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pod_jobs.xapi.delivery import (
    CONFIRM_TRIES,
    POISON_UPSETS,
    RESETS_BEFORE_CUT,
    Delivery,
    Fate,
    LaneState,
    Sendable,
    deliver,
)
from pod_jobs.xapi.lrs import Answer, FoundStatement, LrsClient, Misconfigured, Transient, classify_get, classify_post
from pod_jobs.xapi.statement import canonical
from tests.integration.xapi.strict_lrs import LOSE_ANSWER, RESET, Mischief, StrictLrs
from tests.servers import wait_until
from tests.unit.xapi.samples import Statement, numbered

POISON = "https://univ.example/poison"


def sendable(statement: Statement, **known: Any) -> Sendable:
    return Sendable(statement["id"], canonical(statement), **known)


def batch(*bad: int, size: int = 100, **changes: Any) -> list[Sendable]:
    """`size` statements; those at the indexes `bad` are invalid."""
    return [sendable(numbered(i, **(changes if i in bad else {}))) for i in range(size)]


def upset(statements: Sequence[Sendable], upsets: int = POISON_UPSETS) -> list[Sendable]:
    return [replace(statement, upsets=upsets) for statement in statements]


def ids(delivery: Delivery, fate: Fate) -> list[str]:
    return [outcome.id for outcome in delivery.outcomes if outcome.fate is fate]


def places(delivery: Delivery, fate: Fate) -> list[int]:
    return [i for i, outcome in enumerate(delivery.outcomes) if outcome.fate is fate]


def is_poison(statement: dict[str, Any]) -> bool:
    return bool(statement["object"]["id"] == POISON)


def test_a_good_batch_takes_one_request(client: LrsClient, lrs: StrictLrs) -> None:
    delivery = deliver(batch(), client)
    assert len(ids(delivery, Fate.STORED)) == len(lrs.statements) == 100
    assert (delivery.lane, delivery.requests, delivery.reason) == (LaneState.OPEN, 1, "")


def test_nothing_to_deliver(client: LrsClient) -> None:
    assert deliver([], client) == Delivery((), LaneState.OPEN, "", None, 0)


@pytest.mark.parametrize("place", [0, 37, 63, 99])
def test_one_bad_in_a_hundred(client: LrsClient, lrs: StrictLrs, place: int) -> None:
    delivery = deliver(batch(place, result={"success": "true"}), client)
    assert places(delivery, Fate.DEAD) == [place]
    assert len(lrs.statements) == 99
    assert delivery.outcomes[place].code == "rejected"
    assert delivery.outcomes[place].reason.startswith("400 ")
    assert delivery.lane is LaneState.OPEN
    assert delivery.requests <= 15


def test_one_too_large(client: LrsClient, lrs: StrictLrs) -> None:
    lrs.max_bytes = 40_000
    delivery = deliver(batch(5, result={"response": "x" * 50_000}), client)
    assert [(delivery.outcomes[i].code, i) for i in places(delivery, Fate.DEAD)] == [("too-large", 5)]
    assert len(lrs.statements) == 99


def test_a_smaller_limit_than_ours_costs_requests_not_statements(client: LrsClient, lrs: StrictLrs) -> None:
    lrs.max_bytes = 10_000
    assert len(ids(deliver(batch(), client), Fate.STORED)) == 100


@pytest.mark.parametrize("resend_status", [200, 204, 409])
def test_a_lost_answer_makes_no_double_and_no_dead_letter(
    client: LrsClient, lrs: StrictLrs, resend_status: int
) -> None:
    lrs.resend_status = resend_status
    lrs.mischief.append(LOSE_ANSWER)
    first = deliver(batch(), client)
    assert (first.lane, len(ids(first, Fate.LATER))) == (LaneState.HOLD, 100)
    again = deliver(batch(), client)
    assert (again.lane, len(ids(again, Fate.STORED))) == (LaneState.OPEN, 100)
    assert again.requests == (101 if resend_status == 409 else 1)


def test_a_batch_that_mixes_old_and_new(client: LrsClient, lrs: StrictLrs) -> None:
    deliver(batch()[30:60], client)
    delivery = deliver(batch(), client)
    assert len(ids(delivery, Fate.STORED)) == len(lrs.statements) == 100
    assert delivery.requests < 75


def test_another_statement_under_the_same_id(client: LrsClient, lrs: StrictLrs) -> None:
    deliver(batch(42, result={"success": False})[42:43], client)
    delivery = deliver(batch(), client)
    assert [(i, delivery.outcomes[i].code) for i in places(delivery, Fate.DEAD)] == [(42, "conflict")]
    assert len(ids(delivery, Fate.STORED)) == 99
    assert delivery.requests <= 40
    assert lrs.statements[numbered(42)["id"]]["result"] == {"success": False}


@pytest.mark.parametrize("place", [0, 50, 99])
def test_partial_success(client: LrsClient, lrs: StrictLrs, place: int) -> None:
    lrs.partial = True
    statements = batch(place, result={"success": "true"})
    delivery = deliver(statements, client)
    assert (places(delivery, Fate.DEAD), delivery.requests) == ([place], 2)
    assert len(ids(delivery, Fate.STORED)) == len(lrs.statements) == 99
    good = statements[:place] + statements[place + 1 :]
    assert deliver(good, client).requests == 1, "all there already is a 400 that means stored"
    again = deliver(statements, client)
    assert places(again, Fate.DEAD) == [place]
    assert len(ids(again, Fate.STORED)) == 99


@pytest.mark.parametrize(
    ("mischief", "wait_s"),
    [
        (Mischief(status=429, headers=(("Retry-After", "7"),)), 7),
        (Mischief(status=503, headers=(("Retry-After", "Sun, 01 Mar 2020 11:00:00 GMT"),)), 0),
        (Mischief(status=503), None),
        (RESET, None),
    ],
)
def test_an_lrs_that_is_busy_or_away(
    client: LrsClient, lrs: StrictLrs, mischief: Mischief, wait_s: float | None
) -> None:
    lrs.mischief.append(mischief)
    delivery = deliver(batch(), client)
    assert (delivery.lane, delivery.wait_s, delivery.requests) == (LaneState.HOLD, wait_s, 1)
    assert len(ids(delivery, Fate.LATER)) == 100


def test_what_was_stored_before_the_lrs_went_away_stays_stored(client: LrsClient, lrs: StrictLrs) -> None:
    lrs.mischief += [Mischief(), Mischief(), Mischief(status=503)]  # the whole is refused, the first half passes
    delivery = deliver(batch(99, result={"success": "true"}), client)
    assert places(delivery, Fate.STORED) == list(range(50)) == sorted(places(delivery, Fate.STORED))
    assert places(delivery, Fate.LATER) == list(range(50, 100))
    assert delivery.lane is LaneState.HOLD


@pytest.mark.parametrize(
    "change",
    [
        lambda lrs: {"password": "wrong"},
        lambda lrs: {"url": lrs.url + "/"},
        lambda lrs: {"version": "2.0.0"},
        lambda lrs: {"url": lrs.url.replace("http:", "https:")},
    ],
    ids=["password", "address", "version", "tls"],
)
def test_a_wrong_set_up_kills_nothing_and_recovers_by_itself(
    lrs: StrictLrs, change: Callable[[StrictLrs], Any]
) -> None:
    wrong, right = LrsClient(lrs.endpoint(**change(lrs))), LrsClient(lrs.endpoint())
    suspects = [
        replace(statement, suspect=True) for statement in batch(*range(10), size=10, result={"success": "true"})
    ]
    for statements in (batch(), batch(3, size=5, result={"success": "true"}), suspects, batch(size=1)):
        delivery = deliver(statements, wrong)
        assert delivery.lane is LaneState.STOPPED
        assert delivery.reason
        assert len(ids(delivery, Fate.LATER)) == len(statements)
    assert len(ids(deliver(batch(), right), Fate.STORED)) == 100
    wrong.close()
    right.close()


def test_a_bad_one_alone_is_no_proof_against_it(client: LrsClient, lrs: StrictLrs) -> None:
    bad = sendable(numbered(0, result={"success": "true"}))
    alone = deliver([bad], client)
    assert (alone.lane, alone.outcomes[0].fate) == (LaneState.STOPPED, Fate.LATER)
    delivery = deliver([bad, sendable(numbered(1))], client)
    assert [outcome.fate for outcome in delivery.outcomes] == [Fate.DEAD, Fate.STORED]


def test_a_suspect_alone_is_dead_when_the_lrs_understands_us(client: LrsClient, lrs: StrictLrs) -> None:
    suspects = [sendable(numbered(i, result={"success": "true"}), suspect=True) for i in range(2)]
    delivery = deliver(suspects, client)
    assert [outcome.code for outcome in delivery.outcomes] == ["rejected", "rejected"]
    assert delivery.lane is LaneState.OPEN


def test_an_upset_lrs_is_left_alone_until_others_passed(client: LrsClient, lrs: StrictLrs) -> None:
    lrs.upset_by = is_poison
    statements = batch(10, object={"id": POISON})
    delivery = deliver(upset(statements, POISON_UPSETS - 1), client)
    assert (delivery.requests, delivery.lane) == (1, LaneState.HOLD)
    assert {outcome.code for outcome in delivery.outcomes} == {"server-error"}
    delivery = deliver(upset(statements), client)
    assert [(i, delivery.outcomes[i].code) for i in places(delivery, Fate.DEAD)] == [(10, "poison")]
    assert len(lrs.statements) == 99
    assert delivery.requests <= 15


def test_poison_alone_in_its_batch(client: LrsClient, lrs: StrictLrs) -> None:
    lrs.upset_by = is_poison
    [outcome] = deliver(upset(batch(0, size=1, object={"id": POISON})), client).outcomes
    assert (outcome.fate, outcome.code) == (Fate.DEAD, "poison")


@pytest.mark.parametrize("size", [2, 5, 100])
def test_an_lrs_that_is_all_upset_is_no_poison(client: LrsClient, lrs: StrictLrs, size: int) -> None:
    lrs.upset_by = lambda statement: True
    delivery = deliver(upset(batch(size=size)), client)
    assert delivery.lane is LaneState.HOLD
    assert len(ids(delivery, Fate.LATER)) == size
    assert delivery.requests <= 15


@pytest.mark.parametrize("status", [403, 200, 302, 404, 405, 418])
def test_a_firewall_that_dislikes_a_word_loses_that_statement_only(
    client: LrsClient, lrs: StrictLrs, status: int
) -> None:
    lrs.forbidden, lrs.blocked_status = b"UNION SELECT", status
    delivery = deliver(batch(7, result={"response": "UNION SELECT"}, size=60), client)
    assert [(i, delivery.outcomes[i].code) for i in places(delivery, Fate.DEAD)] == [(7, "rejected")]
    assert (delivery.lane, len(lrs.statements)) == (LaneState.OPEN, 59)


@pytest.mark.parametrize("status", [403, 200, 302, 404, 405])
def test_a_login_that_may_read_but_not_write_kills_nothing(client: LrsClient, lrs: StrictLrs, status: int) -> None:
    lrs.forbidden, lrs.blocked_status = b"verb", status
    delivery = deliver(batch(size=10), client)
    assert (delivery.lane, len(ids(delivery, Fate.LATER))) == (LaneState.STOPPED, 10)
    if status == 403:  # it is less clear with a 403, and the LRS has understood the question
        return
    suspects = [replace(statement, suspect=True) for statement in batch(size=10)]
    delivery = deliver(suspects, client)
    assert (delivery.lane, len(ids(delivery, Fate.LATER))) == (LaneState.STOPPED, 10)


def test_a_road_that_cuts_large_bodies_is_taken_in_small_steps(client: LrsClient, lrs: StrictLrs) -> None:
    lrs.cut_bytes = 20_000
    statements = batch(5, result={"response": "x" * 30_000})
    assert deliver(statements, client).lane is LaneState.HOLD, "it may be a line that is down"
    delivery = deliver(statements, client, failures=RESETS_BEFORE_CUT)
    assert (delivery.lane, len(lrs.statements)) == (LaneState.OPEN, 99)
    assert [(i, delivery.outcomes[i].code) for i in places(delivery, Fate.LATER)] == [(5, "reset")]
    tired = [replace(one, tries=CONFIRM_TRIES) for one in statements]
    assert [delivery.outcomes[i].fate for i in (4, 5)] == [Fate.STORED, Fate.LATER]
    assert deliver(tired, client, failures=RESETS_BEFORE_CUT).outcomes[5].fate is Fate.DEAD


def test_a_line_that_is_down_is_not_taken_for_a_large_body(client: LrsClient, lrs: StrictLrs) -> None:
    lrs.mischief += [RESET] * 20
    delivery = deliver(batch(), client, failures=RESETS_BEFORE_CUT)
    assert (delivery.lane, len(ids(delivery, Fate.LATER))) == (LaneState.HOLD, 100)
    assert delivery.requests <= 2


@pytest.mark.parametrize("status", [201, 202])
def test_an_unusual_success_is_a_success(client: LrsClient, lrs: StrictLrs, status: int) -> None:
    lrs.stored_status = status
    delivery = deliver(batch(), client)
    assert (delivery.lane, len(ids(delivery, Fate.STORED)), delivery.requests) == (LaneState.OPEN, 100, 3)


def test_what_is_accepted_and_not_there_yet_is_waited_for(client: LrsClient, lrs: StrictLrs) -> None:
    lrs.mischief.append(Mischief(status=202))
    delivery = deliver(batch(), client)
    assert (delivery.lane, delivery.may_still_work) == (LaneState.HOLD, True)
    assert len(ids(delivery, Fate.LATER)) == 100


def test_after_a_slow_answer_the_ids_are_asked_for_before_anything_is_sent_again(lrs: StrictLrs) -> None:
    lrs.mischief.append(Mischief(wait_s=0.6))  # it stores after all, when the client has given up
    client = LrsClient(lrs.endpoint(read_timeout_s=0.3))
    first = deliver(batch(), client)
    assert (first.lane, first.may_still_work) == (LaneState.HOLD, True)
    wait_until(lambda: len(lrs.statements) == 100, what="the LRS has worked it off")
    again = deliver(batch(), client, failures=1)
    assert len(ids(again, Fate.STORED)) == 100
    assert lrs.count("POST") == 1
    client.close()


@pytest.mark.parametrize("status", [403, 501])
def test_where_one_may_write_but_not_read_delivery_goes_on_after_a_failure(
    client: LrsClient, lrs: StrictLrs, status: int
) -> None:
    lrs.mischief.append(Mischief(status=status))  # the question for an id
    delivery = deliver(batch(), client, failures=1)
    assert (delivery.lane, len(lrs.statements)) == (LaneState.OPEN, 100)


def test_a_wrong_password_is_not_tried_a_second_time_after_a_failure(client: LrsClient, lrs: StrictLrs) -> None:
    lrs.mischief.append(Mischief(status=401))
    delivery = deliver(batch(), client, failures=1)
    assert (delivery.lane, delivery.requests, len(lrs.statements)) == (LaneState.STOPPED, 1, 0)


class Direct:
    """The strict LRS without a network, for many runs."""

    def __init__(self, lrs: StrictLrs) -> None:
        self.lrs = lrs
        self.sent: list[bytes] = []

    def post_statements(self, bodies: Sequence[bytes]) -> Answer:
        self.sent += bodies
        status, content = self.lrs.post(b"[" + b",".join(bodies) + b"]")
        return classify_post(status, {}, content)

    def fetch_statement(self, statement_id: str) -> FoundStatement | Transient | Misconfigured:
        status, content = self.lrs.get(statement_id)
        return classify_get(status, {}, content)

    def lists_statements(self) -> bool:
        return True


def test_a_conflict_that_the_lrs_cannot_explain_ends_some_day() -> None:
    class Forgetful(Direct):
        def fetch_statement(self, statement_id: str) -> FoundStatement:
            return FoundStatement(None)

    lrs = Forgetful(StrictLrs())
    deliver(batch(size=1), lrs)
    delivery = deliver(batch(size=3), lrs)
    assert [outcome.fate for outcome in delivery.outcomes] == [Fate.LATER, Fate.STORED, Fate.STORED]
    [outcome] = deliver([replace(batch(size=1)[0], tries=CONFIRM_TRIES)], lrs).outcomes
    assert (outcome.fate, outcome.code) == (Fate.DEAD, "conflict")


def test_who_lost_the_lease_sends_nothing_more() -> None:
    class LeaseLost(Exception):
        pass

    def check() -> None:
        left.pop()
        if not left:
            raise LeaseLost

    left, lrs = [1, 1, 1], Direct(StrictLrs())
    with pytest.raises(LeaseLost):
        deliver(batch(0, 99, result={"success": "true"}), lrs, check)
    assert len(lrs.sent) == 150, "the whole and one half"


KINDS = st.lists(st.sampled_from(["new", "new", "new", "there", "differs", "bad", "poison"]), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(KINDS, st.sampled_from([200, 204, 409]), st.booleans())
def test_each_statement_gets_what_it_deserves(kinds: list[str], resend_status: int, partial: bool) -> None:
    lrs = StrictLrs(resend_status=resend_status, partial=partial, upset_by=is_poison)
    statements = []
    for i, kind in enumerate(kinds):
        changes: dict[str, Any] = {"bad": {"result": {"success": 1}}, "poison": {"object": {"id": POISON}}}
        statement = numbered(i, **changes.get(kind, {}))
        if kind in ("there", "differs"):
            there = statement if kind == "there" else statement | {"result": {"success": True}}
            lrs.statements[statement["id"]] = {**there, "stored": "2026-03-01T12:00:00Z"}
        statements.append(sendable(statement))
    before = dict(lrs.statements)
    delivery = deliver(upset(statements), Direct(lrs))
    passed = any(kind in ("new", "there") for kind in kinds)
    deserved = {"new": Fate.STORED, "there": Fate.STORED, "differs": Fate.DEAD, "bad": Fate.DEAD, "poison": Fate.DEAD}
    if passed and kinds.count("poison") <= 3:  # of very many, it gives up for now
        assert delivery.lane is LaneState.OPEN
        assert [outcome.fate for outcome in delivery.outcomes] == [deserved[kind] for kind in kinds]
    for kind, outcome in zip(kinds, delivery.outcomes, strict=True):
        assert outcome.fate is not Fate.STORED or outcome.id in lrs.statements
        assert outcome.fate is not Fate.DEAD or kind in ("differs", "bad", "poison")
    assert before.items() <= lrs.statements.items(), "what was there is unchanged"
