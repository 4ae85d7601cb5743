"""Shared by all commands: --home, the settings, the look of errors, tables.

Exit codes: 0 = success, 1 = a fault, 2 = the command line cannot be understood.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from pod_jobs.cli.words import harmless
from pod_jobs.errors import PodJobsError
from pod_jobs.instance.home import noted_port, noted_variables
from pod_jobs.settings import Settings, find_home, load
from pod_jobs.settings.variables import adopt

C1 = re.compile(r"[\x7f-\x9f]")


class Fault(click.ClickException):
    """An error shown to a person: the sentence, and the reason below it."""

    def __init__(self, sentence: str, reason: str = "") -> None:
        self.sentence, self.reason = sentence, reason
        lines = [sentence, *(f"  {line}" for line in reason.splitlines())]
        super().__init__("\n".join(map(harmless, lines)))


def _remember_home(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value:
        context.ensure_object(dict)["home"] = value


def home_option() -> click.Option:
    """The option --home, which is accepted before and after the name of a command."""
    return click.Option(
        ["--home"],
        metavar="DIR",
        help="Instance folder; default: $POD_JOBS_HOME, else ./var of the program's folder.",
        expose_value=False,
        callback=_remember_home,
    )


class InstanceCommand(click.Command):
    """A command that has --home."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(home_option())

    def invoke(self, ctx: click.Context) -> Any:
        with suppress(PodJobsError):  # the command itself says what is wrong
            load(chosen_home())  # before it imports RQ (settings/key_prefix.py)
        return super().invoke(ctx)


class InstanceGroup(click.Group):
    """Commands with --home. A PodJobsError in them is shown as a Fault, without a traceback."""

    command_class = InstanceCommand
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(home_option())

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PodJobsError as error:
            raise Fault(error.sentence, error.reason) from error


def chosen_home() -> Path:
    """The instance folder that --home or the environment names."""
    return find_home(click.get_current_context().ensure_object(dict).get("home"))


def load_settings() -> Settings:
    """The settings of the chosen instance as it was started last: with its port, and with the variables of its environment that
    this one does not have. Errors: SettingsError."""
    home = chosen_home()
    adopt(noted_variables(home))
    port = noted_port(home)
    return load(home, web={"port": port}) if port else load(home)


def demand_instance(settings: Settings) -> None:
    """Check that an instance was started in this folder before. Errors: Fault."""
    if not _was_started(settings):
        raise Fault(f"There is no instance in {settings.home}.", f"./run up --home '{settings.home}' starts one")


def demand_database(settings: Settings) -> None:
    """Check that the instance has a database, before a command opens it by itself. Errors: Fault."""
    demand_instance(settings)
    refuse_half_restored(settings)


def refuse_half_restored(settings: Settings) -> None:
    """Check that the folder does not have the secrets of an instance without its database, as an interrupted restore leaves it.
    Errors: Fault."""
    if _was_started(settings) and settings.lacks_database:
        raise Fault(f"{settings.database_url} is not there.", "If a restore was interrupted, call it again.")


def _was_started(settings: Settings) -> bool:
    """Was an instance started in this folder, or in the one of which it is a restored backup?"""
    return (settings.home / "secrets" / "cli_token").exists()


def show_progress(line: str) -> None:
    """Replace the line of progress on the terminal; "" removes it. Nothing where stderr is no terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{line}", nl=False, err=True)


def echo_json(value: object) -> None:
    """Print `value` as one line of JSON, so that a program can read several values line by line."""
    text = json.dumps(value, ensure_ascii=False)  # json escapes neither DEL nor the C1 controls
    click.echo(C1.sub(lambda match: rf"\u{ord(match[0]):04x}", text))


def echo_table(rows: Iterable[Sequence[object]], head: Sequence[str]) -> None:
    """Print aligned columns under a head. None is shown as "-", for instance for the video of a task that has none."""
    table = [[harmless("-" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(head), *table]) for column in range(len(head))]
    for row in [list(head), *table]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
