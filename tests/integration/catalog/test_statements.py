"""Statements and lanes as the catalog keeps them, on all three databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from peewee import Database

from pod_jobs.catalog.lane_filter import LaneFilter
from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import dead_letters, events, lanes, reports, statements, tasks, videos
from pod_jobs.catalog.store.lane_sizes import sizes
from pod_jobs.catalog.store.lanes import VOIDED, Leftover, Settlement
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.catalog.trace_models import Lane, Statement, Straggler
from pod_jobs.errors import NotFound, Refused, Superseded
from pod_jobs.settings.xapi import LaneSettings
from pod_jobs.xapi.profile import COMPLETED, PLAYED
from tests.integration.catalog.conftest import NOW, later
from tests.orders import UPLOAD, encode

LEASE_S = 90.0
VERB = "https://w3id.org/xapi/video/verbs/played"

ALLOWED = reports.Allowed(deaths=2, losses=5)


def new(index: int, **changes: Any) -> NewStatement:
    one = NewStatement(
        id=str(UUID(int=index, version=4)),
        body=f'{{"id":{index},"é":"🎓"}}',
        verb=VERB,
        registration=None,
        labels=(),
        suspect=False,
        of_profile=True,
    )
    return replace(one, **changes)


def add(*indexes: int, seconds: float = 0, lane_names: tuple[str, ...] = ("ralph",)) -> None:
    statements.add([new(index) for index in indexes], lane_names, later(seconds))


def fetched(limit: int = 500, seconds: float = 60) -> list[int]:
    return [parcel.number for parcel in lanes.fetch("ralph", limit, 2.0, later(seconds))]


def settle(fence: int, seconds: float = 60, **said: Any) -> None:
    said = {"through": 0, "stored": 0, **said}
    lanes.settle("ralph", Settlement(fence=fence, **said), LEASE_S, later(seconds))


def lane() -> Lane:
    found: Lane = Lane.get(Lane.name == "ralph")
    return found


@pytest.fixture
def fence(catalog: Database) -> int:
    """Ten statements, and a claimed lane."""
    add(*range(1, 11))
    return lanes.claim("ralph", "xapi.host.1", LEASE_S, later(60))


def test_statements_keep_their_bytes_and_get_rising_numbers(catalog: Database) -> None:
    add(5, 4)
    add(3, seconds=1)
    assert [(row.number, row.id[:8], row.body) for row in Statement.select().order_by(Statement.number)] == [
        (n, new(i).id[:8], new(i).body) for n, i in ((1, 5), (2, 4), (3, 3))
    ]


def test_an_id_in_use_is_given_back_and_changes_nothing(catalog: Database) -> None:
    add(1, 2)
    known = statements.add([new(2, body="other"), new(3)], ["ralph"], NOW)
    assert known == {new(2).id: new(2).body}
    assert lanes.last_number() == 3
    assert statements.add([new(3)], ["ralph"], NOW) == {new(3).id: new(3).body}
    assert lanes.last_number() == 3


def test_numbers_have_no_gap_whoever_writes(catalog: Database) -> None:
    def write(writer: int) -> None:
        with catalog.connection_context():
            for start in range(0, 40, 4):
                first = 1000 * writer + start
                statements.add([new(first + i, labels=("range",)) for i in range(1, 5)], ["ralph"], NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    statements.add([new(9000)], ["ralph"], NOW)
    numbers = [row.number for row in Statement.select(Statement.number).order_by(Statement.number)]
    assert numbers == list(range(1, 162))
    counts = {(row.verb, row.label): row.statements for row in statements.label_counts("2026-01-01")}
    assert counts == {(VERB, ""): 161, (VERB, "range"): 160, (VERB, "conform"): 1}


def test_a_lane_begins_with_the_first_statement_after_its_configuration(catalog: Database) -> None:
    add(1, 2, lane_names=())
    add(3)
    lanes.claim("ralph", "w", LEASE_S, later(60))
    assert fetched() == [3]


def test_few_statements_wait_and_many_do_not(catalog: Database) -> None:
    add(1)
    assert lanes.due(["ralph"], 2.0, later(1)) == []
    assert lanes.due(["ralph"], 2.0, later(2)) == [("ralph", 0)]
    add(*range(2, 102), seconds=1)
    assert lanes.due(["ralph", "other"], 200.0, later(1)) == [("ralph", 0)]
    assert len(fetched(seconds=1)) == 101


def test_what_a_worker_has_in_hand_is_not_given_again(fence: int) -> None:
    later_ones = tuple(Leftover(number, "later", "", "") for number in (1, 2, 3))
    settle(fence, through=4, stored=1, leftovers=later_ones, limit=3)
    assert fetched(limit=5) == [1, 2, 3, 5, 6]
    in_hand = [parcel.number for parcel in lanes.fetch("ralph", 2, 2.0, later(60), in_hand=(1, 3, 5, 6))]
    assert in_hand == [2, 7]
    assert lanes.fetch("ralph", 9, 2.0, later(60), in_hand=range(1, 11)) == []


def test_one_worker_at_a_time(fence: int) -> None:
    with pytest.raises(Refused):
        lanes.claim("ralph", "xapi.host.2", LEASE_S, later(149))
    assert lanes.due(["ralph"], 2.0, later(149)) == []
    lanes.renew("ralph", fence, LEASE_S, later(149))
    with pytest.raises(Refused):
        lanes.claim("ralph", "xapi.host.2", LEASE_S, later(151))
    assert lanes.claim("ralph", "xapi.host.2", LEASE_S, later(240)) == fence + 1
    for act in (
        lambda: settle(fence, through=10, stored=10),
        lambda: lanes.renew("ralph", fence, LEASE_S, later(241)),
    ):
        with pytest.raises(Superseded):
            act()
    assert lane().cursor == 0
    with pytest.raises(NotFound):
        lanes.claim("nowhere", "w", LEASE_S, NOW)


def test_only_one_of_many_claims_wins(catalog: Database) -> None:
    add(1)

    def try_it(worker: int) -> int:
        with catalog.connection_context():
            try:
                return lanes.claim("ralph", f"w{worker}", LEASE_S, later(60))
            except Refused:
                return 0

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(try_it, range(8))) == [0] * 7 + [1]


def test_what_was_stored_is_not_fetched_again(fence: int) -> None:
    assert fetched(4) == [1, 2, 3, 4]
    settle(fence, through=4, stored=4, limit=4)
    assert fetched(4) == [5, 6, 7, 8]
    settle(fence, through=10, stored=6)
    assert (fetched(), lane().stored, lane().lease_until) == ([], 10, None)
    assert lane().last_stored_at == later(60)
    assert dead_letters.overview(["ralph"], later(61))[0].per_minute[-2:] in ([0, 10], [10, 0])


def test_dead_letters_are_shown_sent_again_and_dropped(fence: int) -> None:
    bad = (Leftover(3, "dead", "rejected", "x" * 900), Leftover(7, "dead", "conflict", "409"))
    settle(fence, through=10, stored=8, leftovers=bad)
    assert [(row.number, len(row.reason)) for row, _ in dead_letters.dead_letters("ralph", 10)] == [(7, 3), (3, 500)]
    [sight] = dead_letters.overview(["ralph"], later(61))
    assert (sight.waiting, sight.dead, sight.oldest_at) == (0, 2, None)
    assert fetched() == []
    assert dead_letters.resend("ralph", [3], later(62)) == 1
    assert lanes.due(["ralph"], 2.0, later(62)) == [("ralph", fence)]
    assert fetched(seconds=62) == [3]
    [sight] = dead_letters.overview(["ralph"], later(63))
    assert (sight.waiting, sight.dead, sight.oldest_at) == (1, 1, NOW)
    again = lanes.claim("ralph", "w", LEASE_S, later(63))
    settle(again, 63, stored=1, gone=(3,))
    assert dead_letters.drop("ralph", None, later(64)) == 1
    assert (dead_letters.resend("ralph", None, later(64)), dead_letters.drop("ralph", None, later(64))) == (0, 0)
    with pytest.raises(NotFound):
        dead_letters.resend("ralph", [7], later(64))
    assert Straggler.select().count() == 0


def test_one_that_has_to_wait_is_tried_again_later_and_later(fence: int) -> None:
    left = (Leftover(3, "later", "conflict", "409"),)
    settle(fence, through=10, stored=9, leftovers=left, limit=10)
    assert fetched() == []
    assert [p.tries for p in lanes.fetch("ralph", 10, 2.0, later(71))] == [1]
    settle(fence, 71, leftovers=left, limit=10)
    assert fetched(seconds=90) == []
    assert [p.tries for p in lanes.fetch("ralph", 10, 2.0, later(92))] == [2]


def test_a_held_lane_waits_longer_each_time_and_as_long_as_it_is_asked_to(fence: int) -> None:
    waits = []
    for _ in range(12):
        settle(fence, state="hold", reason="no answer")
        not_before = lane().not_before
        assert not_before is not None
        waits.append((not_before - later(60)).total_seconds())
    assert 1.5 <= waits[0] <= 2 and waits[3] > 10 and 200 < waits[-1] <= 300
    settle(fence, state="hold", reason="429", wait_s=1234)
    with pytest.raises(Refused):
        lanes.claim("ralph", "w", LEASE_S, later(1293))
    assert lanes.due(["ralph"], 2.0, later(1293)) == []
    lanes.hurry("ralph", later(100))
    assert lanes.due(["ralph"], 2.0, later(100)) == [("ralph", fence)]
    fence = lanes.claim("ralph", "w", LEASE_S, later(100))
    settle(fence, 100, through=10, stored=10)
    assert (lane().state, lane().failures, lane().reason, lane().not_before) == ("open", 0, "", None)


def test_nobody_shortens_the_wait_for_an_lrs_that_may_still_work(fence: int) -> None:
    settle(fence, state="hold", reason="no answer", wait_s=90, busy_s=90)
    for seconds in (61, 149):
        assert lanes.hurry("ralph", later(seconds)).not_before == later(150)
        assert lanes.due(["ralph"], 2.0, later(seconds)) == []
        with pytest.raises(Refused):
            lanes.claim("ralph", "w", LEASE_S, later(seconds))
    assert lanes.due(["ralph"], 2.0, later(150)) == [("ralph", fence)]
    fence = lanes.claim("ralph", "w", LEASE_S, later(150))
    settle(fence, 160, state="hold", reason="503", wait_s=900)
    assert lane().busy_until is None, "it answered"
    lanes.hurry("ralph", later(161))
    assert lanes.due(["ralph"], 2.0, later(161)) == [("ralph", fence)]


def test_what_a_lost_worker_may_have_sent_is_asked_for_first(fence: int) -> None:
    assert lanes.failures("ralph") == 0
    fence = lanes.claim("ralph", "xapi.host.2", LEASE_S, later(151))  # the first one never reported
    assert lanes.failures("ralph") == 1
    settle(fence, 152, through=5, stored=5)
    assert lanes.failures("ralph") == 0
    fence = lanes.claim("ralph", "xapi.host.2", LEASE_S, later(153))
    assert lanes.failures("ralph") == 0, "that one had reported"
    settle(fence, 154, in_doubt=True)
    assert (lane().state, lanes.failures("ralph")) == ("open", 1)


def test_batches_are_halved_after_losses_and_stay_small_for_a_while(fence: int) -> None:
    halvings = []
    for _ in range(4):
        settle(fence, state="hold", reason="no answer")
        halvings.append(sizes("ralph", later(60)))
    assert halvings == [(0, None), (0, None), (1, None), (2, None)]
    settle(fence, state="hold", reason="500", server_error=True)
    assert sizes("ralph", later(60)) == (2, None), "a 500 says nothing about the road"
    settle(fence, state="hold", through=2, stored=2, batch_bytes=9_000)
    assert sizes("ralph", later(60)) == (0, 9_000)
    settle(fence, through=4, stored=2)
    assert sizes("ralph", later(60 + 3599)) == (0, 9_000)
    assert sizes("ralph", later(60 + 3601)) == (0, None)


def test_a_stopped_lane_sends_a_few_at_a_time(fence: int) -> None:
    add(*range(11, 101))
    for wanted in (10, 20, 40, 80, 100):
        settle(fence, state="stopped", reason="401")
        assert len(fetched()) == wanted
    assert (lane().state, lane().since) == ("stopped", later(60))
    assert lane().cursor == 0


def test_a_batch_that_brings_500_again_and_again_is_cut(fence: int) -> None:
    for upsets in (0, 0, 0, 3):
        assert {parcel.upsets for parcel in lanes.fetch("ralph", 100, 2.0, later(60))} == {upsets}
        settle(fence, state="hold", reason="500", server_error=True)
    assert {parcel.upsets for parcel in lanes.fetch("ralph", 1, 2.0, later(60))} == {0}, "alone it proves nothing"


def test_a_batch_that_meets_other_faults_is_not_cut(fence: int) -> None:
    for _ in range(4):
        settle(fence, state="hold", reason="429")
    assert {parcel.upsets for parcel in lanes.fetch("ralph", 100, 2.0, later(60))} == {0}


def test_purge_leaves_what_a_lane_still_needs(fence: int) -> None:
    settle(fence, through=8, stored=7, leftovers=(Leftover(3, "dead", "rejected", ""),))
    assert statements.purge(NOW, ["ralph"]) == 0, "too young"
    assert statements.purge(later(1), ["ralph"]) == 7
    assert [row.number for row in Statement.select().order_by(Statement.number)] == [3, 9, 10]
    assert lanes.last_number() == 10


def test_sessions_of_a_video(catalog: Database) -> None:
    one, two = str(UUID(int=1)), str(UUID(int=2))
    rows = [new(1, registration=one, video=3), new(2, registration=two, video=4), new(3, registration=one, video=3)]
    statements.add(rows, ["ralph"], NOW)
    assert statements.latest_registrations(None) == [(one, 3, 2, NOW), (two, 4, 1, NOW)]
    assert statements.latest_registrations(4) == [(two, 4, 1, NOW)]
    assert [row.number for row in statements.of_registration(one)] == [1, 3]


def test_opting_out(lecturer: User) -> None:
    for _ in range(2):
        statements.opt_out(lecturer, True, NOW)
        assert statements.has_opted_out(lecturer.id)
    statements.opt_out(lecturer, False, NOW)
    assert not statements.has_opted_out(lecturer.id)


def test_production_events_commit_with_the_change(lecturer: User) -> None:
    def fail(path: str) -> None:
        raise OSError

    with pytest.raises(OSError):
        videos.create(lecturer, "t", videos.Source("a.mp4", 1), NOW, fail, UPLOAD)
    assert events.pending() == []
    _, (task,) = videos.create(lecturer, "Été", videos.Source("a.mp4", 1), NOW, lambda path: None, UPLOAD)
    tasks.start(task.id, 1, tasks.Runner("w", "h", 1), later(5), 10)
    result = {"folder": f"videos/{task.video_id:06d}/encode-{task.id}-g1", "outputs": []}
    for _ in range(2):
        reports.accept(task.id, reports.Report(1, "done", 1, "w", result), ALLOWED, later(65))
    found = [(event.kind, event.run, event.facts["title"]) for event in events.pending()]
    run = f"{task.id}-g1"
    assert found == [("uploaded", "", "Été"), ("encoded", run, "Été"), ("published", run, "Été")]
    assert events.pending()[1].facts["duration_s"] == 60
    events.replace(events.pending(), [new(1)], ["ralph"], NOW)
    assert (events.pending(), lanes.last_number()) == ([], 1)
    again = videos.order(task.video_id, encode(), task.author, later(70))
    tasks.start(again.id, 1, tasks.Runner("w", "h", 1), later(75), 10)
    reports.accept(again.id, reports.Report(1, "error", 1, "w", error_code="disk-full"), ALLOWED, later(80))
    assert [(event.kind, event.facts["success"]) for event in events.pending()] == [("encoded", False)]


def waiting() -> list[int]:
    return [row.number for row, _ in dead_letters.waiting("ralph", 50)]


def test_a_waiting_statement_is_set_aside_while_nobody_works_the_lane(catalog: Database, fence: int) -> None:
    with pytest.raises(Refused) as refused:
        dead_letters.skip("ralph", [1], later(61))
    assert refused.value.code == "lane-busy"
    settle(fence, state="stopped", reason="403")
    assert waiting() == list(range(1, 11))
    assert dead_letters.skip("ralph", [1, 2, 5, 99], later(62)) == 3
    assert lane().cursor == 2, "those at the head are passed at once"
    assert waiting() == fetched(seconds=200) == [3, 4, 6, 7, 8, 9, 10]
    [sight] = dead_letters.overview(["ralph"], later(63))
    assert (sight.waiting, sight.dead) == (7, 3)
    assert [row.code for row, _ in dead_letters.dead_letters("ralph", 9)] == ["skipped"] * 3
    with pytest.raises(NotFound):
        dead_letters.skip("ralph", [5], later(63))


def test_what_was_set_aside_goes_back_into_the_line_or_is_given_up(catalog: Database, fence: int) -> None:
    settle(fence, state="stopped", reason="403")
    dead_letters.skip("ralph", [1, 5, 6], later(62))
    assert dead_letters.resend("ralph", [1, 5], later(63)) == 2
    assert fetched(seconds=200) == [1, 2, 3, 4, 5, 7, 8, 9, 10]
    assert dead_letters.drop("ralph", [6], later(64)) == 1
    assert dead_letters.dead_letters("ralph", 9) == []
    assert fetched(seconds=200) == [1, 2, 3, 4, 5, 7, 8, 9, 10], "it is not sent after all"
    again = lanes.claim("ralph", "w", LEASE_S, later(400))
    settle(again, 401, through=10, stored=9, gone=(1,))
    assert Straggler.select().count() == 0
    assert fetched(seconds=900) == waiting() == []


def test_a_straggler_can_be_set_aside_too(catalog: Database, fence: int) -> None:
    settle(fence, through=10, stored=9, leftovers=(Leftover(3, "later", "rejected", "no"),))
    assert [(row.number, reason) for row, reason in dead_letters.waiting("ralph", 9)] == [(3, "no")]
    assert dead_letters.skip("ralph", [3], later(62)) == 1
    assert (waiting(), fetched(seconds=900)) == ([], [])
    assert dead_letters.resend("ralph", [3], later(63)) == 1
    assert fetched(seconds=900) == [3]


@pytest.mark.parametrize(
    "wants",
    [LaneFilter((COMPLETED,)), LaneFilter(profile_only=True), LaneFilter(template_verbs=(COMPLETED,))],
    ids=["verbs", "profile", "templates"],
)
def test_a_lane_sends_what_its_filter_wants(catalog: Database, wants: LaneFilter) -> None:
    chosen = {"verb": COMPLETED, "of_profile": True}
    rows = [new(index, **(chosen if index in (3, 6) else {"of_profile": False})) for index in range(1, 9)]
    statements.add(rows, ("ralph",), NOW)
    filters = {"ralph": wants}
    assert lanes.due(["ralph"], 2.0, later(60), filters) == [("ralph", 0)]
    assert lane().cursor == 2
    assert [one.number for one in lanes.fetch("ralph", 9, 2.0, later(60), wants=wants)] == [3, 6]
    assert [one.number for one in lanes.newest("ralph", 3, wants)] == [6]
    assert dead_letters.overview(["ralph"], later(60), filters)[0].waiting == 2
    held = lanes.claim("ralph", "w", LEASE_S, later(60))
    settle(held, 60, through=6, stored=2)
    assert lanes.due(["ralph"], 2.0, later(900), filters) == [], "what is not wanted keeps no worker busy"
    assert lane().cursor == 8, "and is purged in its time"


def test_a_template_is_a_verb_within_the_profile(catalog: Database) -> None:
    kinds = [(COMPLETED, True), (COMPLETED, False), (PLAYED, True), (VOIDED, False), (PLAYED, False)]
    rows = [new(index, verb=verb, of_profile=claims) for index, (verb, claims) in enumerate(kinds, 1)]
    statements.add(rows, ("ralph",), NOW)
    chosen = LaneSettings(name="ralph", url="https://lrs.example", templates=("completed",)).filter
    assert lanes.due(["ralph"], 2.0, later(60), {"ralph": chosen}) == [("ralph", 0)]
    assert [one.number for one in lanes.fetch("ralph", 9, 2.0, later(60), wants=chosen)] == [1, 4]
