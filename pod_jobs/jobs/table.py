"""Every job type, one line each. A new one: a file beside this one, and its line here."""

from pod_jobs.jobs.deliver_statements import run_deliver
from pod_jobs.jobs.encode import prepare_encode, run_encode
from pod_jobs.jobs.encode.assist import run_assist
from pod_jobs.jobs.job_type import JobType
from pod_jobs.jobs.report import run_report
from pod_jobs.jobs.verify import run_verify

JOB_TYPES: dict[str, JobType] = {
    job_type.kind: job_type
    for job_type in (
        JobType("encode", queue="encoding", run=run_encode, prepare=prepare_encode),
        JobType("assist", queue="encoding", run=run_assist, of_task=False),
        JobType("verify", queue="transcripting", run=run_verify),  # reports must not wait for it
        JobType("report", queue="catalog", run=run_report, of_task=False),
        JobType("deliver_statements", queue="xapi", run=run_deliver, of_task=False, timeout_s=900),
    )
}
