"""/videos/…/captions: read, upload, edit, review and restore captions. /search: find where something is said.

Times are seconds of the uploaded recording. captions/documents.py defines the JSON shape of cues.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from pod_jobs.captions.cues import Cue, NewCaptions
from pod_jobs.captions.documents import checked_cues, documents_of
from pod_jobs.captions.parsing import Remark, read_captions
from pod_jobs.captions.rules import Breach, check
from pod_jobs.captions.writing import write_srt, write_text, write_vtt, write_words
from pod_jobs.catalog.caption_models import CaptionTrack, CaptionVersion
from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import caption_search, captions, users, videos
from pod_jobs.catalog.store.captions import Change, Conflict
from pod_jobs.errors import BadCaptions, Malformed, NotFound, PodJobsError
from pod_jobs.jobs.speech.plan import cue_rules
from pod_jobs.media.facts.languages import find_language
from pod_jobs.media.planning.cut import Timeline, timeline_of
from pod_jobs.media_folder import MIME_TYPES
from pod_jobs.web.api import answers, documents
from pod_jobs.web.api.caption_corrections import offers
from pod_jobs.web.api.documents import instant
from pod_jobs.web.guards import access, problems
from pod_jobs.web.guards.access import link_base, require_user
from pod_jobs.web.guards.problems import translated
from pod_jobs.web.services import checked_media, now, services

blueprint = Blueprint("api_captions", __name__)

MOST_BODY_BYTES = 25_000_000  # the captions of 12 hours with the times of their words have 4 MB
MOST_FOUND = 50  # passages that a search returns
HEARD_S = 2.0  # a passage is played from the first moment within so many seconds that was not cut out of the video
MOST_PEAKS_BYTES = 5_000_000  # 69 hours
WRITERS: dict[str, tuple[str, Callable[[Sequence[Cue], str], str]]] = {  # ending -> MIME type, writer
    "vtt": (MIME_TYPES[".vtt"], lambda cues, _: write_vtt(cues)),
    "srt": ("application/x-subrip", lambda cues, _: write_srt(cues)),
    "txt": ("text/plain", lambda cues, _: write_text(cues)),
    "json": ("application/json", write_words),
}
Document = dict[str, Any]


@blueprint.get("/videos/<int:video_id>/captions")
@access.needs("see-videos")
def list_tracks(video_id: int) -> ResponseReturnValue:
    video = videos.get(video_id, require_user())
    tracks = captions.tracks_of([video.id])[video.id]
    return answers.fresh({"captions": [track_document(track) for track in tracks]})


@blueprint.post("/videos/<int:video_id>/captions")
@access.needs("change-videos")
def upload(video_id: int) -> ResponseReturnValue:
    """The body is a WebVTT or SubRip file; ?language=fr is required, ?label= is not. Errors: BadCaptions, with the line of each
    fault; Malformed."""
    user = require_user()
    video = videos.get_to_change(video_id, user)
    language = find_language(request.args.get("language", ""))
    if language is None:
        raise Malformed("language: an ISO 639 code is needed, for instance fr")
    request.max_content_length = MOST_BODY_BYTES
    try:
        parsed = read_captions(request.get_data(cache=False))
    except BadCaptions as refused:
        faults = [_remark(Remark(*fault)) for fault in refused.faults]
        return _problem(refused, faults=faults)
    label = " ".join(request.args.get("label", "").split())[:100]
    new_captions = NewCaptions("upload", language.code, parsed.cues, label)
    with transaction():
        track = captions.take(video, new_captions, "imported", user, now(), services().settings.speech.keep_versions)
    users.note(user.name, "captions", f"video {video.id}", now(), f"imported track {track.id}")
    return {**track_document(track), "remarks": [_remark(remark) for remark in parsed.remarks]}, 201


@blueprint.get("/videos/<int:video_id>/captions/<int:track_id>")
@access.needs("see-videos")
def show(video_id: int, track_id: int) -> ResponseReturnValue:
    """One track with its cues, the breaches of the rules, and the caller's own draft."""
    user = require_user()
    track = _track(video_id, track_id, user)
    cues = captions.cues_of(track)
    draft = captions.draft_of(track, user)
    return answers.fresh(
        {
            **track_document(track),
            "cues": documents_of(cues),
            "breaches": [_breach(breach) for breach in check(cues, cue_rules(services().settings))],
            "draft": None
            if draft is None
            else {"base": draft.base, "cues": draft.cues, "at": instant(draft.updated_at)},
        }
    )


