"""pod-jobs xapi: the lanes to the record stores, their dead letters, and a checker of statements."""

import json
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pod_jobs.cli.accounts import open_catalog
from pod_jobs.cli.api import Api
from pod_jobs.cli.base import Fault, InstanceCommand, InstanceGroup, echo_json, echo_table, load_settings
from pod_jobs.cli.words import local_time
from pod_jobs.xapi import profile, session
from pod_jobs.xapi.verdicts import Verdict, value_at

COLOURS = {"ok": "green", "label": "yellow", "held": "red"}
REASON_SHOWN = 80


@click.group(cls=InstanceGroup)
def xapi() -> None:
    """Learning traces: lanes to the record stores, dead letters, a checker of statements."""


@xapi.command(cls=InstanceCommand)
@click.option("--json", "as_json", is_flag=True, help="One JSON array, as the REST API gives it.")
def status(as_json: bool) -> None:
    """Show for each lane its state, what waits and what was delivered. Exit code 1 when one is stopped."""
    lanes = Api(load_settings()).get("/xapi/lanes")["lanes"]
    if as_json:
        echo_json(lanes)
    elif not lanes:
        click.echo("No lane is configured: [[xapi.lane]] of settings.toml.")
    else:
        rows = [
            (
                *(lane["name"], lane["state"], lane["waiting"], local_time(lane["oldest_at"]), lane["dead"]),
                *(lane["stored"], lane["per_minute"][-2], lane["reason"][:REASON_SHOWN] or "-"),
            )
            for lane in lanes
        ]
        echo_table(rows, ("LANE", "STATE", "WAITING", "OLDEST", "DEAD", "STORED", "PER MINUTE", "REASON"))
    sys.exit(1 if any(lane["state"] == "stopped" for lane in lanes) else 0)


@xapi.command(cls=InstanceCommand)
@click.argument("lanes", nargs=-1, metavar="[LANE…]")
def flush(lanes: tuple[str, ...]) -> None:
    """Try lanes now, or once their record store can no longer be working on the last request. Without a name: all of them."""
    api = Api(load_settings())
    for name in lanes or _names(api):
        waits_until = api.post(f"/xapi/lanes/{name}/flush")["waits_until"]
        if waits_until:
            click.echo(
                f"{name} is tried at {local_time(waits_until)}: until then its record store may still be storing a batch."
            )
        else:
            click.echo(f"{name} is tried now.")


@xapi.command(cls=InstanceCommand)
@click.argument("lane")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def dead(lane: str, as_json: bool) -> None:
    """List statements that a record store refused for good, the latest first."""
    letters = Api(load_settings()).pages(f"/xapi/lanes/{lane}/dead", "dead")
    if as_json:
        for letter in letters:
            echo_json(letter)
        return
    rows = [
        (
            letter["number"],
            local_time(letter["at"]),
            letter["code"],
            letter["verb"],
            " ".join(letter["reason"].split())[:REASON_SHOWN],
        )
        for letter in letters
    ]
    echo_table(rows, ("NUMBER", "AT", "CODE", "VERB", "REASON"))


@xapi.command(cls=InstanceCommand)
@click.argument("lane")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def waiting(lane: str, limit: int, as_json: bool) -> None:
    """List what a lane still has to send, the oldest first: these are sent next."""
    statements = Api(load_settings()).get(f"/xapi/lanes/{lane}/waiting?limit={limit}")["waiting"]
    if as_json:
        for statement in statements:
            echo_json(statement)
        return
    rows = [
        (
            statement["number"],
            local_time(statement["received_at"]),
            statement["verb"],
            " ".join(statement["reason"].split())[:REASON_SHOWN],
        )
        for statement in statements
    ]
    echo_table(rows, ("NUMBER", "SINCE", "VERB", "REASON"))


@xapi.command(cls=InstanceCommand)
@click.argument("lane")
@click.argument("numbers", nargs=-1, type=int, required=True, metavar="NUMBER…")
@click.option("--drop", is_flag=True, help="Also give them up for good.")
def skip(lane: str, numbers: tuple[int, ...], drop: bool) -> None:
    """Set waiting statements of a lane aside, so that the others pass (NUMBER as `waiting` shows it).

    They are dead letters then: `resend` puts them back.
    """
    api, selection = Api(load_settings()), {"numbers": list(numbers)}
    count = api.call("POST", f"/xapi/lanes/{lane}/waiting/skip", json=selection).json()["count"]
    if drop:
        api.call("POST", f"/xapi/lanes/{lane}/dead/drop", json=selection)
    click.echo(f"{count} {'given up' if drop else 'set aside'}.")


