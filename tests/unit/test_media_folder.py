"""What one side writes, the other one can read."""

from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.media_folder import RUN_FOLDER, run_folder


def test_the_folder_of_every_kind_of_job_is_one_that_the_web_app_serves() -> None:
    found = [RUN_FOLDER.fullmatch(run_folder(kind, 12, 3)) for kind in JOB_TYPES]
    assert [match and match.groups() for match in found] == [(kind, "12", "3") for kind in JOB_TYPES]
