"""Corrections that are learnt from what people write in captions, when somebody agrees to that.

1. Each save notes which recognised words of the track are written otherwise (captions/respelling.py).
2. Who has written the same in a track of a third recording of theirs gets an offer for their recordings. One of the video
   team, for whom the recordings of at least two people count, or those that the command line brought, gets one for all.
3. A person who agrees makes a correction, which each later transcription gets with its order; who declines is not asked again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import fn

from pod_jobs.captions.cues import Cue
from pod_jobs.captions.documents import cues_from
from pod_jobs.captions.respelling import respellings
from pod_jobs.catalog.caption_models import CaptionCorrection, CaptionRespelling, CaptionTrack, CaptionVersion
from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import User, Video
from pod_jobs.catalog.permissions import may
from pod_jobs.errors import Forbidden, NotFound, Refused

RECORDINGS = 3  # in which the same was written
OWNERS_OF_ALL = 2  # whose recordings these are, at least, before it is offered to correct those of everybody
MOST_OF_A_TRACK = 50  # respellings that are noted
MOST_OFFERS = 3  # at once
MOST_OF_AN_OWNER = 500  # corrections and refusals


@dataclass(frozen=True)
class Offer:
    """`heard` was written as `right` in so many recordings. `of_all`: it is to be corrected in everybody's, not only in those of
    the person who is asked."""

    heard: str
    right: str
    recordings: int
    of_all: bool


def respelt(track: CaptionTrack, cues: Sequence[Cue]) -> list[tuple[str, str]]:
    """(heard, right) of what `cues`, a new version of a track, spell otherwise than the latest version by a machine. It takes a
    moment of a long text: call it outside of the transaction that saves the version."""
    by_machine = CaptionVersion.select().where(CaptionVersion.track == track, CaptionVersion.author.is_null())
    recognised = by_machine.order_by(CaptionVersion.number.desc()).first()
    if recognised is None or track.origin != "speech":
        return []
    return respellings(cues_from(recognised.cues), cues)[:MOST_OF_A_TRACK]


def note(track: CaptionTrack, pairs: Sequence[tuple[str, str]]) -> None:
    """Note what the newest version of a track spells otherwise (`respelt`). Call inside a transaction."""
    CaptionRespelling.delete().where(CaptionRespelling.track == track).execute()
    if rows := [{"track": track, "heard": heard, "spelling": right} for heard, right in pairs]:
        CaptionRespelling.insert_many(rows).execute()


def offers(track: CaptionTrack, user: User, known: Collection[str], programs: Collection[str]) -> list[Offer]:
    """What `user`, who has just saved this track, may want to be corrected always. `known`: what is corrected anyway, folded.
    Only recordings that `user` may change count. A correction of everybody's recordings is offered if those of several owners
    count, or if the owner of this track is one of `programs`, the names of users that are no person: such a user's recordings
    may be anybody's. Otherwise the correction is offered for `user`'s own recordings, if this track belongs to one of them."""
    own = CaptionRespelling.select().where(CaptionRespelling.track == track)
    pairs = {(row.heard, row.spelling) for row in own if row.heard not in known}
    if not pairs:
        return []
    decided = CaptionCorrection.select(CaptionCorrection.heard).where(
        CaptionCorrection.language == track.language,
        CaptionCorrection.owner.is_null() | CaptionCorrection.owner.in_([user.id, track.video.owner_id]),
    )
    count, owners = fn.COUNT(CaptionTrack.video.distinct()), fn.COUNT(Video.owner.distinct())
    query: Any = CaptionRespelling.select(CaptionRespelling.heard, CaptionRespelling.spelling, count, owners)
    query = query.join(CaptionTrack).join(Video)
    query = query.where(
        CaptionRespelling.heard.in_([heard for heard, _ in pairs]),
        CaptionRespelling.heard.not_in(decided),
        CaptionTrack.language == track.language,
        Video.is_here(),
    )
    if not may(user.role, "change-all-videos"):
        query = query.where(Video.owner == user)
    query = query.group_by(CaptionRespelling.heard, CaptionRespelling.spelling).having(count >= RECORDINGS)
    rows = [row for row in query.tuples() if row[:2] in pairs]
    least = 1 if track.video.owner.name in programs else OWNERS_OF_ALL
    found = [Offer(heard, right, number, of_all=persons >= least) for heard, right, number, persons in rows]
    found = [offer for offer in found if offer.of_all or track.video.owner_id == user.id]
    return sorted(found, key=lambda offer: (-offer.recordings, offer.heard))[:MOST_OFFERS]


def decide(owner: User | None, language: str, pair: tuple[str, str], now: datetime, *, is_used: bool) -> None:
    """Always correct `pair`, (heard, right), in recordings of `owner`, None = in all recordings; or, with `is_used` false, do not
    offer it again. Errors: Refused when there are too many."""
    heard, spelling = pair
    whose = CaptionCorrection.owner.is_null() if owner is None else CaptionCorrection.owner == owner
    with transaction():
        CaptionCorrection.delete().where(
            whose, CaptionCorrection.language == language, CaptionCorrection.heard == heard
        ).execute()
        if CaptionCorrection.select().where(whose).count() >= MOST_OF_AN_OWNER:
            raise Refused(f"there are {MOST_OF_AN_OWNER} corrections already; remove some first")
        CaptionCorrection.create(
            owner=owner, language=language, heard=heard, spelling=spelling, is_used=is_used, created_at=now
        )


def used_for(owner_id: int) -> list[CaptionCorrection]:
    """The corrections of this person's recordings: their own before those of all recordings, the newest first."""
    query = CaptionCorrection.select().where(
        CaptionCorrection.is_used == True,  # noqa: E712
        CaptionCorrection.owner.is_null() | (CaptionCorrection.owner == owner_id),
    )
    return sorted(query, key=lambda correction: (correction.owner_id is None, -correction.id))


def delete(correction_id: int, user: User, *, of_all: bool) -> None:
    """`of_all`: may this person change what counts for all recordings? Errors: NotFound, also for another person's; Forbidden."""
    correction = CaptionCorrection.get_or_none(CaptionCorrection.id == correction_id)
    if correction is None or correction.owner_id not in (None, user.id):
        raise NotFound(f"correction {correction_id}")
    if correction.owner_id is None and not of_all:
        raise Forbidden(f"correction {correction_id} is one of all recordings")
    correction.delete_instance()
