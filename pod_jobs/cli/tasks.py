"""pod-jobs active, waiting, requeue, priority, cancel, delete-tasks, undo and reports: the tasks of videos, and reports.

An ID is the number of a video, or a task: t12, or RQ's name for its job, encode-12-g1.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import click

from pod_jobs.cli.api import OPEN, Api
from pod_jobs.cli.base import Fault, InstanceCommand, echo_json, echo_table, load_settings
from pod_jobs.cli.words import describe_task, local_time
from pod_jobs.media_folder import KIND, WEB

AGAIN = ("error", "cancelled")
ENDED = ("done", *AGAIN)
AT_ONCE = 500  # tasks of one request, so that it takes less than a second
EXAMPLES = 10
# what was done to one task, and to several
SAID = {
    "requeue": ("task runs again", "tasks run again"),
    "prioritise": ("task has its new priority", "tasks have their new priority"),
    "delete": ("task is deleted", "tasks are deleted"),
    "cancel": ("task is cancelled", "tasks are cancelled"),
    "encode": ("encoding is queued", "encodings are queued"),
}
ADJECTIVES = {"error": "failed"}  # for states whose name is no adjective
ENCODE_AGAIN = f" What is done is encoded again by: requeue --template {WEB} {{video}}"
TASK_ID = re.compile(rf"(?:t|{KIND.pattern}-)([0-9]+)(?:-g[0-9]+)?")


@click.command(cls=InstanceCommand)
@click.option("--json", "as_json", is_flag=True, help="One JSON array, as the REST API gives it.")
def active(as_json: bool) -> None:
    """List tasks that a worker is running."""
    tasks = list(Api(load_settings()).pages("/tasks", "tasks", state="running"))
    if as_json:
        echo_json(tasks)
        return
    rows = [
        (
            f"t{task['id']}",
            task["video"],
            task["kind"],
            local_time(task["started_at"]),
            _worker(task),
            describe_task(task),
        )
        for task in tasks
    ]
    echo_table(rows, ("TASK", "VIDEO", "KIND", "STARTED", "WORKER", "STATE"))


@click.command(cls=InstanceCommand)
@click.option("--json", "as_json", is_flag=True, help="One JSON array, as the REST API gives it.")
def waiting(as_json: bool) -> None:
    """List tasks that wait for a worker, the next one first."""
    tasks = sorted(Api(load_settings()).pages("/tasks", "tasks", state="waiting"), key=_turn)
    if as_json:
        echo_json(tasks)
        return
    rows = [
        (f"t{task['id']}", task["video"], task["kind"], local_time(task["queued_at"]), describe_task(task))
        for task in tasks
    ]
    echo_table(rows, ("TASK", "VIDEO", "KIND", "QUEUED", "STATE"))


@click.command(cls=InstanceCommand)
@click.argument("ids", nargs=-1, metavar="ID…")
@click.option("--all-failed", is_flag=True, help="Every task that failed, unless a newer one made that good.")
@click.option("--template", help="Encode these videos by this template, even if they have been already.")
def requeue(ids: tuple[str, ...], all_failed: bool, template: str | None) -> None:
    """Run failed or cancelled tasks again. ID: a video's number, or a task: t12."""
    if bool(ids) == all_failed:
        raise click.UsageError("give IDs or --all-failed")
    api = Api(load_settings())
    if template:
        _encode_each(api, ids, template)
        return
    if all_failed:
        _order_many(api, "requeue", {"filter": {"state": "error"}})
        return
    _order_many(api, "requeue", *({"tasks": some} for some in _slices(_choose(api, ids, AGAIN, ENCODE_AGAIN))))


@click.command(cls=InstanceCommand)
@click.argument("level", type=click.Choice(["high", "normal", "low"]))
@click.argument("ids", nargs=-1, metavar="ID…")
@click.option("--owner", help="Every waiting task of this person's videos.")
@click.option("--kind", help="Every waiting task of this kind, such as transcribe.")
def priority(level: str, ids: tuple[str, ...], owner: str | None, kind: str | None) -> None:
    """Give waiting tasks a priority. ID: a video's number, or a task: t12."""
    criteria = {name: value for name, value in (("owner", owner), ("kind", kind)) if value}
    if bool(ids) == bool(criteria):
        raise click.UsageError("give IDs, or --owner or --kind")
    api = Api(load_settings())
    change = {"priority": level}
    if criteria:
        _order_many(api, "prioritise", {"filter": {"state": "waiting", **criteria}, **change})
        return
    _order_many(
        api, "prioritise", *({"tasks": task_ids, **change} for task_ids in _slices(_choose(api, ids, ("waiting",))))
    )


