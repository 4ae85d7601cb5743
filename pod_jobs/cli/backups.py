"""pod-jobs backup, verify, restore and db: copies of an instance, and of its database."""

import sys
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import click

from pod_jobs.cli.base import InstanceCommand, InstanceGroup, chosen_home, demand_database, echo_json, load_settings
from pod_jobs.settings import Settings

FOLDER = click.Path(file_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, file_okay=False, path_type=Path)
EVERY = 1000  # rows or files between two lines of progress
MB = 1_000_000


class Progress:
    """Tells on standard error how far a long command has come."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, step: str, count: int) -> None:
        if count < self._told:
            self._told = 0
        if count - self._told >= EVERY:
            self._told = count
            click.echo(f"{step}: {count}", err=True)


@click.command(cls=InstanceCommand)
@click.argument("folder", type=FOLDER)
@click.option(
    "--keep", type=click.IntRange(min=0), default=0, help="How many backups stay in FOLDER; 0 = all (default)."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def backup(folder: Path, keep: int, as_json: bool) -> None:
    """Back up the instance into a new folder in FOLDER, also while it runs.

    Files that did not change since the last backup there take no more room. An interrupted backup is continued.
    """
    from pod_jobs.instance.backup import make

    settings = load_settings()
    demand_database(settings)
    result = make(settings, folder, keep, Progress())
    if as_json:
        echo_json({**asdict(result), "folder": str(result.folder)})
        return
    click.echo(
        f"{result.folder}: {result.videos} videos, {result.files} files, {result.bytes / MB:.1f} MB, "
        f"of which {result.new_bytes / MB:.1f} MB are new."
    )


@click.command(cls=InstanceCommand)
@click.argument("backup", type=EXISTING)
def verify(backup: Path) -> None:
    """Read all of a backup and compare it with its sums; exit code 1 if something is wrong. BACKUP: a backup, or the folder of
    several, of which the newest is read."""
    from pod_jobs.instance import backup as backups

    folder = backups.find(backup)
    faults = backups.verify(folder, Progress())
    for line in faults:
        click.echo(line)
    click.echo(f"{folder}: {len(faults)} faults." if faults else f"{folder} is whole.")
    sys.exit(1 if faults else 0)


@click.command(cls=InstanceCommand)
@click.argument("backup", type=EXISTING)
def restore(backup: Path) -> None:
    """Make a new instance, in the folder that --home names, from a backup. BACKUP: as for `verify`."""
    from pod_jobs.instance import backup as backups

    folder, home = backups.find(backup), chosen_home()
    backups.restore(folder, home, Progress())
    click.echo(f"{home}: restored from {folder}. To start it: ./run up --home '{home}'")


@click.group(cls=InstanceGroup)
def db() -> None:
    """The database of the instance: check it, copy it to a database of another kind."""


@db.command(cls=InstanceCommand)
@click.option("--against", metavar="URL", help="Compare every row with this database; - reads the address from stdin.")
def check(against: str | None) -> None:
    """Look for rows that cannot be read and other damage; exit code 1 if there is some."""
    from pod_jobs.catalog import copying, database

    settings = load_settings()
    demand_database(settings)
    instance_database = database.build(settings.database_url)
    faults = copying.faults(instance_database)
    if against is not None and not faults:
        faults = copying.differences(instance_database, database.build(_address(against)), Progress())
    for line in faults:
        click.echo(line)
    click.echo(
        f"{len(faults)} faults." if faults else "The database is whole." if against is None else "Both are equal."
    )
    sys.exit(1 if faults else 0)


@db.command("copy", cls=InstanceCommand)
@click.option("--to", metavar="URL", required=True, help="An empty database; - reads its address from stdin.")
def copy_(to: str) -> None:
    """Copy all rows to an empty database of any kind, and compare them. Stop the instance before, because what is written
    after the start of the copy is not in it."""
    from pod_jobs.catalog import copying, database

    settings = load_settings()
    demand_database(settings)
    _demand_stopped(settings)
    source, target = database.build(settings.database_url), database.build(_address(to))
    counts = copying.copy(source, target, Progress())
    faults = copying.differences(source, target, Progress())
    for line in faults:
        click.echo(line)
    rows = sum(counts.values())
    if faults:
        click.echo(f"{rows} rows were copied, and {len(faults)} of them differ.")
        sys.exit(1)
    click.echo(f"{rows} rows were copied and compared. Now set database.url, and start the instance.")


def _address(url: str) -> str:
    """The address of a database. Errors: UsageError for one with a password, which others could read in the process list."""
    if url == "-":
        return sys.stdin.readline().strip()
    if urlsplit(url).password or "password=" in url:
        raise click.UsageError(
            "others could read this password in the list of processes: give - and write the URL to stdin"
        )
    return url


def _demand_stopped(settings: Settings) -> None:
    """Errors: Refused while the instance runs on this host."""
    from pod_jobs.instance.home import claim

    if file := claim(settings):
        file.close()