@xapi.command(cls=InstanceCommand)
@click.argument("lane")
@click.argument("numbers", nargs=-1, type=int, metavar="NUMBER…")
@click.option("--all", "everything", is_flag=True, help="Every dead letter of the lane.")
@click.option("--drop", is_flag=True, help="Drop them for good instead.")
def resend(lane: str, numbers: tuple[int, ...], everything: bool, drop: bool) -> None:
    """Send dead letters of a lane again (NUMBER as `dead` shows it)."""
    if bool(numbers) == everything:
        raise click.UsageError("give NUMBERs or --all")
    selection: dict[str, Any] = {"all": True} if everything else {"numbers": list(numbers)}
    verb = "drop" if drop else "resend"
    count = Api(load_settings()).call("POST", f"/xapi/lanes/{lane}/dead/{verb}", json=selection).json()["count"]
    sentence = f"{count} {'given up' if drop else 'sent again'}."
    click.echo(sentence if count else f"Lane {lane} has no dead letters.")


@xapi.command("export", cls=InstanceCommand)
@click.argument("name")
@click.option(
    "--salt", "salts", multiple=True, help="A salt of pseudonyms that was used before; more than once if needed."
)
def export_person(name: str, salts: tuple[str, ...]) -> None:
    """Print all statements of the person NAME that are kept here, one JSON object per line."""
    from pod_jobs.catalog.store import personal_traces, users
    from pod_jobs.instance import learning_traces

    with open_catalog() as settings:
        for row in personal_traces.of_person(learning_traces.marks_of(settings, users.find(name), salts)):
            click.echo(row.body)
        users.note("command-line", "xapi export", name, datetime.now(UTC))


@xapi.command(cls=InstanceCommand)
@click.argument("name")
@click.option(
    "--salt", "salts", multiple=True, help="A salt of pseudonyms that was used before; more than once if needed."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(name: str, salts: tuple[str, ...], yes: bool) -> None:
    """Erase all statements of the person NAME here, and forget the pseudonym.

    With xapi.void_erased, record stores are told to void what they have.
    """
    from pod_jobs.catalog.store import users
    from pod_jobs.instance import learning_traces

    if not yes:
        click.confirm(f"Erase all learning traces of {name}? This cannot be undone.", abort=True)
    with open_catalog() as settings:
        count = learning_traces.erase(settings, users.find(name), datetime.now(UTC), salts)
        users.note("command-line", "xapi erase", name, datetime.now(UTC), f"statements: {count}")
    click.echo(f"{count} erased.")


@xapi.command(cls=InstanceCommand)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Also the rules that are kept.")
def check(file: Path, everything: bool) -> None:
    """Check the statements of FILE (JSON, an array, or one per line; - = standard input) by xAPI and the Video Profile.

    Exit code 1 when a "must" is broken. Needs no instance.
    """
    statements = _read(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    broken = 0
    attempts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for index, statement in enumerate(statements):
        verb = value_at(statement, "verb", "id")
        broken += _show(f"statement {index + 1}: {verb or '?'}", profile.verdicts(statement), everything)
        registration = value_at(statement, "context", "registration")
        if isinstance(registration, str) and profile.claims_profile(statement):
            attempts[registration].append(statement)
    for registration, of_attempt in attempts.items():
        broken += _show(f"attempt {registration}", session.verdicts(of_attempt), everything)
    click.echo(f"{_count(len(statements), 'statement')}, {_count(broken, 'broken rule')}")
    sys.exit(1 if broken else 0)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _names(api: Api) -> list[str]:
    return [lane["name"] for lane in api.get("/xapi/lanes")["lanes"]]


def _read(text: str) -> list[Any]:
    """The statements in a file: one, an array, or one per line. Errors: Fault for anything but JSON."""
    try:
        value = json.loads(text)
        return value if isinstance(value, list) else [value]
    except json.JSONDecodeError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise Fault("The file is no JSON.", str(error)) from error


def _show(title: str, verdicts: list[Verdict], everything: bool) -> int:
    """Print the rules that are broken, or all rules. Returns how many rules with "must" are broken."""
    shown = [verdict for verdict in verdicts if everything or verdict.faults]
    click.echo(title + ("" if shown else "  ok"))
    for verdict in shown:
        word = "advice" if verdict.faults and verdict.severity == "advice" else verdict.word
        click.echo(f"  {click.style(f'{word:7}', fg=COLOURS.get(word, 'blue'))} {verdict.rule}: {verdict.text}")
        for fault in verdict.faults:
            click.echo(f"          {fault.path}: {fault.reason}")
    return sum(bool(verdict.faults) and verdict.severity != "advice" for verdict in verdicts)
