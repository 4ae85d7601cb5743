"""What workers say: that they start a run, and how it ended. The other side of catalog/client.py."""

import re
from dataclasses import fields
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.models import Task
from pod_jobs.catalog.store import reports, tasks, videos
from pod_jobs.errors import ResultRejected
from pod_jobs.media_names import FILE_NAME
from pod_jobs.web import access, orders
from pod_jobs.web.api import answers
from pod_jobs.web.site import now, site

blueprint = Blueprint("api_results", __name__)


@blueprint.post("/tasks/<int:task_id>/start")
@access.only("worker")
def start(task_id: int) -> ResponseReturnValue:
    """Errors: Superseded, Cancelled, NotFound: there is nothing to do."""
    said = answers.body()
    runner = tasks.Runner(
        answers.field(said, "worker", str), answers.field(said, "host", str), answers.field(said, "pid", int)
    )
    task, attempt = tasks.start(task_id, answers.field(said, "generation", int), runner, now(), _allowed().losses)
    video = task.video  # None for a periodic task
    return {
        "task": task.id,
        "generation": task.generation,
        "attempt": attempt.number,
        "failures": task.failures,
        "kind": task.kind,
        "template": task.template,
        "video": task.video_id,
        "title": video.title if video else "",
        "source": video.source_path if video else "",
        "folder": videos.folder_of(video.id) if video else "",
        "options": task.options or {},
        "others": {name: videos.source_of(number) for name, number in tasks.others_of(task).items()},
    }


@blueprint.post("/tasks/<int:task_id>/report")
@access.only("worker")
def report(task_id: int) -> ResponseReturnValue:
    """Errors: Superseded, NotFound, ResultRejected: for good."""
    said = _parse(answers.body())
    if said.outcome == "done":
        _check_result(tasks.get(task_id), said.result)
    task = reports.accept(task_id, said, _allowed(), now())
    if task.state == "waiting" and task.generation > said.generation:
        orders.dispatch(task)
    return {"task": task.id, "state": task.state, "generation": task.generation}


def _parse(document: dict[str, Any]) -> reports.Report:
    """Unknown fields are dropped: a newer worker may know more than we do. Errors: Malformed, ResultRejected."""
    answers.field(document, "generation", int)
    answers.field(document, "outcome", str)
    known = {field.name for field in fields(reports.Report)}
    for name, kind in (("result", dict), ("error_facts", dict), ("worker", str)):
        if document.get(name) is not None:
            answers.field(document, name, kind)
    return reports.Report(**{name: value for name, value in document.items() if name in known and value is not None})


def _check_result(task: Task, result: dict[str, Any]) -> None:
    """A result may only point into its own task's folders. Errors: ResultRejected."""
    if task.video_id is None:
        return
    own = re.escape(f"{videos.folder_of(task.video_id)}/{task.kind}-{task.id}-g") + r"\d+"
    if not re.fullmatch(own, str(result.get("folder"))):
        raise ResultRejected(f"folder {result.get('folder')!r} is not one of task {task.id}")
    outputs = result.get("outputs")
    if not isinstance(outputs, list):
        raise ResultRejected("outputs: a list is needed")
    for output in outputs:
        if not isinstance(output, dict) or not FILE_NAME.fullmatch(str(output.get("name"))):
            raise ResultRejected(f"outputs: {output!r} has no acceptable name")


def _allowed() -> reports.Allowed:
    retry = site().settings.retry
    return reports.Allowed(retry.deaths, retry.losses)
