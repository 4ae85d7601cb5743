"""The machines: who is alive and does what, how busy and how full they are; drains, ended and begun by a person on a page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from redis.exceptions import RedisError

from pod_jobs.catalog.models import Attempt, Drain, Task
from pod_jobs.catalog.store import day_figures, machines, users
from pod_jobs.catalog.store import drains as store
from pod_jobs.jobs import hosts
from pod_jobs.jobs.drain_scope import reaches
from pod_jobs.jobs.hosts import HostFacts
from pod_jobs.settings import QUEUES
from pod_jobs.web import alive, polls
from pod_jobs.web.guards import access
from pod_jobs.web.intake import worker_orders
from pod_jobs.web.pages.team import frame, words
from pod_jobs.web.services import now, services

blueprint = Blueprint("team_machines", __name__)

NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Worker:
    """A worker with what it runs. `task`: None when it runs no task. `said`: the progress of the task. `drain`: what keeps it
    from taking jobs."""

    name: str
    queue: str
    state: str
    task: Task | None
    said: dict[str, Any]
    drain: Drain | None


@dataclass(frozen=True)
class Alive:
    """What is known of workers and hosts outside the catalog. `workers`: None while Redis is away. `said`: task -> progress.
    `shown`: what the page shows of the entries of the hosts. Polls compare it in place of `entries` (`repr`, see polls.py),
    because each sign of life has another instant; that is told anew with each beat of the pages (frame.BEAT_S)."""

    workers: list[dict[str, Any]] | None
    said: dict[int, dict[str, Any]]
    shown: list[HostFacts]
    entries: list[HostFacts] = field(repr=False)


@dataclass(frozen=True)
class Machine:
    """A host. `facts`: its latest sign of life; None: its workers are of a version that gives none. `lost`: what runs there as
    far as the catalog knows, while no worker there gives signs of life."""

    name: str
    facts: HostFacts | None
    is_silent: bool
    workers: tuple[Worker, ...]
    lost: tuple[tuple[Task, Attempt], ...]
    drain: Drain | None
    ended: Counter[str]

    @property
    def state(self) -> str:
        """silent, drained, busy, held or idle."""
        if self.is_silent:
            return "silent"
        if self.drain is not None:
            return "drained"
        if any(worker.task for worker in self.workers):
            return "busy"
        return "held" if self.facts and self.facts.held else "idle"


@blueprint.get("/team/machines")
@access.needs("see-team-pages")
def show() -> ResponseReturnValue:

    def gather(look: polls.Look) -> dict[str, Any]:
        active, running = store.list_drains(), machines.running(worker_orders.MOST_RUNNING)
        sight: Alive = look([task.id for task, _ in running.values()])
        machine_list = _machines(now(), sight, running, active)
        by_queue = {drain.name: drain for drain in active if drain.scope == "queue"}
        return {
            "redis_is_away": sight.workers is None,
            "machines": machine_list,
            "queues": [(name, by_queue.get(name), _of_queue(machine_list, name)) for name in QUEUES],
            "everything": next((drain for drain in active if drain.scope == "all"), None),
            "expected": {name: services().settings.expected_workers(name) for name in QUEUES},
            "most": store.WHY_CHARACTERS,
        }

    return frame.live_page("team/machines.html", gather, _look)


def _look(running: Sequence[int]) -> Alive:
    (workers, said), entries = alive.workers_and_progress(running), alive.host_entries()
    if entries is None:
        return Alive(None, {}, [], [])
    return Alive(workers, said, [_as_shown(entry) for entry in entries], entries)


def _as_shown(entry: HostFacts) -> HostFacts:
    """The entry without its instant, and with as many figures as the page shows."""
    load = None if entry.load is None else round(entry.load, 1)
    memory, disk = (
        None if count is None else words.three_figures(count) for count in (entry.memory_free, entry.disk_free)
    )
    return replace(entry, at=NO_TIME, load=load, memory_free=memory, disk_free=disk)


@blueprint.post("/team/drains")
@access.needs("steer-workers")
def drain() -> ResponseReturnValue:
    """Drain what the fields `scope` and `name` say, because of `why`; with `now`, present jobs go back to their queues: those of
    all workers only with `sure`. Errors: Malformed."""
    form = request.form
    scope, name = form.get("scope", ""), form.get("name", "")
    if scope == "all" and form.get("now") and not form.get("sure"):
        return _ask_first(form.get("why", ""))
    worker_orders.begin_drain(access.require_user(), scope, name, form.get("why", ""))
    try:
        if form.get("now"):
            count = worker_orders.interrupt(scope, name)
            flash(gettext("Stopped. Jobs that go back to their queues: %(count)s.", count=count))
        else:
            flash(gettext("No new job is taken there. The present ones are finished."))
    except RedisError:
        flash(gettext("The key-value server does not answer; the workers learn of this when it is back."))
    return redirect(url_for("team_machines.show"), 303)


def _ask_first(why: str) -> ResponseReturnValue:
    """Asks whether all workers are meant."""
    try:
        jobs = len(worker_orders.present_jobs("all", ""))
    except RedisError:
        jobs = None
    fields = {"scope": "all", "name": "", "why": why, "now": "1", "sure": "1"}
    address, back = url_for("team_machines.drain"), url_for("team_machines.show")
    return frame.page("team/confirm_stop.html", jobs=jobs, fields=fields, address=address, back=back)


@blueprint.post("/team/drains/<int:drain_id>/end")
@access.needs("steer-workers")
def resume(drain_id: int) -> ResponseReturnValue:
    """Errors: NotFound."""
    worker_orders.end_drain(access.require_user(), drain_id)
    flash(gettext("The workers take jobs again."))
    return redirect(
        url_for("team_machines.show" if request.form.get("back") == "machines" else "team_overview.show"), 303
    )


@blueprint.post("/team/machines/<name>/forget")
@access.needs("steer-workers")
def forget(name: str) -> ResponseReturnValue:
    """Leave a silent machine out, because it will not come back."""
    users.note(access.require_user().name, "forget", f"host {name}"[:100], now())
    try:
        hosts.forget(services().redis, name)
        flash(gettext("The machine is left out until it gives a sign of life again."))
    except RedisError:
        flash(gettext("The key-value server does not answer."))
    return redirect(url_for("team_machines.show"), 303)


@blueprint.app_template_global()
def machine_words(state: str) -> str:
    """What the state of a machine is called."""
    return {
        "silent": gettext("silent"),
        "drained": gettext("takes no new jobs"),
        "busy": gettext("works"),
        "held": gettext("takes no job now"),
        "idle": gettext("waits for jobs"),
    }[state]


@blueprint.app_template_global()
def worker_words(state: str) -> str:
    """What RQ's state of a worker is called."""
    return {
        "busy": gettext("does a small job"),
        "suspended": gettext("takes no job now"),
    }.get(state, gettext("waits for jobs"))


