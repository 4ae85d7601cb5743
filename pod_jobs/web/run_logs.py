"""The logs of a task's runs, for people: their addresses, and the end of the present one. However long a log is, only its end is
read."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

from pod_jobs.catalog.models import Task
from pod_jobs.errors import ServiceUnavailable, translated_os_errors
from pod_jobs.media_folder import LOG_NAME, run_folder
from pod_jobs.storage.web_host_folder import OpenOutput
from pod_jobs.web.services import services

TAIL_BYTES = 32_000
COMMAND = "$ "  # how a line with a command begins (media/process/journal.py)


@dataclass(frozen=True)
class LogTail:
    """`text`: the last lines. `is_whole`: there are no others. `command`: the last command in them, "" = none."""

    text: str
    is_whole: bool
    command: str
    bytes: int


def log_path(task: Task, generation: int = 0) -> str:
    """The path of the whole log of the run of that generation (0 = the present one), below the address of the web app. A failed
    run leaves its log where its outputs would be."""
    return f"/media/{task.video_id}/{_folder(task, generation)}/{LOG_NAME}"


def kept(task: Task, generations: Iterable[int]) -> tuple[int, ...]:
    """Those of the generations, in their order, whose runs left a log; none while the media folder is away."""
    found = []
    for generation in generations:
        if output := _open(task, generation):
            output.file.close()
            found.append(generation)
    return tuple(found)


def tail_of(task: Task, most_bytes: int = TAIL_BYTES) -> LogTail | None:
    """The end of the log of the task's present run; None when it has none, or while the media folder is away."""
    output = _open(task)
    if output is None:
        return None
    with output.file as file:
        length = file.seek(0, io.SEEK_END)
        file.seek(max(0, length - most_bytes))
        text = file.read(most_bytes).decode("utf-8", "replace")
    if length > most_bytes:
        text = text.partition("\n")[2]  # the first line is cut
    commands = [line.removeprefix(COMMAND) for line in text.splitlines() if line.startswith(COMMAND)]
    return LogTail(text.strip(), length <= most_bytes, commands[-1] if commands else "", length)


def _folder(task: Task, generation: int = 0) -> str:
    return run_folder(task.kind, task.id, generation or task.generation)


def _open(task: Task, generation: int = 0) -> OpenOutput | None:
    if task.video_id is None:
        return None
    try:
        with translated_os_errors():
            return services().settings.media.open_output(task.video_id, _folder(task, generation), LOG_NAME)
    except ServiceUnavailable:
        return None