@blueprint.put("/videos/<int:video_id>/captions/<int:track_id>")
@access.needs("change-videos")
def save(video_id: int, track_id: int) -> ResponseReturnValue:
    """{"base": 3, "cues": […]} makes a new version from version `base`. If somebody else has saved a newer one, the answer is
    409, with the track as it is now. `offers` are corrections that people made in several recordings."""
    user = require_user()
    track, body = _track_to_change(video_id, track_id, user), _body()
    change = Change(
        answers.field(body, "base", int), checked_cues(body.get("cues")), services().settings.speech.keep_versions
    )
    try:
        track = captions.save(track, change, user, now())
    except Conflict as conflict:
        return _conflict(conflict)
    users.note(user.name, "captions", f"video {video_id}", now(), f"track {track_id} version {track.version}")
    return {**track_document(track), "offers": offers(track, user)}


@blueprint.delete("/videos/<int:video_id>/captions/<int:track_id>")
@access.needs("change-videos")
def delete(video_id: int, track_id: int) -> ResponseReturnValue:
    user = require_user()
    captions.delete(_track_to_change(video_id, track_id, user))
    users.note(user.name, "captions", f"video {video_id}", now(), f"deleted track {track_id}")
    return "", 204


@blueprint.post("/videos/<int:video_id>/captions/<int:track_id>/review")
@access.needs("change-videos")
def review(video_id: int, track_id: int) -> ResponseReturnValue:
    """{"base": 3} says that somebody has read all of version 3."""
    user = require_user()
    track, base = _track_to_change(video_id, track_id, user), answers.field(answers.body(), "base", int)
    try:
        return track_document(captions.review(track, base, user, now()))
    except Conflict as conflict:
        return _conflict(conflict)


@blueprint.post("/videos/<int:video_id>/captions/<int:track_id>/restore")
@access.needs("change-videos")
def restore(video_id: int, track_id: int) -> ResponseReturnValue:
    """{"version": 1, "base": 3} makes a new version with the cues of version 1, while 3 is the newest one."""
    user, body = require_user(), answers.body()
    track = _track_to_change(video_id, track_id, user)
    number, base = answers.field(body, "version", int), answers.field(body, "base", int)
    try:
        return track_document(
            captions.restore(track, number, base, services().settings.speech.keep_versions, user, now())
        )
    except Conflict as conflict:
        return _conflict(conflict)


@blueprint.get("/videos/<int:video_id>/captions/<int:track_id>/versions")
@access.needs("see-videos")
def versions(video_id: int, track_id: int) -> ResponseReturnValue:
    track = _track(video_id, track_id, require_user())
    return answers.fresh({"versions": [_version(row) for row in captions.versions_of(track)]})


@blueprint.get("/videos/<int:video_id>/captions/<int:track_id>/versions/<int:number>")
@access.needs("see-videos")
def version(video_id: int, track_id: int, number: int) -> ResponseReturnValue:
    track = _track(video_id, track_id, require_user())
    return answers.fresh({"number": number, "cues": documents_of(captions.cues_of(track, number))})


@blueprint.put("/videos/<int:video_id>/captions/<int:track_id>/draft")
@access.needs("change-videos")
def keep_draft(video_id: int, track_id: int) -> ResponseReturnValue:
    """{"base": 3, "cues": […]} keeps a draft for this person alone, until it is saved or discarded."""
    user, body = require_user(), _body()
    track = _track_to_change(video_id, track_id, user)
    at = now()
    captions.keep_draft(track, user, answers.field(body, "base", int), checked_cues(body.get("cues")), at)
    return {"at": instant(at)}


@blueprint.delete("/videos/<int:video_id>/captions/<int:track_id>/draft")
@access.needs("change-videos")
def forget_draft(video_id: int, track_id: int) -> ResponseReturnValue:
    user = require_user()
    captions.forget_draft(_track_to_change(video_id, track_id, user), user)
    return "", 204


@blueprint.get("/videos/<int:video_id>/captions/<int:track_id>/file.<ending>")
@access.needs("see-videos")
def file(video_id: int, track_id: int, ending: str) -> ResponseReturnValue:
    """The newest version as a file: vtt, srt, txt, or json with words. Its times are those of the published video, which may
    be cut and begin with credits. With ?as=source they are those of the uploaded recording."""
    track = _track(video_id, track_id, require_user())
    if ending not in WRITERS:
        raise NotFound(f"captions as .{ending}")
    mime, write = WRITERS[ending]
    times = request.args.get("as")
    if times not in (None, "source"):
        raise Malformed(f"as: {times!r} is not source")
    cues = captions.cues_of(track)
    if times is None:
        cues = placed(cues, timeline_of(videos.get(video_id).facts.get("timeline")))
    response = Response(write(cues, track.language), mimetype=mime)
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Disposition"] = f'inline; filename="captions-{video_id}-{track.language}.{ending}"'
    response.add_etag()
    return response.make_conditional(request)


