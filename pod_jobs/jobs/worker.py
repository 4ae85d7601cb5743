"""Our RQ worker takes the jobs of one queue and forks a child (in RQ's words a horse) for each.

It differs from RQ's own worker:
- The horse dies with its parent (PR_SET_PDEATHSIG), and so does its ffmpeg (media/process/run.py). Processes that a horse left
  behind are killed.
- SIGTERM reaches the horse too. It ends its job within `worker.stop_s`, and the job goes back to the front of the queue.
- SIGUSR1 lets it finish its present job, however long that takes, and end.
- When a horse is killed, the catalog is told. RQ tells nobody.
- It does not clean RQ's registries, which is left to the janitor.
"""

import gc
import logging
import mmap
import os
import signal
import socket
import threading
import time
import uuid
from types import FrameType
from typing import Any

from rq import Queue, Worker
from rq.exceptions import StopRequested
from rq.job import JobStatus
from rq.serializers import JSONSerializer
from rq.worker.base import WorkerStatus

from pod_jobs.errors import BadSource, ServiceUnavailable
from pod_jobs.jobs.connection import PatientRedis
from pod_jobs.jobs.dead_workers import put_back_jobs_of_the_dead, worker_name
from pod_jobs.jobs.gate import Check, Gate
from pod_jobs.jobs.hosts import SignOfLife
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.jobs.kept_reports import KeptReports
from pod_jobs.jobs.queue import open_queue, show
from pod_jobs.jobs.report import entry_of
from pod_jobs.jobs.rq_classes import ATTEMPT_BYTES, PodJob, PodQueue, read_attempt
from pod_jobs.jobs.runtime import tell_catalog  # runtime.perform is in memory by this, too, before a horse needs it
from pod_jobs.jobs.workforce import has_untaken_jobs
from pod_jobs.settings import QUEUES, Settings
from pod_jobs.system.crew_board import CrewBoard
from pod_jobs.system.process_tree import adopt_orphans, die_with_parent, end_adopted

log = logging.getLogger(__name__)

IDLE_TTL_S = 60  # a killed idle worker stays in RQ's list for this long
LOOK_S = 2  # between two checks of an idle worker whether it may take jobs
UNKNOWN_S = 60  # time limit of a job of an unknown kind, which is only refused
LEFTOVERS_S = 2.0  # time for processes that a killed horse left behind to end; only a hanging file system needs more


