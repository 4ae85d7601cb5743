"""What becomes of a message: one task, whatever is delivered twice, and a failed task of what cannot be carried out."""

import json
import math
import uuid
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from redis import Redis

from pod_jobs.bridge.intake import Intake
from pod_jobs.bridge.rounds import Broker, list_brokers, serve
from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.models import Outbox, Task
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import instance, site_orders, tasks, users
from pod_jobs.catalog.trace_models import Statement
from pod_jobs.celery.broker import SINCE, BrokerQueue
from pod_jobs.celery.shared_folder import MARK
from pod_jobs.errors import Malformed, NotFound
from pod_jobs.instance.doctor.celery_sites import check_celery_sites
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import Settings
from pod_jobs.system.sealing import Seal
from tests import servers
from tests.integration.bridge.conftest import DATABASE
from tests.integration.catalog.conftest import later
from tests.small_celery_pod import STUDIO, TOKEN, TRANSCRIPTING, XAPI, SmallCeleryPod, Video
from tests.unit.celery.test_messages import ARGUMENTS, message

STATEMENT = "pod.xapi.xapi_tasks.send_xapi_statement_task"

pytestmark = pytest.mark.usefixtures("catalog")


@pytest.fixture
def redis(broker: servers.KeyValueServer) -> Redis:
    """The broker."""
    return Redis(unix_socket_path=str(broker.socket), db=DATABASE)


def video(pod: SmallCeleryPod, number: int = 7) -> Video:
    found = Video(number, pod.media / "videos" / f"{number}.mp4")
    found.source.touch()
    return found


def rounds(settings: Settings) -> None:
    """One round of a bridge that has just started."""
    (broker,) = list_brokers(settings)
    broker.round(catalog_database.connect(settings.database_url))


