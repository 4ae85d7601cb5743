"""The lines of the Procfile. Each line loads the settings, prepares what it needs, and supervises its child processes.

The supervisor itself imports little, to stay small. Its children import Flask, RQ and peewee.
"""

import gc
import logging
import os
import signal
import sys
from contextlib import suppress
from functools import partial

from pod_jobs.errors import PodJobsError
from pod_jobs.instance import home
from pod_jobs.processes import key_value_server
from pod_jobs.processes.supervisor import Line, supervise
from pod_jobs.settings import QUEUES, Settings, is_procfile_line, launcher_pid, load
from pod_jobs.settings.section import Range
from pod_jobs.system.crew_board import CrewBoard
from pod_jobs.system.process_tree import parent_and_grandparent

BRIDGE = "celery-bridge"
NAMES = ("server", "web", *QUEUES, "janitor", BRIDGE)

# Beyond worker.stop_s (4 s). Everything ends before a plain `honcho start` sends SIGKILL, 5 s after its SIGTERM.
CLIENT_MARGIN_S = 0.4
SERVER_MARGIN_S = 0.6
RENEW_BY = {"web": signal.SIGHUP, "janitor": signal.SIGTERM, BRIDGE: signal.SIGTERM}  # the others are workers: SIGUSR1
SERVER_STOP_S = 5.0  # for Valkey to write its file, which takes milliseconds


def main(name: str) -> int:
    """Run the line `name` until it is told to stop. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for of_rq in ("rq.worker", "rq.job"):  # they write five lines per job; ours say what matters
        logging.getLogger(of_rq).setLevel(logging.WARNING)
    os.umask(0o027)  # other users of the host may not read recordings and database
    try:
        settings = load()
        home.make_folders(settings)
        with suppress(OSError):  # `doctor` reports what is wrong with the folder
            home.note_variables(settings)
        supervise(_server_line(settings) if name == "server" else _client_line(settings, name))
    except PodJobsError as error:  # in the supervisor, or in a child
        print(f"{error.sentence} {error.reason}", file=sys.stderr)  # noqa: T201  # logging would add nothing
        return 1
    return 0


def _server_line(settings: Settings) -> Line:
    """The line that holds the instance's lock, even if there is nothing to run because redis.url names another server."""
    longest_s = settings.worker.stop_s + SERVER_MARGIN_S
    return Line(
        "server",
        partial(key_value_server.become_server, settings),
        count=0 if settings.redis.url else 1,
        stop_s=SERVER_STOP_S,
        before_stop=partial(key_value_server.let_clients_end, settings, longest_s),
        watch_starter=is_procfile_line(),
        launcher=launcher_pid(),
        holds=home.claim(settings, parent_and_grandparent()),
    )


def _client_line(settings: Settings, name: str, holds: object = None, board: CrewBoard | None = None) -> Line:
    runs = {"web": _run_web, "janitor": _run_janitor, BRIDGE: _run_bridge}
    holds, board = holds or home.join_clients(settings), board or CrewBoard()
    count = _count(settings, name)
    return Line(
        name,
        partial(runs[name], settings) if name in runs else partial(_run_worker, settings, name, board),
        count=count.fewest,
        most=count.most,
        board=board,
        stop_s=settings.worker.stop_s + CLIENT_MARGIN_S,
        watch_starter=is_procfile_line(),
        launcher=launcher_pid(),
        holds=holds,
        renewed=lambda: _client_line(load(), name, holds, board),
        renew_by=RENEW_BY.get(name, signal.SIGUSR1),
    )


def _count(settings: Settings, name: str) -> Range:
    if name in QUEUES:
        workers: Range = getattr(settings.workers, name)
        return workers
    count = int(settings.has_celery_site) if name == BRIDGE else 1
    return Range(count, count)


def _run_web(settings: Settings) -> None:
    from pod_jobs.instance.prepare import prepare
    from pod_jobs.processes.web_server import WebServer

    prepare(settings)
    home.note_port(settings)
    gc.freeze()  # before gunicorn forks
    WebServer(settings).run()


def _run_janitor(settings: Settings) -> None:
    from pod_jobs import janitor
    from pod_jobs.instance.prepare import prepare
    from pod_jobs.jobs.table import JOB_TYPES

    prepare(settings)
    gc.freeze()  # the garbage collector need not visit imported modules, which stay to the end
    janitor.run(settings, JOB_TYPES)


def _run_bridge(settings: Settings) -> None:
    from pod_jobs import bridge
    from pod_jobs.instance.prepare import prepare
    from pod_jobs.jobs.table import JOB_TYPES

    prepare(settings)
    gc.freeze()
    bridge.run(settings, JOB_TYPES)


def _run_worker(settings: Settings, queue_name: str, board: CrewBoard) -> None:
    from pod_jobs.instance.doctor import complaint, wait_until_sound
    from pod_jobs.jobs.hosts import waiting_to_begin
    from pod_jobs.jobs.job_type import needs_ffmpeg
    from pod_jobs.jobs.table import JOB_TYPES
    from pod_jobs.jobs.worker import run_worker

    with waiting_to_begin(settings.redis_url, queue_name) as say:
        wait_until_sound(settings, queue_name, needs_ffmpeg(JOB_TYPES, queue_name), say)
    run_worker(settings, queue_name, JOB_TYPES, partial(complaint, settings, queue_name), board)
