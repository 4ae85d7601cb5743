"""pod-jobs worker …: invite a worker host, join an instance as one, and run the workers of some queues."""

import socket
import sys
from datetime import UTC, datetime
from typing import Any

import click

from pod_jobs.cli.base import InstanceGroup, chosen_home, demand_database, load_settings
from pod_jobs.instance.home import make_folders
from pod_jobs.settings import QUEUES
from pod_jobs.settings.section import read_range


class Workers(click.ParamType[str]):
    """ "2", or "1..4"."""

    name = "N"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            limits = read_range(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(limits) if limits.most else self.fail("at least one worker is needed", param, ctx)


WORKERS = click.option(
    "--workers",
    type=Workers(),
    help="How many workers of each queue, or a range such as 1..4: more while jobs wait. Default: [workers] of the settings.",
)


class WorkerGroup(InstanceGroup):
    """`worker encoding` stands for `worker run encoding`, and `worker --join LINE` for `worker join LINE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, ["join" if arg == "--join" else arg for arg in args])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        return super().resolve_command(ctx, ["run", *args] if args[0] in QUEUES else args)


@click.group(cls=WorkerGroup)
def worker() -> None:
    """Workers on other hosts."""


@worker.command()
@click.option("--queues", default="", metavar="A,B", help="The only queues that the host may work for; default: all.")
@click.option("--label", default="", help="What the audit says of this invitation.")
def invite(queues: str, label: str) -> None:
    """Print a line with which one other host may join this instance within 24 h. Use it on the web host."""
    from pod_jobs.catalog import database
    from pod_jobs.catalog.store import users
    from pod_jobs.instance.joining import invite

    names = [name.strip() for name in queues.split(",") if name.strip()]
    if unknown := [name for name in names if name not in QUEUES]:
        raise click.BadParameter(f"{', '.join(unknown)}: the queues are {', '.join(QUEUES)}")
    settings = load_settings()
    demand_database(settings)
    with database.faults_translated(), database.connect(settings.database_url).connection_context():
        line = invite(settings, names)
        users.note("command-line", "worker invited", label, datetime.now(UTC), ", ".join(names))
    click.echo(f"On the other host: ./run worker join '{line}' {' '.join(names) or 'encoding'}")


@worker.command()
@click.argument("line")
@click.argument("queues", nargs=-1, type=click.Choice(QUEUES))
@WORKERS
@click.option("--no-start", is_flag=True, help="Only join; `worker run` starts the workers later.")
@click.pass_context
def join(context: click.Context, line: str, queues: tuple[str, ...], workers: str | None, no_start: bool) -> None:
    """Join an instance with the LINE that `worker invite` printed there, and run the workers of QUEUES. Default: the queues of
    the invitation, or encoding if it is for all.

    With - for LINE, the line is read from the standard input, so that other users of this host do not see it."""
    from pod_jobs.instance import joining

    line = sys.stdin.readline() if line == "-" else line
    if joining.is_in_clear(line):
        click.secho(
            "The token and the password of the queue come over the network in clear: use https.", fg="yellow", err=True
        )
    settings = joining.join(line, chosen_home(), socket.gethostname())
    click.echo(f"Joined {settings.catalog_url}  (instance folder: {settings.home})")
    if not no_start:
        context.invoke(run, queues=queues or joining.queues_of(line) or ("encoding",), workers=workers)


@worker.command()
@click.argument("queues", nargs=-1, required=True, type=click.Choice(QUEUES))
@WORKERS
def run(queues: tuple[str, ...], workers: str | None) -> None:
    """Check this host, and run the workers of QUEUES until Ctrl-C."""
    from pod_jobs.instance import doctor
    from pod_jobs.jobs.job_type import needs_ffmpeg
    from pod_jobs.jobs.speech.transcribe import QUEUE
    from pod_jobs.jobs.table import JOB_TYPES
    from pod_jobs.processes.launcher import launch
    from pod_jobs.speech.models import is_installed

    settings = load_settings()
    make_folders(settings)
    names = {name for queue in queues for name in doctor.checks_before_jobs(needs_ffmpeg(JOB_TYPES, queue))}
    for fault in doctor.faults(doctor.examine(settings, [name for name in doctor.CHECKS if name in names], queues)):
        click.secho(f"Until this is mended, workers take no jobs: {fault}", fg="yellow", err=True)
    if QUEUE in queues and not is_installed():
        text = "Speech recognition is not installed here, and transcriptions wait: add --with-speech to ./run worker"
        click.secho(text, fg="yellow", err=True)
    click.echo(f"Workers of {', '.join(queues)} for {settings.catalog_url}. Ctrl-C stops them.")
    launch(settings, workers=dict.fromkeys(queues, workers))
