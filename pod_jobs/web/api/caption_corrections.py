"""/captions/corrections: words that each later transcription writes right, because people always correct them."""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pod_jobs.captions.respelling import LEAST_CHARACTERS, MOST_CHARACTERS, folded
from pod_jobs.catalog.caption_models import CaptionCorrection, CaptionTrack
from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import caption_corrections, users
from pod_jobs.errors import Forbidden, Malformed
from pod_jobs.instance.prepare import NAMES_OF_SYSTEM_USERS
from pod_jobs.media.facts.languages import find_language
from pod_jobs.web.api import answers
from pod_jobs.web.guards import access
from pod_jobs.web.guards.access import require_user
from pod_jobs.web.services import now, services

blueprint = Blueprint("api_caption_corrections", __name__)


@blueprint.get("/captions/corrections")
@access.needs("see-videos")
def list_used() -> ResponseReturnValue:
    """Those of one's own recordings and of all recordings."""
    used = caption_corrections.used_for(require_user().id)
    return answers.fresh({"corrections": [_document(correction) for correction in used]})


@blueprint.post("/captions/corrections")
@access.needs("change-videos")
def decide() -> ResponseReturnValue:
    """{"heard": "ampode", "right": "Pod", "language": "fr", "of_all": false, "use": true} corrects it always: in one's own
    recordings, or with `of_all` in everybody's, if the caller may change all videos. With `use` false it is not offered to the
    caller any more."""
    user, body = require_user(), answers.body()
    heard, right = folded(_text(body, "heard")), _text(body, "right")
    language = find_language(answers.field(body, "language", str))
    if language is None or len(heard) < LEAST_CHARACTERS:
        raise Malformed(f"heard: a word of at least {LEAST_CHARACTERS} characters is needed; language: an ISO 639 code")
    is_used = answers.field(body, "use", bool)
    of_all = answers.field(body, "of_all", bool)
    if of_all and not access.may("change-all-videos"):
        raise Forbidden("of_all: this person may not change everybody's recordings")
    owner = None if is_used and of_all else user
    caption_corrections.decide(owner, language.code, (heard, right), now(), is_used=is_used)
    users.note(user.name, "captions", f"correction {heard}", now(), right if is_used else "not wanted")
    return "", 204


@blueprint.delete("/captions/corrections/<int:correction_id>")
@access.needs("change-videos")
def delete(correction_id: int) -> ResponseReturnValue:
    user = require_user()
    caption_corrections.delete(correction_id, user, of_all=access.may("change-all-videos"))
    users.note(user.name, "captions", f"correction {correction_id}", now(), "removed")
    return "", 204


def offers(track: CaptionTrack, user: User) -> list[dict[str, Any]]:
    """What the person who has just saved this track may want to be corrected always."""
    known = {folded(correction.heard) for correction in services().settings.speech.correction}
    return [
        {"heard": offer.heard, "right": offer.right, "recordings": offer.recordings, "of_all": offer.of_all}
        for offer in caption_corrections.offers(track, user, known, NAMES_OF_SYSTEM_USERS)
    ]


def _text(body: dict[str, Any], name: str) -> str:
    """A word or some. Errors: Malformed."""
    text = " ".join(answers.field(body, name, str).split())
    if not (text.isprintable() and folded(text) and len(text) <= MOST_CHARACTERS):
        raise Malformed(f"{name}: 1 to {MOST_CHARACTERS} characters are needed")
    return text


def _document(correction: CaptionCorrection) -> dict[str, Any]:
    return {
        "id": correction.id,
        "heard": correction.heard,
        "right": correction.spelling,
        "language": correction.language,
        "of_all": correction.owner_id is None,
        "removable": correction.owner_id is not None or access.may("change-all-videos"),
    }
