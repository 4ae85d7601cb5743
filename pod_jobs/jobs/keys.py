"""All names of keys in the key-value server; a test checks that no other file writes any.

All of them may have a prefix (settings/key_prefix.py), which is left out below.

Our own keys:

    key                                 type     expires after  what it holds
    pod_jobs:progress:<task>            string   20 s           how far the running attempt is, as JSON (jobs/queue.py)
    pod_jobs:cancel:<task>              string   7 days         the generation that a person wants to end
    pod_jobs:reports                    hash     never          report id -> report that the catalog does not have yet
    pod_jobs:owner                      string   never          identity of the catalog whose jobs these are
    pod_jobs:drains                     string   never          who is to take no job, as JSON (jobs/drains.py)
    pod_jobs:hosts                      hash     never          queue@host -> what its workers say of it, as JSON (jobs/hosts.py)
    pod_jobs:interrupt:<task>           string   1 h            the worker that is to give up its run of the task
    pod_jobs:janitor                    string   20 s           host:pid of the leading janitor; /healthz reads it
    pod_jobs:janitor:lock               string   20 s           a random text of the janitor that leads
    pod_jobs:janitor:sightings:<duty>   hash     60 s           what looks wrong -> since when, in seconds of the server's clock
    pod_jobs:sign-in:<what>:<hash>      string   15 min         tries to sign in; <what>: both, address, name

The functions whose names begin with `rq_` give keys of RQ, where RQ's own classes would need a query for that. We only read
these keys, except in dead_workers.py, which removes dead workers.
"""

from collections.abc import Iterable

from pod_jobs.settings import key_prefix

RQ, OURS = key_prefix.begin_names()

REPORTS = f"{OURS}:reports"
OWNER = f"{OURS}:owner"
DRAINS = f"{OURS}:drains"
HOSTS = f"{OURS}:hosts"
JANITOR = f"{OURS}:janitor"
JANITOR_LOCK = f"{OURS}:janitor:lock"

RQ_WORKERS = f"{RQ}:workers"  # set: the keys of all workers


def progress(task_id: int) -> str:
    return f"{OURS}:progress:{task_id}"


def cancel(task_id: int) -> str:
    return f"{OURS}:cancel:{task_id}"


def interrupt(task_id: int) -> str:
    return f"{OURS}:interrupt:{task_id}"


def sightings(duty: str) -> str:
    return f"{OURS}:janitor:sightings:{duty}"


def sign_in_tries(what: str, digest: str) -> str:
    return f"{OURS}:sign-in:{what}:{digest}"


def rq_queue(queue_name: str) -> str:
    """List: ids of the jobs that wait."""
    return f"{RQ}:queue:{queue_name}"


def rq_scheduled(queue_name: str) -> str:
    """Sorted set: id of a job -> when it is due, in seconds since 1970."""
    return f"{RQ}:scheduled:{queue_name}"


def rq_workers_of(queue_name: str) -> str:
    """Set: the keys of the queue's workers."""
    return f"{RQ}:workers:{queue_name}"


def rq_worker_name(key: str) -> str:
    """The name of the worker that has this key."""
    return key.removeprefix(f"{RQ}:worker:")


def rq_executions_of(worker: str) -> str:
    """Set: what the worker runs, as <job id>:<execution id>."""
    return f"{RQ}:worker:{worker}:executions"


def rq_execution(job_id: str, execution_id: str) -> str:
    """Hash: one execution of a job."""
    return f"{RQ}:execution:{job_id}:{execution_id}"


def rq_job(job_id: str) -> str:
    """Hash: the job."""
    return f"{RQ}:job:{job_id}"


def of_a_worker(queue_name: str, kinds: Iterable[str], reports: tuple[str, str] | None) -> list[str]:
    """The keys that a worker of one queue uses, as patterns of an ACL: "~" reads and writes, "%R~" only reads. `kinds`: those of
    its jobs. `reports`: the kind and the queue of jobs that carry reports; None = it reports by HTTP."""
    in_queue = (
        "wip",
        "finished",
        "failed",
        "deferred",
        "ready",
        "scheduled",
        "canceled",
        "clean_registries",
        "workers",
    )
    kind, queue = reports or ("", "")
    of_reports = (f"~{RQ}:job:{kind}-*", f"~{RQ}:job::{kind}-*", f"~{RQ}:queue:{queue}", f"~{REPORTS}")
    of_job = ("job", "job:", "results", "executions", "execution")  # "job:": RQ writes "rq:job::…:dependencies"
    return [
        *(f"~{RQ}:queue:{queue_name}{more}" for more in ("", ":*")),
        *(f"~{RQ}:{what}:{queue_name}" for what in in_queue),
        *(f"~{RQ}:{what}:{kind}-*" for kind in kinds for what in of_job),
        *(
            f"~{RQ}:workers",
            f"~{RQ}:queues",
            f"~{RQ}:worker:{queue_name}.*",
            f"%R~{RQ}:suspended",
            f"%R~{RQ}:workers:{queue_name}",
        ),
        *(of_reports if reports else ()),
        *(f"~{OURS}:progress:*", f"~{OURS}:interrupt:*", f"%R~{OURS}:cancel:*", f"%R~{DRAINS}", f"~{HOSTS}"),
        *(f"~{OWNER}:doctor", f"~{RQ}:job:doctor"),  # what the doctor tries the rights on
    ]


def channel_of_workers(queue_name: str) -> str:
    """The channels on which RQ speaks to the workers of a queue, as a pattern of an ACL."""
    return f"&{RQ}:pubsub:{queue_name}.*"


def text(value: bytes | str) -> str:
    """A key, field or value as Redis gives it, as text; bytes that are no UTF-8, which we never write, are replaced."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
