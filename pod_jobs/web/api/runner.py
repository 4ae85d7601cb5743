"""The Runner Manager API, by which an Esup-Pod of version 4.2 or newer has its recordings encoded. docs/pod.md describes it.

The addresses and the shapes of the answers are Pod's. An accepted order is answered by "running" also while it waits: Pod
sends a "pending" one again every few minutes, and removes the renditions that it has each time.
"""

import logging
import re
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError

import pod_jobs
from pod_jobs.catalog.models import Task
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.site_words import error_words, status_word
from pod_jobs.catalog.store import site_orders
from pod_jobs.errors import AddressForbidden, Malformed, NotFound, Refused, translated_os_errors
from pod_jobs.jobs import workforce
from pod_jobs.jobs.pod.task_kinds import TASK_KINDS
from pod_jobs.media_folder import FILE_NAME
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import SITE_HEADER, require_user
from pod_jobs.web.guards.file_parts import serve_ranges
from pod_jobs.web.intake import site_orders as intake
from pod_jobs.web.services import after_answer, checked_media, now, services

log = logging.getLogger(__name__)
blueprint = Blueprint("runner", __name__)

USUALLY_LISTED, MOST_LISTED = 50, 200


@blueprint.post("/task/execute")
@access.needs("order-for-site")
def execute() -> ResponseReturnValue:
    """Errors: as of intake.site_orders.take."""
    document: dict[str, Any] = {}
    try:
        document = _body()
        taken = intake.take(require_user(), document, plain_manifest=SITE_HEADER in request.headers)
    except (AddressForbidden, Malformed, Refused) as fault:
        intake.note_refusal(require_user(), request.get_data(), document, fault)
        raise
    after_answer(lambda: site_orders.answered(taken.order, now()))  # which lets a callback be sent
    return _json({"task_id": taken.order.public_id, "status": status_of(taken.task)})


@blueprint.get("/task/status/<public_id>")
@access.needs("order-for-site")
def status(public_id: str) -> ResponseReturnValue:
    return _json(document(_order(public_id)))


@blueprint.get("/task/list")
@access.needs("order-for-site")
def list_all() -> ResponseReturnValue:
    """The newest tasks of the site, by id; ?limit= (1 to 200, by default 50)."""
    limit = answers.number("limit")
    rows = site_orders.list_newest(_site_name(), min(limit or USUALLY_LISTED, MOST_LISTED))
    return _json({row.public_id: document(row) for row in rows})


@blueprint.post("/task/stop/<public_id>")
@access.needs("order-for-site")
def stop(public_id: str) -> ResponseReturnValue:
    """Errors: NotFound; Refused when the task has ended."""
    order = _order(public_id)
    intake.stop(require_user(), order)
    body = {"task_id": order.public_id, "status": "stop_requested", "runner_id": "pod_jobs", "runner_status_code": 202}
    return _json(body, 202)


@blueprint.get("/task/result/<public_id>")
@access.needs("order-for-site")
def result(public_id: str) -> ResponseReturnValue:
    """The files of the result. A client with X-API-Token gets their names; others get SHA-256 sums too, which Pod compares.
    Errors: NotFound; Refused while it has not ended (425) or when it failed (400)."""
    order = _finished(public_id)
    site_orders.fetched(order, now())
    sums = (order.task.infos or {}).get("sums", {})
    names = [output.name for output in site_orders.outputs(order)]
    is_plain = order.plain_manifest or SITE_HEADER in request.headers
    files = names if is_plain else [{"file_path": name, "sha256": sums.get(name, "")} for name in names]
    return _json({"task_id": order.public_id, "files": files}, headers={"X-Task-ID": order.public_id})


