"""Runs the lines of the Procfile with honcho in this process, and also writes their output to a rotated file.

honcho ends all lines when one ends, and sends SIGKILL some time after SIGTERM. Our lines end only when they are told to
(supervisor.py); one that was killed is started again here, and the others go on. SIGUSR1 is passed on to all lines.
"""

import gc
import logging.handlers
import multiprocessing
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import TextIO

import honcho.manager
from honcho.environ import Env, expand_processes
from honcho.manager import SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Message, Printer

from pod_jobs.processes.lines import BRIDGE
from pod_jobs.processes.supervisor import FIRST_WAIT_S, LONGEST_WAIT_S, RENEW
from pod_jobs.settings import LAUNCHER, ROOT, Settings, environment

KILL_MARGIN_S = 5.0  # beyond worker.stop_s
LOG_BYTES = 10_000_000
LOG_FILES = 5
ALL: Mapping[str, str | None] = {}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# At each start, Valkey writes five lines that matter only on machines with little memory (docs/administration.md).
ONLY_FOR_THE_FILE = re.compile("overcommit_memory")


def launch(settings: Settings, procfile: Path = ROOT / "Procfile", workers: Mapping[str, str | None] = ALL) -> None:
    """Run all lines until SIGTERM, SIGINT or SIGHUP; the Celery bridge is left out if no site needs it. With `workers`, run only
    the lines of these queues, each with so many workers (None: as many as the settings say)."""
    honcho.manager.KILL_WAIT = settings.worker.stop_s + KILL_MARGIN_S
    manager = InstanceManager(LoggingPrinter(sys.stdout, settings.home / "logs" / "pod_jobs.log"))
    env = Env({"app_root": str(procfile.parent), "procfile": procfile.name})
    for line in expand_processes(env.load_procfile().processes):
        queue = line.name.partition(".")[0]
        if (workers and queue not in workers) or (queue == BRIDGE and not settings.has_celery_site):
            continue
        count_variable = {f"POD_JOBS_WORKERS__{queue.upper()}": count} if (count := workers.get(queue)) else {}
        variables = environment(settings.home, POD_JOBS_WEB__PORT=str(settings.web.port), **line.env, **count_variable)
        variables[LAUNCHER] = str(os.getpid())
        manager.add_process(line.name, line.cmd, env=variables, cwd=str(procfile.parent))
    logging.raiseExceptions = False  # on a full disk, logging would fill the terminal with its tracebacks
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # it is ignored under nohup
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.signal(RENEW, lambda *_: manager.renew())
    gc.freeze()  # honcho forks a reader per line
    manager.loop()


class InstanceManager(Manager):  # type: ignore[misc]  # honcho has no types
    """honcho's manager, with three corrections.

    A line that ends by itself is started again, and ends no other line. A stop that comes before all lines have started is
    remembered (honcho raises KeyError). The time until SIGKILL counts from the stop, and not from the first line that ends.
    """

    def __init__(self, printer: Printer) -> None:
        super().__init__(printer)
        self.asked = False  # True when a signal asked for the stop
        self._due: dict[str, float] = {}  # line that ended -> when it starts again, monotonic
        self._waits: dict[str, float] = {}  # line -> how long it waited the last time, seconds

    def terminate(self) -> None:
        self.asked = True
        if self._all_started():
            super().terminate()

    def renew(self) -> None:
        """Tell all lines that the settings are new."""
        for line in self._processes.values():
            if line.get("pid") and "returncode" not in line:
                os.kill(line["pid"], RENEW)

    def _all_stopped(self) -> bool:
        return self.asked and bool(super()._all_stopped())

    def _any_stopped(self) -> bool:
        """honcho asks this ten times a second, and stops everything when the answer is True."""
        if not self.asked:
            self._start_again()
        return self.asked

    def _start_again(self) -> None:
        now = monotonic()
        for name, line in self._processes.items():
            if "returncode" in line and name not in self._due:
                wait_s = self._waits[name] = min(2 * self._waits.get(name, FIRST_WAIT_S / 2), LONGEST_WAIT_S)
                self._due[name] = now + wait_s
                self._system_print(f"{name} ended by itself; it starts again in {wait_s:.1f} s\n")
        for name in [name for name, due in self._due.items() if due <= now]:
            del self._due[name]
            line = self._processes[name]
            del line["returncode"], line["pid"]
            line["process"].join()
            line["process"] = multiprocessing.Process(name=name, target=line["obj"].run, args=(self.events, True))
            line["process"].start()


class LoggingPrinter(Printer):  # type: ignore[misc]
    """Prints to the terminal while there is one, and to a rotated file. It may be called from a signal handler.

    honcho's own remarks (process ids, signals) go only to the file.
    """

    def __init__(self, terminal: TextIO, path: Path) -> None:
        super().__init__(terminal)
        self._waiting: deque[Message] = deque()
        self._busy = False
        file = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self.file = file

    def write(self, message: Message) -> None:
        self._waiting.append(message)
        if self._busy:  # a signal handler interrupted the loop below, which will print this message too
            return
        self._busy = True
        while self._waiting:
            self._emit(self._waiting.popleft())
        self._busy = False

    def _emit(self, message: Message) -> None:
        text = message.data.decode("utf-8", "replace") if isinstance(message.data, bytes) else message.data
        lines = [CONTROL.sub("\ufffd", line) for line in text.splitlines()]  # a file name may hold control characters
        for line in lines:
            words = f"{message.name} | {line}"
            self.file.emit(logging.LogRecord("honcho", logging.INFO, "", 0, words, None, None))
        shown = [line for line in lines if not ONLY_FOR_THE_FILE.search(line)]
        if message.name != SYSTEM_PRINTER_NAME and shown:
            try:
                super().write(message._replace(data="\n".join(shown) + "\n"))
            except OSError:  # the terminal was closed; the file goes on
                self.output = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
