"""The properties of a kind of job. Code that treats kinds differently asks here for the difference.

docs/how-to/add-a-job-type.md explains it with an example.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pod_jobs.captions.cues import NewCaptions
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.errors import SENTENCES, Refused
from pod_jobs.media_folder import KIND
from pod_jobs.settings import Settings

HOUR_S = 3600

LARGEST_NUMBER = 10**18  # every database can hold it

Payload = dict[str, Any]
# name of a field -> what its text must match; None: the field is a whole number that is not negative
Shape = Mapping[str, re.Pattern[str] | None]
TASK: Shape = {"task": None, "generation": None}


@dataclass(frozen=True)
class Text:
    """The same words in each language of the pages."""

    en: str
    fr: str

    def in_language(self, language: str) -> str:
        """Unknown languages get English."""
        return self.fr if language == "fr" else self.en


@dataclass(frozen=True)
class Words:
    """The texts about a task that people read. `steps`: name of the step in its progress -> what the task is doing."""

    name: Text
    running: Text
    waiting: Text = Text("Waiting", "En attente")
    done: Text = Text("Done", "Terminée")
    error: Text = Text("Failed", "En échec")
    cancelled: Text = Text("Stopped", "Arrêtée")
    failed: Text = Text("The task failed", "La tâche a échoué")  # above the reason
    queued: Text = Text("The task is waiting for a worker.", "La tâche attend un processus.")
    stopping: Text = Text("The task will stop within seconds.", "La tâche s’arrêtera dans quelques secondes.")
    stopped: Text = Text("The task is stopped.", "La tâche est arrêtée.")
    # `again` and `kept` are for a task with Purpose.PLAY, while the player still shows the result of an earlier one
    again: Text = Text("A new version is being made", "Nouvelle version en cours")
    kept: Text = Text(
        "The last try failed; the previous version is shown.",
        "Le dernier essai a échoué\u202f; la version précédente est affichée.",
    )
    order: Text | None = None  # a button on a video's page that orders a task without options; None: no button
    steps: Mapping[str, Text] = field(default_factory=dict)

    def for_site(self, name: Text, fetching: Text) -> "Words":
        """The same words for work on a recording that another site keeps: with another name and one more step."""
        return replace(self, name=name, order=None, steps={**self.steps, "fetch": fetching})

    def in_language(self, language: str) -> dict[str, Any]:
        """The texts as plain values: {"name": "Encoding", …, "steps": {"probe": "Reading the file", …}}. Unknown languages get
        English."""
        texts = {text_field.name: getattr(self, text_field.name) for text_field in fields(self)}
        return {
            **{name: text.in_language(language) for name, text in texts.items() if isinstance(text, Text)},
            "steps": {name: text.in_language(language) for name, text in self.steps.items()},
        }


@dataclass(frozen=True)
class Recording:
    """What is known of a video that an order is for or names; None: not known yet. `duration_s` is that of the uploaded file."""

    is_video: bool | None
    duration_s: float | None


def accept_all(settings: Settings, new: NewTask, recording: Recording | None, others: Mapping[str, Recording]) -> None:
    """For types whose tasks may be ordered for every recording."""


@dataclass(frozen=True)
class Choice:
    """An option that people may choose with the button `words.order`: one of `values`, each with its title, or none of them,
    which has the title `usual`."""

    option: str
    label: Text
    usual: Text
    values: tuple[tuple[str | bool, Text], ...]


def offer_nothing(settings: Settings) -> Sequence[Choice]:
    """For types whose button orders what is usual."""
    return ()


@dataclass(frozen=True)
class Ordering:
    """How people order a task of this type for a video.

    `read(settings, template, document)`: the order that a request's JSON asks for; template "" and document None are the
    usual ones. Errors: Malformed.
    `check(settings, new, recording, others)`: raises BadSource when it is known by now that nothing could come of it.
    `recording` is None at an upload; `others` are the videos that the options name, by option.
    `at_upload(settings, options)`: what each new upload orders, with the options that came with it.
    `upload_options`: of these options, those that are this type's own, and what reads each. All others are the options of the
    first type that an upload orders, read by `read`.
    `choices(settings)`: what people may choose with the button on a video's page.
    `needs_speech`: it is refused where no host has the recognition of speech.
    """

    read: Callable[[Settings, str, Any], NewTask]
    check: Callable[[Settings, NewTask, Recording | None, Mapping[str, Recording]], None] = accept_all
    at_upload: Callable[[Settings, Mapping[str, Any]], Sequence[NewTask]] | None = None
    upload_options: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    choices: Callable[[Settings], Sequence[Choice]] = offer_nothing
    needs_speech: bool = False


ReadOutput = Callable[[str, int], bytes]  # (name, most bytes) -> the content of a file of the result's folder


def bring_no_captions(result: Mapping[str, Any], read: ReadOutput) -> Sequence[NewCaptions]:
    """For types whose results bring no captions."""
    return ()


def order_nothing(settings: Settings, task: NewTask, result: Mapping[str, Any]) -> Sequence[NewTask]:
    """For types that order no task when they are done."""
    return ()


def need_no_files(settings: Settings, template: str, options: Mapping[str, Any]) -> Sequence[str]:
    """For types whose runs need no file but the recordings."""
    return ()


@dataclass(frozen=True)
class JobType:
    """One line of the table: everything that differs from one kind of job to another.

    A job of a task (`words` is set): `run(context, order)` returns the result that is reported to the catalog. Any other job:
    `run(context, payload)` returns nothing, and is repeated until it succeeds or raises a PermanentError. Both raise the errors
    of pod_jobs.errors; runtime.py decides what follows from them.

    What a worker needs to know:
      prepare(settings)         called once before the worker forks, so that every run finds in memory what it needs
      payload                   the fields that a job carries, and no others; runtime.py checks them before it uses a value,
                                because whoever can write to the key-value server could put anything there
      timeout_s, timeout_code   the longest run, for runs that no limit inside them ended (those of media/process/run.py are
                                much narrower), and the error that the task then shows
      uses_ffmpeg               workers of its queue take no job on a host where ffmpeg is missing or does not work
      ffmpeg_version(settings)  what the catalog keeps with each attempt

    What the web app needs to know:
      sections                  of the web host's settings, those that go with each order (settings/ordered.py); the worker's own
                                do not count then
      files(settings, template, options)
                                files of its instance folder that an order needs, by name; the worker gets them from storage/
      ordering                  how people order a task of this type; None when they cannot
      looks_at_uploads          each upload has a job of this type at once, with {"video": id}, beside the tasks that it orders
      encodes                   charts count its tasks as encodings, and pages show how fast they were
      is_periodic               an entry [[periodic]] of the settings may order it, for no video
      follow(settings, task, result)
                                the tasks that a finished one orders for its video; they commit together with its end
      captions(result, read)    the captions that a finished task brings; they are stored together with its end. Result and files
                                come from another program: BadCaptions, ValueError, LookupError and TypeError refuse the result
    """

    kind: str
    queue: str
    run: Callable[..., Any]
    words: Words | None = None
    prepare: Callable[[Settings], object] | None = None
    timeout_s: int = 72 * HOUR_S
    payload: Shape = field(default_factory=lambda: TASK)
    timeout_code: str = "task-too-slow"
    ordering: Ordering | None = None
    follow: Callable[[Settings, NewTask, Mapping[str, Any]], Sequence[NewTask]] = order_nothing
    captions: Callable[[Mapping[str, Any], ReadOutput], Sequence[NewCaptions]] = bring_no_captions
    sections: tuple[str, ...] = ()
    files: Callable[[Settings, str, Mapping[str, Any]], Sequence[str]] = need_no_files
    encodes: bool = False
    is_periodic: bool = False
    uses_ffmpeg: bool = False
    looks_at_uploads: bool = False
    ffmpeg_version: Callable[[Settings], str] = lambda settings: ""

    def __post_init__(self) -> None:
        if not KIND.fullmatch(self.kind):
            raise ValueError(f"{self.kind!r} is no kind: {KIND.pattern}")
        if self.timeout_code not in SENTENCES:
            raise ValueError(f"no sentence for the error code {self.timeout_code!r}")

    @property
    def of_task(self) -> bool:
        """Does each job belong to a task of the catalog?"""
        return self.words is not None

    def accepts(self, payload: Payload) -> bool:
        """Does `payload` have the shape that `check` demands?"""
        try:
            self.check(payload)
        except Refused:
            return False
        return True

    def check(self, payload: Payload) -> None:
        """Check that `payload` has the fields of `self.payload`, and no others. Errors: Refused."""
        if payload.keys() != self.payload.keys():
            raise Refused(f"a job of kind {self.kind} carries {', '.join(self.payload)}, and this one something else")
        for name, pattern in self.payload.items():
            value = payload[name]
            if pattern is None:
                # True is an int to Python, but no number here
                fits = type(value) is int and 0 <= value <= LARGEST_NUMBER
            else:
                fits = isinstance(value, str) and pattern.fullmatch(value) is not None
            if not fits:
                raise Refused(f"{name} of a job of kind {self.kind} has another shape")


JobTypes = Mapping[str, JobType]  # by kind


def table_of(*job_types: JobType) -> JobTypes:
    """The job types by their kinds. Errors: ValueError when two have the same."""
    table = {job_type.kind: job_type for job_type in job_types}
    if len(table) < len(job_types):
        raise ValueError("two job types have the same kind")
    return table


def needs_ffmpeg(job_types: JobTypes, queue: str) -> bool:
    """Must a worker of `queue` find ffmpeg before it takes a job?"""
    return any(job_type.uses_ffmpeg for job_type in job_types.values() if job_type.queue == queue)


def words_of(job_types: JobTypes, kind: str) -> Words:
    """The words of a kind. A kind that this version does not know gets general ones, because the catalog may have tasks of
    another version."""
    words = job_types[kind].words if kind in job_types else None
    return words or Words(name=Text(kind, kind), running=Text("Running", "En cours"))


def encodings(job_types: JobTypes) -> tuple[str, ...]:
    """The kinds whose tasks encode a recording."""
    return tuple(kind for kind, job_type in job_types.items() if job_type.encodes)


def queues_of_tasks(job_types: JobTypes) -> dict[str, str]:
    """Kind of task -> the queue in which its job waits."""
    return {kind: job_type.queue for kind, job_type in job_types.items() if job_type.of_task}


def orderings(job_types: JobTypes) -> dict[str, Ordering]:
    """What people may order, by kind."""
    return {kind: job_type.ordering for kind, job_type in job_types.items() if job_type.ordering is not None}
