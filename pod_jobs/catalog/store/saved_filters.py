"""Filters of the team's list of tasks that a person saved under a name. Everybody has only their own."""

import hashlib
import unicodedata
from collections.abc import Mapping

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import users
from pod_jobs.catalog.team_models import SavedFilter
from pod_jobs.errors import Malformed, NotFound, Refused

MOST = 30  # of one person
NAME_CHARACTERS = 60


def list_of(user: User) -> list[SavedFilter]:
    """The filters of this person, by name."""
    filters = SavedFilter.select().where(SavedFilter.user == user)
    return sorted(filters, key=lambda saved: (_compared(saved.name), saved.id))


def get(user: User, filter_id: int) -> SavedFilter:
    """Errors: NotFound, also for a filter of somebody else."""
    saved: SavedFilter | None = SavedFilter.get_or_none(SavedFilter.id == filter_id, SavedFilter.user == user)
    if saved is None:
        raise NotFound(f"filter {filter_id}")
    return saved


def save(user: User, name: str, fields: Mapping[str, str]) -> SavedFilter:
    """Errors: Malformed (filter-name, filter-empty); Refused (filter-exists, filter-limit)."""
    clean = _clean(name)
    if not fields:
        raise Malformed("the filter leaves everything open", code="filter-empty")
    with transaction():
        users.lock(user)  # or two requests would count before either inserts
        _check_free(user, clean)
        if SavedFilter.select().where(SavedFilter.user == user).count() >= MOST:
            raise Refused(f"{MOST} are saved", code="filter-limit", most=str(MOST))
        saved: SavedFilter = SavedFilter.create(user=user, name=clean, name_hash=_hash(clean), fields=dict(fields))
    return saved


def rename(user: User, filter_id: int, name: str) -> SavedFilter:
    """Errors: NotFound; Malformed (filter-name); Refused (filter-exists)."""
    clean = _clean(name)
    with transaction():
        users.lock(user)
        saved = get(user, filter_id)
        _check_free(user, clean, filter_id)
        saved.name, saved.name_hash = clean, _hash(clean)
        saved.save()
    return saved


def delete(user: User, filter_id: int) -> None:
    """Errors: NotFound."""
    if not SavedFilter.delete().where(SavedFilter.id == filter_id, SavedFilter.user == user).execute():
        raise NotFound(f"filter {filter_id}")


def _clean(name: str) -> str:
    """The name with single spaces and without control characters. Errors: Malformed (filter-name)."""
    clean = " ".join("".join(c for c in name if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs")).split())
    seen = "".join(c for c in clean if unicodedata.category(c) not in ("Cf", "Mn", "Zs", "Zl", "Zp"))
    if not seen or len(name) > NAME_CHARACTERS:
        raise Malformed(f"a name has {len(name)} characters", code="filter-name", most=str(NAME_CHARACTERS))
    return clean


def _check_free(user: User, name: str, own_id: int | None = None) -> None:
    """Errors: Refused (filter-exists)."""
    same = SavedFilter.get_or_none(SavedFilter.user == user, SavedFilter.name_hash == _hash(name))
    if same is not None and same.id != own_id:
        raise Refused(f"filter {same.id} has this name", code="filter-exists", name=same.name)


def _compared(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _hash(name: str) -> str:
    return hashlib.sha256(_compared(name).encode()).hexdigest()