def statement(**changes: Any) -> dict[str, Any]:
    actor = {"objectType": "Agent", "name": "x", "mbox": "mailto:x@univ.fr"}
    verb = {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en-US": "completed"}}
    about = {"id": "https://pod.univ.fr/video/7/", "objectType": "Activity"}
    stated = {"id": str(uuid.uuid4()), "actor": actor, "verb": verb, "object": about}
    return {**stated, "timestamp": "2026-11-28T10:00:00+00:00", **changes}


def test_each_type_of_order_becomes_its_task(settings: Settings, pod: SmallCeleryPod, redis: Redis) -> None:
    own = video(pod)
    ids = [pod.encode(own, 3, 9)]
    ids.append(pod.send(TRANSCRIPTING, 7, str(own.source), 12, "fr"))
    rounds(settings)
    rows = {row.public_id: row for row in SiteOrder.select()}
    encoding, transcription = (rows[number] for number in ids)
    assert (encoding.task.kind, transcription.task.kind) == ("pod_encode", "pod_transcribe")
    assert encoding.task.party == "site-univ" and encoding.asked["arguments"]["cut_end"] == 9
    key = Seal(settings.secret("site_key"))
    assert key.open(encoding.notify_url) == "http://127.0.0.1:9/rest/store_remote_encoded_video/?id=7"
    assert TOKEN not in json.dumps([row.asked for row in rows.values()])
    assert [redis.llen(name) for name in ("encoding", "transcripting")] == [0, 0]


@pytest.mark.parametrize("state", ["waiting", "running", "done", "error", "cancelled"])
def test_a_message_that_comes_again_makes_no_second_task(
    settings: Settings, pod: SmallCeleryPod, redis: Redis, state: str
) -> None:
    """D1, D2: Celery's own consumer ran long jobs again while they ran, and reserved ones twice."""
    pod.encode(video(pod))
    raw = redis.lindex("encoding", 0)
    rounds(settings)
    Task.update(state=state).execute()
    redis.lpush("encoding", raw)
    rounds(settings)
    assert Task.select().count() == 1 and redis.llen("encoding") == 0


def test_a_bridge_that_dies_after_its_commit_loses_and_doubles_nothing(
    settings: Settings, pod: SmallCeleryPod, redis: Redis
) -> None:
    """D4: a worker of Celery's that is killed loses its job."""
    pod.encode(video(pod))
    raw = BrokerQueue(redis, "encoding").take()
    assert raw is not None
    Intake(settings, settings.site[0]).take(raw, later(1))  # and then it dies
    assert BrokerQueue(redis, "encoding").count_taken() == 1
    rounds(settings)
    assert Task.select().count() == 1 and BrokerQueue(redis, "encoding").count_taken() == 0


def test_a_newer_order_of_the_same_video_replaces_an_older_one(settings: Settings, pod: SmallCeleryPod) -> None:
    """D13: in Pod 4.1 the callback of a stale job imported its files over those of a newer one."""
    first = pod.encode(video(pod))
    other = pod.encode(video(pod, 8))
    rounds(settings)
    second = pod.encode(video(pod))
    rounds(settings)
    states = {row.public_id: (row.task.state, row.callback, bool(row.notify_url)) for row in SiteOrder.select()}
    assert states[first] == ("cancelled", "none", False)
    assert states[second] == states[other] == ("waiting", "none", True)


def test_an_old_message_that_comes_again_replaces_no_newer_order(
    settings: Settings, pod: SmallCeleryPod, redis: Redis
) -> None:
    """A bridge that dies with a message in its hand; another one takes the newer order of the same video meanwhile."""
    own, queue = video(pod), BrokerQueue(redis, "encoding")
    earlier = pod.encode(own)
    rounds(settings)
    old = pod.encode(own, 1, 2)
    assert queue.take()  # and then it dies
    new = pod.encode(own, 3, 9)
    database = catalog_database.connect(settings.database_url)
    (running,) = list_brokers(settings)
    running._take_back_at = math.inf
    running.round(database)
    running._take_back_at = 0.0
    running.round(database)
    rows = {row.public_id: row for row in SiteOrder.select()}
    states = {number: (row.task.state, bool(row.notify_url)) for number, row in rows.items()}
    assert states == {earlier: ("cancelled", False), old: ("cancelled", False), new: ("waiting", True)}
    assert queue.count_taken() == queue.count_waiting() == 0 and not redis.hlen(f"encoding.{SINCE}")


def test_a_refused_message_that_is_offered_again_replaces_only_what_is_older(
    settings: Settings, pod: SmallCeleryPod, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, late = video(pod), video(pod, 8)
    first, second = pod.encode(own, 1, 2), pod.encode(late, 1, 2)
    take = Intake.take

    def not_yet(self: Intake, raw: bytes, *rest: Any) -> str:
        if second.encode() in raw:
            raise Malformed("another version can read it")
        return take(self, raw, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "take", not_yet)
        rounds(settings)
    newer = pod.encode(video(pod, 8), 3, 9)
    rounds(settings)
    BrokerQueue(redis, "encoding").offer_refused()
    rounds(settings)
    states = {row.public_id: row.task.state for row in SiteOrder.select()}
    assert {number: states[number] for number in (first, second, newer)} == {
        first: "waiting",
        second: "cancelled",
        newer: "waiting",
    }


@pytest.mark.parametrize("text", ["\ud800", "\0", "two\nlines"])
def test_a_message_with_an_odd_name_is_refused_and_holds_up_no_other(
    settings: Settings, pod: SmallCeleryPod, redis: Redis, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    odd = [message(body=[ARGUMENTS, {text: 1}, {}]), message(number=text), message(task=text)]
    odd += [message(task=STATEMENT, body=[[{"id": str(uuid.uuid4()), text: 1}], {}, {}])]
    odd += [message(body=[["9" * 5000, "/x", 0, 0], {}, {}]), b"%s" % text.encode("utf-8", "surrogatepass")]
    redis.lpush("encoding", *odd)
    good = pod.encode(video(pod))
    rounds(settings)
    assert SiteOrder.get(SiteOrder.public_id == good).task.state == "waiting"
    assert BrokerQueue(redis, "encoding").count_refused() == len(odd)
    assert Task.select().where(Task.state == "error").count() == len(odd)
    assert not any(line.startswith("lines") for line in caplog.text.splitlines())


def test_a_site_with_enough_waiting_tasks_leaves_the_rest_on_its_broker(
    settings: Settings, pod: SmallCeleryPod, redis: Redis
) -> None:
    limited = settings.model_copy(update={"site": (settings.site[0].model_copy(update={"waiting": 2}),)})
    for number in range(3):
        pod.encode(video(pod, number + 1))
    rounds(limited)
    assert (Task.select().count(), redis.llen("encoding")) == (2, 1)
    with catalog_database.transaction():
        tasks.end(tasks.get_locked(Task.select().first().id), "cancelled", later(9))
    rounds(limited)
    assert (Task.select().count(), redis.llen("encoding")) == (3, 0)


def test_what_cannot_be_carried_out_is_kept_aside_and_is_a_failed_task(
    settings: Settings, pod: SmallCeleryPod, redis: Redis
) -> None:
    bad = [b"no json", b"\xff", json.dumps({"headers": {"id": str(uuid.uuid4()), "task": "rm"}}).encode()]
    redis.lpush("encoding", *bad)
    good = pod.encode(video(pod))  # behind them, and not held up
    rounds(settings)
    failed = list(Task.select().where(Task.state == "error"))
    assert len(failed) == 3 and all(task.error_group and task.error_reason for task in failed)
    assert BrokerQueue(redis, "encoding").count_refused() == 3 and redis.llen("encoding") == 0
    assert {row.callback for row in SiteOrder.select()} == {"none"}
    assert SiteOrder.get(SiteOrder.public_id == good).task.state == "waiting"
    BrokerQueue(redis, "encoding").offer_refused()
    rounds(settings)
    assert Task.select().count() == 4 and BrokerQueue(redis, "encoding").count_refused() == 3


def test_a_broker_full_of_nonsense_fills_no_table(
    settings: Settings, pod: SmallCeleryPod, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_orders, "MOST_REFUSED", 2)
    redis.lpush("encoding", *(f"nonsense {number}" for number in range(4)))
    pod.encode(video(pod))
    rounds(settings)
    assert sorted(task.state for task in Task.select()) == ["error", "error", "waiting"]
    assert BrokerQueue(redis, "encoding").count_refused() == 4


def test_what_is_wrong_with_an_order_that_names_its_video_is_told_to_pod(
    settings: Settings, pod: SmallCeleryPod, redis: Redis, tmp_path: Path
) -> None:
    """D11: in Pod 4.1 a wrong path leaves the video "in progress"."""
    (pod.media / "way out").symlink_to(tmp_path)
    (tmp_path / "secret.mp4").touch()
    codes = {
        pod.encode(Video(9, pod.media / "way out" / "secret.mp4")): "source-outside",
        pod.encode(Video(10, Path("/etc/passwd"))): "source-outside",
        pod.encode(Video(11, Path("videos/a.mp4"))): "source-order",
        pod.encode(Video(12, pod.media / "a.mp4"), dressing={"title": "x" * 40_000}): "source-order",
        pod.send(STUDIO, 8, "/etc/8.mp4", [{"type": "presenter/source", "src": "/x"}], "", "mid"): "source-outside",
        pod.send(STUDIO, 8, str(pod.media / "8.mp4"), [], "", "mid"): "source-order",
        pod.send(TRANSCRIPTING, 7, "", 12, "fr"): "source-order",
    }
    rounds(settings)
    rows = {row.public_id: row for row in SiteOrder.select()}
    assert {name: row.task.error_code for name, row in rows.items()} == codes
    key = Seal(settings.secret("site_key"))
    told = {key.open(row.notify_url).rpartition("/")[2] for row in rows.values() if row.callback == "waiting"}
    # of two orders of one recording, Pod is told the end of the newer one
    assert told == {"?id=7", *(f"?id={number}" for number in range(9, 13)), "?recording_id=8"}
    assert all(row.task.state == "error" and row.answered_at for row in rows.values())
    assert redis.llen("encoding") == BrokerQueue(redis, "encoding").count_refused() == 0


@pytest.mark.parametrize("runs_scripts", [True, False])
def test_a_message_that_is_too_large_stays_on_the_broker_and_holds_up_no_other(
    settings: Settings, pod: SmallCeleryPod, redis: Redis, runs_scripts: bool
) -> None:
    own, large, queue = video(pod), message(body=["x" * 9_000_000]), BrokerQueue(redis, "encoding")
    if not runs_scripts:
        redis.execute_command("ACL", "SETUSER", "default", "-@scripting")
    for _ in range(2):
        redis.lpush("encoding", large)
    good = pod.encode(own)
    before = redis.info("stats")["total_net_output_bytes"]
    rounds(settings)
    assert (redis.info("stats")["total_net_output_bytes"] - before < 1_000_000) is runs_scripts
    (failed,) = Task.select().where(Task.state == "error")
    assert failed.error_code == "message-too-large" and f"of {len(large)} bytes" in failed.error_reason
    assert SiteOrder.get(SiteOrder.public_id == good).task.state == "waiting"
    kept = 2 if runs_scripts else 1  # one that was read is kept once
    assert queue.count_refused() == kept and queue.count_waiting() == queue.count_taken() == 0
    assert queue.offer_refused() == kept
    rounds(settings)
    assert queue.count_refused() == kept and Task.select().count() == 2


def test_while_the_database_is_away_messages_stay_in_order(
    settings: Settings, pod: SmallCeleryPod, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peewee import OperationalError

    ids = [pod.encode(video(pod, number + 1)) for number in range(3)]

    def away(*_: object) -> str:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "take", away)
        rounds(settings)
    assert Task.select().count() == 0
    rounds(settings)
    assert [row.public_id for row in SiteOrder.select().order_by(SiteOrder.task)] == ids


def test_while_redis_is_away_messages_become_tasks_that_wait(
    settings: Settings, pod: SmallCeleryPod, redis: Redis
) -> None:
    """D7: in Pod 4.1 an order was lost with the process that was to queue it."""
    away = settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": "redis://127.0.0.1:9"})})
    number, stopping = pod.encode(video(pod)), list[int]()
    thread = Thread(target=serve, args=(away, JOB_TYPES, stopping), daemon=True)
    thread.start()
    servers.wait_until(lambda: redis.llen("encoding") == redis.llen("encoding.pod-jobs.taken") == 0, 30, "it is taken")
    stopping.append(15)
    thread.join(30)
    row = SiteOrder.get(SiteOrder.public_id == number)
    assert row.task.state == "waiting" and Outbox.get().task_id == row.task_id, "the janitor hands it over later"


def test_a_fault_of_ours_holds_up_no_other_message(
    settings: Settings, pod: SmallCeleryPod, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pod.encode(video(pod, 1)), pod.encode(video(pod, 2))
    take = Intake.take

    def faulty(self: Intake, raw: bytes, *rest: Any) -> str:
        if first.encode() in raw:
            raise AssertionError("a fault")
        return take(self, raw, *rest)

    monkeypatch.setattr(Intake, "take", faulty)
    rounds(settings)
    assert [row.task.state for row in SiteOrder.select().where(SiteOrder.public_id == second)] == ["waiting"]
    assert BrokerQueue(redis, "encoding").count_refused() == 1
    assert Task.get(Task.state == "error").error_code == "internal"


def test_a_statement_is_stored_once(settings: Settings, pod: SmallCeleryPod, redis: Redis) -> None:
    """D31: in Pod 4.1 it was lost when the record store was away. Ours waits in the catalog."""
    one = statement()
    pod.send(XAPI, one)
    pod.send(XAPI, one)  # Pod sends an id again
    pod.send(XAPI, statement(verb={"id": "no IRI"}))
    pod.send(XAPI, {**one, "timestamp": "2026-11-28T11:00:00+00:00"})
    rounds(settings)
    assert [row.id for row in Statement.select()] == [one["id"]]
    assert BrokerQueue(redis, "xapi").count_refused() == 2 and redis.llen("xapi") == 0
    assert {task.error_code for task in Task.select()} == {"statement-refused"}


def test_the_token_that_pod_gave_us_opens_no_door_of_ours(settings: Settings) -> None:
    with pytest.raises(NotFound):
        users.find_by_token(TOKEN, later(1))


def test_a_broker_that_is_away_costs_only_a_pause(
    settings: Settings, pod: SmallCeleryPod, broker: servers.KeyValueServer, caplog: pytest.LogCaptureFixture
) -> None:
    database = catalog_database.connect(settings.database_url)
    made = Broker(settings.site[0], pod.broker, Intake(settings, settings.site[0]))
    pod.encode(video(pod))
    broker.stop(kill=True)
    for _ in range(3):
        made.round(database)
        made._next_at = 0.0
    assert caplog.text.count("its messages wait") == 1
    broker.start(*servers.SYNCED)
    assert made.round(database) == {"pod_encode"}


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({}, "ok", "is here"),
        ({"private_networks": ()}, "fault", "private network"),
        ({"callback_hosts": ("pod.univ.fr",)}, "fault", "do not list this host"),
        ({"callback_url": "http://pod.nowhere.invalid/rest/"}, "warning", "pod.nowhere.invalid"),
    ],
)
def test_the_doctor_says_that_a_pod_cannot_be_called(
    settings: Settings, pod: SmallCeleryPod, changes: dict[str, Any], level: str, words: str
) -> None:
    """Before the first task has ended, and nobody can be told."""
    changed = settings.model_copy(update={"site": (settings.site[0].model_copy(update=changes),)})
    (finding,) = check_celery_sites(changed)
    assert (finding.state, words in finding.text) == (level, True), finding


def test_the_folder_in_which_an_ordered_file_is_found_is_known_again(
    settings: Settings, pod: SmallCeleryPod, caplog: pytest.LogCaptureFixture
) -> None:
    pod.encode(Video(6, pod.media / "videos" / "not there yet.mp4"))
    rounds(settings)
    assert not instance.shared_folder_mark("univ") and not (pod.media / MARK).exists()
    pod.encode(video(pod))
    rounds(settings)
    mark = instance.shared_folder_mark("univ")
    assert mark and (pod.media / MARK).read_text().strip() == mark
    assert "is here" in [*check_celery_sites(settings)][0].text
    pod.media.rename(pod.media.parent / "away")
    (pod.media / "temp").mkdir(parents=True)
    pod.encode(Video(8, pod.media / "videos" / "8.mp4"))
    rounds(settings)
    assert not (pod.media / MARK).exists() and Task.select().where(Task.state == "waiting").count() == 3
    (fault,) = check_celery_sites(settings)
    assert fault.state == "fault" and mark in fault.text and "mount" in fault.remedy
