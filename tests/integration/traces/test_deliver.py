"""The delivery job against LRSs and networks in every mood: everything arrives, once, in every lane."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pod_jobs.catalog import database
from pod_jobs.catalog.store import lanes
from pod_jobs.catalog.trace_models import Lane
from tests.integration.traces.conftest import Deliver, Site, fill, has_all
from tests.integration.xapi.strict_lrs import LOSE_ANSWER, RESET, Mischief, StrictLrs
from tests.servers import wait_until

BAD = {"result": {"success": "true"}}  # breaks xAPI: the strict LRS answers 400


def test_every_lane_gets_everything_in_batches(
    site: Site, deliver: Deliver, lrs: StrictLrs, second_lrs: StrictLrs
) -> None:
    sent = fill(site, 750)
    for name, server in (("one", lrs), ("two", second_lrs)):
        deliver(name)
        assert has_all(server, sent) and server.count("POST") == 8
        assert server.most_in_flight == 1 and server.connections == 1
    for sight in site.lanes().values():
        assert (sight.waiting, sight.dead, sight.lane.stored, sight.lane.lease_until) == (0, 0, 750, None)
    deliver("one")
    assert lrs.count("POST") == 8, "nothing left to do"


FINE = Mischief()


@pytest.mark.parametrize(
    "mischief",
    [
        [],
        [*[FINE] * 7, LOSE_ANSWER],
        [*[FINE] * 5, Mischief(status=503), FINE, RESET],
        [*[FINE] * 12, Mischief(status=401)],
    ],
    ids=["none", "answer lost", "away twice", "stopped"],
)
def test_reports_go_in_while_the_next_statements_are_sent(
    site: Site, deliver: Deliver, lrs: StrictLrs, mischief: list[Mischief], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_jobs.jobs.deliver_statements.FETCH", 200)
    refused = {place: {"object": {"id": "https://a.b/refused"}} for place in (150, 250, 850)}
    lrs.refuses = lambda statement: statement["object"]["id"] == "https://a.b/refused"
    sent = fill(site, 1_300, different=refused)
    lrs.mischief.extend(mischief)
    deliver(times=3)
    assert has_all(lrs, [statement for place, statement in enumerate(sent) if place not in refused])
    assert lrs.most_in_flight == 1
    sight = site.lanes()["one"]
    assert (sight.waiting, sight.dead, sight.lane.stored, sight.lane.lease_until) == (0, 3, 1_297, None)


@pytest.mark.parametrize(
    "mischief",
    [
        [LOSE_ANSWER],
        [RESET],
        [Mischief(status=503)],
        [Mischief(status=500)] * 4,
        [Mischief(wait_s=2.5)],
        [Mischief(status=429, headers=(("Retry-After", "1"),))],
        [LOSE_ANSWER, RESET, Mischief(status=502), LOSE_ANSWER],
    ],
    ids=["answer lost", "reset", "503", "500 four times", "slow", "429", "one after the other"],
)
def test_faults_lose_and_double_nothing(site: Site, deliver: Deliver, lrs: StrictLrs, mischief: list[Mischief]) -> None:
    sent = fill(site, 150)
    lrs.mischief.extend(mischief)
    deliver(times=len(mischief))
    assert site.lanes()["one"].lane.state in ("hold", "open")
    assert site.lanes()["one"].dead == 0
    deliver(times=2)
    site.hurry("one")
    deliver()
    assert has_all(lrs, sent)
    [sight] = [sight for name, sight in site.lanes().items() if name == "one"]
    assert (sight.waiting, sight.dead, sight.lane.state) == (0, 0, "open")


def test_an_lrs_that_may_still_work_gets_nothing_until_a_lease_has_passed(
    site: Site, deliver: Deliver, lrs: StrictLrs
) -> None:
    sent = fill(site, 5)
    lrs.mischief.append(Mischief(wait_s=2.3))
    began = datetime.now(UTC)
    deliver()
    lane = site.lanes()["one"].lane
    assert lane.not_before is not None and lane.not_before >= began + timedelta(seconds=90)
    answer = site.call("tina", "POST", "/lanes/one/flush").json()
    assert timedelta(seconds=80) < datetime.fromisoformat(answer["waits_until"]) - datetime.now(UTC)
    deliver()
    assert lrs.count("POST") == 1, "it is left alone, whoever asks"
    wait_until(lambda: has_all(lrs, sent), what="the record store has done its work")
    site.hurry("one")
    lrs.resend_status = 500
    deliver()
    assert lrs.count("POST") == 1 and has_all(lrs, sent), "the ids were asked for"
    assert site.call("tina", "POST", "/lanes/one/flush").json() == {"lane": "one", "waits_until": None}


HANGS = "https://a.b/hangs"


def test_a_statement_that_is_never_answered_in_time_is_set_apart_by_itself(
    site: Site, deliver: Deliver, lrs: StrictLrs
) -> None:
    lrs.hangs_on = lambda statement: statement["object"]["id"] == HANGS
    sent = fill(site, 6, different={2: {"object": {"id": HANGS}}})
    good = [one for one in sent if one["object"]["id"] != HANGS]
    deliver(times=9)
    assert has_all(lrs, good), "the good ones get through"
    for number in range(5):
        good += fill(site, 1, first=100 + number)
        deliver()
        site.hurry("one")
        deliver()
    assert has_all(lrs, good)
    [letter] = site.call("tina", "GET", "/lanes/one/dead").json()["dead"]
    assert (letter["code"], "504" in letter["reason"]) == ("timeout", True)
    lrs.hangs_on = lambda statement: False
    site.hurry("one")
    assert site.call("tina", "POST", "/lanes/one/dead/resend", json={"all": True}).json()["count"] == 1
    deliver()
    assert len(lrs.statements) == len(good) + 1
    assert site.lanes()["one"].lane.state == "open"


def test_a_record_store_that_answers_nothing_in_time_makes_no_dead_letters(
    site: Site, deliver: Deliver, lrs: StrictLrs
) -> None:
    sent = fill(site, 6)
    lrs.hangs_on = lambda statement: True
    deliver(times=20)
    assert (site.lanes()["one"].dead, len(lrs.statements)) == (0, 0)
    lrs.hangs_on = lambda statement: False
    deliver(times=3)
    assert has_all(lrs, sent) and site.lanes()["one"].dead == 0


def test_what_a_killed_worker_sent_is_not_sent_again(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    sent = fill(site, 250)
    with database.connect(site.settings.database_url).connection_context():
        lanes.claim("one", "xapi.other.2", 90, datetime.now(UTC) - timedelta(seconds=100))
    for start in (0, 100):  # and 50 that it did not come to
        lrs.post(json.dumps(sent[start : start + 100]).encode())
    deliver()
    posts = [json.loads(request.body) for request in lrs.requests if request.method == "POST"]
    assert [len(batch) for batch in posts] == [50]
    assert has_all(lrs, sent)


@pytest.mark.parametrize("status", [0, 502, 503, 504])
def test_a_road_that_takes_no_large_bodies_gets_smaller_ones_for_a_while(
    site: Site, deliver: Deliver, lrs: StrictLrs, status: int
) -> None:
    sent = fill(site, 300)
    lrs.cut_bytes, lrs.cut_status = 20_000, status
    deliver(times=8)
    assert has_all(lrs, sent) and site.lanes()["one"].dead == 0
    through = site.lanes()["one"].lane.batch_bytes
    assert through is not None and 5_000 < through <= 20_000
    lost = sum(len(request.body) > 20_000 for request in lrs.requests)
    more = fill(site, 200, first=300)
    deliver()
    assert has_all(lrs, sent + more), "at the first try"
    assert sum(len(request.body) > 20_000 for request in lrs.requests) == lost


def test_the_size_of_a_batch_is_a_setting(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    sent = fill(site, 60)
    one = site.settings.xapi.lane[0]
    for changed in ({"batch_statements": 7}, {"batch_kb": 5}):
        lane = one.model_copy(update=changed)
        xapi = site.settings.xapi.model_copy(update={"lane": (lane,)})
        deliver(settings=site.settings.model_copy(update={"xapi": xapi}))
        sizes = [(len(json.loads(r.body)), len(r.body)) for r in lrs.requests if r.method == "POST"]
        lrs.requests.clear()
        assert (
            all(count <= 7 for count, _ in sizes)
            if "batch_statements" in changed
            else all(size <= 5_000 for _, size in sizes)
        )
        assert len(sizes) >= 4 and has_all(lrs, sent)
        sent += fill(site, 60, first=60)


def test_retry_after_holds_the_lane(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    fill(site, 5)
    lrs.mischief.append(Mischief(status=429, headers=(("Retry-After", "120"),)))
    deliver()
    waits = site.lanes()["one"].lane.not_before
    assert waits is not None and timedelta(seconds=110) < waits - datetime.now(UTC) < timedelta(seconds=120)
    deliver()
    assert len(lrs.requests) == 1, "it is left alone"


def test_an_outage_writes_nothing_and_drains_after(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    sent = fill(site, 600)
    lrs.mischief.extend([RESET] * 3)
    deliver(times=3)
    lane = site.lanes()["one"].lane
    assert (lane.cursor, lane.failures, lane.state) == (0, 3, "hold")
    site.hurry("one")
    deliver()
    assert has_all(lrs, sent)


@pytest.mark.parametrize("place", [0, 50, 99])
def test_one_bad_in_a_hundred_is_a_dead_letter(site: Site, deliver: Deliver, lrs: StrictLrs, place: int) -> None:
    lrs.refuses = lambda statement: statement["object"]["id"] == "https://a.b/refused"
    sent = fill(site, 100, different={place: {"object": {"id": "https://a.b/refused"}}})
    deliver()
    assert has_all(lrs, sent[:place] + sent[place + 1 :])
    assert len(lrs.requests) <= 40
    [letter] = site.call("tina", "GET", "/lanes/one/dead").json()["dead"]
    assert (letter["id"], letter["code"], site.lanes()["one"].waiting) == (sent[place]["id"], "rejected", 0)
    assert letter["reason"].startswith("400")


def test_poison_in_a_hundred(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    lrs.upset_by = lambda statement: statement["object"]["id"] == "https://a.b/poison"
    sent = fill(site, 100, different={42: {"object": {"id": "https://a.b/poison"}}})
    deliver(times=4)
    assert has_all(lrs, sent[:42] + sent[43:])
    assert len(lrs.requests) <= 40
    assert (site.lanes()["one"].dead, site.lanes()["one"].waiting) == (1, 0)


def test_an_lrs_that_answers_500_to_everything_kills_nothing(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    sent = fill(site, 30)
    lrs.upset_by = lambda statement: True
    deliver(times=8)
    assert (site.lanes()["one"].dead, site.lanes()["one"].waiting) == (0, 30)
    lrs.upset_by = lambda statement: False
    site.hurry("one")
    deliver(times=2)
    assert has_all(lrs, sent)


def test_those_that_break_xapi_travel_apart(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    sent = fill(site, 20, different={3: BAD, 7: BAD})
    deliver()
    assert has_all(lrs, [s for i, s in enumerate(sent) if i not in (3, 7)])
    assert json.loads(lrs.requests[0].body) == [s for i, s in enumerate(sent) if i not in (3, 7)]
    assert site.lanes()["one"].dead == 2


def test_413_for_a_batch_costs_requests_not_statements(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    lrs.max_bytes = 10_000
    sent = fill(site, 100)
    deliver()
    assert has_all(lrs, sent)


def test_a_stop_in_the_middle_lets_go_of_the_lane(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    sent = fill(site, 300)
    context = site.context()

    def stop_at_second(statement: dict[str, Any]) -> bool:
        context.stop.caught = context.stop.caught or len(lrs.requests) >= 2
        return False

    lrs.refuses = stop_at_second
    from pod_jobs.jobs.deliver_statements import run_deliver

    run_deliver(context, {"lane": "one"})
    lane = site.lanes()["one"].lane
    assert (lane.cursor, lane.lease_until, lane.state) == (200, None, "open")
    deliver()
    assert has_all(lrs, sent) and lrs.count("POST") == 3


def test_what_a_dead_worker_had_is_sent_again_after_its_lease(
    site: Site, deliver: Deliver, lrs: StrictLrs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = fill(site, 120)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("pod_jobs.catalog.lanes_client.LanesClient.settle", die)
        with pytest.raises(Killed):
            deliver()
    assert len(lrs.statements) == 120, "stored, and nobody knows"
    deliver()
    assert site.lanes()["one"].waiting == 120, "the lease still lives"
    with database.connect(site.settings.database_url).connection_context():
        Lane.update(lease_until=datetime.now(UTC)).where(Lane.name == "one").execute()
    deliver()
    assert has_all(lrs, sent)
    assert (site.lanes()["one"].waiting, site.lanes()["one"].dead) == (0, 0)


def test_a_worker_that_lost_its_lease_reports_nothing(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    sent = fill(site, 10)

    def another_claims(statement: dict[str, Any]) -> bool:
        if not stolen:
            with database.connect(site.settings.database_url).connection_context():
                Lane.update(lease_until=None).where(Lane.name == "one").execute()
                stolen.append(lanes.claim("one", "xapi.other.2", 90, datetime.now(UTC)))
        return False

    stolen: list[int] = []
    lrs.refuses = another_claims
    deliver()
    lane = site.lanes()["one"].lane
    assert (lane.fence, lane.cursor, lane.holder) == (stolen[0], 0, "xapi.other.2")
    assert has_all(lrs, sent)


def test_dead_letters_are_sent_again_and_dropped(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    lrs.refuses = lambda statement: statement["object"]["id"] == "https://a.b/refused"
    sent = fill(site, 10, different={i: {"object": {"id": "https://a.b/refused"}} for i in (3, 4)})
    deliver()
    letters = site.call("tina", "GET", "/lanes/one/dead?limit=1").json()
    assert len(letters["dead"]) == 1 and letters["next"] is not None
    assert letters["dead"][0]["body"]["actor"]["account"]["name"] == "…"
    lrs.refuses = lambda statement: False
    number = letters["dead"][0]["number"]
    assert site.call("tina", "POST", "/lanes/one/dead/resend", json={"numbers": [number]}).json()["count"] == 1
    deliver()
    assert len(lrs.statements) == 9
    assert site.call("tina", "POST", "/lanes/one/dead/drop", json={"all": True}).json()["count"] == 1
    for verb in ("drop", "resend"):
        nothing = site.call("tina", "POST", f"/lanes/one/dead/{verb}", json={"all": True})
        assert (nothing.status_code, nothing.json()["count"]) == (200, 0)
        assert site.call("tina", "POST", f"/lanes/one/dead/{verb}", json={"numbers": [number]}).status_code == 404
    assert site.call("tina", "POST", "/lanes/one/dead/resend", json={"numbers": ["x"]}).status_code == 400
    assert site.lanes()["one"].dead == 0
    assert len({s["id"] for s in sent} - set(lrs.statements)) == 1