@click.command(cls=InstanceCommand)
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
def cancel(ids: tuple[str, ...]) -> None:
    """End waiting or running tasks. ID: a video's number, or a task: t12."""
    api = Api(load_settings())
    chosen = _choose(api, ids, OPEN)
    _try_each("cancel", {f"t{task['id']}": partial(api.post, f"/tasks/{task['id']}/cancel") for task in chosen})


@click.command("delete-tasks", cls=InstanceCommand)
@click.argument("ids", nargs=-1, metavar="ID…")
@click.option("--state", type=click.Choice(ENDED), help="Every task that ended like this.")
@click.option("--owner", help="Of these only those of this person's videos.")
@click.option("--kind", help="Of these only those of this kind, such as transcribe.")
def delete_tasks(ids: tuple[str, ...], state: str | None, owner: str | None, kind: str | None) -> None:
    """Delete ended tasks with their logs. ID: a task: t12. Recordings and what is published of them stay, and so do tasks whose
    results are shown and the newest of each kind of a recording. `undo` takes it back for a minute."""
    if bool(ids) == bool(state):
        raise click.UsageError("give IDs or --state")
    api = Api(load_settings())
    if state:
        criteria = {name: value for name, value in (("owner", owner), ("kind", kind)) if value}
        _order_many(api, "delete", {"filter": {"state": state, **criteria}})
        return
    _order_many(api, "delete", *({"tasks": task_ids} for task_ids in _slices(_choose(api, ids, ENDED))))


@click.command(cls=InstanceCommand)
@click.argument("order", type=int, required=False)
def undo(order: int | None) -> None:
    """Take back what requeue, priority or delete-tasks did within the last minute. Without ORDER: list what can be undone."""
    api = Api(load_settings())
    if order is None:
        rows = [
            (entry["order"], entry["who"], entry["action"], entry["tasks"], local_time(entry["undo_until"]))
            for entry in api.get("/tasks/orders")["orders"]
        ]
        echo_table(rows, ("ORDER", "WHO", "ACTION", "TASKS", "UNTIL"))
        return
    answer = api.post("/tasks/undo", {"order": order})
    done, refused = len(answer["done"]), answer["refused"]
    click.echo(f"{done} {'task is' if done == 1 else 'tasks are'} as before.")
    if refused:
        raise Fault(f"{len(refused)} of {done + len(refused)} could not be undone.", "\n".join(_reasons(refused)))


@click.command(cls=InstanceCommand)
@click.option("--push", is_flag=True, help="Try them all now instead of at their time.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, as the REST API gives it.")
def reports(push: bool, as_json: bool) -> None:
    """List reports (how a run ended) that have not reached the catalog yet, and the hosts that keep some on their disks. They
    wait until it is back."""
    api = Api(load_settings())
    if push:
        click.echo(f"{api.post('/waiting-reports/push')['pushed']} tried again now.", err=as_json)
    answer = api.get("/waiting-reports")
    if as_json:
        echo_json(answer)
        return
    rows = [
        (report["report"], f"t{report['task']}", report["outcome"], report["tries"], local_time(report["next_at"]))
        for report in answer["reports"]
    ]
    echo_table(rows, ("REPORT", "TASK", "OUTCOME", "TRIES", "NEXT TRY"))
    if answer["hosts"]:
        click.echo()
        of_hosts = [(host["host"], host["reports"], local_time(host["since"])) for host in answer["hosts"]]
        echo_table(of_hosts, ("HOST", "REPORTS ON ITS DISK", "SINCE"))


