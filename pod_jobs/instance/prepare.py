"""Prepares an instance before the web app or the janitor starts: folders, secrets, tables, system users, first sign-in."""

import logging
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pod_jobs.catalog import database
from pod_jobs.catalog.store import instance, users
from pod_jobs.errors import NotFound, ServiceUnavailable
from pod_jobs.instance import learning_traces, sites
from pod_jobs.instance.home import alone, make_folders
from pod_jobs.instance.redis_owner import demand_own_redis
from pod_jobs.settings import Settings
from pod_jobs.storage import identity
from pod_jobs.storage.web_host_folder import WebHostFolder

log = logging.getLogger(__name__)

SYSTEM_USERS = {  # token's file in secrets -> user name, role
    "worker_token": ("workers", "worker"),
    "cli_token": ("command-line", "admin"),
}
NAMES_OF_SYSTEM_USERS = frozenset(name for name, _ in SYSTEM_USERS.values())
SECRETS = ("session_key", "site_key", learning_traces.KEY, *SYSTEM_USERS)
FIRST_ADMINISTRATOR = "admin"
LINK_VALID_FOR = timedelta(hours=24)


def prepare(settings: Settings) -> None:
    """Make everything that the instance lacks. This is safe at any time, also in several processes at the same time.

    Errors: SettingsError (folders, database, a Redis database of another instance), ServiceUnavailable (database).
    """
    make_folders(settings)
    with alone(settings, "prepare"):
        for name in (*SECRETS, *sites.missing_secrets(settings)):
            _make_secret(settings.home / "secrets" / name)
        catalog = database.connect(settings.database_url)
        database.migrate(catalog)
        with database.faults_translated(), catalog.connection_context():
            identify_media(settings.media)
            notice_newer_recordings(settings.media)
            for name in SYSTEM_USERS:
                _make_system_user(settings, name, datetime.now(UTC))
            instance.remember_home_page(settings.xapi_home_page)
            sites.prepare(settings, datetime.now(UTC))
            demand_own_redis(settings, instance.identity())


def identify_media(media: WebHostFolder) -> None:
    """Give the media folder and the catalog the same identity, unless the folder is evidently another one. Needs an open
    database.

    A folder without an identity gets one if it is the right folder: it has the newest recording, or there is no recording
    yet. Otherwise the right folder counts as away, because an empty mount point must not be taken for it.
    """
    in_catalog, newest = instance.media_identity(), instance.newest_source()
    try:
        in_folder = media.identity()
        if in_folder and (not in_catalog or newest is None):
            instance.remember_media_identity(in_folder)
        elif not in_folder and newest is None:
            # Never the known one: a folder that has it may be mounted over this
            media.give_identity(value := identity.new())
            instance.remember_media_identity(value)
        elif not in_folder and newest is not None:
            instance.remember_media_identity(in_catalog or identity.new())
            if media.has_source(*newest):
                media.give_identity(instance.media_identity())
        media.check(instance.media_identity())
    except (OSError, ServiceUnavailable) as error:
        log.warning("uploads and encodings wait: %s", error)


def notice_newer_recordings(media: WebHostFolder) -> None:
    """A backup copies the database first. What was uploaded in between is in the restored media folder, without a row: its
    number is not given again, and the log names it. Needs an open database."""
    try:
        media.check(instance.media_identity())
        numbers = list(media.videos())
    except (OSError, ServiceUnavailable):
        return  # it is away; an upload that meets such a recording notices then
    if numbers and (number_range := instance.notice_recordings(max(numbers))):
        count = sum(number_range[0] <= number <= number_range[1] for number in numbers)
        log.warning(
            "the database is older than the media folder: %s of its recordings, from %06d to %06d, have no row. They are kept; "
            "new ones get higher numbers. See docs/administration.md, backup",
            *(count, *number_range),
        )


def sign_in_link(settings: Settings, name: str) -> str:
    """An address that signs an existing user in once. The database must be open. Errors: NotFound."""
    token = users.create_link(users.find(name), LINK_VALID_FOR, datetime.now(UTC))
    return f"{settings.public_url}/sign-in/{token}"


def first_sign_in_link(settings: Settings) -> str | None:
    """A sign-in link for the first administrator, who is created if necessary. None after an administrator has signed in.
    Call `prepare` first."""
    with database.connect(settings.database_url).connection_context():
        if users.administrator_has_access():
            return None
        if all(user.name != FIRST_ADMINISTRATOR for user in users.list_users()):
            users.create(FIRST_ADMINISTRATOR, "admin", None, datetime.now(UTC))
        return sign_in_link(settings, FIRST_ADMINISTRATOR)


def _make_secret(path: Path) -> None:
    """Write a random text to `path`, unless the file has one. The file appears complete, and others can never read it."""
    if path.exists() and path.stat().st_size:
        return
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))
    part.rename(path)


def _make_system_user(settings: Settings, secret: str, now: datetime) -> None:
    """Make the user and the token row for `secret`, also if the database is newer than the secret."""
    name, role = SYSTEM_USERS[secret]
    token = settings.secret(secret)
    try:
        users.find_by_token(token, now)
    except NotFound:
        existing = [user for user in users.list_users() if user.name == name]
        user = existing[0] if existing else users.create(name, role, None, now)
        users.create_token(user, f"secrets/{secret}", now, token)
