"""Runs the commands of one job, and writes to encoding.log what each of them cost and how it ended."""

import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pod_jobs.errors import DiskFull, FfmpegFailed, PodJobsError
from pod_jobs.media.process import exits, guard
from pod_jobs.media.process.progress import Position
from pod_jobs.media.process.run import Bounds, ProcessEnd, run
from pod_jobs.media.process.tools import Tools
from pod_jobs.media_folder import LOG_NAME
from pod_jobs.system import plain_files

NO_SPACE_MB = 16  # with less free space, an unexplained failure of ffmpeg is taken for a full disk


@dataclass
class Journal:
    """The commands of one job. `cpu_s` is their sum; `peak_mb` is the highest of any command."""

    folder: Path
    tools: Tools
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    commands: list[str] = field(default_factory=list)

    def run(
        self,
        title: str,
        argv: Sequence[str],
        bounds: Bounds,
        position: Position,
        tick: Callable[[], None],
        sources: Sequence[Path] = (),
    ) -> ProcessEnd:
        """Run `argv` in the folder, behind the sandbox; raises what the exit means and what `tick` raises."""
        locked_in = guard.sandboxed(self.tools.sandbox, argv, sources, self.folder)
        command = shlex.join(argv)
        self.commands.append(command)
        self.note(f"{title} (sandbox: {self.tools.sandbox.kind})\n$ {command}")
        try:
            finished = run(locked_in, self.folder, bounds, position.read, tick, position.hear)
        except PodJobsError as error:
            self.note(f"{title}: ended by us: {error.reason}")
            raise
        self.add(finished.cpu_s, finished.peak_mb, ())
        self.note(
            f"{title}: exit code {finished.returncode} after {finished.wall_s:.2f} s, {finished.cpu_s:.2f} s of processor time,"
            f" {finished.peak_mb:.0f} MB\n{finished.stderr.strip()}"
        )
        failure = exits.error_of(finished, behind_bwrap=self.tools.sandbox.kind == "bwrap")
        if failure:
            raise self.explained(failure)
        return finished

    def add(self, cpu_s: float, peak_mb: float, commands: Sequence[str]) -> None:
        """Add the costs of commands. `commands` ran elsewhere and are noted here; `run` has noted its own."""
        self.cpu_s += cpu_s
        self.peak_mb = max(self.peak_mb, peak_mb)
        self.commands += commands

    def explained(self, error: PodJobsError) -> PodJobsError:
        """`error`; or DiskFull when its cause is not clear and the disk is full."""
        free_mb = shutil.disk_usage(self.folder).free / 1_000_000
        if isinstance(error, FfmpegFailed) and free_mb < NO_SPACE_MB:
            return DiskFull(f"{free_mb:.0f} MB free; {error.reason}")
        return error

    def note(self, text: str) -> None:
        """Write one paragraph with the time to the log, readable while the job runs. File names may hold any bytes."""
        line = f"[{datetime.now(UTC):%Y-%m-%d %H:%M:%S}] {text.strip()}\n\n"
        with plain_files.open_plain(self.folder / LOG_NAME, "ab") as log:
            log.write(line.encode("utf-8", "backslashreplace"))
