"""Callbacks to a Pod that answers, refuses, hangs or is away."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from peewee import DataError, OperationalError

from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Task, User
from pod_jobs.catalog.new_task import NewTask, Purpose
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.site_words import error_words
from pod_jobs.catalog.store import retention, site_callbacks, site_orders, tasks, users, videos
from pod_jobs.janitor.callbacks import AT_ONCE, UNSTORED, Callbacks, Poster, purge, wait_after
from pod_jobs.outside.exchange import Times
from pod_jobs.settings import Settings, load
from pod_jobs.system import process_identity
from pod_jobs.system.sealing import Seal
from tests.integration.catalog.conftest import NOW, later
from tests.servers import QuietHandler, answering, wait_until

KEY = "site-key-of-the-tests"
TOKEN = "token-of-the-tests"
START = 200.0  # seconds after the orders; their answers have left


@dataclass
class Pod:
    """Receives callbacks. `answer(body)` gives the status; it may wait."""

    url: str = ""
    answer: Callable[[dict[str, Any]], int] = lambda body: 200
    got: list[dict[str, Any]] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)  # ids that were answered by 200


@pytest.fixture
def pod() -> Iterator[Pod]:
    found = Pod()

    class Answering(QuietHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Content-Type"] == "application/json"
            found.got.append(body)
            found.proofs.append(self.headers["Authorization"])
            found.paths.append(self.path)
            status = found.answer(body)
            if status == 200:
                found.accepted.append(body["task_id"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with answering(Answering) as port:
        found.url = f"http://pod.univ.fr:{port}/runner/notify_task_end/?secret=hush"
        yield found


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    site = {"private_networks": ["127.0.0.0/8"]}
    monkeypatch.setenv("POD_JOBS_SITE", json.dumps([{"name": "univ", **site}, {"name": "second", **site}]))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "site_key").write_text(KEY)
    return load(tmp_path)


@pytest.fixture
def catalog(empty_catalog: Path, settings: Settings) -> Iterator[None]:
    (settings.home / "catalog.sqlite3").write_bytes(empty_catalog.read_bytes())
    with catalog_database.connect(settings.database_url).connection_context():
        yield


def order(url: str, number: int = 1, site: str = "univ", *, answered: bool = True) -> Task:
    """A task that a site ordered."""
    owner = User.get_or_none(User.name == f"site-{site}") or users.create(f"site-{site}", "site", None, NOW)
    seal = Seal(KEY)
    asked = site_orders.ReceivedOrder(
        site, {}, f"{number}", seal.close(url), seal.close(TOKEN), False, f"film {number}"
    )
    row, task, _ = site_orders.create(
        owner, asked, NewTask("pod_encode", "", {}, Purpose.PLAY), 0, NOW, lambda video: None
    )
    if answered:
        site_orders.answered(row, NOW)
    return task


def end(task: Task, state: str = "done", seconds: float = START, code: str | None = None, reason: str = "") -> None:
    with transaction():
        row = tasks.get_locked(task.id)
        row.error_code, row.error_reason = code, reason
        tasks.end(row, state, later(seconds))


def callbacks(settings: Settings, read_s: float = 5.0) -> Callbacks:
    poster = Poster(Seal(KEY), Times(2.0, read_s), lambda host, port: ["127.0.0.1"])
    return Callbacks(settings, transaction, poster)


def tend(sender: Callbacks, seconds: float) -> None:
    """Let the sender do what is due at that time, and wait until its tries have ended and are stored."""
    sender.tend(later(seconds))
    wait_until(lambda: len(sender._ended) == len(sender._under_way), 20, "every try has ended")
    sender.tend(later(seconds))


def row_of(task: Task) -> SiteOrder:
    found: SiteOrder = SiteOrder.get(SiteOrder.task == task.id)
    return found


def test_pod_learns_of_every_end(settings: Settings, catalog: None, pod: Pod) -> None:
    wanted = {}
    for n, (state, code, status) in enumerate(
        (
            ("done", None, "completed"),
            ("error", "source-damaged", "failed"),
            ("error", "encode-too-slow", "timeout"),
            ("error", "worker-died", "failed"),
            ("cancelled", None, "failed"),
        )
    ):
        task = order(pod.url, n)
        end(task, state, code=code, reason="technical")
        wanted[row_of(task).public_id] = status
    sender = callbacks(settings)
    for seconds in (START, START + 1):
        tend(sender, seconds)
    assert {one["task_id"]: one["status"] for one in pod.got} == wanted
    assert set(pod.proofs) == {f"Bearer {TOKEN}"} and set(pod.paths) == {"/runner/notify_task_end/?secret=hush"}
    by_status = {one["status"]: one for one in pod.got}
    assert by_status["completed"]["error_message"] == ""
    assert "The encoding exceeded its time limit" in by_status["timeout"]["error_message"]
    assert by_status["timeout"]["script_output"] == "technical"
    assert {row.callback for row in SiteOrder.select()} == {"delivered"}
    tend(sender, START + 100_000)
    assert len(pod.got) == 5  # none twice after a 200


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [("done", "failed", "Cancelled"), ("error", "failed", "damaged"), ("", "failed", "Cancelled")],
)
def test_pod_learns_of_the_end_of_a_recording_that_the_team_deletes(
    settings: Settings, catalog: None, pod: Pod, state: str, status: str, words: str
) -> None:
    """Pod has no other way to learn that there is no result. The purge waits until it knows."""
    task = order(pod.url)
    if state:
        end(task, state, code="source-damaged" if state == "error" else None)
    videos.delete(task.video_id, users.create("tina", "team", None, NOW), later(START))
    pod.answer = lambda body: 503
    sender = callbacks(settings)
    tend(sender, START)
    assert retention.deleted_videos() == [] and not retention.may_go(task.video_id)
    pod.answer = lambda body: 200
    tend(sender, START + 60)
    assert [one["status"] for one in pod.got] == [status] * 2 and words in pod.got[-1]["error_message"]
    assert [video.id for video in retention.deleted_videos()] == [task.video_id] and retention.may_go(task.video_id)


def test_ends_for_a_site_that_the_settings_no_longer_have_are_given_up(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    known, foreign, fresh = order(pod.url, 1), order(pod.url, 2, site="gone"), order(pod.url, 3, site="gone")
    week = 7 * 86_400
    for task, seconds in ((known, START), (foreign, START), (fresh, START + 9)):
        end(task, seconds=seconds)
    purge(settings, later(START + week + 1), transaction)
    assert [row_of(task).callback for task in (known, foreign, fresh)] == ["waiting", "given-up", "waiting"]


@pytest.mark.parametrize("spare", [0, 1])
def test_the_message_of_an_error_fits_into_pods_field(settings: Settings, catalog: None, pod: Pod, spare: int) -> None:
    task = order(pod.url)
    sentence = error_words("error", "source-damaged", {}, "") or ""
    reason = "x" * (255 - len(sentence) - 1 + spare)
    end(task, "error", code="source-damaged", reason=reason)
    tend(callbacks(settings), START)
    (told,) = pod.got
    assert told["error_message"] == f"{sentence}\n{reason}" if not spare else told["error_message"].endswith("x…")
    assert len(told["error_message"]) == 255 and told["script_output"] == reason


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 500, 503])
def test_a_refusal_is_tried_again_ever_later(settings: Settings, catalog: None, pod: Pod, status: int) -> None:
    task = order(pod.url)
    end(task)
    pod.answer = lambda body: status
    sender = callbacks(settings)
    tend(sender, START)
    row = row_of(task)
    assert (row.callback, row.tries, row.is_unclear) == ("waiting", 1, False) and f"answers {status}" in row.reason
    tend(sender, START + 1)
    assert len(pod.got) == 1  # it is not due yet
    pod.answer = lambda body: 200
    tend(sender, START + 60)
    assert (row_of(task).callback, len(pod.got)) == ("delivered", 2)


def test_the_waits_grow_to_hours() -> None:
    waits = [wait_after(tries).total_seconds() for tries in (1, 2, 5, 9, 50)]
    assert 15 <= waits[0] <= 20 and waits == sorted(waits) and 5400 <= waits[-1] <= 7200


def test_a_pod_that_is_away_for_days(settings: Settings, catalog: None, pod: Pod) -> None:
    away = pod.url.replace(pod.url.split(":")[2].split("/")[0], "9")  # nobody listens there
    task = order(away)
    end(task)
    sender = callbacks(settings)
    seconds = START
    while seconds < START + 6 * 86_400:
        tend(sender, seconds)
        assert row_of(task).callback == "waiting"
        seconds += 43_200
    assert "hush" not in row_of(task).reason  # nor the whole address
    tend(sender, START + 8 * 86_400)
    assert row_of(task).callback == "given-up"
    assert site_callbacks.push(task.id, later(START + 9 * 86_400))
    row = row_of(task)
    assert (row.callback, row.due_at) == ("waiting", later(START + 9 * 86_400))


def test_no_callback_before_the_answer_has_left(settings: Settings, catalog: None, pod: Pod) -> None:
    """Pod answers 404 to an id that it has not saved yet."""
    task = order(pod.url, answered=False)
    end(task, seconds=1)
    sender = callbacks(settings)
    tend(sender, 30)
    assert pod.got == []
    site_orders.answered(row_of(task), later(31))
    tend(sender, 31)
    assert pod.got == []  # Pod needs a moment to save the id
    tend(sender, 34)
    assert len(pod.got) == 1


def test_a_web_app_that_died_while_it_answered_delays_the_callback(settings: Settings, catalog: None, pod: Pod) -> None:
    end(order(pod.url, answered=False), seconds=1)
    sender = callbacks(settings)
    tend(sender, 100)
    assert pod.got == []
    tend(sender, 125)
    assert len(pod.got) == 1


def hang(pod: Pod) -> threading.Event:
    """Pod takes the callback and does not answer until the event is set."""
    over = threading.Event()

    def answer(body: dict[str, Any]) -> int:
        over.wait(20)
        return 200

    pod.answer = answer
    return over


def test_no_answer_is_not_repeated_for_minutes(settings: Settings, catalog: None, pod: Pod) -> None:
    """Pod may be importing; 4.3 imports twice when it is told twice."""
    task = order(pod.url)
    end(task)
    over = hang(pod)
    sender = callbacks(settings, read_s=0.2)
    tend(sender, START)
    row = row_of(task)
    assert (row.callback, row.is_unclear) == ("waiting", True) and "no answer within" in row.reason
    tend(sender, START + 600)
    assert len(pod.got) == 1
    over.set()
    tend(sender, START + 1300)
    assert (len(pod.got), row_of(task).callback) == (2, "delivered")


def test_a_proxy_that_does_not_wait_for_pod_is_as_no_answer(settings: Settings, catalog: None, pod: Pod) -> None:
    """A Pod behind nginx goes on importing after the 504."""
    task = order(pod.url)
    end(task)
    pod.answer = lambda body: 504
    sender = callbacks(settings)
    tend(sender, START)
    row = row_of(task)
    assert (row.callback, row.is_unclear) == ("waiting", True) and "504" in row.reason
    pod.answer = lambda body: 200
    tend(sender, START + 1100)
    assert len(pod.got) == 1
    tend(sender, START + 1300)
    assert (len(pod.got), row_of(task).callback) == (2, "delivered")


@pytest.mark.parametrize(
    "end_of_head", ["Content-Length: 100\r\n\r\nthe rest never", "Transfer-Encoding: chunked\r\n\r\nzz"]
)
@pytest.mark.parametrize(("status", "state"), [(200, "delivered"), (500, "waiting")])
def test_what_counts_is_the_status_even_if_the_rest_of_the_answer_is_broken(
    settings: Settings, catalog: None, pod: Pod, status: int, state: str, end_of_head: str
) -> None:
    """None is told twice after a 200."""

    class Breaking(QuietHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.wfile.write(f"HTTP/1.1 {status} X\r\n{end_of_head}".encode())
            self.close_connection = True

    with answering(Breaking) as port:
        task = order(f"http://pod.univ.fr:{port}/")
        end(task)
        tend(callbacks(settings), START)
    row = row_of(task)
    assert (row.callback, row.is_unclear) == (state, False) and (status == 200 or "answers 500" in row.reason)


def test_words_of_a_site_that_a_database_cannot_hold_are_shown_without_them(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    class Odd(QuietHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.wfile.write(b"HTTP/1.1 500 X\r\nContent-Length: 8\r\n\r\na\0b\xff\x1b\ncd")
            self.close_connection = True

    with answering(Odd) as port:
        task = order(f"http://pod.univ.fr:{port}/")
        end(task)
        tend(callbacks(settings), START)
    assert row_of(task).reason == "the site answers 500: a b\ufffd  cd"


@pytest.mark.parametrize("is_of_its_words", [True, False])
def test_a_try_whose_end_cannot_be_stored_holds_up_no_other(
    settings: Settings, catalog: None, pod: Pod, monkeypatch: pytest.MonkeyPatch, is_of_its_words: bool
) -> None:
    odd, other = order(pod.url), order(pod.url, 2, site="second")
    end(odd)
    settle = site_callbacks.settle

    def storing(debt: site_callbacks.Debt, outcome: site_callbacks.Outcome, *others: Any) -> None:
        if debt.task == odd.id and ("500" in outcome.reason or not is_of_its_words):
            raise DataError("invalid byte sequence")
        settle(debt, outcome, *others)

    monkeypatch.setattr(site_callbacks, "settle", storing)
    pod.answer = lambda body: 500
    sender = callbacks(settings)
    tend(sender, START)
    end(other)
    pod.answer = lambda body: 200
    tend(sender, START + 1)
    assert row_of(other).callback == "delivered"
    assert row_of(odd).reason == (UNSTORED if is_of_its_words else "")
    monkeypatch.undo()
    sender.tend(later(START + 2))
    assert not sender._ended and (is_of_its_words or "500" in row_of(odd).reason)


def test_no_answer_is_not_repeated_at_all_when_pod_fetched_the_result(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    task = order(pod.url)
    end(task)
    over = hang(pod)
    sender = callbacks(settings, read_s=0.2)
    tend(sender, START)
    site_orders.fetched(row_of(task), later(START + 30))
    tend(sender, START + 1300)
    over.set()
    row = row_of(task)
    assert (len(pod.got), row.callback, row.delivered_at) == (1, "delivered", later(START + 30))


def test_who_wants_it_told_at_once_has_it_told_even_if_pod_fetched_the_result(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    task = order(pod.url)
    end(task)
    pod.answer = lambda body: 504
    sender = callbacks(settings)
    tend(sender, START)
    site_orders.fetched(row_of(task), later(START + 30))
    site_callbacks.push(task.id, later(START + 60))
    pod.answer = lambda body: 200
    tend(sender, START + 60)
    assert (len(pod.got), row_of(task).delivered_at) == (2, later(START + 60))


def test_a_pod_that_hangs_keeps_no_other_pod_waiting(settings: Settings, catalog: None, pod: Pod) -> None:
    for number in range(AT_ONCE + 3):
        end(order(pod.url, number))
    quick = order(pod.url, 99, site="second")
    end(quick)
    over = threading.Event()
    mine = row_of(quick).public_id

    def answer(body: dict[str, Any]) -> int:
        if body["task_id"] != mine:
            over.wait(20)
        return 200

    pod.answer = answer
    sender = callbacks(settings)
    sender.tend(later(START))

    def is_delivered() -> bool:
        sender.tend(later(START))
        return row_of(quick).callback == "delivered"

    wait_until(is_delivered, 10, "the quick Pod is told")
    wait_until(lambda: len(pod.got) > AT_ONCE, 10, "the others are being told")
    assert len(pod.got) == AT_ONCE + 1
    over.set()


def test_a_janitor_that_dies_in_a_try_loses_nothing(settings: Settings, catalog: None, pod: Pod) -> None:
    task = order(pod.url)
    end(task)
    (debt,) = site_callbacks.due("univ", later(START), 9)
    assert site_callbacks.claim(debt, timedelta(minutes=11), later(START))  # and then it dies
    sender = callbacks(settings)
    tend(sender, START + 600)
    assert pod.got == []
    tend(sender, START + 661)
    assert row_of(task).callback == "delivered"


@pytest.mark.parametrize("is_dead", [True, False])
def test_who_wants_it_told_at_once_does_not_wait_for_the_claim_of_a_dead_janitor(
    settings: Settings, catalog: None, pod: Pod, is_dead: bool
) -> None:
    task = order(pod.url)
    end(task)
    with subprocess.Popen(["sleep", "60"]) as janitor:
        name = f"{janitor.pid}.{process_identity.place_id()}.{process_identity.start_ticks(janitor.pid)}"
        (debt,) = site_callbacks.due("univ", later(START), 9)
        assert site_callbacks.claim(debt, timedelta(minutes=11), later(START), name)
        sender = callbacks(settings)
        if is_dead:
            janitor.kill()
            janitor.wait()
        tend(sender, START + 5)
        assert pod.got == [], "Pod may be importing, and nobody wants it to be told at once"
        site_callbacks.push(task.id, later(START + 6))
        tend(sender, START + 7)
        janitor.kill()
    assert len(pod.got) == is_dead


def test_the_claim_of_a_try_says_which_process_tries(settings: Settings, catalog: None, pod: Pod) -> None:
    end(order(pod.url))
    over, sender = hang(pod), callbacks(settings, read_s=20.0)
    sender.tend(later(START))
    assert site_callbacks.claimants() == [process_identity.own_name()]
    sender.tend(later(START + 1))
    assert site_callbacks.claimants() == [process_identity.own_name()], "it lives"
    over.set()
    tend(sender, START + 2)
    assert site_callbacks.claimants() == []


def test_who_wants_it_told_at_once_does_not_wait_for_the_try_under_way(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    task = order(pod.url)
    end(task)
    refuse = threading.Event()

    def answer(body: dict[str, Any]) -> int:
        if len(pod.got) == 1:
            refuse.wait(20)
            return 404
        return 200

    pod.answer = answer
    sender = callbacks(settings)
    sender.tend(later(START))
    wait_until(lambda: pod.got, 5, "Pod is being told")
    site_callbacks.push(task.id, later(START + 1))
    refuse.set()
    tend(sender, START + 2)
    tend(sender, START + 3)
    assert row_of(task).callback == "delivered"


def test_two_janitors_send_it_once(settings: Settings, catalog: None, pod: Pod) -> None:
    end(order(pod.url))
    both = [callbacks(settings), callbacks(settings)]
    for sender in both:
        sender.tend(later(START))
    for sender in both:
        tend(sender, START + 1)
    assert len(pod.got) == 1


def test_the_next_janitor_tells_a_later_end_after_the_one_that_is_still_being_told(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    """A janitor loses its lead while Pod takes its time; the team has run the task again meanwhile."""
    task = order(pod.url)
    end(task, "cancelled")
    over, first, second = hang(pod), callbacks(settings, read_s=20.0), callbacks(settings)
    first.tend(later(START))
    wait_until(lambda: pod.got, 5, "Pod is being told")
    run_again(task)
    end(task, "done", START + 5)
    for seconds in (5, 60, 600):
        tend(second, START + seconds)
    assert len(pod.got) == 1 and row_of(task).callback == "waiting"
    over.set()
    tend(second, START + 666)  # the claim of the first janitor has run out
    assert [one["status"] for one in pod.got] == ["failed", "completed"] and row_of(task).callback == "delivered"


def test_a_failure_that_is_stored_late_does_not_touch_the_try_of_the_next_janitor(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    task = order(pod.url)
    end(task)
    (debt,) = site_callbacks.due("univ", later(START), 9)
    lease, late, failed = timedelta(minutes=11), START + 700, site_callbacks.Outcome(False, "no answer")
    old = site_callbacks.claim(debt, lease, later(START))
    new = site_callbacks.claim(debt, lease, later(late))
    assert old and new and site_callbacks.claim(debt, lease, later(late + 1)) is None
    site_callbacks.settle(old, failed, timedelta(seconds=20), later(late + 2))
    row = row_of(task)
    assert (row.due_at, row.reason, row.claimed_until) == (later(late) + lease, "", new.claimed_until)
    site_callbacks.settle(new, failed, timedelta(seconds=20), later(late + 3))
    row = row_of(task)
    assert (row.due_at, row.reason, row.claimed_until) == (later(late + 23), "no answer", None)


def test_an_outage_of_the_database_makes_no_second_message_of_one_that_was_taken(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    task = order(pod.url)
    end(task)
    is_away = False

    @contextmanager
    def fence() -> Iterator[None]:
        if is_away:
            raise OperationalError("the database is away")
        with transaction():
            yield

    sender = Callbacks(settings, fence, callbacks(settings)._post)
    sender.tend(later(START))
    is_away = True
    wait_until(lambda: sender._ended, 20, "Pod has answered")
    with pytest.raises(OperationalError):
        sender.tend(later(START + 1))
    is_away = False
    for seconds in (2, 700, 8000):
        tend(sender, START + seconds)
    assert len(pod.got) == 1 and row_of(task).callback == "delivered"


def test_an_end_that_comes_while_an_earlier_one_is_told_is_told_too(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    """The team runs a failed task again while Pod takes its time to answer."""
    task = order(pod.url)
    end(task, "error", code="internal")
    over = hang(pod)
    sender = callbacks(settings)
    sender.tend(later(START))
    wait_until(lambda: pod.got, 5, "Pod is being told")
    run_again(task)
    end(task, "done", START + 5)
    over.set()
    tend(sender, START + 6)
    tend(sender, START + 7)
    assert [one["status"] for one in pod.got] == ["failed", "completed"] and row_of(task).callback == "delivered"


@pytest.mark.parametrize("status", [200, 500])
def test_a_later_end_of_a_task_does_not_overtake_one_that_is_being_told(
    settings: Settings, catalog: None, pod: Pod, status: int
) -> None:
    """Pod would take what it hears last for the truth."""
    task = order(pod.url)
    end(task, "cancelled")
    over = threading.Event()
    ended: list[str] = []  # as Pod has dealt with them

    def answer(body: dict[str, Any]) -> int:
        is_first = body["status"] == "failed"
        assert not is_first or over.wait(20)
        ended.append(body["status"])
        return status if is_first else 200

    pod.answer = answer
    sender = callbacks(settings, read_s=20.0)
    sender.tend(later(START))
    wait_until(lambda: pod.got, 5, "Pod is being told")
    run_again(task)
    end(task, "done", START + 5)
    for seconds in (5, 30, 300):
        sender.tend(later(START + seconds))
    assert len(sender._under_way) == 1, "the second end waits for the first"
    over.set()
    for hours in range(5):
        tend(sender, START + 400 + 3600 * hours)
    assert ended == ["failed", "completed"] and row_of(task).callback == "delivered"


def test_an_earlier_end_that_was_refused_is_not_told_after_a_later_one(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    task = order(pod.url)
    pod.answer = lambda body: 500 if body["status"] == "failed" else 200
    sender = callbacks(settings)
    end(task, "error", code="internal")
    tend(sender, START)
    run_again(task)
    tend(sender, START + 100)  # its next try would be due
    end(task, "done", START + 105)
    for hours in range(5):
        tend(sender, START + 110 + 3600 * hours)
    assert [one["status"] for one in pod.got] == ["failed", "completed"] and row_of(task).callback == "delivered"


def run_again(task: Task) -> None:
    with transaction():
        site_callbacks.forget([task.id])


def test_many_ends_are_each_told_once_by_a_pod_in_a_bad_mood(settings: Settings, catalog: None, pod: Pod) -> None:
    """404, 500, no answer at all: and yet each is told, and none twice after a 200."""
    wanted = []
    for number in range(12):
        task = order(pod.url, number)
        end(task)
        wanted.append(row_of(task).public_id)
    moods: dict[str, int] = {}

    def answer(body: dict[str, Any]) -> int:
        mood = moods[body["task_id"]] = moods.get(body["task_id"], -1) + 1
        turn = (wanted.index(body["task_id"]) + mood) % 4
        if turn == 2:
            time.sleep(1.5)  # longer than the sender waits
            return 503
        return (404, 500, 0, 200)[turn]

    pod.answer = answer
    sender = callbacks(settings, read_s=1.0)
    seconds = START
    while SiteOrder.select().where(SiteOrder.callback == "waiting").exists() and seconds < START + 200_000:
        tend(sender, seconds)
        seconds += 120
    assert sorted(pod.accepted) == sorted(wanted)


def test_a_key_that_was_lost_is_a_reason_and_no_crash(settings: Settings, catalog: None, pod: Pod) -> None:
    task = order(pod.url)
    end(task)
    sender = Callbacks(settings, transaction, Poster(Seal("another key")))
    tend(sender, START)
    assert "sealed with another key" in row_of(task).reason and pod.got == []


def test_an_address_that_the_settings_no_longer_allow_is_not_called(
    settings: Settings, catalog: None, pod: Pod
) -> None:
    task = order(pod.url)
    end(task)
    sender = Callbacks(settings, transaction, Poster(Seal(KEY), resolve=lambda host, port: ["10.0.0.1"]))
    tend(sender, START)
    assert "private network" in row_of(task).reason and pod.got == []
