"""Every job type, one line each. Only what starts web app, workers and janitor imports this and hands the table on."""

from pod_jobs.jobs.deliver_statements import DELIVER_STATEMENTS
from pod_jobs.jobs.encode import ENCODE
from pod_jobs.jobs.encode.assist import ASSIST
from pod_jobs.jobs.inspect import INSPECT
from pod_jobs.jobs.job_type import JobTypes, table_of
from pod_jobs.jobs.pod import POD_ENCODE
from pod_jobs.jobs.pod.transcription import POD_TRANSCRIBE
from pod_jobs.jobs.report import REPORT
from pod_jobs.jobs.speech.assist import ASSIST_SPEECH
from pod_jobs.jobs.speech.transcribe import TRANSCRIBE
from pod_jobs.jobs.verify import VERIFY

JOB_TYPES: JobTypes = table_of(
    ENCODE,
    ASSIST,
    INSPECT,
    POD_ENCODE,
    POD_TRANSCRIBE,
    TRANSCRIBE,
    ASSIST_SPEECH,
    VERIFY,
    REPORT,
    DELIVER_STATEMENTS,
)