class PodWorker(Worker):
    """RQ's forking worker with the differences above."""

    job_class = PodJob
    queue_class: type[Queue] = PodQueue
    stop_s = 4.0
    settings: Settings
    job_types: JobTypes
    gate: Gate
    sign: SignOfLife
    board: CrewBoard
    kept_reports: KeptReports
    _attempt_memory = mmap.mmap(-1, ATTEMPT_BYTES)  # memory that a worker's child shares: the attempt that it was given
    _finishing = False  # True after SIGUSR1 or SIGTERM
    _interrupting = False  # True after SIGTERM

    def perform_job(self, job: Any, queue: Any, execution: Any) -> bool:
        """As RQ's, but hands the worker's settings and its table of job types on to the job."""
        job.settings, job.job_types, job.taken_from = self.settings, self.job_types, queue.name
        job.attempt_memory = self._attempt_memory
        return bool(super().perform_job(job, queue, execution))

    def execute_job(self, job: Any, queue: Any) -> None:
        """As RQ's, but with the time limit of the job type instead of the one in the key-value server."""
        job_type = self.job_types.get(job.args[0])
        job.timeout = job_type.timeout_s if job_type is not None else UNKNOWN_S
        self.board.say_busy()
        super().execute_job(job, queue)
        if job.get_status() != JobStatus.FINISHED:
            self.gate.doubt()

    def handle_exception(self, job: Any, *exc_info: Any) -> None:
        """As RQ's, but without its traceback for a broken recording: `runtime` has logged what matters in one line."""
        if not issubclass(exc_info[0], BadSource):
            super().handle_exception(job, *exc_info)

    @property
    def should_run_maintenance_tasks(self) -> bool:
        return True

    def run_maintenance_tasks(self) -> None:
        """Wait while this worker may take no job. RQ calls this before it looks for a job, to clean registries. Nothing is
        cleaned here: two processes that clean at the same time enqueue an abandoned job twice, so only the janitor cleans."""
        if self._finishing:
            raise StopRequested
        self.board.say_idle()
        self.sign.look_at_disk()
        last_reason = ""
        while not self._stop_requested and (reason := self.gate.why_closed()):
            if reason != last_reason:
                log.warning("%s takes no job now: %s", self.name, reason)
                self.set_state(WorkerStatus.SUSPENDED)
                self.sign.hold(reason)
            last_reason = reason
            self.kept_reports.send_all()
            self.heartbeat()
            time.sleep(LOOK_S)
            if self._finishing:
                raise StopRequested
        if last_reason:
            log.info("%s takes jobs again", self.name)
            self.set_state(WorkerStatus.IDLE)
            self.sign.hold("")
        if not self.kept_reports.send_all():
            self.gate.doubt()

    def heartbeat(self, *arguments: Any, **named: Any) -> None:
        """As RQ's, and says what this host is like, and whether it needs another worker."""
        super().heartbeat(*arguments, **named)
        self.sign.give()
        self.kept_reports.show()
        if self.horse_pid and has_untaken_jobs(self.connection, self.queues[0].name):
            self.board.ask_for_another()

    def register_death(self) -> None:
        super().register_death()  # type: ignore[no-untyped-call]
        self.sign.take_back()

    @property
    def dequeue_timeout(self) -> int:
        """Seconds that the worker waits for a job before it checks again whether it may take one."""
        return LOOK_S

    def fork_work_horse(self, job: Any, queue: Any) -> None:
        """As RQ's, but blocks SIGTERM until the job handles it, because it would kill a horse that does not handle it yet."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        self._attempt_memory[:ATTEMPT_BYTES] = bytes(ATTEMPT_BYTES)
        try:
            super().fork_work_horse(job, queue)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]
        die_with_parent(self.pid or 0, signal.SIGKILL)

    def monitor_work_horse(self, job: Any, queue: Any, execution: Any) -> None:
        """As RQ's, but then ends all processes that the horse started. A worker has no other children."""
        super().monitor_work_horse(job, queue, execution)
        if left := end_adopted(patience_s=LEFTOVERS_S):
            log.info("job %s: ended what its child had started and not waited for: %d", job.id, left)

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """As RQ's, but only if there is a horse; without one, RQ's method would kill our own process group. The timer of
        `request_stop` may fire after the horse has ended."""
        if self.horse_pid:
            super().kill_horse(sig)

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        signal.signal(signal.SIGUSR1, self.finish)

    def finish(self, signum: int, frame: FrameType | None) -> None:
        """End after the present job. Without one, end within LOOK_S, but not while a job is being taken."""
        self._finishing = True

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Tell the present job to end now, kill it if it has not ended after `stop_s`, and stop.

        RQ ends an idle worker by an exception. Where code catches every exception, the worker ends at its next look for a job.
        """
        self._interrupting = self._finishing = True
        if self.horse_pid:
            os.kill(self.horse_pid, signal.SIGTERM)
            timer = threading.Timer(self.stop_s, self.kill_horse)
            timer.daemon = True
            timer.start()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def handle_work_horse_killed(self, job: Any, retpid: int, ret_val: int, rusage: Any) -> None:
        """Report the death of a horse. "killed" counts as a death of the task. If we killed it to stop, it is only "lost"."""
        kind, payload = job.args
        job_type = self.job_types.get(kind)
        if job_type is None or not job_type.of_task or not job_type.accepts(payload):
            return  # no task: the janitor enqueues reports and lanes again, and helpers with a long video are not needed
        report = {
            "generation": payload["generation"],
            "worker": self.name,
            "outcome": "lost" if self._interrupting else "killed",
            "signal": os.WTERMSIG(ret_val) if ret_val and os.WIFSIGNALED(ret_val) else None,
            "exit_code": os.WEXITSTATUS(ret_val) if ret_val and os.WIFEXITED(ret_val) else None,
            "reason": f"the worker's child for this job ended unexpectedly (wait status {ret_val})",
            "cpu_s": round(rusage.ru_utime + rusage.ru_stime, 3) if rusage else None,
            "peak_mb": round(rusage.ru_maxrss / 1024, 1) if rusage else None,
        }
        attempt, key = read_attempt(self._attempt_memory) or (None, "")
        if attempt is not None:
            report["attempt"] = attempt
        report_id = f"{payload['task']}-g{payload['generation']}-x{uuid.uuid4().hex[:8]}"
        try:
            tell_catalog(self.settings, self.connection, report_id, entry_of(payload["task"], report, key))
        except ServiceUnavailable as error:
            log.error("task %s: its death could not be reported: %s", payload["task"], error.reason)


def run_worker(
    settings: Settings,
    queue_name: str,
    job_types: JobTypes,
    check: Check = lambda: "",
    board: CrewBoard | None = None,
) -> None:
    """Take jobs of one queue until SIGTERM, while `check` finds no fault. A worker has one queue, because only then RQ moves
    jobs through its list of taken ones. `board`: that of the line, if it is one with several workers."""
    for job_type in job_types.values():
        if job_type.queue == queue_name and job_type.prepare is not None:
            job_type.prepare(settings)
    worker = build_worker(settings, queue_name, job_types, check)
    worker.board = board or worker.board
    show(worker.connection, QUEUES)
    put_back_jobs_of_the_dead(worker.connection, queue_name)
    adopt_orphans()
    gc.freeze()  # the garbage collector would otherwise write to the pages of imported modules, and every horse would copy them
    worker.work()


def build_worker(settings: Settings, queue_name: str, job_types: JobTypes, check: Check = lambda: "") -> PodWorker:
    """A worker in this process. It takes jobs once its `work` is called."""
    redis = PatientRedis.from_url(settings.redis_url)
    worker = PodWorker(
        [open_queue(redis, queue_name)],
        name=worker_name(queue_name),
        connection=redis,
        serializer=JSONSerializer,
        job_monitoring_interval=settings.worker.heartbeat_s,
        worker_ttl=IDLE_TTL_S,
        log_job_description=False,
    )
    worker.settings, worker.job_types = settings, job_types
    worker.stop_s, worker.board = settings.worker.stop_s, CrewBoard()
    host = socket.gethostname()
    worker.kept_reports = KeptReports(settings, redis)
    worker.gate = Gate(redis, (worker.name, host, queue_name), check)
    own_types = [job_type for job_type in job_types.values() if job_type.queue == queue_name]
    worker.sign = SignOfLife(
        redis,
        host,
        queue_name,
        lambda: next(filter(None, (job_type.ffmpeg_version(settings) for job_type in own_types)), ""),
        lambda: settings.storage.free_bytes(),  # as it is by now: without a token there is none
        worker.kept_reports.count,
    )
    return worker
