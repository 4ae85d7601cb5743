"""Reports of workers of other hosts: by HTTP, and on the host's disk while the catalog is away."""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from pod_jobs.catalog.seals import seal_of
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.jobs import hosts, keys, queue
from pod_jobs.jobs.encode import ENCODE
from pod_jobs.jobs.kept_reports import WAITS, KeptReports
from pod_jobs.jobs.report import entry_of
from pod_jobs.settings import Settings
from tests.integration.jobs.conftest import KEY, SmallCatalog, StartWorker
from tests.integration.jobs.small_jobs import RESULT, enqueue, status
from tests.servers import wait_until


@pytest.fixture(autouse=True)
def elsewhere(small_catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another host, with a shared folder."""
    monkeypatch.setenv("POD_JOBS_WORKER__CATALOG_URL", small_catalog.url)


def kept(home: Path) -> list[str]:
    folder = home / "reports"
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_a_report_goes_by_http_and_never_through_the_key_value_server(
    redis: Redis, home: Path, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    enqueue(redis)
    start_worker(encode=lambda context, order: RESULT)
    wait_until(lambda: small_catalog.reports)
    (report,) = small_catalog.reports
    assert (report["outcome"], report["attempt"], report["result"]) == ("done", 1, RESULT)
    wait_until(lambda: status(redis) == "finished")
    assert not redis.exists(keys.REPORTS) and not redis.llen("rq:queue:catalog") and kept(home) == []


def test_a_report_waits_on_the_disk_and_arrives_before_the_next_job_begins(
    redis: Redis, home: Path, start_worker: StartWorker, small_catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "WRITE_S", 0.1)
    small_catalog.takes_reports = False
    enqueue(redis)
    first = start_worker(encode=lambda context, order: RESULT)
    wait_until(lambda: kept(home) == ["7-g1-a1.json"])
    wait_until(lambda: status(redis) == "finished")
    assert (home / "reports").stat().st_mode & 0o777 == 0o700
    wait_until(lambda: [one["reports"] for one in hosts.keeping_reports(redis, datetime.now(UTC), 60)] == [1])
    assert not redis.exists(keys.REPORTS)
    first.signal(signal.SIGKILL)
    first.wait()
    small_catalog.takes_reports = True
    queue.enqueue(redis, ENCODE, "encode-8-g1", {"task": 8, "generation": 1})
    start_worker(encode=lambda context, order: RESULT)
    wait_until(lambda: [one["task"] for one in small_catalog.reports] == [7, 8])
    assert [one["task"] for one in small_catalog.starts] == [7, 8]
    wait_until(lambda: kept(home) == [])


def test_the_death_of_a_horse_is_reported_alike(
    redis: Redis, home: Path, start_worker: StartWorker, small_catalog: SmallCatalog
) -> None:
    enqueue(redis)
    start_worker(encode=lambda context, order: os.kill(os.getpid(), signal.SIGKILL))
    wait_until(lambda: [one["outcome"] for one in small_catalog.reports] == ["killed"])
    wait_until(lambda: kept(home) == [])
    assert not redis.exists(keys.REPORTS)


REPORT = {"generation": 1, "attempt": 1, "worker": "w", "outcome": "error", "reason": "é"}


def test_the_janitor_and_people_see_that_it_waits(
    redis: Redis, home: Path, settings: Settings, small_catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = KeptReports(settings, redis)
    small_catalog.status = 503
    reports.tell("7-g1-a1", entry_of(7, REPORT, KEY))
    assert queue.read_progress(redis, [7])[7]["step"] == WAITS
    os.utime(home / "reports/7-g1-a1.json", (1772600760, 1772600760))
    reports.tell("8-g1-a1", entry_of(8, REPORT, KEY))
    with monkeypatch.context() as unread:
        unread.setattr(KeptReports, "_read", lambda *_: pytest.fail("to count, none is read"))
        assert reports.count() == (2, datetime(2026, 3, 4, 5, 6, tzinfo=UTC))
    (home / "reports/8-g1-a1.json").unlink()
    assert not reports.send_all() and list(reports.waiting()) == ["7-g1-a1"]
    queue.write_progress(redis, 7, {"step": "encode", "fraction": 0.5})  # another run began meanwhile
    reports.show()
    assert queue.read_progress(redis, [7])[7]["step"] == "encode"
    small_catalog.status = 200
    assert reports.send_all() and kept(home) == [] and reports.count() == (0, None)
    assert small_catalog.reports == [{"task": 7, **REPORT}]
    assert queue.read_progress(redis, [7])[7]["step"] == "encode"


def test_its_seal_waits_with_it(redis: Redis, home: Path, settings: Settings, small_catalog: SmallCatalog) -> None:
    small_catalog.status = 503
    KeptReports(settings, redis).tell("7-g1-a1", entry_of(7, REPORT, KEY))
    assert KeptReports(settings, redis).waiting()["7-g1-a1"]["seal"] == seal_of(KEY, REPORT)


@pytest.mark.parametrize(("code", "status_code"), [("superseded", 409), ("not-found", 404), ("result-rejected", 422)])
def test_what_the_catalog_refuses_for_good_waits_no_longer(
    redis: Redis, home: Path, settings: Settings, small_catalog: SmallCatalog, code: str, status_code: int
) -> None:
    small_catalog.status, small_catalog.problem = status_code, {"code": code}
    KeptReports(settings, redis).tell("7-g1-a1", entry_of(7, REPORT, KEY))
    assert kept(home) == [] and not queue.read_progress(redis, [7])


def test_without_a_disk_it_is_sent_all_the_same(
    redis: Redis, home: Path, settings: Settings, small_catalog: SmallCatalog
) -> None:
    (home / "reports").write_text("no folder")
    reports = KeptReports(settings, redis)
    reports.tell("7-g1-a1", entry_of(7, REPORT, KEY))
    assert small_catalog.reports == [{"task": 7, **REPORT}] and reports.waiting() == {}
    small_catalog.status = 503
    with pytest.raises(ServiceUnavailable):
        reports.tell("7-g1-a1", entry_of(7, REPORT, KEY))


def test_what_is_no_report_of_ours_is_left_alone(
    redis: Redis, home: Path, settings: Settings, small_catalog: SmallCatalog
) -> None:
    (home / "reports").mkdir()
    for name in ("7-g1-a1.json", "notes.json", "x.txt"):
        (home / "reports" / name).write_text("{}")
    assert KeptReports(settings, redis).waiting() == {} and KeptReports(settings, redis).send_all()
    assert small_catalog.reports == []
