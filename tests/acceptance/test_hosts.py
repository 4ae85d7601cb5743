"""Two hosts with encoders and one with a record store, which share nothing with the web host but an address: real processes in
namespaces of the kernel."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pod_jobs.catalog import database
from pod_jobs.catalog.models import ApiToken
from pod_jobs.catalog.store import users
from pod_jobs.jobs.keys import progress, text
from pod_jobs.jobs.workforce import list_workers
from pod_jobs.settings import load
from tests import namespaces
from tests.acceptance import hosts
from tests.acceptance.hosts import Network
from tests.acceptance.site import Site, make_clip
from tests.namespaces import Host
from tests.servers import need, wait_until


@pytest.fixture
def network() -> Iterator[Network]:
    need(namespaces.can_be_made(), "the right to make network namespaces")
    with hosts.network("b", "c", "d", settings=hosts.LANE) as made:
        yield made


def revoke_token_of(site: Site, host: Host) -> None:
    with database.connect(load(site.home).database_url).connection_context():
        row = ApiToken.get(ApiToken.label == f"host {host.namespace}")
        users.revoke_token(row.id, datetime.now(UTC))


@pytest.mark.timeout(240)  # three encodings, with a link that is cut for a while
def test_a_cut_link_a_revoked_token_and_learning_traces(network: Network, tmp_path: Path) -> None:
    site, (near, other, far) = network.site, network.hosts
    began = time.monotonic()
    network.join(near)
    clip = make_clip(tmp_path / "clip.mp4", seconds=40)
    first = site.upload("Cours é.mp4", clip)
    wait_until(lambda: network.progress(first).get("fraction", 0) > 0, 45, "a host that joined encodes")
    assert time.monotonic() - began < 60

    wait_until(lambda: site.api("GET", f"videos/{first}")["playable"], 30, "it can be watched")
    master = site.api("GET", f"videos/{first}")["play"]["master"]
    playlist = site.session.get(master.replace("master", "240p"), timeout=10)
    assert playlist.ok and "#EXTINF" in playlist.text
    assert site.api("GET", f"videos/{first}")["state"] == "running", "while it is being encoded"

    near.cut()
    threading.Timer(4, near.mend).start()
    network.join_with_store(far)
    wait_until(lambda: site.api("GET", f"videos/{first}")["state"] == "ready", 120, "it is ready")
    (attempt,) = network.task_of(first)["attempts"]
    assert (attempt["host"], attempt["outcome"]) == (near.namespace, "done")
    wait_until(network.records, 60, "its learning traces are in a store that only the third host reaches")

    second = site.upload("TP.mp4", clip)
    wait_until(lambda: network.progress(second).get("fraction", 0) > 0, 30, "the second one is encoded")
    revoke_token_of(site, near)
    revoked = time.monotonic()
    wait_until(lambda: network.task_of(second)["generation"] == 2, 15, "its job is taken away")
    assert time.monotonic() - revoked < 10
    network.join(other)
    wait_until(lambda: site.api("GET", f"videos/{second}")["state"] == "ready", 120, "the other host made it")
    outcomes = [(one["host"], one["outcome"]) for one in network.task_of(second)["attempts"]]
    assert outcomes == [(near.namespace, "lost"), (other.namespace, "done")]
    assert not (network.folder / near.namespace / "catalog.sqlite3").exists()


def expire_signs_of_life(site: Site, task: int) -> None:
    """Let the time pass after which those of a silent host's job expire in the key-value server: 70 s."""
    started = "rq:wip:encoding"
    for execution in site.redis.zrange(started, 0, -1):
        site.redis.zadd(started, {text(execution): time.time() - 1})  # type: ignore[arg-type]  # a member, without its score
    site.redis.delete(progress(task))


def states(site: Site) -> dict[str, str]:
    """Host -> the state of its worker."""
    return {one["host"]: one["state"] for one in list_workers(site.redis, ["encoding"])}


def test_the_job_of_a_host_that_is_cut_off_is_made_by_another_and_the_first_cannot_publish(
    network: Network, tmp_path: Path
) -> None:
    """The cut of 2 minutes in less time: the host stays cut off until another one has made its job. Of the 2 minutes, only the
    70 s until its signs of life expire are left out."""
    site, (near, other, _) = network.site, network.hosts
    network.join(near)
    video = site.upload("Cours é.mp4", make_clip(tmp_path / "clip.mp4", seconds=24))
    wait_until(lambda: network.progress(video).get("fraction", 0) > 0, 60, "it is being encoded")
    near.cut()
    task = network.task_of(video)["id"]
    expire_signs_of_life(site, task)
    network.join(other)
    wait_until(lambda: network.task_of(video)["generation"] == 2, 60, "its job is given to another host")
    wait_until(lambda: site.api("GET", f"videos/{video}")["state"] == "ready", 90, "the other host made it")
    folder = site.home / f"media/videos/{video:06d}"
    published = {path.name: path.stat().st_mtime_ns for path in folder.glob("encode-*/*")}
    near.mend()
    wait_until(lambda: states(site) == {near.namespace: "idle", other.namespace: "idle"}, 60, "the first run is over")
    outcomes = [(one["host"], one["outcome"]) for one in network.task_of(video)["attempts"]]
    assert outcomes == [(near.namespace, "lost"), (other.namespace, "done")]
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("encode-*/*")} == published
    assert [path.name for path in folder.glob("encode-*") if (path / "done.json").exists()] == [f"encode-{task}-g2"]
    assert site.api("GET", f"videos/{video}")["state"] == "ready"
