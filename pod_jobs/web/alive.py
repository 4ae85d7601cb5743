"""Who gives signs of life: workers, their hosts, the janitor; and how far running tasks are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from pod_jobs.jobs import hosts, keys, queue, workforce
from pod_jobs.jobs.hosts import HostFacts
from pod_jobs.settings import QUEUES
from pod_jobs.speech.models import is_installed
from pod_jobs.web.services import lately, now, services


@dataclass(frozen=True)
class Sight:
    """What an answer shows that is not in the catalog. `period`: it is another one when times and estimates are to be told anew.
    `silent`: as `silent_hosts`; `janitor`: as `is_janitor_alive`. `own`: what only this answer looks at."""

    period: Any
    silent: tuple[tuple[str, datetime], ...]
    janitor: bool | None
    own: Any


def sight(period: Any, own: Any) -> Sight:
    return Sight(period, silent_hosts(), is_janitor_alive(), own)


def workers_and_progress(running: Sequence[int]) -> tuple[list[dict[str, Any]] | None, dict[int, dict[str, Any]]]:
    """As workforce.list_workers, and task id -> what its run says; None and {} while Redis is away."""
    try:
        return lately("workers", lambda: workforce.list_workers(services().redis, QUEUES)), _progress(running)
    except RedisError:
        return None, {}


def progress(running: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Task id -> what its run says; empty while Redis is away."""
    try:
        return _progress(running)
    except RedisError:
        return {}


def _progress(running: Sequence[int]) -> dict[int, dict[str, Any]]:
    return lately(("progress", *running), lambda: queue.read_progress(services().redis, running))


def host_entries() -> list[HostFacts] | None:
    """As hosts.list_hosts; None while Redis is away."""
    try:
        return lately("hosts", lambda: hosts.list_hosts(services().redis, now()))
    except RedisError:
        return None


def is_speech_on() -> bool:
    """Is the recognition of speech installed here, or where a worker gave a sign of life lately? While Redis is away nobody
    knows, and nothing is said to be missing."""
    if is_installed():
        return True
    entries = host_entries()
    queue_name = services().job_types["transcribe"].queue
    return entries is None or any(entry.speech for entry in entries if entry.queue == queue_name)


def is_janitor_alive() -> bool | None:
    """Has the janitor given a sign of life? None while Redis is away."""
    try:
        return lately("janitor", lambda: bool(services().redis.exists(keys.JANITOR)))
    except RedisError:
        return None


def silent_hosts() -> tuple[tuple[str, datetime], ...]:
    """Hosts that have given no sign of life for longer than they should, and since when; none while Redis is away."""
    return tuple((name, facts.at) for name, facts in latest(host_entries() or ()).items() if is_silent(facts, now()))


def is_silent(facts: HostFacts, at: datetime) -> bool:
    return hosts.is_silent(facts, at, services().settings.worker.heartbeat_s)


def latest(entries: Sequence[HostFacts]) -> dict[str, HostFacts]:
    """Host -> its latest entry, with the version of ffmpeg, and why it takes no job, from any of its entries."""
    latest_of_host = {facts.host: facts for facts in sorted(entries, key=lambda entry: entry.at)}
    ffmpeg = {facts.host: facts.ffmpeg for facts in entries if facts.ffmpeg}
    held = {facts.host: f"{facts.queue}: {facts.held}" for facts in entries if facts.held}
    return {
        host: replace(facts, ffmpeg=ffmpeg.get(host, ""), held=held.get(host, ""))
        for host, facts in latest_of_host.items()
    }
