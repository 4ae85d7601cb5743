"""Orders of sites and what sites are told, on each database."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Output, Task, User
from pod_jobs.catalog.new_task import NewTask, Purpose
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import retention, site_callbacks, site_orders, tasks, users
from pod_jobs.catalog.store.site_callbacks import Outcome
from pod_jobs.errors import Refused
from tests.integration.catalog.conftest import NOW, later

LEASE, WAIT = timedelta(minutes=11), timedelta(seconds=20)


@pytest.fixture
def site(catalog: None) -> User:
    return users.create("site-univ", "site", None, NOW)


def order(site: User, fingerprint: str = "a", most: int = 0, **more: Any) -> tuple[SiteOrder, Task, bool]:
    document = {"task_type": "encoding", "source_url": "https://pod/été 🎓.mp4", "parameters": {}}
    asked = site_orders.ReceivedOrder("univ", document, fingerprint, "sealed", "sealed", False, "Été 🎓", **more)
    new = NewTask("pod_encode", "", {}, Purpose.PLAY)
    return site_orders.create(site, asked, new, most, NOW, lambda video: None)


def end(task: Task, state: str, seconds: float) -> None:
    with transaction():
        tasks.end(tasks.get_locked(task.id), state, later(seconds))


def row_of(task: Task) -> SiteOrder:
    found: SiteOrder = SiteOrder.get(SiteOrder.task == task.id)
    return found


def test_the_same_order_is_one_task_until_it_has_ended(site: User) -> None:
    first, task, is_new = order(site, most=2)
    assert is_new and site_orders.find("univ", first.public_id).asked["source_url"] == "https://pod/été 🎓.mp4"
    assert order(site, most=2)[0] == first and order(site, "b", most=2)[2]
    with pytest.raises(Refused):
        order(site, "c", most=2)
    assert site_orders.count_open("univ") == 2 and site_orders.list_newest("univ", 1)[0].fingerprint == "b"
    end(task, "done", 1)
    assert order(site, most=2)[2]


def test_a_later_order_of_the_same_recording_replaces_an_earlier_one(site: User) -> None:
    numbers = [f"{n:036d}" for n in range(3)]
    _, first, _ = order(site, public_id=numbers[0])
    assert order(site, public_id=numbers[0])[1] == first, "the same message again"
    _, second, _ = order(site, public_id=numbers[1])
    assert (tasks.get(first.id).state, row_of(first).callback) == ("cancelled", "none")
    assert not order(site, public_id=numbers[2], since=NOW - timedelta(seconds=1))[2], "a message older than the last"
    assert tasks.get(second.id).state == "waiting"


def test_the_life_of_a_callback(site: User) -> None:
    row, task, _ = order(site)
    site_orders.answered(row, NOW)
    end(task, "error", 10)
    (debt,) = site_callbacks.due("univ", later(10), 9)
    with transaction():
        claimed = site_callbacks.claim(debt, LEASE, later(10))
        assert claimed is not None and site_callbacks.claim(debt, LEASE, later(11)) is None
    assert site_callbacks.due("univ", later(100), 9) == []
    with transaction():
        site_callbacks.settle(claimed, Outcome(False, "é\0 500", is_unclear=True), WAIT, later(12))
    row = row_of(task)
    assert (row.due_at, row.reason, row.is_unclear, row.claimed_until) == (later(32), "é  500", True, None)

    assert site_callbacks.push(task.id, later(13)) and row_of(task).is_unclear
    (debt,) = site_callbacks.due("univ", later(13), 9)
    assert debt.is_unclear
    with transaction():
        claimed = site_callbacks.claim(debt, LEASE, later(13))
        assert claimed is not None
        site_callbacks.forget([task.id])  # it runs again meanwhile
    Task.update(state="running").where(Task.id == task.id).execute()
    end(task, "done", 14)
    assert site_callbacks.due("univ", later(100), 9) == [], "the earlier end is still being told"
    with transaction():
        site_callbacks.settle(claimed, Outcome(True), WAIT, later(15))
    (debt,) = site_callbacks.due("univ", later(15), 9)
    assert (debt.state, debt.is_unclear) == ("done", False)
    site_orders.fetched(row, later(16))
    SiteOrder.update(is_unclear=True, tried_at=later(15)).execute()
    assert site_callbacks.push_all("", later(17)) == 1 and not row_of(task).is_unclear
    (debt,) = site_callbacks.due("univ", later(17), 9)
    with transaction():
        claimed = site_callbacks.claim(debt, LEASE, later(17))
        assert claimed is not None
        site_callbacks.settle(claimed, Outcome(True), WAIT, later(18))
    assert row_of(task).callback == "delivered" and site_callbacks.count_untold() == site_callbacks.Untold(0, 0)


def test_what_a_site_fetched_without_an_answer_counts_as_delivered(site: User) -> None:
    row, task, _ = order(site)
    site_orders.answered(row, NOW)
    end(task, "done", 1)
    SiteOrder.update(is_unclear=True, tried_at=later(5)).execute()
    site_orders.fetched(row, later(6))
    (debt,) = site_callbacks.due("univ", later(9), 9)
    with transaction():
        assert site_callbacks.claim(debt, LEASE, later(9)) is None
    assert (row_of(task).callback, row_of(task).delivered_at) == ("delivered", later(6))


def test_results_stay_until_the_site_knows_and_then_for_their_time(site: User) -> None:
    row, task, _ = order(site)
    about = {"folder": "videos/000001/x", "mime": "x", "bytes": 1, "kind": "mp4"}
    Output.create(video=task.video_id, task=task, name="360p.mp4", **about)
    end(task, "done", 1)
    (debt,) = site_callbacks.due("univ", later(200), 9)
    result = site_callbacks.result_of(debt)
    assert result is not None and [output.name for output in result.outputs] == ["360p.mp4"]
    assert site_callbacks.result_of(replace(debt, state="cancelled")).outputs == ()
    with transaction():
        assert site_callbacks.expire("univ", later(99), later(99)) == 0
        site_callbacks.give_up_foreign(["univ"], later(9 * 86_400))
        assert row_of(task).callback == "waiting"
        site_callbacks.give_up_foreign(["another"], later(1) + site_callbacks.GIVE_UP)
        assert row_of(task).callback == "waiting"
        site_callbacks.give_up_foreign(["another"], later(2) + site_callbacks.GIVE_UP)
        assert row_of(task).callback == "given-up"
        assert site_callbacks.expire("univ", later(99), later(99)) == 1
    assert [video.id for video in retention.deleted_videos()] == [task.video_id]
    SiteOrder.update(callback="waiting", due_at=later(0)).execute()
    assert retention.deleted_videos() == [] and not retention.may_go(task.video_id or 0)
    assert [one.state for one in site_callbacks.due("univ", later(200), 9)] == ["cancelled"]
