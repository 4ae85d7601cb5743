"""Captions from speech for many videos at once, which a page and the API order."""

from collections.abc import Sequence
from typing import Any

from pod_jobs.catalog.models import Task, User
from pod_jobs.catalog.store import captions, videos
from pod_jobs.errors import PodJobsError, Refused
from pod_jobs.web.intake import orders

MOST_AT_ONCE = 200  # videos of one order


def order_for(
    user: User, video_ids: Sequence[int], options: dict[str, Any], *, again: bool
) -> tuple[list[tuple[int, Task]], list[tuple[int, PodJobsError]]]:
    """What was ordered, and what was refused, each with the id of its video. A refusal of one stops no other.

    Left out are videos that want no automatic captions, and without `again` those that have captions from their speech.
    Errors: Malformed for bad options; Refused when no host recognises speech."""
    orders.check_options("transcribe", options)
    ordered, refused = [], []
    for number in dict.fromkeys(video_ids):
        try:
            _check_wanted(user, number, again=again)
            ordered.append((number, orders.order(user, number, "transcribe", options)))
        except PodJobsError as error:
            refused.append((number, error))
    return ordered, refused


def _check_wanted(user: User, video_id: int, *, again: bool) -> None:
    """Errors: NotFound, Forbidden; Refused."""
    videos.get_to_change(video_id, user)
    if captions.wish_of(video_id).automatic is False:
        raise Refused(f"video {video_id} wants no automatic captions", code="speech-not-wanted")
    if not again and any(track.origin == "speech" for track in captions.tracks_of([video_id])[video_id]):
        raise Refused(f"video {video_id} has captions from its speech", code="speech-made")
