"""What a worker of another host asks the web host for while it waits for a job."""

from pathlib import Path

import pytest

from pod_jobs.instance import doctor
from pod_jobs.instance.home import make_folders
from pod_jobs.jobs.gate import CHECK_S
from pod_jobs.settings import load
from tests.acceptance.site import Line, Site

MOST_BYTES_A_SECOND = 1000


@pytest.mark.parametrize("storage", ["http", "s3", "shared"])
def test_an_idle_worker_asks_for_next_to_nothing(site: Site, tmp_path: Path, storage: str) -> None:
    line = Line(site.port)
    settings = load(
        tmp_path / "far",
        worker={"storage": storage, "catalog_url": line.url},
        redis={"url": f"unix://{site.redis.connection_pool.connection_kwargs['path']}"},
        upload={"free_gb": 0},
        s3={"endpoint": ""},
    )
    make_folders(settings)
    (settings.home / "secrets/worker_token").write_text((site.home / "secrets/worker_token").read_text())
    assert doctor.complaint(settings, "encoding") == ""
    assert 200 < line.carried < CHECK_S * MOST_BYTES_A_SECOND / 4, "a worker checks this each CHECK_S seconds"
