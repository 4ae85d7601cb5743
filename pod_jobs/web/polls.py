"""Pages ask again every few seconds, and mostly nothing has changed. This module answers such a poll before anything is read.

A process remembers for each address and person which answer it gave last, with the revision of the catalog from before it was
made (catalog/revisions.py) and with what the page showed that is not in the catalog: progress, workers, machines, the clock.
As long as both are still the same, the answer is 304. A process that remembers nothing makes the page anew, so that nothing
depends on this memory.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from flask_babel import get_locale

from pod_jobs.catalog import revisions
from pod_jobs.catalog.permissions import may
from pod_jobs.web.guards import access
from pod_jobs.web.services import catalog_revision, services

MOST_OF_A_PERSON, MOST_PERSONS = 100, 500  # answers that are remembered; each takes 1 to 20 kilobytes

# What the page asks about, such as its open tasks -> what can be seen of them outside the catalog
Look = Callable[[Any], Any]


class Glance:
    """Looks outside the catalog while an answer is made, once, and keeps what was asked and seen."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self.asked: Any = None
        self.seen: Any = None

    def __call__(self, asked: Any) -> Any:
        self.asked, self.seen = asked, self._look(asked)
        return self.seen


@dataclass(frozen=True)
class Remembered:
    """The last answer to an address for a person. `seen`: a digest of what was seen."""

    revision: Any
    asked: Any
    seen: bytes
    etag: str


def answer(look: Look, make: Callable[[Glance], Response], subjects: Iterable[str] = ()) -> Response:
    """304 without reading anything if the sender has the present answer; else what `make` makes, which has an ETag.

    `look(asked)` returns what the answer shows that is not in the catalog, such as progress in Redis. `make` must not look by
    itself: it calls its argument once with what it asks about, such as ids of tasks, and gets the result of `look`. What it
    asked is remembered, so it should be small; at the next poll, `look` is called with it again. Two results with the same
    text (`repr`) count as equal.
    `subjects`: whose changes count (catalog/revisions.py); by default, all changes.
    """
    revision = catalog_revision(subjects or (revisions.CATALOG,))
    key = _key()
    remembered = _find(key)
    if remembered is not None and remembered.revision == revision and remembered.etag in request.if_none_match:
        if _digest(look(remembered.asked)) == remembered.seen:
            response = Response(status=304)
            response.set_etag(remembered.etag)
            return response
    glance = Glance(look)
    response = make(glance)
    etag, _ = response.get_etag()
    if etag is not None:
        _keep(key, Remembered(revision, glance.asked, _digest(glance.seen), etag))
    return response


def own_videos() -> tuple[str, ...]:
    """The subjects of an answer that holds nothing but videos that the sender may see, and their tasks."""
    user = access.require_user()
    return () if may(user.role, "see-all-videos") else revisions.owner(user.id)


def look_at_nothing(asked: Any) -> None:
    """For answers from the catalog alone."""


def _find(key: bytes) -> Remembered | None:
    answers_of_person = services().answers.get(access.require_user().id, OrderedDict())
    with suppress(KeyError):
        answers_of_person.move_to_end(key)
    return answers_of_person.get(key)


def _keep(key: bytes, remembered: Remembered) -> None:
    answers, person = services().answers, access.require_user().id
    answers_of_person = answers.setdefault(person, OrderedDict())
    answers_of_person[key] = remembered
    with suppress(KeyError):  # other threads do the same
        answers_of_person.move_to_end(key)
        answers.move_to_end(person)
        while len(answers_of_person) > MOST_OF_A_PERSON:
            answers_of_person.popitem(last=False)
        while len(answers) > MOST_PERSONS:
            answers.popitem(last=False)


def _key() -> bytes:
    """Equal for requests of a person that have the same answer as long as nothing changes."""
    user = access.require_user()
    form = (access.link_base(), request.headers.get("HX-Request"), str(get_locale()))
    return _digest((user.role, user.name, request.full_path, form))


def _digest(value: Any) -> bytes:
    return hashlib.sha256(repr(value).encode()).digest()
