"""rq-dashboard at /rq, for administrators, with remedies for its security holes and faults.

rq-dashboard has no sign-in, re-queues all failed jobs at a GET, writes unescaped text into its pages, puts the queue's name
from the address into a script, fails on unknown jobs, returns whole lists for late pages, and reads jobs as pickle. Its
blueprint is one object for the whole process, so nothing is attached to it. Instead the app itself guards all addresses
with this prefix, and views are replaced in the app's own table. access.py says who may open it.
"""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from redis import Redis
from rq import Worker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker
from rq_dashboard import web as rq_dashboard

from pod_jobs.catalog.store import overview
from pod_jobs.errors import Forbidden, NotFound, Refused
from pod_jobs.jobs import workforce
from pod_jobs.jobs.queue import open_queue
from pod_jobs.jobs.rq_classes import PodJob, PodQueue
from pod_jobs.settings import QUEUES
from pod_jobs.web.guards.access import SAFE_METHODS
from pod_jobs.web.services import services

PREFIX = "/rq"
MAX_PER_PAGE = 100
PAGES_AROUND = 5  # links to pages on each side of the present one
JOB_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
LISTS = (workforce.QUEUED, *workforce.REGISTRIES)
ALLOWED: dict[str, tuple[str, ...]] = {"queue_name": QUEUES, "registry_name": LISTS, "order": ("asc", "dsc")}


class SeenWorker(Worker):
    """A worker that is only read. RQ would raise the time-outs of the connection that reads it to seven minutes."""

    def _set_connection(self, connection: Redis) -> Redis:
        return connection

    @classmethod
    def all(cls, connection: Redis | None = None, *_: Any, **__: Any) -> list[BaseWorker]:
        return super().all(connection, PodJob, PodQueue, serializer=JSONSerializer)


def register(app: Flask, redis: Redis) -> None:
    _read_jobs_as_json()
    app.redis_conn = redis  # type: ignore[attr-defined]  # rq-dashboard reads it there
    app.config["RQ_DASHBOARD_REDIS_URL"] = ("",)  # rq-dashboard numbers its servers; ours is number 0
    app.register_blueprint(rq_dashboard.blueprint, url_prefix=PREFIX)
    app.jinja_env.globals["waiting_in_catalog"] = overview.in_catalog
    app.before_request_funcs.pop("rq_dashboard")  # opens one more connection, without time-outs, for each request
    app.view_functions["rq_dashboard.list_jobs"] = list_jobs
    app.view_functions["rq_dashboard.compact_queue"] = compact_queue
    app.view_functions["rq_dashboard.list_workers"] = _with_names(app.view_functions["rq_dashboard.list_workers"])
    app.view_functions["rq_dashboard.list_queues"] = _newest_first(app.view_functions["rq_dashboard.list_queues"])
    app.before_request(_guard)
    app.after_request(_content_security_policy)


def compact_queue(queue_name: str) -> ResponseReturnValue:
    open_queue(services().redis, queue_name).compact()
    return {"status": "OK"}


