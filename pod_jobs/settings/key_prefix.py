"""What stands before the names of all keys in the key-value server: "univ" makes univ:rq:… and univ:pod_jobs:….

RQ reads its part once, when it is imported, and from the environment alone. So `load` hands the setting on before anything
imports RQ, and processes that we start inherit it. Nobody else sets that variable: a process that lacked it would look at other
queues, and wait there without a word.
"""

import os
import sys

VARIABLE = "RQ_KEY_PREFIX"
RQ, OURS = "rq", "pod_jobs"
READERS = {"rq.defaults": VARIABLE, "pod_jobs.jobs.keys": "RQ"}  # module -> where it has what it read


def begin_names() -> tuple[str, str]:
    """How the names of RQ's keys begin, and those of our own."""
    of_rq = os.environ.get(VARIABLE, RQ)
    return of_rq, of_rq.removesuffix(RQ) + OURS


def use(prefix: str) -> str:
    """Let this process and those that it starts use the prefix. Returns why that is impossible; "" = it is not."""
    wanted = f"{prefix}:{RQ}" if prefix else RQ
    present = os.environ.get(VARIABLE, RQ)
    if present != RQ and not present.endswith(f":{RQ}"):
        return f"{VARIABLE}: use redis.prefix instead of this variable"
    if any(getattr(sys.modules.get(module), name, wanted) != wanted for module, name in READERS.items()):
        return "redis.prefix: it can change only at a restart, and belongs in settings.toml, where all commands find it"
    if present != wanted:
        os.environ[VARIABLE] = wanted
    return ""
