import pytest

from pod_jobs.jobs.job_type import JobType, needs_ffmpeg
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import QUEUES


@pytest.mark.parametrize("kind", ["", "make-thumbs", "Encode", "é", "k" * 21, "two words"])
def test_a_kind_that_a_job_id_or_the_catalog_could_not_hold_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="no kind"):
        JobType(kind, queue="encoding", run=print)


def test_kinds() -> None:
    assert JobType("deliver_statements", queue="xapi", run=print).kind == "deliver_statements"


def test_which_queues_need_ffmpeg() -> None:
    assert {name for name in QUEUES if needs_ffmpeg(JOB_TYPES, name)} == {"inspecting", "encoding", "transcripting"}