def list_jobs(
    instance_number: int, queue_name: str, registry_name: str, per_page: int, order: str, page: int
) -> ResponseReturnValue:
    """One page of jobs in the shape that rq-dashboard's script reads. Only these jobs are fetched."""
    newest_first = order == "dsc"
    total, jobs = workforce.page_of_jobs(
        services().redis, queue_name, registry_name, (page - 1) * per_page, per_page, newest_first=newest_first
    )
    last = max(1, -(-total // per_page))

    def link(number: int) -> dict[str, Any]:
        where: dict[str, Any] = {"queue_name": queue_name, "registry_name": registry_name, "per_page": per_page}
        url = url_for("rq_dashboard.jobs_overview", instance_number=0, page=number, order=order, **where)
        return {"number": number, "url": url}

    pagination = {
        "current_page": page,
        "num_pages": last,
        "pages_in_window": [link(n) for n in range(max(1, page - PAGES_AROUND), min(last, page + PAGES_AROUND) + 1)],
        "first_page": link(1),
        "last_page": link(last),
    }
    if page > 1:
        pagination["prev_page"] = link(page - 1)
    if page < last:
        pagination["next_page"] = link(page + 1)
    listed = [rq_dashboard.serialize_job(job) for job in jobs]
    return jsonify(name=queue_name, registry_name=registry_name, jobs=listed, pagination=pagination)


def _with_names(list_workers: Callable[..., Any]) -> Callable[..., ResponseReturnValue]:
    """Give workers names that people can read: "encoding 4711 @ video-host" for "encoding.video-host.4711.1.1700000000"."""

    def view(**arguments: Any) -> ResponseReturnValue:
        response = current_app.make_response(list_workers(**arguments))
        document = response.get_json()
        hosts = {worker["name"]: worker["host"] for worker in workforce.list_workers(services().redis, QUEUES)}
        for worker in document["workers"]:
            worker["name"] = _name_to_read(worker["name"], hosts.get(worker["name"], ""))
        response.set_data(json.dumps(document))
        return response

    return view


def _name_to_read(name: str, host: str) -> str:
    queue, _, rest = name.partition(f".{host}.")
    pid = rest.partition(".")[0]
    return f"{queue} {pid} @ {host}" if host and pid else name


def _newest_first(list_queues: Callable[..., Any]) -> Callable[..., ResponseReturnValue]:
    """The links of the queues sort the newest job first."""

    def view(**arguments: Any) -> ResponseReturnValue:
        response = current_app.make_response(list_queues(**arguments))
        document = response.get_json()
        for queue in document["queues"]:
            for name in [name for name in queue if name.endswith("_url")]:
                queue[name] = queue[name].replace("/asc/", "/dsc/")
        response.set_data(json.dumps(document))
        return response

    return view


def _guard() -> None:
    """Check each request to rq-dashboard. Errors: Forbidden for a change that another site may have caused; NotFound for an
    address that rq-dashboard does not link to."""
    if not (request.endpoint or "").startswith("rq_dashboard."):
        return
    g.nonce = secrets.token_urlsafe(16)
    changes = request.endpoint == "rq_dashboard.requeue_all" or request.method not in SAFE_METHODS
    if changes and request.method != "POST":
        raise Forbidden("re-queuing takes a POST")
    if changes and request.headers.get("Sec-Fetch-Site") != "same-origin":
        raise Forbidden("the browser did not say that the call comes from this site")
    arguments = request.view_args or {}
    if "queue_name" in arguments and arguments["queue_name"] is None:
        arguments["queue_name"] = QUEUES[0]  # it would show RQ's queue "default", which nobody here uses
        arguments["order"] = "dsc"  # as the links of the queues
    _check_arguments(arguments)
    for name, most in (("per_page", MAX_PER_PAGE), ("page", 10**6)):
        if name in arguments:
            arguments[name] = min(max(_number(arguments[name]), 1), most)
    if changes:
        _refuse_to_delete_running(arguments)


def _check_arguments(arguments: dict[str, Any]) -> None:
    for name, allowed in ALLOWED.items():
        if arguments.get(name) is not None and arguments[name] not in allowed:
            raise NotFound(f"{name} {arguments[name]!r}")
    if arguments.get("instance_number", 0) != 0:
        raise NotFound("another instance")
    if not JOB_ID.fullmatch(arguments.get("job_id", "x")):
        raise NotFound("such a job")


def _refuse_to_delete_running(arguments: dict[str, Any]) -> None:
    """Refuse changes to running jobs: a deleted job would go on, and the catalog would wait for it.
    Errors: Refused; NoSuchJobError."""
    job_id = arguments.get("job_id")
    is_running = job_id is not None and PodJob.fetch(job_id, connection=services().redis).is_started
    if is_running or arguments.get("registry_name") == "started":
        raise Refused("it is running; cancel it on the page of its video")


def _number(text: Any) -> int:
    if not (isinstance(text, int) or (text.isascii() and text.isdigit() and len(text) < 10)):
        raise NotFound(f"page {text!r}")
    return int(text)


def _content_security_policy(response: Response) -> Response:
    """Allow scripts with this request's nonce only. rq-dashboard compiles its row templates with eval, and styles elements in
    place."""
    if "nonce" in g:
        response.headers["Content-Security-Policy"] = "; ".join(
            (
                "default-src 'self'",
                f"script-src 'nonce-{g.nonce}' 'unsafe-eval'",
                "style-src 'self' 'unsafe-inline'",
                "img-src 'self' data:",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )
    return response


def _read_jobs_as_json() -> None:
    """Make rq-dashboard read jobs as JSON everywhere. Some of its code ignores its own setting for the serializer."""
    vars(rq_dashboard).update(Job=PodJob, requeue_job=_requeue, Worker=SeenWorker)
    vars(rq_dashboard.config).update(serializer=JSONSerializer)


def _requeue(job_id: str, connection: Redis) -> Job:
    return PodJob.fetch(job_id, connection=connection).requeue()
