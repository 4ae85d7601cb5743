"""Which workers a drain reaches. It imports nothing, because the command line asks it before it knows the prefix of the keys."""

REPORTS = "catalog"  # the queue of the jobs that tell the catalog how attempts ended


def reaches(scope: str, name: str, worker: str, host: str, queue_name: str) -> bool:
    """Does a drain apply to this worker? One of a host or of all leaves those of REPORTS alone: what the others have finished
    would wait for them."""
    names = {"queue": queue_name, "worker": worker}
    if queue_name != REPORTS:
        names |= {"all": "", "host": host}
    return names.get(scope) == name
