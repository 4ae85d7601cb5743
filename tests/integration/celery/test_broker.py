"""Messages of a real Celery client, through a real key-value server."""

import json
import threading
import uuid
from collections.abc import Iterator

import pytest
from celery import Celery
from redis import Redis

from pod_jobs.celery.broker import REFUSED, TAKEN, Broker, BrokerQueue, Oversized
from pod_jobs.celery.broker import connect as connect_to
from pod_jobs.celery.messages import MOST_BYTES, read_message
from pod_jobs.errors import ServiceUnavailable, SettingsError
from tests import servers
from tests.unit.celery.test_messages import message

ENCODING = "pod.video_encode_transcript.encoding_tasks.start_encoding_task"
DATABASE = 5


@pytest.fixture
def server() -> Iterator[servers.KeyValueServer]:
    with servers.synced_server() as made:
        yield made


def order(*arguments: object, **named: object) -> None:
    """Stands for Pod's task; only Celery's workers would call it."""


def send(server: servers.KeyValueServer, numbers: range) -> list[str]:
    """Send orders as Pod 4.1 does; the ids that Celery gave them, in order."""
    with Celery(broker=f"redis+socket://{server.socket}?virtual_host={DATABASE}", set_as_current=False) as app:
        start = app.task(order, name=ENCODING, ignore_result=True)
        ids = []
        for number in numbers:
            named = {"json_dressing": None, "dressing_input": ""}
            sent = start.apply_async((number, f"/media/videos/é/{number}.mp4", 0, 0), named, queue="encoding")
            ids.append(sent.id)
    return ids


def connect(server: servers.KeyValueServer) -> Redis:
    return Redis(unix_socket_path=str(server.socket), db=DATABASE)


def take_all(queue: BrokerQueue) -> list[str]:
    found = []
    while (raw := queue.take()) is not None:
        found.append(read_message(raw).id)
        queue.done(raw)
    return found


def test_celerys_messages_are_read_in_order_and_leave_nothing_behind(server: servers.KeyValueServer) -> None:
    ids = send(server, range(3))
    with connect(server) as redis:
        queue = BrokerQueue(redis, "encoding")
        raw = queue.take()
        assert raw is not None
        message = read_message(raw)
        assert (message.id, message.arguments["video_path"]) == (ids[0], "/media/videos/é/0.mp4")
        queue.done(raw)
        assert take_all(queue) == ids[1:]
        assert redis.llen("encoding") == redis.llen(f"encoding.{TAKEN}") == 0


def test_what_a_dead_bridge_took_is_offered_again_through_a_crash_of_the_server(
    server: servers.KeyValueServer,
) -> None:
    ids = send(server, range(4))
    with connect(server) as redis:
        dead = BrokerQueue(redis, "encoding")
        assert dead.take() and dead.take()
    server.stop(kill=True)
    server.start(*servers.SYNCED)
    with connect(server) as redis:
        queue = BrokerQueue(redis, "encoding")
        assert queue.take_back() == 2
        assert take_all(queue) == ids


def test_two_bridges_at_once_take_each_message_once(server: servers.KeyValueServer) -> None:
    ids = send(server, range(60))
    found: list[list[str]] = [[], []]

    def work(n: int) -> None:
        with connect(server) as redis:
            found[n] = take_all(BrokerQueue(redis, "encoding"))

    both = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    assert sorted(found[0] + found[1]) == sorted(ids)


def test_an_old_redis_of_pods_host_will_do() -> None:
    """Redis 5 and 6.0, which some distributions still have, know neither LMOVE nor, before 6.0, HELLO."""
    with servers.short_folder() as folder:
        server = servers.KeyValueServer(folder)
        server.start("--rename-command", "LMOVE", "", "--rename-command", "HELLO", "")
        try:
            ids, address = (
                [str(uuid.uuid4()) for _ in range(3)],
                f"redis+socket://{server.socket}?virtual_host={DATABASE}",
            )
            with connect_to(address) as redis:
                for number in ids:  # the Celery of these tests is too new for such a server
                    redis.lpush("encoding", message(number=number))
                queue = BrokerQueue(redis, "encoding")
                assert queue.take() and queue.take() and queue.take_back() == 2
                redis.rpush("encoding", "x" * (MOST_BYTES + 1))
                with pytest.raises(Oversized) as caught:
                    queue.take()
                queue.put_aside(caught.value)
                assert queue.count_refused() == 1 and take_all(queue) == ids
            assert Broker(address).offer_refused() == 1
        finally:
            server.stop()


