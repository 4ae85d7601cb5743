"""What every view needs, made once by create_app."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask, current_app, g
from peewee import Database
from redis import Redis

from pod_jobs.catalog.store import instance
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.settings import Settings
from pod_jobs.storage.site_folder import SiteFolder

EXTENSION = "pod_jobs"


@dataclass(frozen=True)
class Site:
    """The instance that this web app serves."""

    settings: Settings
    database: Database
    redis: Redis
    job_types: JobTypes


def install(app: Flask, site: Site) -> None:
    app.extensions[EXTENSION] = site


def site() -> Site:
    """The one of the app that serves this request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Site)  # noqa: S101  # for the type checker
    return found


def open_database() -> None:
    """For this request, whose thread has no connection yet; else it stays with whoever opened it."""
    g.opened_database = site().database.connect(reuse_if_open=True)


def close_database() -> None:
    """What `open_database` opened."""
    if g.pop("opened_database", False):
        site().database.close()


@contextmanager
def without_database() -> Iterator[None]:
    """The request's connection is closed in here, and open again afterwards: none is kept through an hour of upload."""
    close_database()
    try:
        yield
    finally:
        open_database()


def right_media() -> SiteFolder:
    """The media folder, which is looked at first. Errors: ServiceUnavailable when it is not the one that the catalog means."""
    folder = site().settings.media
    folder.check(instance.media_identity())
    return folder


def now() -> datetime:
    return datetime.now(UTC)
