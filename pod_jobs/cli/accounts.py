"""pod-jobs user … and pod-jobs token …: people and their keys. These commands use the database itself, on the web host."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from pod_jobs.catalog import permissions
from pod_jobs.cli.base import InstanceGroup, echo_json, echo_table, load_settings, refuse_half_restored
from pod_jobs.cli.words import local_time
from pod_jobs.settings import Settings

ROLES = tuple(role for role in permissions.ROLES if role != "worker")  # `up` makes the user of the workers


@click.group(cls=InstanceGroup)
def user() -> None:
    """People who may sign in."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="lecturer", show_default=True)
@click.option("--link", is_flag=True, help="Print a one-time sign-in link instead of asking for a password.")
def add_user(name: str, role: str, link: bool) -> None:
    """Create a person. The password is asked for, or read from standard input."""
    from pod_jobs.instance import people
    from pod_jobs.instance.prepare import sign_in_link

    password_hash = None if link else _ask_password_hash()
    with open_catalog() as settings:
        people.add(name, role, password_hash, "command-line", datetime.now(UTC))
        click.echo(sign_in_link(settings, name) if link else f"{name} may sign in at {settings.public_url}")


@user.command("passwd")
@click.argument("name")
@click.option("--link", is_flag=True, help="Print a one-time sign-in link instead of setting a password.")
@click.option("--revoke-tokens", is_flag=True, help="Also revoke this person's API tokens.")
def set_password(name: str, link: bool, revoke_tokens: bool) -> None:
    """Give a person a new password. It is asked for, or read from standard input. Open sessions end."""
    from pod_jobs.catalog.store import users
    from pod_jobs.instance.prepare import sign_in_link

    with open_catalog() as settings:
        person = users.find(name)
        if link:
            click.echo(sign_in_link(settings, name))
        else:
            users.set_password(person, _ask_password_hash())
            click.echo(f"{name} has a new password.")
        if revoke_tokens:
            click.echo(f"Tokens revoked: {users.revoke_all(person, datetime.now(UTC))}")
        users.note("command-line", "user passwd", name, datetime.now(UTC))


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
def change_role(name: str, role: str) -> None:
    """Give a person another role. It counts at once, also for open sessions and API tokens."""
    from pod_jobs.catalog.store import users

    _refuse_system_user(name)
    with open_catalog():
        before = users.change_role(name, role, "command-line", datetime.now(UTC))
    click.echo(f"{name} was {before} and is {role} now.")


@user.command("off")
@click.argument("name")
def switch_off(name: str) -> None:
    """Switch a person off: password, open sessions, links and API tokens stop working at once."""
    from pod_jobs.catalog.store import users

    _refuse_system_user(name)
    with open_catalog():
        users.switch_off(name, datetime.now(UTC))
        users.note("command-line", "user off", name, datetime.now(UTC))
    click.echo(f"{name} is switched off; the tokens are revoked.")


@user.command("on")
@click.argument("name")
def switch_on(name: str) -> None:
    """Let a person who was switched off sign in again. Revoked tokens stay revoked."""
    from pod_jobs.catalog.store import users

    with open_catalog():
        users.switch_on(name)
        users.note("command-line", "user on", name, datetime.now(UTC))
    click.echo(f"{name} is switched on.")


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_users(as_json: bool) -> None:
    """List all people with their roles."""
    from pod_jobs.catalog.store import users

    with open_catalog():
        people = [{"name": person.name, "role": person.role, "active": person.active} for person in users.list_users()]
    if as_json:
        echo_json(people)
    else:
        echo_table(
            [(person["name"], person["role"], "yes" if person["active"] else "no") for person in people],
            ("NAME", "ROLE", "ACTIVE"),
        )


@click.group(cls=InstanceGroup)
def token() -> None:
    """Keys for the REST API."""


@token.command("add")
@click.argument("name")
@click.option("--label", default="", help="What it is for.")
def add_token(name: str, label: str) -> None:
    """Create a key that acts as the user NAME, and print it. It cannot be shown again."""
    from pod_jobs.catalog.store import users

    with open_catalog():
        text = users.create_token(users.find(name), label, datetime.now(UTC))
        users.note("command-line", "token add", name, datetime.now(UTC), label)
    click.echo(text)


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_tokens(as_json: bool) -> None:
    """List all keys, without their texts."""
    from pod_jobs.catalog.store import users

    with open_catalog():
        keys = [
            {
                "id": key.id,
                "user": key.user.name,
                "label": key.label,
                "last_used_at": key.last_used_at and key.last_used_at.isoformat(timespec="minutes"),
                "revoked": key.revoked_at is not None,
            }
            for key in users.list_tokens()
        ]
    if as_json:
        echo_json(keys)
        return
    rows = [
        (key["id"], key["user"], key["label"], local_time(key["last_used_at"]), "yes" if key["revoked"] else "no")
        for key in keys
    ]
    echo_table(rows, ("ID", "USER", "LABEL", "LAST USED", "REVOKED"))


@token.command("revoke")
@click.argument("token_id", type=int)
def revoke_token(token_id: int) -> None:
    """Revoke the key with this id, which `token list` shows."""
    from pod_jobs.catalog.store import users

    with open_catalog():
        users.revoke_token(token_id, datetime.now(UTC))
        users.note("command-line", "token revoke", f"token {token_id}", datetime.now(UTC))
    click.echo(f"Token {token_id} is revoked.")


def _refuse_system_user(name: str) -> None:
    from pod_jobs.instance.prepare import NAMES_OF_SYSTEM_USERS

    if name in NAMES_OF_SYSTEM_USERS:
        raise click.UsageError(f"{name} is the program's own user")


@contextmanager
def open_catalog() -> Iterator[Settings]:
    """Open the instance's database, with its tables made or migrated. Errors: Fault after an interrupted restore."""
    from pod_jobs.catalog import database
    from pod_jobs.instance.prepare import prepare

    settings = load_settings()
    refuse_half_restored(settings)
    prepare(settings)
    with database.connect(settings.database_url).connection_context():
        yield settings


def _ask_password_hash() -> str:
    """Ask for a password, or read it from standard input. It is no argument, because other users of the host see arguments."""
    from werkzeug.security import generate_password_hash

    from pod_jobs.catalog.store import users

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    users.check_password_length(password)
    return generate_password_hash(password)
