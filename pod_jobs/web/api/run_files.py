"""/runs/<task>/<generation>/<attempt>/…: files of a run for a worker that has no part in the media folder. It reads the source
in ranges, sends what it makes while it makes it, and has it published. storage/over_http.py is the other end.

Each request carries the attempt's key, which only the answer of `start` has (guards/run_keys.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from pydantic import TypeAdapter

from pod_jobs.catalog.store import tasks
from pod_jobs.errors import NotFound, translated_os_errors
from pod_jobs.media_folder import is_dressing, source_of
from pod_jobs.storage import Run
from pod_jobs.storage.bucket import parts_of
from pod_jobs.storage.received_run import Announced, ReceivedRun
from pod_jobs.web.api import answers, run_bodies
from pod_jobs.web.guards import access
from pod_jobs.web.guards.run_keys import require_part_in, require_run
from pod_jobs.web.services import checked_media, without_database

blueprint = Blueprint("api_run_files", __name__, url_prefix="/runs/<int:task_id>/<int:generation>/<int:attempt>")


@dataclass(frozen=True)
class Publication:
    """The body of `publish`: the result of the run, and every file that it made."""

    result: dict[str, Any]
    files: dict[str, Announced]


PUBLICATION = TypeAdapter(Publication)


@contextmanager
def _received(task_id: int, generation: int, attempt: int) -> Iterator[ReceivedRun]:
    """The folder of the run. Errors: as of `require_run`; ServiceUnavailable while the media folder is away; DiskFull."""
    run = require_run(task_id, generation, attempt)
    media = checked_media()
    with translated_os_errors():
        yield media.received(run, lambda: require_run(task_id, generation, attempt))


@blueprint.get("/source")
@access.needs("run-tasks")
def source(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """?name= is the source or another one that the order names; ranges are served. With ?link_from= a link (run_bodies.py).
    Errors: NotFound."""
    with translated_os_errors():
        file = _open_source(require_part_in(task_id, generation, attempt))
        return run_bodies.give(file)


@blueprint.delete("/source-parts")
@access.needs("run-tasks")
def forget_parts(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """Forget the parts of the source ?name= in the bucket, because what a worker fetched there has a wrong sum. They are put
    there anew when they are needed. Errors: NotFound."""
    with translated_os_errors(), _open_source(require_part_in(task_id, generation, attempt)) as file:
        run_bodies.bucket().forget(parts_of(file))
    return "", 204


@blueprint.get("/source-sum")
@access.needs("run-tasks")
def source_sum(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """{"bytes", "sha256"} of a source: reading it takes about a second for each GB."""
    with (
        translated_os_errors(),
        _open_source(require_part_in(task_id, generation, attempt)) as file,
        without_database(),
    ):
        return asdict(Announced.of_open(file))


@blueprint.get("/finished")
@access.needs("run-tasks")
def finished(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """{"result"} of an earlier run of the task that was published and not reported; null: there is none."""
    with _received(task_id, generation, attempt) as received:
        return {"result": received.find_finished()}


@blueprint.post("/begin")
@access.needs("run-tasks")
def begin(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """Make an empty folder for the files of the run."""
    with _received(task_id, generation, attempt) as received:
        received.begin()
    return "", 204


@blueprint.get("/files")
@access.needs("run-tasks")
def sizes(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """{"files": {name: bytes}}: what has arrived."""
    with _received(task_id, generation, attempt) as received:
        return {"files": received.sizes()}


@blueprint.put("/files/<name>")
@access.needs("run-tasks")
def replace(task_id: int, generation: int, attempt: int, name: str) -> ResponseReturnValue:
    """The body is the whole of a small file, which is replaced at once. The answer is {"bytes"}."""
    with _received(task_id, generation, attempt) as received:
        with run_bodies.body_pieces() as pieces:
            content = b"".join(pieces)
        received.replace(name, content)
    return {"bytes": len(content)}


@blueprint.patch("/files/<name>")
@access.needs("run-tasks")
def append(task_id: int, generation: int, attempt: int, name: str) -> ResponseReturnValue:
    """The body, or what is in the bucket (run_bodies.py), belongs at ?offset=; what stood behind it is cut off. The answer is
    {"bytes"}. Errors: Refused when less than `offset` has arrived."""
    with _received(task_id, generation, attempt) as received:
        return run_bodies.append(received.run, lambda offset: received.part(name, offset))


@blueprint.post("/publish")
@access.needs("run-tasks")
def publish(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """Publish the files if all are here with their sizes and sums. The answer is {"differing": [name]}; they are to be sent
    once more if there are any."""
    with _received(task_id, generation, attempt) as received:
        body = answers.body_as(PUBLICATION)
        return {"differing": received.publish(body.result, body.files)}


@blueprint.post("/give-up")
@access.needs("run-tasks")
def give_up(task_id: int, generation: int, attempt: int) -> ResponseReturnValue:
    """Remove all files of a failed run but its log, and with ?part=1 but what people can watch of it."""
    with _received(task_id, generation, attempt) as received:
        received.give_up(keep_part=request.args.get("part") == "1")
    return "", 204


def _open_source(run: Run) -> BinaryIO:
    """The source that ?name= names. Errors: NotFound."""
    name = _source_named(run)
    file = checked_media().open_source(name)
    if file is None:
        raise NotFound(f"{name} is not there")
    return file


def _source_named(run: Run) -> str:
    """The source that ?name= names, or the file of a dressing: its name is the sum of its content, which only orders tell.
    Errors: NotFound for a source that the order does not name."""
    others = map(source_of, tasks.others_of(tasks.get(run.task)).values())
    name = request.args.get("name", "")
    if name not in (run.source, *others) and not is_dressing(name):
        raise NotFound(f"the order does not name {name}")
    return name
