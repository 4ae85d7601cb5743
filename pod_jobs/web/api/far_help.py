"""/runs/<task>/<generation>/<attempt>/helpers…: help with a run from workers that have no folder in common with its owner.

The owner calls for help, gives each helper a piece, and takes in what it made, with the key of its attempt. A helper gets a key
of its own from `join`; it reads the source with it (run_files.py) and sends its piece, into its own folder alone.
storage/far_help.py is the other end, storage/helpers_folder.py says what is kept here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from pydantic import TypeAdapter

from pod_jobs.catalog.figures import Count
from pod_jobs.catalog.store import tasks
from pod_jobs.errors import Malformed, translated_os_errors
from pod_jobs.storage import Run
from pod_jobs.storage.helpers_folder import HelpersFolder
from pod_jobs.storage.received_run import Announced
from pod_jobs.web.api import answers, run_bodies
from pod_jobs.web.guards import access, run_keys
from pod_jobs.web.services import checked_media, services, without_database

blueprint = Blueprint("api_far_help", __name__, url_prefix="/runs/<int:task_id>/<int:generation>/<int:attempt>/helpers")
LAYOUT_BYTES = 1024 * 1024  # the largest body of `call`, which every helper gets


@dataclass(frozen=True)
class Note:
    """The piece that a helper makes (None: it has none and wants one), and how many frames of it are ready."""

    piece: Count | None
    frames: Count = 0


@dataclass(frozen=True)
class Given:
    """The piece that a helper is to make; None: what it made was taken in."""

    piece: Count | None


@dataclass(frozen=True)
class Finished:
    """Every file of a piece."""

    files: dict[str, Announced]


NOTE, GIVEN, FINISHED = TypeAdapter(Note), TypeAdapter(Given), TypeAdapter(Finished)


@contextmanager
def _folder(run: Run) -> Iterator[HelpersFolder]:
    """Errors: ServiceUnavailable while the media folder is away; DiskFull."""
    media = checked_media()
    with translated_os_errors():
        yield media.helpers(run)


@blueprint.put("")
@access.needs("run-tasks")
def call(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """The owner calls for help; the body is what every helper must know."""
    run = run_keys.require_run(task_id, generation, attempt)
    if (request.content_length or 0) > LAYOUT_BYTES:
        raise Malformed(f"at most {LAYOUT_BYTES} bytes are taken")
    with _folder(run) as folder:
        run_bodies.forget_later(folder.open_files())
        folder.open(request.get_data())
    return "", 204


@blueprint.get("")
@access.needs("run-tasks")
def states(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """The owner asks: {"helpers": {id: its state}}."""
    run = run_keys.require_run(task_id, generation, attempt)
    with _folder(run) as folder:
        return {"helpers": {helper: asdict(state) for helper, state in folder.states().items()}}


@blueprint.delete("")
@access.needs("run-tasks")
def close(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """The owner needs no more help."""
    run = run_keys.require_run(task_id, generation, attempt)
    with _folder(run) as folder:
        run_bodies.forget_later(folder.open_files())
        folder.close()
    return "", 204


@blueprint.post("")
@access.needs("run-tasks")
def join(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """A worker of the task's queue will help; the answer is {"helper", "key", "layout"}."""
    task = tasks.at_work(task_id, generation, attempt)
    if job_type := services().job_types.get(task.kind):
        access.require_queue(job_type.queue)
    run = Run(task.video_id or 0, task.kind, task.id, task.generation, task.template, attempt=attempt)
    with _folder(run) as folder:
        layout = folder.layout()
        helper = folder.join()
    key = run_keys.key_of_helper(task_id, generation, attempt, helper, access.current_token().id)
    return {"helper": helper, "key": key, "layout": layout}


@blueprint.delete("/<helper>")
@access.needs("run-tasks")
def leave(task_id: int, generation: int, attempt: int, helper: str) -> ResponseReturnValue:
    """A helper goes, or the owner wants no more of it."""
    run = run_keys.require_part_in(task_id, generation, attempt, helper)
    with _folder(run) as folder:
        run_bodies.forget_later(folder.open_files(helper))
        folder.leave(helper)
    return "", 204


@blueprint.put("/<helper>/piece")
@access.needs("run-tasks")
def give(task_id: int, generation: int, attempt: int, helper: str) -> ResponseReturnValue:
    """The owner gives a helper a piece, or has taken in what it made."""
    run = run_keys.require_run(task_id, generation, attempt)
    with _folder(run) as folder:
        piece = answers.body_as(GIVEN).piece
        run_bodies.forget_later(folder.open_files(helper))
        folder.give(helper, piece)
    return "", 204


@blueprint.post("/<helper>/note")
@access.needs("run-tasks")
def note(task_id: int, generation: int, attempt: int, helper: str) -> ResponseReturnValue:
    """A helper gives a sign of life; the answer is {"piece"}, the one that it is to make."""
    run = run_keys.require_helper(task_id, generation, attempt, helper)
    body = answers.body_as(NOTE)
    with _folder(run) as folder:
        return {"piece": folder.note(helper, body.piece, body.frames)}


@blueprint.patch("/<helper>/files/<name>")
@access.needs("run-tasks")
def append(task_id: int, generation: int, attempt: int, helper: str, name: str) -> ResponseReturnValue:
    """The body, or what is in the bucket (run_bodies.py), belongs at ?offset= of a file of the piece; what stood behind it is
    cut off. The answer is {"bytes"}."""
    run = run_keys.require_helper(task_id, generation, attempt, helper)
    with _folder(run) as folder:
        return run_bodies.append(run, lambda offset: folder.part(helper, name, offset))


@blueprint.post("/<helper>/finish")
@access.needs("run-tasks")
def finish(task_id: int, generation: int, attempt: int, helper: str) -> ResponseReturnValue:
    """The piece is made. The answer is {"differing": [name]}; they are to be sent once more if there are any."""
    run = run_keys.require_helper(task_id, generation, attempt, helper)
    body = answers.body_as(FINISHED)
    with _folder(run) as folder, without_database():
        return {"differing": folder.finish(helper, body.files)}


@blueprint.get("/<helper>/files/<name>")
@access.needs("run-tasks")
def file(task_id: int, generation: int, attempt: int, helper: str, name: str) -> ResponseReturnValue:
    """The owner takes in a file; ranges are served. With ?link_from= a link (run_bodies.py)."""
    run = run_keys.require_run(task_id, generation, attempt)
    with _folder(run) as folder:
        return run_bodies.give(folder.open_file(helper, name))