@blueprint.get("/task/result/<public_id>/file/<path:name>")
@access.needs("order-for-site")
def file(public_id: str, name: str) -> ResponseReturnValue:
    """A file of the result, or a range of it. Errors: NotFound, also for a name that the result does not have."""
    order = _finished(public_id)
    output = next((row for row in site_orders.outputs(order) if row.name == name), None)
    if output is None or not FILE_NAME.fullmatch(name):
        raise NotFound(f"file {name[:100]!r} of task {public_id}")
    with translated_os_errors():
        opened = services().settings.media.open_output(output.video_id, output.folder.rpartition("/")[2], name)
    if opened is None:
        checked_media()
        raise NotFound(f"file {name!r} of task {public_id}")
    response = serve_ranges(opened.file, output.mime)
    response.headers["X-Task-ID"] = order.public_id
    return response


@blueprint.get("/api/health")
@blueprint.get("/manager/health")
@access.needs("order-for-site")
def health() -> ResponseReturnValue:
    """Tells Pod's button "Test connection" whether its address and token are right. `runners`: workers of its queues that are
    alive, 0 while Redis is away. `tasks`: those of this site that wait or run. /healthz tells how the parts are."""
    queues = {services().job_types[kind].queue for kind, _ in TASK_KINDS.values()}
    try:
        runners = len(workforce.list_workers(services().redis, queues))
    except RedisError:
        runners = 0
    open_tasks = site_orders.count_open(_site_name())
    body = {"status": "healthy", "timestamp": datetime.now(UTC).isoformat(), "runners": runners, "tasks": open_tasks}
    return _json(body)


@blueprint.get("/api/version")
@access.public
def version() -> ResponseReturnValue:
    numbers = [int(number) for number in re.findall(r"[0-9]+", pod_jobs.__version__)[:3]]
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return _json(
        {
            "version": pod_jobs.__version__,
            "version_info": {"major": major, "minor": minor, "patch": patch},
            "description": "pod_jobs",
            "author": "",
            "email": "",
            "license": "",
        }
    )


@blueprint.get("/admin")
@access.needs("see-team-pages")
def administration() -> ResponseReturnValue:
    """Where Pod's list of runner managers leads to."""
    return redirect(url_for("team_tasks.show"))


def status_of(task: Task) -> str:
    return status_word(task.state, task.error_code)


def error_of(task: Task) -> str | None:
    return error_words(task.state, task.error_code, task.error_facts or {}, task.error_reason)


def document(order: SiteOrder) -> dict[str, Any]:
    """A task as the Runner Manager API shows it. The token is never in it, nor the query of the callback's address."""
    task, asked = order.task, order.asked
    return {
        "task_id": order.public_id,
        "runner_id": "pod_jobs" if task.started_at else None,
        "status": status_of(task),
        **{name: asked.get(name, "") for name in ("etab_name", "app_name", "app_version", "task_type", "source_url")},
        "affiliation": asked.get("affiliation") or None,
        "parameters": asked.get("parameters", {}),
        "notify_url": asked.get("notify_url", ""),
        "completion_callback": None,
        "run_id": f"{order.public_id}-{task.generation}",
        "created_at": order.created_at.isoformat(),
        "updated_at": max(filter(None, (order.created_at, task.started_at, task.ended_at))).isoformat(),
        "error": error_of(task),
        "script_output": None,
    }


def _body() -> dict[str, Any]:
    try:
        return answers.body()
    except Malformed as error:
        raise Malformed(error.reason, code="order-unreadable") from error


def _site_name() -> str:
    return intake.own_site(require_user()).name


def _order(public_id: str) -> SiteOrder:
    return site_orders.find(_site_name(), public_id)


def _finished(public_id: str) -> SiteOrder:
    order = _order(public_id)
    if order.task.state in ("waiting", "running"):
        raise Refused(f"task {public_id} is {order.task.state}", code="result-not-ready")
    if order.task.state != "done":
        raise Refused(error_of(order.task) or "", code="result-failed")
    return order


def _json(body: Any, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    response = jsonify(body)
    response.status_code = code
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(headers or {})
    return response
