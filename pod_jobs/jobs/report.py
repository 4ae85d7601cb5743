"""Tells the catalog how each attempt of a task ended: through Redis, for the web host's own workers. Those of other hosts have
kept_reports.py.

1. `send_report` writes the report, with a seal (catalog/seals.py), into the Redis hash pod_jobs:reports and enqueues a small job
   with its id. Whoever may write there can drop a report, which rule 4 mends, but cannot forge one.
2. `run_report`, on the queue `catalog`, posts it. While the catalog is away, it is repeated without an end, up to 15 min apart.
3. A report leaves the hash when the catalog has accepted it or refused it for good. Until then it waits.
4. If Redis loses the job, the janitor enqueues it again from the hash. If Redis loses the hash, the janitor finds a running
   task without a run and orders another one. That run finds the done-marker of the first and reports its result.
"""

import json
import logging
import re
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from pod_jobs.catalog.client import CatalogClient
from pod_jobs.catalog.seals import seal_of
from pod_jobs.errors import NotFound, Refused, ResultRejected, ServiceUnavailable, Superseded
from pod_jobs.jobs import keys, queue
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.drain_scope import REPORTS
from pod_jobs.jobs.job_type import LARGEST_NUMBER, JobType, Payload
from pod_jobs.system.instants import read_instant

log = logging.getLogger(__name__)

REPORT_ID = re.compile("[0-9]{1,18}-g[0-9]{1,18}-[ax][0-9a-f]{1,18}")  # task, generation, attempt or a random number


def send_report(redis: Redis, report_id: str, entry: dict[str, Any]) -> None:
    """Send a report. Redis keeps it until the catalog has it. Errors: ServiceUnavailable."""
    try:
        redis.hset(keys.REPORTS, report_id, json.dumps(entry))
    except RedisError as error:
        raise ServiceUnavailable(f"key-value server: {error}") from error
    queue.enqueue(redis, REPORT, f"report-{report_id}", {"report": report_id})


def waiting_reports(redis: Redis) -> dict[str, dict[str, Any]]:
    """The reports that the catalog does not have yet: report id -> {"task": …, "report": …}."""
    entries = {keys.text(key): entry_in(value) for key, value in redis.hgetall(keys.REPORTS).items()}
    return {key: entry for key, entry in entries.items() if REPORT_ID.fullmatch(key) and entry is not None}


def tasks_with_report(redis: Redis) -> set[int]:
    """The ids of tasks with a waiting report. Reads only keys of the hash, which is cheap enough for a page."""
    ids = (keys.text(key) for key in redis.hkeys(keys.REPORTS))
    return {int(report_id.partition("-")[0]) for report_id in ids if REPORT_ID.fullmatch(report_id)}


def describe_waiting(redis: Redis) -> list[dict[str, Any]]:
    """Each waiting report as {"report", "task", "generation", "outcome", "tries", "next_at"}; `next_at` is an ISO instant, or
    None = now, or not known."""
    descriptions = []
    for report_id, entry in sorted(waiting_reports(redis).items()):
        job = queue.fetch(redis, f"report-{report_id}")
        score = redis.zscore(keys.rq_scheduled(REPORT.queue), f"report-{report_id}")
        due = read_instant(score) if score else None
        descriptions.append(
            {
                "report": report_id,
                "task": entry["task"],
                "generation": entry["report"]["generation"],
                "outcome": entry["report"]["outcome"],
                "tries": (job.number_of_retries or 0) if job else 0,
                "next_at": due.isoformat().replace("+00:00", "Z") if due else None,
            }
        )
    return descriptions


def push_now(redis: Redis) -> int:
    """Send all waiting reports now. Returns how many. Errors: ServiceUnavailable."""
    waiting = list(waiting_reports(redis))
    for report_id in waiting:
        queue.remove(redis, f"report-{report_id}")
        queue.enqueue(redis, REPORT, f"report-{report_id}", {"report": report_id}, at_front=True)
    return len(waiting)


def run_report(context: Context, payload: Payload) -> None:
    send_waiting(context.redis, context.catalog, payload["report"])


def send_waiting(redis: Redis, catalog: CatalogClient, report_id: str) -> None:
    """Post one waiting report. Errors: ServiceUnavailable; then the report goes on waiting."""
    value = redis.hget(keys.REPORTS, report_id)
    if value is None:
        return  # an earlier job sent it and died before it could end
    entry = entry_in(value)
    if entry is None:
        log.error("report %s is none of ours and is dropped", report_id)
    else:
        deliver(catalog, report_id, entry)
    redis.hdel(keys.REPORTS, report_id)


def deliver(catalog: CatalogClient, report_id: str, entry: dict[str, Any], *, in_a_hurry: bool = False) -> None:
    """Post a report; it has arrived, or was refused for good, when this returns. Errors: ServiceUnavailable."""
    try:
        catalog.report(entry["task"], entry["report"], str(entry.get("seal", "")), in_a_hurry=in_a_hurry)
    except ResultRejected as error:
        log.error("report %s was refused; its task ends with an error: %s", report_id, error.reason)
    except (Superseded, NotFound, Refused) as error:
        log.warning("report %s was refused and is dropped: %s", report_id, error.reason)


def entry_of(task_id: int, report: dict[str, Any], key: str) -> dict[str, Any]:
    """A report as it waits. `key`: that of the attempt; "" for a run that died before it got one."""
    return {"task": task_id, "report": report, "seal": seal_of(key, report)}


def entry_in(value: bytes | str) -> dict[str, Any] | None:
    """The entry that we wrote; None for anything else. The catalog checks the other fields of the report."""
    try:
        entry = json.loads(value)
    except (ValueError, RecursionError):
        return None
    report = entry.get("report") if isinstance(entry, dict) else None
    if not isinstance(report, dict) or not all(
        type(number) is int and 0 <= number <= LARGEST_NUMBER
        for number in (entry.get("task"), report.get("generation"))
    ):
        return None
    return entry if isinstance(report.get("outcome"), str) else None


REPORT = JobType("report", queue=REPORTS, run=run_report, payload={"report": REPORT_ID})
