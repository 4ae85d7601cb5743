"""Access to the files of videos. Only this folder knows where they are.

Jobs and the media library work on local paths that they get from here. A worker has one of two implementations
(`worker.storage` in the settings): a folder that all hosts share (`shared_folder.py`), or the web app by HTTP
(`over_http.py`), to which it sends what it makes. Then the bytes of files go with its calls (`web_calls.py`), or through the
bucket of an S3 server (`by_bucket.py`).

The web host, which always has the files, needs further operations: `web_host_folder.py`, `received_run.py` for the files that
workers send, and `bucket.py`.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pod_jobs.media_folder import path_of_run, source_of

__all__ = ["HelpersPlace", "PublishedFault", "Run", "Storage", "WorkFolder"]


@dataclass(frozen=True)
class Run:
    """One run of a task of a video. `what`: the template. Only one run at a time works on the same video and `what`.

    `media` is the identity of the media folder that the catalog knows; "" = it knows none yet.
    """

    video: int
    kind: str
    task: int
    generation: int
    what: str
    media: str = ""
    attempt: int = 0  # which try of the task it is
    key: str = field(default="", repr=False)  # proves to the web app that this attempt was given to us
    resumes: bool = False  # when it was stopped, or fails for a passing reason, its chunks stay for the task's next run

    @property
    def folder(self) -> str:
        """The folder that it will publish, relative to the media folder."""
        return path_of_run(self.video, self.kind, self.task, self.generation)

    @property
    def source(self) -> str:
        return source_of(self.video)


@dataclass(frozen=True)
class HelpersPlace:
    """Local paths that another worker needs to help with a run: the folder of the chunks, and the source."""

    chunks: Path
    source: Path


@dataclass(frozen=True)
class PublishedFault:
    """A published file that differs from the result of its run. `name` is relative to the media folder; `text` says how."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


class WorkFolder(Protocol):
    """The folders of one run. No other process works in them at the same time."""

    @property
    def path(self) -> Path:
        """The local folder to work in, empty after `begin`."""

    @property
    def chunks(self) -> Path:
        """A local folder, not made yet, that helpers on other hosts can see too. No encoder can write to it directly."""

    def find_finished(self) -> dict[str, Any] | None:
        """The result of an earlier run of the same task that published its files but could not report them; None if there is
        none."""

    def left_behind(self, names: re.Pattern[str]) -> dict[str, bytes]:
        """The plain files with such names among the chunks of an earlier run of the same task, by name. To be asked before
        `begin`."""

    def begin(self) -> Path:
        """Remove unpublished files of earlier runs of the task, and make `path`."""

    def show(self) -> None:
        """Make everything visible that was written since the last call. Called at each tick of the run."""

    def is_shown(self, name: str) -> bool:
        """Can people see this file of the run already?"""

    def publish(self, result: dict[str, Any]) -> None:
        """Publish all files at once, with `result` beside them; they never change afterwards. Errors: FfmpegFailed for
        anything but plain files; DiskFull, ServiceUnavailable."""


class Storage(Protocol):
    """Access for workers. Errors of all methods: ServiceUnavailable while the media folder is away; DiskFull."""

    @property
    def trouble(self) -> str:
        """Why it has to try again now, in words for people; "" = it has not."""

    def free_bytes(self) -> int:
        """The free space of the disk to which jobs on this host write. Errors: OSError."""

    def check(self, identity: str) -> None:
        """Check that the media folder is there and is the catalog's. Errors: ServiceUnavailable."""

    def work_on(
        self, run: Run, tick: Callable[[], None], end_helpers: Callable[[Path], None]
    ) -> AbstractContextManager[WorkFolder]:
        """Hold the run's video for its `what`; `tick` is called while another run has it, and what it raises goes up.

        A run that fails leaves its log, and what people can watch of it (media_folder.part_to_watch). `end_helpers(chunks)`
        ends what helpers do in a folder of an earlier run.
        Errors: ServiceUnavailable when another run keeps it.
        """

    def source(self, run: Run, name: str, tick: Callable[[], object] | None = None) -> Path:
        """A local path of a file that the order of `run` names: a source such as "videos/000003/source", or the file of a
        dressing. `tick` is called while it is fetched, by default that of `work_on`. Errors: BadSource when there is none; what
        `tick` raises."""

    def helpers_place(self, run: Run) -> HelpersPlace:
        """The paths for a helper of `run`. Errors: Superseded when the run is over, or its owner has no folder in common with
        this worker (`far_help.py`)."""

    def is_worked_on(self, run: Run) -> bool:
        """Does any run hold the video for this `what`?"""

    def verify(self, identity: str) -> Iterator[tuple[float, list[PublishedFault]]]:
        """Compare each published folder with the result of its run. Yields (share of the work done, faults) for each folder."""
