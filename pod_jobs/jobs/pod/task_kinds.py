"""Which kind of task each type of order of an Esup-Pod becomes, whether it came by the Runner Manager API or by Celery."""

from pod_jobs.catalog.new_task import Purpose
from pod_jobs.jobs import pod
from pod_jobs.jobs.pod import transcription

# Type of order -> kind of task, and what becomes of its result
TASK_KINDS = {
    "encoding": (pod.KIND, Purpose.PLAY),
    pod.STUDIO: (pod.KIND, Purpose.PLAY),
    "transcription": (transcription.KIND, Purpose.ENRICH),
}
