"""One broker that answers nonsense, or a byte now and then, costs the other brokers nothing."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import pytest

from pod_jobs.bridge.rounds import list_brokers, serve
from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.models import Task
from pod_jobs.celery.broker import Broker
from pod_jobs.errors import ServiceUnavailable, SettingsError
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import Settings
from tests import servers
from tests.small_celery_pod import SmallCeleryPod, Video

pytestmark = pytest.mark.usefixtures("catalog")

ODD = [
    b"$2\r\nOK\r\n",
    b"+OK\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"-ERR unknown\r\n",
    b"*-1\r\n",
    b"_\r\n",
    b"*1\r\n" * 3000,
    b"$9999999999999999999999\r\n",
    b":zz\r\n",
    b":1\r\n",
    b"%1\r\n",
]


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that lets `talk` answer each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def one(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                talk(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    Thread(target=one, args=(listening.accept()[0],), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"
        listening.shutdown(socket.SHUT_RDWR)


def beside(settings: Settings, pod: SmallCeleryPod, address: str) -> None:
    """The site has this broker too, before its own one, where an order waits."""
    (settings.home / "secrets" / "site_univ_broker").write_text(f"{address}\n{pod.broker}")
    (pod.media / "videos" / "7.mp4").touch()
    pod.encode(Video(7, pod.media / "videos" / "7.mp4"))


@pytest.mark.parametrize("answer", ODD, ids=range(len(ODD)))
def test_odd_answers_cost_a_pause(settings: Settings, pod: SmallCeleryPod, answer: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        while connection.recv(65_536):
            connection.sendall(answer)

    with answering(talk) as address:
        beside(settings, pod, address)
        database = catalog_database.connect(settings.database_url)
        for broker in list_brokers(settings):
            broker.round(database)
        with pytest.raises(ServiceUnavailable):
            Broker(address).offer_reserved()
    assert Task.select().count() == 1


def test_a_broker_that_answers_a_byte_now_and_then_holds_up_no_other(settings: Settings, pod: SmallCeleryPod) -> None:
    over, dripping = Event(), Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        while not over.wait(0.2):
            connection.sendall(b"-")
            dripping.set()

    stopping: list[int] = []
    with answering(talk) as address:
        beside(settings, pod, address)
        thread = Thread(target=serve, args=(settings, JOB_TYPES, stopping), daemon=True)
        thread.start()
        servers.wait_until(lambda: dripping.is_set() and Task.select().count() == 1, 30, "the good broker's order")
        over.set()
        stopping.append(15)
        thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("address", ["redis://:geheim\u2100x@h:6379/0", "redis://:geheim[x@h/0", "geheim:x@h", ""])
def test_a_bad_address_is_left_out_and_shows_no_password(
    settings: Settings, pod: SmallCeleryPod, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    beside(settings, pod, address)
    assert len(list_brokers(settings)) == 1
    assert "geheim" not in caplog.text and caplog.text.count("left out") == bool(address)
    (settings.home / "secrets" / "site_univ_broker").unlink()
    with pytest.raises(SettingsError, match="no broker|can be used"):
        serve(settings, JOB_TYPES, [])
