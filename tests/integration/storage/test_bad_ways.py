"""Between a worker and the web host: a proxy with limits and bad moments, and a worker that is killed while it sends."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import proxy as proxies
from tests.acceptance.site import Site
from tests.clips import Clips
from tests.integration.storage.conftest import WORKER, Far, tick
from tests.proxy import MOODS, HttpProxy
from tests.servers import wait_until

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture
def proxy(site: Site) -> Iterator[HttpProxy]:
    with proxies.in_front_of(site.url) as made:
        yield made


def test_a_proxy_that_limits_bodies_and_errs_now_and_then_costs_time_alone(
    site: Site, clips: Clips, tmp_path: Path, proxy: HttpProxy
) -> None:
    recording = tmp_path / "long.mp4"
    recording.write_bytes(clips.path("plain.mp4").read_bytes() + os.urandom(36_000_000))
    far = Far(site, recording, tmp_path / "work", proxy.url)
    made = os.urandom(40_000_000)
    troubles: set[str] = set()
    with far.storage.work_on(far.run, lambda: troubles.add(far.storage.trouble), lambda chunks: None) as work:
        assert far.storage.source(far.run, far.order.source).read_bytes() == recording.read_bytes()
        folder = work.begin()
        (folder / "90p.mp4").write_bytes(made)
        (folder / "90p.m4s").write_bytes(made[:1000])
        work.publish({"outputs": []})
    assert (far.published / "90p.mp4").read_bytes() == made
    assert {path.name for path in far.published.iterdir()} == {"90p.mp4", "90p.m4s", "done.json"}
    assert proxy.refused == 0 and set(proxy.said) >= {408, 502, 404}
    assert troubles & {f"something else than the web host answers {status}" for status in MOODS}


def send_without_end(far: Far) -> None:
    """A run that sends more and more, until it is killed."""
    with far.storage.work_on(far.run, tick, lambda chunks: None) as work:
        folder = work.begin()
        while True:
            with (folder / "90p.m4s").open("ab") as file:
                file.write(b"of the first" * 100_000)
            work.show()


def test_what_a_killed_worker_had_sent_is_not_published(site: Site, clips: Clips, tmp_path: Path) -> None:
    far = Far(site, clips.path("plain.mp4"), tmp_path / "work")
    sending = multiprocessing.get_context("fork").Process(target=send_without_end, args=(far,), daemon=True)
    sending.start()
    part = far.published.with_name(far.published.name + ".part")
    wait_until(lambda: (part / "90p.m4s").exists() and (part / "90p.m4s").stat().st_size > 2_000_000, 20, "it sends")
    assert sending.pid is not None
    os.kill(sending.pid, signal.SIGKILL)
    sending.join()
    again = far.site.workers.start(far.order.task, far.order.generation, *WORKER)
    other = Far.__new__(Far)
    other.__dict__.update(far.__dict__, order=again, run=far.run_of(again))
    with other.storage.work_on(other.run, tick, lambda chunks: None) as work:
        assert work.find_finished() is None
        (work.begin() / "90p.mp4").write_bytes(b"of the second")
        work.publish({"outputs": []})
    assert {path.name for path in far.published.iterdir()} == {"90p.mp4", "done.json"}
    assert (far.published / "90p.mp4").read_bytes() == b"of the second"
    assert not part.exists()
