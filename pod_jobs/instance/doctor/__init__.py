"""The checks of `pod-jobs doctor`, which also run at each start, and in each worker before its first job.

A check is a function from the settings to its findings. It never raises, and takes some seconds at most.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence

from pod_jobs.instance.doctor import celery_sites, host, services
from pod_jobs.instance.doctor.finding import Finding
from pod_jobs.settings import Settings

__all__ = ["CHECKS", "Finding", "checks_before_jobs", "complaint", "examine", "faults", "wait_until_sound"]

Check = Callable[[Settings], Iterable[Finding]]

CHECKS: dict[str, Check] = {
    "folders": host.check_folders,
    "secrets": host.check_secrets,
    "free space": host.check_space,
    "ffmpeg": host.check_ffmpeg,
    "browser files": host.check_browser_files,
    "speech": host.check_speech,
    "database": services.check_database,
    "key-value server": services.check_key_value_server,
    "workers": services.check_workers,
    "janitor": services.check_janitor,
    "clock": services.check_clock,
    "catalog": services.check_catalog,
    "media": services.check_media,
    "bucket": services.check_bucket,
    "mail": services.check_mail,
    celery_sites.NAME: celery_sites.check_celery_sites,
}
BEFORE_START = ("folders", "secrets", "ffmpeg", "browser files", "database")
BEFORE_JOBS = ("folders", "free space", "key-value server", "clock", "catalog", "media")

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0
QUIET_S = 15.0  # a worker waits so long before it logs a fault; when all processes start together, all is ready by then

log = logging.getLogger(__name__)


def examine(settings: Settings, names: Iterable[str] = tuple(CHECKS), queues: Sequence[str] = ()) -> list[Finding]:
    """The findings of the checks with these names, in this order. `queues`: those for which this host is to work."""
    if not settings.home.is_dir():
        remedy = f"./run up --home '{settings.home}'"
        return [Finding("folders", "fault", f"there is no instance in {settings.home}", remedy)]
    findings: list[Finding] = []
    for check in map(CHECKS.__getitem__, names):
        findings += services.check_catalog(settings, queues) if check is services.check_catalog else check(settings)
    return findings


def faults(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are faults."""
    return [finding for finding in findings if finding.state == "fault"]


def checks_before_jobs(needs_ffmpeg: bool) -> tuple[str, ...]:
    """The checks for a worker, which needs neither database nor session key and may be on another host."""
    return ("ffmpeg", *BEFORE_JOBS) if needs_ffmpeg else BEFORE_JOBS


def complaint(settings: Settings, queue_name: str) -> str:
    """The fault because of which a running worker may take no job, in one line; "" = none. Takes tens of milliseconds."""
    return "; ".join(map(str, faults(examine(settings, BEFORE_JOBS, [queue_name]))))


def wait_until_sound(
    settings: Settings, queue_name: str, needs_ffmpeg: bool = False, say: Callable[[str], object] = lambda text: None
) -> None:
    """Wait until all checks for a worker of this queue pass. Log which of them fail, whenever that changes, and `say` it in
    each round."""
    names = checks_before_jobs(needs_ffmpeg)
    began, wait_s, logged = time.monotonic(), FIRST_WAIT_S, ""
    while findings := faults(examine(settings, names, [queue_name])):
        text = "; ".join(map(str, findings))
        if time.monotonic() - began > QUIET_S:
            say(text)
            if text != logged:
                log.error("%s takes no job while this is so: %s", queue_name, text)
            logged = text
        time.sleep(wait_s)
        wait_s = min(wait_s * 1.5, LONGEST_WAIT_S)
    if logged:
        log.info("%s: all is well now", queue_name)