@blueprint.get("/videos/<int:video_id>/captions/<int:track_id>/peaks")
@access.needs("see-videos")
def peaks(video_id: int, track_id: int) -> ResponseReturnValue:
    """The loudness over time, one byte per twentieth of a second; 204 when there is none."""
    track = _track(video_id, track_id, require_user())
    folder, _, name = track.peaks_path.rpartition("/")
    output = checked_media().open_output(video_id, folder.rpartition("/")[2], name) if name else None
    if output is None:
        return "", 204
    with output.file as opened:
        response = Response(opened.read(MOST_PEAKS_BYTES), mimetype="application/octet-stream")
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


@blueprint.get("/search")
@access.needs("see-videos")
def search() -> ResponseReturnValue:
    """?q= holds words and phrases in quotation marks, which must all be said; see caption_search. The times are those of what
    is published, and passages that were cut out of it are left out."""
    user = require_user()
    owner = None if access.may("see-all-videos") else user
    passages = caption_search.search(request.args.get("q", "")[:200], owner, MOST_FOUND)
    return answers.fresh({"found": [document for passage in passages if (document := _found(passage)) is not None]})


def track_document(track: CaptionTrack) -> Document:
    address = f"{link_base()}/api/v1/videos/{track.video_id}/captions/{track.id}"
    return {
        **documents.track_facts(track),
        "version": track.version,
        "needs_check": track.needs_check,
        "model": track.model,
        "newer_automatic": track.newer_automatic,
        "created_at": instant(track.created_at),
        "updated_at": instant(track.updated_at),
        "url": address,
        "files": {ending: f"{address}/file.{ending}" for ending in WRITERS},
    }


def placed(cues: Sequence[Cue], timeline: Timeline) -> list[Cue]:
    """Cues of the recording with their times in the published video, without those of parts that were cut out."""
    placed_cues = [replace(cue, start_s=a, end_s=b) for cue in cues for a, b in timeline.place(cue.start_s, cue.end_s)]
    return sorted(placed_cues, key=lambda cue: (cue.start_s, cue.end_s))


def _track(video_id: int, track_id: int, user: User) -> CaptionTrack:
    """The track, if `user` may see its video. Errors: NotFound."""
    videos.get(video_id, user)
    return captions.get(track_id, video_id)


def _track_to_change(video_id: int, track_id: int, user: User) -> CaptionTrack:
    """The track, if `user` may change its video. Errors: NotFound, Forbidden."""
    videos.get_to_change(video_id, user)
    return captions.get(track_id, video_id)


def _body() -> Document:
    request.max_content_length = MOST_BODY_BYTES
    return answers.body()


def _conflict(conflict: Conflict) -> ResponseReturnValue:
    """With the track as it is now: a page uses it to let a person merge."""
    return _problem(conflict, current=track_document(conflict.track))


def _problem(error: PodJobsError, **more: Any) -> Response:
    """The problem document with more fields."""
    problem = problems.answer(error)
    response = jsonify({**problem.get_json(), **more})
    response.status_code, response.mimetype = problem.status_code, "application/problem+json"
    return response


def _version(row: CaptionVersion) -> Document:
    author = row.author.name if row.author else None
    return {"number": row.number, "note": row.note, "author": author, "created_at": instant(row.created_at)}


def _remark(remark: Remark) -> Document:
    facts = {"line": str(remark.line), "detail": remark.detail}
    return {"code": remark.code, "line": remark.line, "sentence": translated(remark.code, facts)}


def _breach(breach: Breach) -> Document:
    return {
        "cue": breach.cue,
        "rule": breach.rule,
        "found": round(breach.found, 2),
        "limit": breach.limit,
        "warning": breach.is_warning,
    }


def _found(passage: caption_search.CaptionHit) -> Document | None:
    """A place with the address that plays it; None where it was cut out of what is published."""
    places = timeline_of(passage.video.facts.get("timeline")).place(max(0.0, passage.at_s), passage.at_s + HEARD_S)
    if not places:
        return None
    at_s = places[0][0]
    page = f"{link_base()}/videos/{passage.video.id}?t={int(at_s)}&play=1"
    video = {"id": passage.video.id, "title": passage.video.title}
    return {"video": video, "language": passage.language, "at_s": at_s, "snippet": passage.snippet, "page_url": page}
