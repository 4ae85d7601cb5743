"""pod-jobs doctor, import-settings and rq: check an instance, set one up, and use RQ's own tools on it."""

import dataclasses
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from pod_jobs.cli.base import InstanceCommand, chosen_home, demand_instance, echo_json, load_settings
from pod_jobs.cli.order_options import FILE
from pod_jobs.errors import SettingsError
from pod_jobs.instance.home import noted_variables
from pod_jobs.settings import QUEUES, environment

SIGNS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "fault": ("FAULT", "red")}
RQ_CLASSES = {
    "RQ_JOB_CLASS": "pod_jobs.jobs.rq_classes.PodJob",
    "RQ_QUEUE_CLASS": "pod_jobs.jobs.rq_classes.PodQueue",
    "RQ_WORKER_CLASS": "pod_jobs.jobs.worker.PodWorker",
}
RQ_PATIENT = "pod_jobs.jobs.connection.PatientRedis"  # for `rq worker`, which must survive an outage
RQ_PROMPT = "pod_jobs.jobs.connection.PromptRedis"  # for all other commands, because a person waits for the answer


@click.command(cls=InstanceCommand)
@click.argument("queue", type=click.Choice(QUEUES))
@click.option("--user", default="", help="Name of the user to make; default: pod_jobs_QUEUE.")
@click.option("--web-host", is_flag=True, help="For the web host's own workers, whose reports wait in that server.")
def acl(queue: str, user: str, web_host: bool) -> None:
    """Print the command that gives workers of QUEUE the rights that they need in the key-value server, and no others. It is for
    the version of the server that redis.url names."""
    import secrets

    from pod_jobs.jobs.acl import acl_line, version_of_server
    from pod_jobs.jobs.table import JOB_TYPES

    password, version = secrets.token_urlsafe(24), version_of_server(load_settings().redis_url)
    user = user or f"pod_jobs_{queue}"
    click.echo(acl_line(JOB_TYPES, queue, user, password, on_web_host=web_host, server=version))


@click.command(cls=InstanceCommand)
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.option("--queue", type=click.Choice(QUEUES), help="Only what a worker of this queue needs.")
@click.option("--worker", is_flag=True, help="Only what workers need, of whatever queue.")
def doctor(as_json: bool, queue: str | None, worker: bool) -> None:
    """Check all that the instance needs, a line each; exit code 1 on a fault."""
    from pod_jobs.instance.doctor import CHECKS, Finding, checks_before_jobs, examine, faults
    from pod_jobs.jobs.job_type import needs_ffmpeg
    from pod_jobs.jobs.speech.transcribe import QUEUE
    from pod_jobs.jobs.table import JOB_TYPES
    from pod_jobs.settings.variables import adopt

    try:
        adopted = ", ".join(adopt(noted_variables(chosen_home())))
        settings = load_settings()
        names: Iterable[str] = CHECKS
        if queue or worker:
            names = checks_before_jobs(worker or needs_ffmpeg(JOB_TYPES, queue or ""))
            names = (*names, "speech") if worker or queue == QUEUE else names  # a missing model stops no worker
        words = f"no fault; as the service was started, with {adopted}" if adopted else "no fault"
        findings = [Finding("settings", "ok", words), *examine(settings, names, [queue] if queue else [])]
    except SettingsError as error:
        findings = [Finding("settings", "fault", line) for line in error.reason.splitlines()]
    if as_json:
        echo_json([dataclasses.asdict(finding) for finding in findings])
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            word, colour = SIGNS[finding.state]
            remedy = f"  →  {finding.remedy}" if finding.remedy else ""
            click.echo(f"{click.style(f'{word:8}', fg=colour)}{finding.check:{width}}  {finding.text}{remedy}")
    sys.exit(1 if faults(findings) else 0)


@click.command(cls=InstanceCommand)
@click.argument("file", type=FILE)
def import_settings(file: Path) -> None:
    """Print what the settings of an Esup-Pod (settings_local.py) are in settings.toml. FILE is read, not run."""
    from pod_jobs.settings.pod_settings import MOST_CHARACTERS, to_toml

    with file.open(encoding="utf-8-sig", errors="replace") as opened:
        text = opened.read(MOST_CHARACTERS + 1)
    click.echo(to_toml(text, load_settings().rendition), nl=False)


@click.command(
    cls=InstanceCommand,
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def rq(arguments: tuple[str, ...]) -> None:
    """RQ's own command line on our jobs: rq info, rq requeue --queue encoding --all …"""
    settings = load_settings()
    demand_instance(settings)
    patient = bool(arguments) and arguments[0].startswith("worker")
    variables = environment(
        settings.home,
        RQ_REDIS_URL=settings.redis_url,
        RQ_CONNECTION_CLASS=RQ_PATIENT if patient else RQ_PROMPT,
        **RQ_CLASSES,
    )
    os.execve(sys.executable, [sys.executable, "-m", "rq.cli", *arguments], variables)  # noqa: S606  # no shell is wanted
