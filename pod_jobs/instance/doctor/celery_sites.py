"""Checks of the sites that order by Celery."""

import os
from collections.abc import Iterator
from pathlib import Path

from pod_jobs.celery.broker import Broker
from pod_jobs.celery.shared_folder import MARK, check_mounted
from pod_jobs.errors import AddressForbidden, PodJobsError, ServiceUnavailable
from pod_jobs.instance.doctor.finding import Finding
from pod_jobs.outside.addresses import Allowed, pin, read
from pod_jobs.settings import Settings
from pod_jobs.settings.site import SiteSettings

NAME = "celery sites"


def check_celery_sites(settings: Settings) -> Iterator[Finding]:
    """Check that each site has its secrets, that its brokers answer, that its Pod may be called, and that its media folder is on
    this host. Nothing is said where there is no such site."""
    for site in settings.site:
        if site.is_celery:
            faults = [*_faults(settings, site)]
            yield from faults or [Finding(NAME, "ok", f"{site.name}: its brokers answer, and its media folder is here")]


def _faults(settings: Settings, site: SiteSettings) -> Iterator[Finding]:
    try:
        settings.site_token(site)
        urls = settings.site_broker_urls(site)
    except PodJobsError as error:
        yield Finding(NAME, "fault", f"{site.name}: {error.reason}", f"write them into {settings.home}/secrets")
        return
    for number, url in enumerate(urls, 1):
        try:
            reserved = Broker(url).count_reserved()
        except PodJobsError as error:
            yield Finding(NAME, "fault", f"{site.name}: broker {number}: {error.reason}")
            continue
        if reserved:
            remedy = f"stop Celery's workers, then ./run pod-jobs broker take-over {site.name}"
            yield Finding(NAME, "warning", f"{site.name}: Celery's workers have {reserved} messages", remedy)
    if refusal := _refusal(site):
        yield refusal
    folder = Path(site.shared_folder)
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        remedy = "mount it here as on Pod's host, writable for this user"
        yield Finding(NAME, "fault", f"{site.name}: {folder} is not here, or cannot be written", remedy)
        return
    mark = _mark_of(settings, site)
    try:
        check_mounted(folder, mark)
    except PodJobsError as error:
        remedy = "mount it here as on Pod's host"
        if mark:
            remedy += f"; if it is the right one and has lost its mark: echo {mark} > '{folder / MARK}'"
        yield Finding(NAME, "fault", f"{site.name}: {error.reason}", remedy)


def _refusal(site: SiteSettings) -> Finding | None:
    """What keeps the ends of tasks from being told, without calling Pod."""
    allowed = Allowed(site.callback_hosts, site.private_networks)
    try:
        pin(read(site.callback_url, allowed), allowed)
    except AddressForbidden as error:
        remedy = "private_networks and callback_hosts of its [[site]] say which addresses may be called"
        return Finding(NAME, "fault", f"{site.name}: callback_url: {error.reason}", remedy)
    except ServiceUnavailable as error:
        return Finding(NAME, "warning", f"{site.name}: callback_url: {error.reason}")
    return None


def _mark_of(settings: Settings, site: SiteSettings) -> str:
    """The id in the site's folder, as the catalog knows it; "" also while the catalog is away, which another check reports."""
    if settings.lacks_database:  # to open it would make an empty one
        return ""
    from peewee import PeeweeException  # here, because workers need no database

    from pod_jobs.catalog import database as catalog_database
    from pod_jobs.catalog.store import instance

    try:
        with catalog_database.connect(settings.database_url).connection_context():
            return instance.shared_folder_mark(site.name)
    except (PodJobsError, PeeweeException):
        return ""
