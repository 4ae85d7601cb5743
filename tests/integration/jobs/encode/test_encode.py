"""The job type encode in a real worker. The tests of the media library check the results."""

import pytest
from redis import Redis

from pod_jobs.settings import Settings
from pod_jobs.storage import Run, identity
from tests.integration.jobs.conftest import SmallCatalog, StartWorker
from tests.integration.jobs.small_jobs import enqueue, status
from tests.servers import wait_until


def test_a_run_that_died_before_it_could_say_that_it_was_done_is_only_reported(
    settings: Settings, redis: Redis, small_catalog: SmallCatalog, start_worker: StartWorker
) -> None:
    video_folder = settings.media_folder / "videos/000003"
    video_folder.mkdir(parents=True)  # without a source: nothing could be encoded again
    result = {"folder": "videos/000003/encode-7-g1", "outputs": [{"name": "a.mp4", "bytes": 4}]}
    with settings.storage.work_on(Run(3, "encode", 7, 1, "web"), lambda: None, lambda chunks: None) as work:
        (work.begin() / "a.mp4").write_text("film")
        work.publish(result)
    for queue_name in ("encoding", "catalog"):
        start_worker(queue_name)
    enqueue(redis)
    wait_until(lambda: small_catalog.reports)
    (report,) = small_catalog.reports
    assert (report["outcome"], report.get("result")) == ("done", result)


def test_what_the_settings_of_one_host_lack_is_left_to_another(
    settings: Settings, redis: Redis, small_catalog: SmallCatalog, start_worker: StartWorker
) -> None:
    """The catalog's host knows a template that this one has not heard of yet."""
    small_catalog.template = "newest"
    source = settings.media_folder / "videos/000003/source"
    source.parent.mkdir(parents=True)
    source.touch()
    for queue_name in ("encoding", "catalog"):
        start_worker(queue_name)
    enqueue(redis)
    wait_until(lambda: small_catalog.reports)
    report = small_catalog.reports[0]
    assert (report["outcome"], report["error_code"], report["error_facts"]) == (
        "retry",
        "settings-no-template",
        {"name": "newest"},
    )
    assert report["retry_in_s"] >= 1
    assert status(redis) == "scheduled"


@pytest.mark.parametrize("present", [False, True])
def test_a_recording_waits_while_its_host_has_not_mounted_the_media_folder(
    settings: Settings, redis: Redis, small_catalog: SmallCatalog, start_worker: StartWorker, present: bool
) -> None:
    """An empty local folder under the same path: the source is not missing, the share is away."""
    identity.write(settings.media_folder, "another") if present else None
    before = list(settings.media_folder.iterdir())
    small_catalog.media = "the-right-one"
    for queue_name in ("encoding", "catalog"):
        start_worker(queue_name)
    enqueue(redis)
    wait_until(lambda: small_catalog.reports)
    report = small_catalog.reports[0]
    assert (report["outcome"], report["error_code"]) == ("retry", "service-unavailable")
    assert ("is another one" if present else "is not mounted, or empty") in report["reason"]
    assert status(redis) == "scheduled" and list(settings.media_folder.iterdir()) == before