def _machines(
    at: datetime, sight: Alive, running: dict[str, tuple[Task, Attempt]], active: Sequence[Drain]
) -> list[Machine]:
    """One for each host, silent ones first; none while Redis is away."""
    if sight.workers is None:
        return []
    latest, ended = alive.latest(sight.entries), machines.ended_since(day_figures.midnights(at, 1)[0])
    names = {*latest, *(worker["host"] for worker in sight.workers), *(attempt.host for _, attempt in running.values())}
    machine_list = []
    for name in sorted(names):
        workers_here = [worker for worker in sight.workers if worker["host"] == name]
        workers = tuple(_worker(worker, running, sight.said, active) for worker in workers_here)
        names_here = {worker["name"] for worker in workers_here}
        lost = tuple(pair for who, pair in running.items() if pair[1].host == name and who not in names_here)
        facts = latest.get(name)
        silent = not workers_here if facts is None else alive.is_silent(facts, at)
        drained = next(
            (active_drain for active_drain in active if (active_drain.scope, active_drain.name) == ("host", name)), None
        )
        machine_list.append(
            Machine(name, facts, silent, workers, lost if silent else (), drained, ended.get(name, Counter()))
        )
    return sorted(machine_list, key=lambda machine: not machine.is_silent)


def _worker(
    worker: dict[str, Any],
    running: dict[str, tuple[Task, Attempt]],
    progress_of_task: dict[int, dict[str, Any]],
    active: Sequence[Drain],
) -> Worker:
    names = worker["name"], worker["host"], worker["queue"]
    drained = next((drain for drain in active if reaches(drain.scope, drain.name, *names)), None)
    task = running[worker["name"]][0] if worker["name"] in running else None
    progress = progress_of_task.get(task.id, {}) if task is not None else {}
    return Worker(worker["name"], worker["queue"], worker["state"], task, progress, drained)


def _of_queue(machine_list: Sequence[Machine], name: str) -> Counter[str]:
    """How many workers of a queue there are by their state."""
    return Counter(worker.state for machine in machine_list for worker in machine.workers if worker.queue == name)