def _choose(api: Api, ids: Sequence[str], states: Sequence[str], remedy: str = "") -> list[dict[str, Any]]:
    """The tasks that `ids` name. A video stands for its tasks in `states`. Errors: Fault when a video has none."""
    chosen: list[dict[str, Any]] = []
    for name in ids:
        if name.isascii() and name.isdigit():
            of_video = api.get(f"/videos/{name}")["tasks"]
            fitting = [task for task in of_video if task["state"] in states]
            if not fitting:
                tasks = ", ".join(f"t{task['id']} ({task['kind']}, {describe_task(task)})" for task in of_video)
                adjectives = " or ".join(ADJECTIVES.get(state, state) for state in states)
                raise Fault(f"Video {name} has no {adjectives} task.", f"It has {tasks}.{remedy.format(video=name)}")
            chosen += fitting
        elif match := TASK_ID.fullmatch(name):
            chosen.append(api.get(f"/tasks/{match[1]}"))
        else:
            raise click.UsageError(f"{name} is neither a video's number nor a task like t12")
    return chosen


def _slices(tasks: Sequence[dict[str, Any]]) -> Iterator[list[int]]:
    """The ids of these tasks, each once, as many at a time as one request takes."""
    chosen = sorted({task["id"] for task in tasks})
    return (chosen[start : start + AT_ONCE] for start in range(0, len(chosen), AT_ONCE))


def _order_many(api: Api, verb: str, *orders: dict[str, Any]) -> None:
    """Send each order again, from where its last answer stopped, until all its tasks were tried. Errors: Fault at the end, with
    the reasons of all refusals."""
    done, refused, terminal, number = 0, [], sys.stderr, None
    with click.progressbar(length=0, label=verb, hidden=not terminal.isatty(), file=terminal) as bar:
        for order in orders:
            before: int | None = None
            while True:
                position = {"before": before, "order": number}
                continuation = {name: value for name, value in position.items() if value is not None}
                answer = api.post(f"/tasks/{verb}", {**order, **continuation})
                number = answer.get("order") or number
                if before is None:
                    bar.length = (bar.length or 0) + answer["matching"]
                done += len(answer["done"])
                refused += answer["refused"]
                bar.update(len(answer["done"]) + len(answer["refused"]))
                before = answer["next"]
                if before is None:
                    break
    click.echo(f"{done} {SAID[verb][done != 1]}.")
    if number is not None:
        click.echo(f"This can be undone for a minute: pod-jobs undo {number}", err=True)
    if refused:
        raise Fault(f"{len(refused)} of {done + len(refused)} were refused.", "\n".join(_reasons(refused)))


def _reasons(refused: Sequence[dict[str, Any]]) -> Iterator[str]:
    """For people: each sentence with its count, and below it the first tasks that it is about."""
    for title, count in Counter(refusal["title"] for refusal in refused).most_common():
        yield f"{count}: {title}"
        of_title = [refusal for refusal in refused if refusal["title"] == title]
        yield from (f"  t{refusal['task']}: {refusal['detail']}" for refusal in of_title[:EXAMPLES])
        if count > EXAMPLES:
            yield f"  and {count - EXAMPLES} more"


def _encode_each(api: Api, ids: Sequence[str], template: str) -> None:
    """Order an encoding of each video with the options of the encoding that the player shows, so that it is cut the same."""
    if not ids or not all(name.isascii() and name.isdigit() for name in ids):
        raise click.UsageError("--template goes with the numbers of videos")

    def order(name: str) -> None:
        video = api.get(f"/videos/{name}")
        done = (task for task in video["tasks"] if (task["purpose"], task["state"]) == ("play", "done"))
        options = next(done, video["task"])["options"]
        api.post(f"/videos/{name}/encode", {**options, "template": template})

    _try_each("encode", {f"video {name}": partial(order, name) for name in ids})


def _try_each(verb: str, orders: dict[str, Callable[[], object]]) -> None:
    """Carry out all `orders` (name for people -> call), and say how many were. A refusal does not stop the others. Errors: Fault
    that lists all refusals."""
    refused = []
    for name, order in orders.items():
        try:
            order()
        except Fault as fault:
            refused.append(f"{name}: {fault.message}")
    done = len(orders) - len(refused)
    click.echo(f"{done} {SAID[verb][done != 1]}.")
    if refused:
        raise Fault(f"{len(refused)} of {len(orders)} were refused.", "\n".join(refused))


def _worker(task: dict[str, Any]) -> str:
    return (task["progress"] or {}).get("worker") or "-"


def _turn(task: dict[str, Any]) -> tuple[str, int, str]:
    """The key to sort waiting tasks: by kind, by place in the queue, and by time for tasks that RQ does not have yet."""
    return task["kind"], task["queue_position"] or 10**9, task["queued_at"]
