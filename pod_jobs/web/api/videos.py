"""/videos: list, upload in one request, show, change title and poster, delete, order a task."""

from pathlib import Path
from typing import IO, Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from pod_jobs.catalog.store import videos
from pod_jobs.errors import Malformed, NotFound
from pod_jobs.jobs.job_type import orderings
from pod_jobs.settings import Settings
from pod_jobs.web import polls, watched
from pod_jobs.web.api import answers, documents
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import link_base, require_user
from pod_jobs.web.guards.threads_per_person import receiving
from pod_jobs.web.intake import orders, quotas, received_files
from pod_jobs.web.intake.forms import Form
from pod_jobs.web.services import checked_media, services, without_database

blueprint = Blueprint("api_videos", __name__)


@blueprint.get("/videos")
@access.needs("see-videos")
def list_videos() -> ResponseReturnValue:
    limit, before = answers.page()

    def make(glance: polls.Glance) -> dict[str, Any]:
        rows = videos.list_videos(require_user(), limit, before, request.args.get("text", ""))
        listed = documents.video_list(link_base(), rows, glance)
        return {"videos": listed, "next": answers.next_of(rows, limit)}

    return answers.polled(make, documents.read_live, polls.own_videos())


@blueprint.route("/videos", methods=["POST", "PUT"])
@access.needs("add-videos")
def upload() -> ResponseReturnValue:
    """Upload in one request. The file is the body (with ?name=, ?title=, ?options=) or the part `file` of a form (with the
    fields `title` and `options`). PUT does the same, for curl -T.
    """
    settings, user = services().settings, require_user()
    announced = 1 if request.content_length is None else request.content_length
    quotas.check_upload(settings, user, announced)
    received_files.check_title(request.args.get("title", ""))
    received_files.expect_large_body(request)
    with receiving(user, settings), checked_media().temporary() as file:
        with without_database():
            name, title, options = _receive(settings, file)
        path = Path(file.name)
        size_bytes = path.stat().st_size
        received_files.check_size(settings, size_bytes)
        received_files.check_nature(path)
        source = videos.Source(received_files.clean_name(name), size_bytes, orders.options_of(user, options))
        video = orders.add_video(
            user, received_files.title_of(title, source.name), source, lambda place: checked_media().place(path, place)
        )
    document = documents.video(link_base(), videos.get(video.id))
    if any(orders.is_speech_missing(task["kind"]) for task in document["tasks"]):
        document["warnings"].append(documents.warning({"code": "speech-not-installed"}))
    return jsonify(document), 201, {"Location": f"{request.script_root}{request.path}/{video.id}"}


def _receive(settings: Settings, file: IO[bytes]) -> tuple[str, str, str]:
    """Receive the body into `file`; returns file name, title and options as the client gave them. Errors: Malformed when the
    body broke off."""
    limit_bytes, options = int(settings.upload.max_gb * received_files.GB), request.args.get("options", "")
    try:
        if request.mimetype != "multipart/form-data":
            received_files.receive(request.stream, file, settings, limit_bytes)
            if request.content_length not in (None, file.tell()):  # for gunicorn, a broken connection is an end
                raise received_files.CutOff(f"{file.tell()} of {request.content_length} bytes came")
            return request.args.get("name", ""), request.args.get("title", ""), options
        form = Form(request.stream, request.mimetype_params.get("boundary", ""))
        name = form.open_file("file")
        received_files.receive(form, file, settings, limit_bytes)
        form.finish()
        return request.args.get("name", name), form.fields.get("title", ""), form.fields.get("options", options)
    except received_files.CutOff as error:
        raise Malformed("the body broke off before its end") from error


@blueprint.get("/videos/<int:video_id>")
@access.needs("see-videos")
def show(video_id: int) -> ResponseReturnValue:

    def make(glance: polls.Glance) -> dict[str, Any]:
        return documents.video(link_base(), videos.get(video_id, require_user()), glance)

    return answers.polled(make, documents.read_live, polls.own_videos())


@blueprint.get("/videos/<int:video_id>/watching")
@access.needs("see-videos")
def watching(video_id: int) -> ResponseReturnValue:
    """How it was watched in the last ?days=, or on the day ?day=. Errors: NotFound, also while its length is not known."""
    report = watched.report(videos.get(video_id, require_user()), *watched.wanted())
    if report is None:
        raise NotFound(f"the length of video {video_id}")
    return answers.fresh(watched.document(report))


@blueprint.patch("/videos/<int:video_id>")
@access.needs("change-videos")
def change(video_id: int) -> ResponseReturnValue:
    """Change `title`, `poster` (the name of a thumbnail, or null) or both. Errors: NotFound, Forbidden, Malformed, Refused."""
    body = answers.body()
    if not body or body.keys() - {"title", "poster"}:
        raise Malformed("an object with title, poster or both is needed")
    changes: dict[str, str | None] = {}
    if "title" in body:
        changes["title"] = received_files.title_of(answers.field(body, "title", str), "")
    if "poster" in body:
        changes["poster"] = None if body["poster"] is None else answers.field(body, "poster", str)
    return documents.video(link_base(), videos.change(video_id, changes, require_user()))


@blueprint.delete("/videos/<int:video_id>")
@access.needs("change-videos")
def delete(video_id: int) -> ResponseReturnValue:
    orders.delete_video(require_user(), video_id)
    return "", 204


@blueprint.post("/videos/<int:video_id>/<kind>")
@access.needs("change-videos")
def order(video_id: int, kind: str) -> ResponseReturnValue:
    """Order a task of this kind. The body is optional: `template`, and the options that the kind knows.

    Errors: Malformed, NotFound, BadSource, Refused while such a task is open.
    """
    user = require_user()
    if kind not in orderings(services().job_types):
        raise NotFound(f"{kind} of a video")
    # a chunked body has no length; a body that broke off may have a length and no bytes
    document = answers.body() if request.get_data() or request.content_length else {}
    return documents.task(link_base(), orders.order(user, video_id, kind, document)), 202
