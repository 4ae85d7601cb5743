"""The prefix of keys: all that reads and writes them has the same, or nothing starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.settings import ROOT, load

SHOW = """
import sys
from pod_jobs.settings import load
load(sys.argv[1])
from rq.job import Job
from rq.queue import Queue
from pod_jobs.jobs import keys
from pod_jobs.jobs.acl import acl_line
from pod_jobs.jobs.table import JOB_TYPES
print(Job.redis_job_namespace_prefix, Queue.redis_queue_namespace_prefix, keys.rq_job("x"), keys.OWNER)
print(*(word for word in acl_line(JOB_TYPES, "encoding", "u", "p").split() if word[0] in "~%&"))
"""


def said(home: Path, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "RQ_KEY_PREFIX"}
    command = [sys.executable, "-c", SHOW, str(home)]
    done = subprocess.run(
        command, env={**environment, **variables}, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.mark.parametrize("inherited", ["rq", "univ:rq", "before:rq"])
def test_rq_and_we_use_the_same(tmp_path: Path, inherited: str) -> None:
    (tmp_path / "settings.toml").write_text('[redis]\nprefix = "univ"\n')
    keys, patterns = said(tmp_path, RQ_KEY_PREFIX=inherited).splitlines()
    assert keys.split() == ["univ:rq:job:", "univ:rq:queue:", "univ:rq:job:x", "univ:pod_jobs:owner"]
    assert {pattern.lstrip("~%R&").partition(":")[0] for pattern in patterns.split()} == {"univ"}


def test_without_one_names_are_rqs_own(tmp_path: Path) -> None:
    assert said(tmp_path, RQ_KEY_PREFIX="before:rq").split()[:4] == [
        "rq:job:",
        "rq:queue:",
        "rq:job:x",
        "pod_jobs:owner",
    ]


def test_it_does_not_change_while_a_process_runs(tmp_path: Path) -> None:
    import pod_jobs.jobs.keys  # noqa: F401  # and RQ is imported too, or this alone would do

    with pytest.raises(SettingsError, match=r"redis\.prefix: it can change only at a restart"):
        load(tmp_path, redis={"prefix": "univ"})
    assert "RQ_KEY_PREFIX" not in os.environ or os.environ["RQ_KEY_PREFIX"] == "rq"
