"""Lanes that stop because their set-up is wrong, or seems so: nothing is lost or dead, and they go on by themselves."""

from datetime import UTC, datetime, timedelta

import pytest

from pod_jobs.catalog import database
from pod_jobs.catalog.store import lanes
from tests.integration.traces.conftest import Deliver, Site, fill, has_all
from tests.integration.xapi.strict_lrs import StrictLrs
from tests.unit.xapi.samples import numbered


def test_an_hour_of_a_wrong_password_costs_nothing_and_ends_by_itself(
    site: Site, deliver: Deliver, lrs: StrictLrs, second_lrs: StrictLrs, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [datetime.now(UTC)]
    monkeypatch.setattr("pod_jobs.web.api.lanes.now", lambda: clock[0])

    def live(minutes: int) -> None:
        """Let the janitor look every ten seconds for so many minutes."""
        for _ in range(6 * minutes):
            clock[0] += timedelta(seconds=10)
            with database.connect(site.settings.database_url).connection_context():
                is_due = lanes.due(["one"], 5, clock[0])
            if is_due:
                deliver()

    right, lrs.password = lrs.password, "another"
    sent = fill(site, 120)
    live(minutes=60)
    sight = site.lanes()["one"]
    assert (sight.lane.state, sight.dead, sight.waiting) == ("stopped", 0, 120)
    assert sight.lane.reason.startswith("401")
    assert 15 <= len(lrs.requests) <= 30, "asked now and then, not hammered"
    deliver("two")
    assert has_all(second_lrs, sent)
    lrs.password = right
    live(minutes=6)
    assert has_all(lrs, sent)
    assert site.lanes()["one"].lane.state == "open"


REFUSED = {"object": {"id": "https://a.b/refused"}}


def test_many_refused_in_a_row_are_dead_once_others_pass(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    lrs.refuses = lambda statement: statement["object"]["id"] == REFUSED["object"]["id"]
    sent = fill(site, 200, different=dict.fromkeys(range(150), REFUSED))
    deliver()
    assert has_all(lrs, sent[150:])
    sight = site.lanes()["one"]
    assert (sight.lane.state, sight.dead, sight.waiting) == ("open", 150, 0)


def test_an_lrs_that_refuses_all_stops_the_lane_until_something_passes(
    site: Site, deliver: Deliver, lrs: StrictLrs
) -> None:
    lrs.refuses = lambda statement: statement["object"]["id"] == REFUSED["object"]["id"]
    fill(site, 130, different=dict.fromkeys(range(130), REFUSED))
    deliver(times=3)
    sight = site.lanes()["one"]
    assert (sight.lane.state, sight.dead, sight.waiting) == ("stopped", 0, 130)
    assert sight.lane.reason.startswith("every statement was refused, the first with: 400")
    good = numbered(1000)
    site.send(good)
    fill(site, 10, first=2000, different=dict.fromkeys(range(10), REFUSED))
    site.hurry("one")
    deliver(times=4)  # each probe is twice as long as the one before
    assert has_all(lrs, [good])
    assert (site.lanes()["one"].dead, site.lanes()["one"].lane.state) == (140, "open")


def test_more_refused_in_a_row_than_a_worker_has_are_dead_when_the_newest_pass(
    site: Site, deliver: Deliver, lrs: StrictLrs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_jobs.jobs.deliver_statements.FETCH", 40)
    lrs.refuses = lambda statement: statement["object"]["id"] == REFUSED["object"]["id"]
    sent = fill(site, 150, different=dict.fromkeys(range(130), REFUSED))
    deliver()
    assert has_all(lrs, sent[130:])
    sight = site.lanes()["one"]
    assert (sight.lane.state, sight.dead, sight.waiting, sight.lane.stored) == ("open", 130, 0, 20)


def test_nothing_is_dead_when_the_newest_are_refused_too(
    site: Site, deliver: Deliver, lrs: StrictLrs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_jobs.jobs.deliver_statements.FETCH", 40)
    lrs.refuses = lambda statement: True
    sent = fill(site, 150)
    deliver(times=3)
    assert any(sent[-1]["id"].encode() in request.body for request in lrs.requests), "they were asked"
    sight = site.lanes()["one"]
    assert (sight.lane.state, sight.dead, sight.waiting) == ("stopped", 0, 150)
    lrs.refuses = lambda statement: False
    deliver(times=2)
    assert has_all(lrs, sent)
    assert (site.lanes()["one"].dead, site.lanes()["one"].lane.stored) == (0, 150)


@pytest.mark.parametrize("change", [{"url": "/"}, {"version": "2.0.0"}, {"url": "nowhere"}])
def test_a_wrong_set_up_keeps_everything(site: Site, deliver: Deliver, lrs: StrictLrs, change: dict[str, str]) -> None:
    sent = fill(site, 12)
    [one, two] = site.settings.xapi.lane
    if "url" in change:
        change = {"url": lrs.url + "/" if change["url"] == "/" else "http://nowhere.invalid/xAPI"}
    wrong = site.settings.xapi.model_copy(update={"lane": (one.model_copy(update=change), two)})
    deliver(settings=site.settings.model_copy(update={"xapi": wrong}))
    assert site.lanes()["one"].lane.state in ("stopped", "hold")
    assert (site.lanes()["one"].dead, site.lanes()["one"].waiting) == (0, 12)
    site.hurry("one")
    deliver(times=2)
    assert has_all(lrs, sent)


def test_a_worker_without_the_lanes_password_says_so(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    fill(site, 1)
    (site.settings.home / "secrets" / "lrs_one").unlink()
    deliver()
    lane = site.lanes()["one"].lane
    assert lane.state == "stopped" and "lrs_one" in lane.reason
    assert lrs.requests == []


def test_a_person_sets_aside_what_the_road_never_lets_through(site: Site, deliver: Deliver, lrs: StrictLrs) -> None:
    """A single statement waits, and a firewall answers 403 to it: only a person knows that it is not the password."""
    lrs.forbidden = REFUSED["object"]["id"].encode()
    fill(site, 1, different={0: REFUSED})
    deliver(times=2)
    assert site.lanes()["one"].lane.state == "stopped"
    [first] = site.call("tina", "GET", "/lanes/one/waiting").json()["waiting"]
    answer = site.call("tina", "POST", "/lanes/one/waiting/skip", json={"numbers": [first["number"]]})
    assert answer.json() == {"lane": "one", "count": 1}
    good = fill(site, 3, first=50)
    deliver(times=2)
    assert has_all(lrs, good)
    assert (site.lanes()["one"].dead, site.lanes()["one"].lane.state) == (1, "open")
