"""The lines of the Procfile. Each one loads the settings, prepares or awaits what it needs, and supervises its children.

The supervisor imports little; what is heavy (Flask, RQ, peewee) is imported by its children.
"""

import logging
import sys
from collections.abc import Callable
from functools import partial

from pod_jobs import home
from pod_jobs.errors import PodJobsError
from pod_jobs.parentage import parent_and_grandparent
from pod_jobs.processes.supervisor import Line, supervise
from pod_jobs.settings import QUEUES, Settings, is_procfile_line, load

# Margins over worker.stop_s (4 s), so that all ends before a plain `honcho start` kills, 5 s after its SIGTERM
CLIENT_MARGIN_S = 0.4
SERVER_MARGIN_S = 0.7
SERVER_STOP_S = 5.0  # for Valkey to write its file; honcho's SIGKILL would cost at most the last second


def main(name: str) -> int:
    """Run the line `name` until it is told to stop; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = load()
        home.make_folders(settings)
        lines = {"server": _server, "web": _web, "janitor": _janitor}
        line = lines[name](settings) if name in lines else _workers(settings, name)
    except PodJobsError as error:
        print(f"{name}: {error.sentence}\n{error.reason}", file=sys.stderr)  # noqa: T201
        return 1
    supervise(line)
    return 0


def names() -> tuple[str, ...]:
    """Every line that `main` knows."""
    return ("server", "web", *QUEUES, "janitor")


def _server(settings: Settings) -> Line:
    claim = home.claim(settings, parent_and_grandparent())  # open until this process ends
    ...
