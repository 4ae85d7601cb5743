"""Gives a person an account, for the command line and the page of administrators. Needs an open database."""

from datetime import datetime

from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import users
from pod_jobs.errors import Refused
from pod_jobs.settings.site import SITE_USER

LONGEST_NAME = 100  # characters


def add(name: str, role: str, password_hash: str | None, by: str, now: datetime) -> User:
    """Create a user, and note that `by` did it.

    Errors: Refused for a name that exists (user-exists) or cannot be one (user-name), and for an unknown role.
    """
    is_name = 0 < len(name) <= LONGEST_NAME and name == name.strip() and name.isprintable()
    # users of sites are made when pod_jobs starts, which a person of the same name would prevent
    if not is_name or name.startswith(SITE_USER):
        raise Refused(f"{name[:LONGEST_NAME]!r}", code="user-name", start=SITE_USER)
    user = users.create(name, role, password_hash, now)
    users.note(by, "user add", name, now, role)
    return user
