"""Where the files of videos are: the only room that knows.

Jobs and the media library work on local paths that they get from here. Today there is one implementation, a folder that all
hosts share (`shared_folder.py`). One over HTTP fits the same interface: `work_on` leases the run; `source` fetches into a
local cache and compares length and sum; `WorkFolder.show` sends what has grown since the last call; `publish` sends the
rest and commits all files with their sizes and sums; `chunks` is a local folder that is kept in step with the catalog's.

The web host, where the files always are, has more to do with them: `site_folder.py`.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pod_jobs.media_folder import run_folder, source_of, video_folder

__all__ = ["HelpersPlace", "PublishedFault", "Run", "Storage", "WorkFolder"]


@dataclass(frozen=True)
class Run:
    """One run of a task of a video. `what`: of the runs for the same video and the same `what`, one at a time works.

    `media` is the identity of the media folder that the catalog knows; "" = it knows none yet.
    """

    video: int
    kind: str
    task: int
    generation: int
    what: str
    media: str = ""
    resumes: bool = False  # when it was stopped, or fails for a passing reason, its chunks stay for the task's next run

    @property
    def folder(self) -> str:
        """Where it publishes, relative to the media folder."""
        return f"{video_folder(self.video)}/{run_folder(self.kind, self.task, self.generation)}"

    @property
    def source(self) -> str:
        return source_of(self.video)


@dataclass(frozen=True)
class HelpersPlace:
    """What another worker needs to help with a run: local paths of the chunks and of the source."""

    chunks: Path
    source: Path


@dataclass(frozen=True)
class PublishedFault:
    """A published file that is not as its run announced it; `name` is relative to the media folder."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


class WorkFolder(Protocol):
    """The place of one run, held by this process alone."""

    @property
    def path(self) -> Path:
        """The local folder to work in, empty after `begin`."""

    @property
    def chunks(self) -> Path:
        """A local folder, not made yet, that helpers on other hosts see as well. No encoder can write to it directly."""

    def find_finished(self) -> dict[str, Any] | None:
        """The result of an earlier run of the same task that published everything and could not report it."""

    def left_behind(self, names: re.Pattern[str]) -> dict[str, bytes]:
        """The plain files with such names among the chunks of an earlier run of the same task, by name. To be asked before
        `begin`."""

    def begin(self) -> Path:
        """Make `path`, after what earlier runs of the task left half done has gone."""

    def show(self) -> None:
        """Let people watch what has grown since the last call. Called at each tick of the run."""

    def publish(self, result: dict[str, Any]) -> None:
        """Let all files appear at once and for good, with `result` beside them. Errors: FfmpegFailed for anything but
        plain files; DiskFull, ServiceUnavailable."""


class Storage(Protocol):
    """What a worker asks for. Errors of all methods: ServiceUnavailable while the media folder is away; DiskFull."""

    def check(self, identity: str) -> None:
        """Is the media folder there, and the one that the catalog means?"""

    def work_on(
        self, run: Run, tick: Callable[[], None], end_helpers: Callable[[Path], None]
    ) -> AbstractContextManager[WorkFolder]:
        """Hold the run's video for its `what`; `tick` is called while another run has it, and what it raises goes up.

        A run that fails leaves only its log. `end_helpers(chunks)` ends what helpers do in a folder of an earlier run.
        Errors: ServiceUnavailable when another run keeps it.
        """

    def source(self, name: str, identity: str) -> Path:
        """A local path of the source `name`: "videos/000003/source". Errors: BadSource when it is not there."""

    def helpers_place(self, run: Run) -> HelpersPlace:
        """For a helper of `run`. Errors: Superseded when the run is over."""

    def is_worked_on(self, run: Run) -> bool:
        """Does any run hold the video for this `what`?"""

    def verify(self, identity: str) -> Iterator[tuple[float, list[PublishedFault]]]:
        """Compare each published folder with what its run announced: (share done, its faults) folder by folder."""
