"""What every view needs, made once by create_app."""

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask, current_app
from peewee import Database
from redis import Redis

from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.settings import Settings

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


def now() -> datetime:
    return datetime.now(UTC)
