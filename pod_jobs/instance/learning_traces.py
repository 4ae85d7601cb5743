"""Learning traces of this instance: turns the settings into values of pod_jobs/xapi, and these into rows of the catalog.

The web app uses it for statements that people and programs send, the janitor for statements about the platform itself.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import instance, personal_traces, users
from pod_jobs.catalog.store.personal_traces import Marks
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.catalog.trace_models import Statement
from pod_jobs.errors import Refused, SettingsError
from pod_jobs.settings import Settings
from pod_jobs.xapi.actors import Actor, build_actor, pseudonym
from pod_jobs.xapi.production import VideoActivity, build_void
from pod_jobs.xapi.statement import Application, Frozen, Limits, accept, plain_name
from pod_jobs.xapi.verdicts import value_at

KEY = "xapi_key"  # the secret with which pseudonyms are made; with another one, all pseudonyms change
LIMITS = Limits(statement_bytes=65_000)  # what MariaDB's TEXT holds


def actor_of(settings: Settings, user: User) -> Actor:
    """The actor that stands for `user` in record stores. Errors: SettingsError when the key of the pseudonyms is missing."""
    xapi = settings.xapi
    if xapi.anonymize:
        name = pseudonym(settings.secret(KEY).encode(), UUID(user.uuid), xapi.salt)
    else:
        name = user.name if xapi.authenticated_name == "username" else user.uuid
    return build_actor(settings.xapi_home_page, name)


def marks_of(settings: Settings, user: User, salts: Sequence[str] = ()) -> Marks:
    """By what the statements of `user` are known, whatever the settings were when they came: the random base of the pseudonym,
    the pseudonyms with the present salt and with `salts`, and the name at every home page that is known.
    Errors: SettingsError when the key of the pseudonyms is missing."""
    names = [user.uuid]
    try:
        key = settings.secret(KEY).encode()
        names += [pseudonym(key, UUID(user.uuid), salt) for salt in (settings.xapi.salt, *salts)]
    except SettingsError:
        if settings.xapi.anonymize:
            raise
    home_pages = {settings.xapi_home_page, *instance.home_pages()}
    return Marks(names, user.name, sorted(home_pages), user.created_at)


def erase_ordered(settings: Settings, now: datetime) -> int:
    """Erase the traces of those who asked for it while a lane was worked. Returns of how many people. Errors: SettingsError."""
    people = personal_traces.ordered_erasures()
    for count, user in enumerate(people):
        try:
            erased = erase(settings, user, now)
        except Refused:
            return count
        users.note(user.name, "traces erased", f"user {user.id}", now, f"statements: {erased}")
    return len(people)


def erase(settings: Settings, user: User, now: datetime, salts: Sequence[str] = ()) -> int:
    """Erase the traces of a person; with xapi.void_erased, record stores are told to void theirs. Returns how many there were.
    Errors: Refused while a lane is worked; SettingsError."""

    def void(row: Statement) -> NewStatement:
        frozen = accept(build_void(settings.xapi_home_page, row.id, now), Application(), now, LIMITS)
        assert isinstance(frozen, Frozen)  # noqa: S101  # we wrote it ourselves
        return as_row(settings, frozen, None)

    marks = marks_of(settings, user, salts)
    make_void = void if settings.xapi.void_erased else None
    return personal_traces.erase(user, marks, settings.xapi.lane_names, now, make_void)


def activity_of(settings: Settings, video_id: int, title: str) -> VideoActivity:
    return VideoActivity(settings.xapi_home_page, video_id, plain_name(title))


def as_row(settings: Settings, frozen: Frozen, object_id: object) -> NewStatement:
    """A row for the catalog. `object_id`: the IRI that the statement, or its parent activity, is about."""
    pattern = re.escape(f"{settings.xapi_home_page}/xapi/activities/video/") + r"([0-9]{1,9})(/.*)?"
    match = re.fullmatch(pattern, object_id) if isinstance(object_id, str) else None
    return NewStatement(
        id=frozen.id,
        body=frozen.body.decode(),
        verb=frozen.verb,
        registration=frozen.registration,
        labels=frozen.labels,
        suspect=frozen.suspect,
        of_profile=frozen.of_profile,
        video=int(match[1]) if match else None,
    )


def object_id(statement: object) -> object:
    """The IRI of the statement's object, if it has one."""
    return value_at(statement, "object", "id")
