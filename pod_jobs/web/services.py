"""What every view needs: settings, database, Redis and job types of the instance. `create_app` makes them once."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar, cast

from flask import Flask, Response, after_this_request, current_app, g, request
from peewee import Database
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from pod_jobs.catalog import revisions
from pod_jobs.catalog.store import instance
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.settings import Settings
from pod_jobs.storage.bucket import Bucket
from pod_jobs.storage.web_host_folder import WebHostFolder

log = logging.getLogger(__name__)

EXTENSION = "pod_jobs"
SEEN_S = 1.0
MOST_SEEN = 1000  # things that `lately` remembers

T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    """What this web app works with: those of one instance."""

    settings: Settings
    database: Database
    redis: Redis
    job_types: JobTypes
    # Of web/intake/orders.py: queue -> when its line was read, what it depended on, and the line
    lines: dict[str, tuple[float, Any, list[int]]] = field(default_factory=dict)
    # Of web/intake/beginnings.py: under "times", when they were estimated, and when each waiting task will probably begin
    beginnings: dict[str, tuple[float, dict[int, datetime]]] = field(default_factory=dict)
    # Of `lately`: when something outside the catalog was seen, and what was seen
    seen: dict[Any, tuple[float, Any]] = field(default_factory=dict)
    # Of web/polls.py: id of a person -> the remembered answers; the one that was used last is at the end
    answers: OrderedDict[int, OrderedDict[bytes, Any]] = field(default_factory=OrderedDict)

    @cached_property
    def bucket(self) -> Bucket | None:
        """The bucket of [s3], whose connections are kept; None when the settings name none. Errors: SettingsError."""
        return self.settings.bucket


def install(app: Flask, services: Services) -> None:
    app.extensions[EXTENSION] = services


def services() -> Services:
    """The services of the app that serves this request."""
    extension = current_app.extensions[EXTENSION]
    assert isinstance(extension, Services)  # noqa: S101  # for the type checker
    return extension


def open_database() -> None:
    """Connect this request's thread to the database, unless it is connected already; whoever connected it closes it."""
    g.opened_database = services().database.connect(reuse_if_open=True)


def close_database() -> None:
    """Close the connection if `open_database` opened it for this request."""
    if g.pop("opened_database", False):
        services().database.close()


@contextmanager
def without_database() -> Iterator[None]:
    """Close the request's database connection inside the block, and open one again afterwards. An upload may take an hour,
    and should not hold a connection for so long."""
    close_database()
    try:
        yield
    finally:
        open_database()


def catalog_revision(subjects: Iterable[str] = (revisions.CATALOG,)) -> tuple[tuple[str, int], ...]:
    """The revision of these subjects (catalog/revisions.py) when this request began to read, by one query for all."""
    all_subjects = {*subjects, revisions.CATALOG}
    revision_of: dict[str, int] | None = g.get("revisions")
    if revision_of is None or not all_subjects <= g.revised:
        g.revised = all_subjects
        revision_of = g.revisions = dict(revisions.read(all_subjects))
    return tuple((subject, revision_of[subject]) for subject in subjects if subject in revision_of)


def wants_part() -> bool:
    """Does htmx ask for the moving part of a page?"""
    return request.headers.get("HX-Request") == "true"


def lately(what: Hashable, see: Callable[[], T]) -> T:
    """What `see` sees outside the catalog, such as Redis's list of workers; it is called at most once in a request. The polls of
    all pages that are open share what was seen within SEEN_S; any other request sees for itself. Errors: as `from_redis`."""
    seen_here: dict[Hashable, Any] = g.setdefault("seen", {})
    if what not in seen_here:
        seen_here[what] = _lately(what, see)
    return cast(T, seen_here[what])


def _lately(what: Hashable, see: Callable[[], T]) -> T:
    remembered = services().seen.get(what)
    if remembered is not None and wants_part() and time.monotonic() - remembered[0] < SEEN_S:
        return cast(T, remembered[1])
    result = from_redis(see)
    if len(services().seen) > MOST_SEEN:
        services().seen.clear()
    services().seen[what] = time.monotonic(), result
    return result


def from_redis(see: Callable[[], T]) -> T:
    """What `see` reads. Once Redis did not answer, it is not asked again in this request, because each time may take seconds.
    Errors: what `see` raises, RedisError."""
    if "redis_is_away" in g:
        raise RedisConnectionError("it did not answer before in this request")
    try:
        return see()
    except RedisError:
        g.redis_is_away = True
        raise


def after_answer(do: Callable[[], object]) -> None:
    """Call `do` when the answer of this request has been sent, with the services and a database connection. What it raises is
    logged."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # of werkzeug's proxy

    def run() -> None:
        try:
            with app.app_context():
                open_database()
                try:
                    do()
                finally:
                    close_database()
        except Exception:
            log.exception("after an answer")

    @after_this_request
    def attach(answer: Response) -> Response:
        answer.call_on_close(run)
        return answer


def checked_media() -> WebHostFolder:
    """The media folder, checked at each call. Errors: ServiceUnavailable when it is away, or is not the catalog's."""
    folder = services().settings.media
    folder.check(instance.media_identity())
    return folder


def now() -> datetime:
    return datetime.now(UTC)