def test_who_may_run_no_scripts_loses_nothing_on_an_old_redis() -> None:
    with servers.short_folder() as folder:
        server = servers.KeyValueServer(folder)
        server.start("--rename-command", "LMOVE", "")
        try:
            with connect(server) as redis:
                redis.acl_setuser("default", commands=["-@scripting"])
                ids, queue = [str(uuid.uuid4()) for _ in range(3)], BrokerQueue(redis, "encoding")
                for number in ids:
                    redis.lpush("encoding", message(number=number))
                assert queue.take() and queue.take() and queue.take_back() == 2 and queue.count_taken() == 0
                assert take_all(queue) == ids
        finally:
            server.stop()


def test_a_refused_message_is_kept_aside_once(server: servers.KeyValueServer) -> None:
    with connect(server) as redis:
        redis.lpush("encoding", b"no json")
        queue = BrokerQueue(redis, "encoding")
        raw = queue.take()
        assert raw is not None
        queue.refuse(raw)
        queue.refuse(raw)  # delivered again by a bridge that started meanwhile
        assert queue.take() is None and queue.take_back() == 0
        assert redis.lrange(f"encoding.{REFUSED}", 0, -1) == [b"no json"]


def test_what_celerys_own_workers_had_reserved_is_taken_over(
    server: servers.KeyValueServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D2, D3: four messages a worker, which neither Pod nor the length of the queue show."""
    ids = send(server, range(3))
    address = f"redis+socket://{server.socket}?virtual_host={DATABASE}"
    with Celery(broker=address, set_as_current=False) as app, app.connection_for_read() as connection:
        channel = connection.channel()
        with monkeypatch.context() as patch:  # it is killed: kombu would give them back at its end
            for _ in range(3):
                assert app.amqp.queues["encoding"].bind(channel).get(no_ack=False) is not None
            patch.setattr(channel.qos, "restore_unacked_once", lambda *_, **__: None)
            channel.qos._delivered.clear()
    broker = Broker(address)
    assert (broker.count_reserved(), broker.figures()[0].waiting) == (3, 0)
    later = send(server, range(3, 4))
    assert broker.offer_reserved() == 3
    with connect(server) as redis:
        assert take_all(BrokerQueue(redis, "encoding")) == [*ids, *later]
        assert redis.zcard("unacked_index") == redis.hlen("unacked") == 0


def test_a_reserved_message_that_is_too_large_stays_where_it_is(server: servers.KeyValueServer) -> None:
    with connect(server) as redis:
        redis.hset(
            "unacked", mapping={"a": json.dumps(["x" * 9_000_000, "", "encoding"]), "b": '["é", "", "encoding"]'}
        )
        before = redis.info("stats")["total_net_output_bytes"]
        assert Broker(f"redis+socket://{server.socket}?virtual_host={DATABASE}").offer_reserved() == 1
        assert redis.info("stats")["total_net_output_bytes"] - before < 1_000_000
        assert redis.hkeys("unacked") == [b"a"]


@pytest.mark.parametrize(
    ("address", "database", "host"),
    [
        ("redis://:hush@redis.localhost:6379/5", 5, "redis.localhost"),
        ("redis://redis", 0, "redis"),
        ("redis://redis:6379//", 0, "redis"),
        ("rediss://redis:6380/6", 6, "redis"),
    ],
)
def test_celerys_addresses_are_understood(address: str, database: int, host: str) -> None:
    made = connect_to(address).connection_pool.connection_kwargs
    assert (made.get("db", 0), made["host"]) == (database, host)


@pytest.mark.parametrize(
    "address", ["amqp://user:hush@rabbit//", "sentinel://:hush@a:1", "redis://:hush@a:x/5", "hush"]
)
def test_another_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        connect_to(address)
    assert "hush" not in caught.value.reason


def test_a_broker_that_is_away_is_said_without_its_address() -> None:
    with pytest.raises(ServiceUnavailable) as caught:
        Broker("redis://:hush@127.0.0.1:9/5").figures()
    assert "hush" not in caught.value.reason
