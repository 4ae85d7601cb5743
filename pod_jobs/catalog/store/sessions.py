"""Sessions of browsers. A cookie holds the key of a session, which is worthless without the session's row. Deleting the row
therefore also ends copies of the cookie."""

import secrets
from datetime import datetime, timedelta

from pod_jobs.catalog.database import OneByText
from pod_jobs.catalog.models import Session, User
from pod_jobs.catalog.store.users import hash_token
from pod_jobs.errors import NotFound

_SESSION = OneByText(
    lambda hashed: (
        Session.select(Session, User).join(User).where(Session.key_hash == hashed, User.active == True)  # noqa: E712  # SQL
    )
)


def begin(user: User, valid_for: timedelta, now: datetime) -> str:
    """Begin a session, and return its key."""
    key = secrets.token_urlsafe(24)
    Session.create(user=user, key_hash=hash_token(key), expires_at=now + valid_for)
    return key


def user_of(key: str, now: datetime) -> User:
    """The user of a session. Errors: NotFound when the session has ended, or its user is switched off."""
    row = _SESSION.find(hash_token(key))
    if row is None or row.expires_at <= now:
        raise NotFound("such a session")
    user: User = row.user
    return user


def end(key: str) -> None:
    """End one session, for its browser and for every copy of its cookie."""
    Session.delete().where(Session.key_hash == hash_token(key)).execute()


def forget_expired(now: datetime) -> None:
    Session.delete().where(Session.expires_at < now).execute()
