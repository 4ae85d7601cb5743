"""pod-jobs workers, drain and resume: list workers, let them take no more jobs, let them take jobs again."""

import time

import click

from pod_jobs.cli.api import Api
from pod_jobs.cli.base import InstanceCommand, echo_json, echo_table, load_settings
from pod_jobs.cli.words import local_time
from pod_jobs.jobs.drain_scope import reaches
from pod_jobs.settings import QUEUES

LOOK_S = 1.0
SUSPENDED = "suspended"  # the state, in the API, of a worker that takes no job


@click.command(cls=InstanceCommand)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: workers and drains, as the REST API gives them."
)
def workers(as_json: bool) -> None:
    """List the workers of all hosts, and which of them take no new jobs."""
    api = Api(load_settings())
    all_workers, active = api.get("/workers")["workers"], api.get("/drains")["drains"]
    if as_json:
        echo_json({"workers": all_workers, "drains": active})
        return
    rows = [(worker["queue"], worker["host"], worker["state"], worker["job"], worker["name"]) for worker in all_workers]
    echo_table(rows, ("QUEUE", "HOST", "STATE", "JOB", "NAME"))
    for drain in active:
        because = f": {drain['why']}" if drain["why"] else ""
        click.echo(f"Drained: {_words(drain)}, by {drain['who']} since {local_time(drain['at'])}{because}")


def _target(queue: str | None, host: str | None, worker: str | None, everything: bool) -> dict[str, str]:
    options = {"queue": queue, "host": host, "worker": worker, "all": "" if everything else None}
    chosen = {scope: name for scope, name in options.items() if name is not None}
    if len(chosen) != 1:
        raise click.UsageError("give one of --queue, --host, --worker and --all")
    ((scope, name),) = chosen.items()
    return {"scope": scope, "name": name}


@click.command(cls=InstanceCommand)
@click.option("--queue", type=click.Choice(QUEUES), help="The workers of this queue.")
@click.option("--host", help="The workers of this host, by the name that `workers` shows.")
@click.option("--worker", help="One worker, by its name.")
@click.option("--all", "everything", is_flag=True, help="All workers.")
@click.option("--why", default="", help="A reason, shown to others of the team.")
@click.option("--wait", is_flag=True, help="Return when none of them runs a job any more or may take one.")
def drain(  # noqa: PLR0913  # each option is a parameter
    queue: str | None, host: str | None, worker: str | None, everything: bool, why: str, wait: bool
) -> None:
    """Let workers finish their present job and take no other one, also after a restart, until `resume`."""
    target = _target(queue, host, worker, everything)
    api = Api(load_settings())
    api.post("/drains", {**target, "why": why})
    click.echo(f"Drained: {_words(target)}. To let them work again: resume with the same option.", err=True)
    while wait and (busy := _not_drained_yet(api, target)):
        click.echo(f"waiting for {', '.join(busy)}", err=True)
        time.sleep(LOOK_S)


def _not_drained_yet(api: Api, target: dict[str, str]) -> list[str]:
    """The jobs that still run, and the workers that do not know of the drain yet: an idle one might take a job, and a busy
    one without a job has just taken it. Then the results that are not in the catalog yet."""
    workers_of_target = [worker for worker in api.get("/workers")["workers"] if _is_target(worker, target)]
    busy = [
        worker["job"] or worker["name"] for worker in workers_of_target if worker["job"] or worker["state"] != SUSPENDED
    ]
    if busy or target["scope"] not in ("all", "host"):
        return busy
    host = target["name"] if target["scope"] == "host" else ""
    return [f"the result of task {task['id']}" for task in api.get("/tasks", state="running", host=host)["tasks"]]


@click.command(cls=InstanceCommand)
@click.option("--queue", type=click.Choice(QUEUES), help="What was drained.")
@click.option("--host", help="What was drained.")
@click.option("--worker", help="What was drained.")
@click.option("--all", "everything", is_flag=True, help="What was drained.")
def resume(queue: str | None, host: str | None, worker: str | None, everything: bool) -> None:
    """Let drained workers take jobs again."""
    target = _target(queue, host, worker, everything)
    api = Api(load_settings())
    ended = [entry for entry in api.get("/drains")["drains"] if {key: entry[key] for key in target} == target]
    for entry in ended:
        api.call("DELETE", f"/drains/{entry['id']}")
    subject, plural = _words(target), target["scope"] == "all"
    ending = (
        ("take" if plural else "takes") + " jobs again" if ended else ("were" if plural else "was") + " not drained"
    )
    click.echo(f"{subject[0].upper()}{subject[1:]} {ending}.")


def _words(target: dict[str, str]) -> str:
    return "all workers" if target["scope"] == "all" else f"{target['scope']} {target['name']}"


def _is_target(worker: dict[str, str], target: dict[str, str]) -> bool:
    return reaches(target["scope"], target["name"], worker["name"], worker["host"], worker["queue"])
