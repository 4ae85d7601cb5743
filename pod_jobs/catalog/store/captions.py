"""Captions of a video: their origin, their authors, and all their versions.

Automatic captions never replace what a person wrote: after a correction, a later recognition becomes a version beside it,
which a person can look at and restore. If two people save at the same time, the second gets a Conflict, and nothing is lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, fn

from pod_jobs.captions.cues import Cue, NewCaptions
from pod_jobs.captions.documents import cues_from, documents_of
from pod_jobs.catalog.caption_models import CaptionDraft, CaptionTrack, CaptionVersion, SpeechWish
from pod_jobs.catalog.database import locked, transaction
from pod_jobs.catalog.models import Task, User, Video
from pod_jobs.catalog.store import caption_corrections, caption_index
from pod_jobs.errors import NEED_ANOTHER_FILE, NotFound, Refused

MOST_TRACKS = 50  # of one video: a person cannot add more


class Conflict(Refused):
    """Somebody else has saved in between. `track` is the present state."""

    def __init__(self, track: CaptionTrack) -> None:
        super().__init__(f"caption track {track.id} is at version {track.version}", code="captions-conflict")
        self.track = track


def tracks_of(video_ids: Sequence[int]) -> dict[int, list[CaptionTrack]]:
    """Video id -> its tracks, sorted by language."""
    tracks: dict[int, list[CaptionTrack]] = {number: [] for number in video_ids}
    query = CaptionTrack.select(CaptionTrack, User).join(User, JOIN.LEFT_OUTER).where(CaptionTrack.video.in_(video_ids))
    for track in query.order_by(CaptionTrack.language, CaptionTrack.id):
        tracks[track.video_id].append(track)
    return tracks


def get(track_id: int, video_id: int) -> CaptionTrack:
    """Errors: NotFound."""
    query = CaptionTrack.select(CaptionTrack, User).join(User, JOIN.LEFT_OUTER)
    track = query.where(CaptionTrack.id == track_id, CaptionTrack.video == video_id).first()
    if track is None:
        raise NotFound(f"caption track {track_id} of video {video_id}")
    return track


def cues_of(track: CaptionTrack, number: int | None = None) -> list[Cue]:
    """The cues of the newest version, or of version `number`. Errors: NotFound."""
    return cues_from(version_of(track, number).cues)


def version_of(track: CaptionTrack, number: int | None = None) -> CaptionVersion:
    """The newest version, or version `number`. Errors: NotFound."""
    version_number = track.version if number is None else number
    version = CaptionVersion.get_or_none(CaptionVersion.track == track, CaptionVersion.number == version_number)
    if version is None:
        raise NotFound(f"version {version_number} of caption track {track.id}")
    return version


def versions_of(track: CaptionTrack) -> list[CaptionVersion]:
    """Newest first, without their cues."""
    fields = (CaptionVersion.track, CaptionVersion.number, CaptionVersion.note, CaptionVersion.created_at, User)
    query = CaptionVersion.select(*fields).join(User, JOIN.LEFT_OUTER, on=CaptionVersion.author)
    return list(query.where(CaptionVersion.track == track).order_by(CaptionVersion.number.desc()))


def take(video: Video, captions: NewCaptions, note: str, author: User | None, now: datetime, keep: int) -> CaptionTrack:
    """Store new captions, from a machine (`author` None) or from a file. `keep`: how many versions of a track are kept.
    Call inside a transaction. Errors: Refused when a person brings one track too many."""
    locked(Video.select().where(Video.id == video.id)).get()
    same = (
        CaptionTrack.video == video,
        CaptionTrack.language == captions.language,
        CaptionTrack.origin == captions.origin,
    )
    track = CaptionTrack.get_or_none(*same, CaptionTrack.label == captions.label)
    about = {"translated": captions.translated, "needs_check": captions.needs_check, "model": captions.model[:100]}
    if track is None:
        if author is not None and CaptionTrack.select().where(CaptionTrack.video == video).count() >= MOST_TRACKS:
            raise Refused(f"video {video.id}", code="captions-too-many-tracks", limit=str(MOST_TRACKS))
        state = "automatic" if author is None and captions.origin == "speech" else "corrected"
        track = CaptionTrack.create(
            video=video,
            language=captions.language,
            label=captions.label,
            origin=captions.origin,
            state=state,
            version=0,
            peaks_path=captions.peaks_path,
            edited_by=author,
            created_at=now,
            updated_at=now,
            **about,
        )
    number = _last_number(track) + 1
    _write(track, number, captions.cues, author, note, now)
    _forget_old(track, keep)
    if captions.peaks_path:
        track.peaks_path = captions.peaks_path
    if author is None and track.version and track.state != "automatic" and captions.origin == "speech":
        track.newer_automatic = number
        track.save()
        return track
    track.version, track.newer_automatic, track.updated_at = number, None, now
    for name, value in about.items():
        setattr(track, name, value)
    if author is not None:
        track.state, track.edited_by = "corrected", author
    track.save()
    caption_index.index(track, captions.cues)
    return track


def take_from_source(task: Task, tracks: Sequence[NewCaptions], now: datetime, keep: int) -> None:
    """Store subtitles of a video's source as captions. Call inside the transaction that ends `task`, which found them.

    Each is stored only once: the source never changes, and a later encoding must not bring back what a person corrected or
    deleted. Each such task lists in its infos, as `subtitles`, the file names of all that were ever stored.
    """
    video = locked(Video.select().where(Video.id == task.video_id)).get()
    before = Task.select().where(Task.video == video, Task.kind == task.kind, Task.id != task.id)
    taken = {name for earlier_task in before for name in (earlier_task.infos or {}).get("subtitles", ())}
    for captions in tracks:
        if captions.output not in taken:
            take(video, captions, "imported", None, now, keep)
    task.infos = {**(task.infos or {}), "subtitles": sorted(taken | {captions.output for captions in tracks})}
    task.save(only=[Task.infos])


@dataclass(frozen=True)
class Change:
    """A new version by a person, made from version `base`; the list of versions shows `note`. `keep`: how many versions are
    kept."""

    base: int
    cues: Sequence[Cue]
    keep: int
    note: str = "edited"


def save(track: CaptionTrack, change: Change, author: User, now: datetime) -> CaptionTrack:
    """Store a new version. Errors: Conflict when there is a newer version than the one that it was made from."""
    respelt = caption_corrections.respelt(track, change.cues)
    with transaction():
        track = _locked(track)
        if track.version != change.base:
            raise Conflict(track)
        number = _last_number(track) + 1
        _write(track, number, change.cues, author, change.note, now)
        track.version, track.state, track.edited_by, track.updated_at = number, "corrected", author, now
        track.newer_automatic = None
        track.save()
        CaptionDraft.delete().where(CaptionDraft.track == track, CaptionDraft.user == author).execute()
        caption_corrections.note(track, respelt)
        _forget_old(track, change.keep)
        caption_index.index(track, change.cues)
    return track


def restore(track: CaptionTrack, number: int, base: int, keep: int, author: User, now: datetime) -> CaptionTrack:
    """Store an earlier version again as the newest one. Errors: NotFound, Conflict."""
    return save(track, Change(base, cues_of(track, number), keep, f"restored {number}"), author, now)


def review(track: CaptionTrack, base: int, author: User, now: datetime) -> CaptionTrack:
    """Mark the captions as reviewed. Errors: Conflict when they have changed in between."""
    with transaction():
        track = _locked(track)
        if track.version != base:
            raise Conflict(track)
        track.state, track.edited_by, track.needs_check, track.updated_at = "reviewed", author, False, now
        track.save()
    return track


def delete(track: CaptionTrack) -> None:
    """Delete a track with all its versions."""
    with transaction():
        caption_index.forget([track])
        CaptionTrack.delete().where(CaptionTrack.id == track.id).execute()


def keep_draft(track: CaptionTrack, user: User, base: int, cues: Sequence[Cue], now: datetime) -> None:
    """Store changes that a person has not saved yet, so that a lost session or a closed page loses nothing."""
    with transaction():
        CaptionDraft.delete().where(CaptionDraft.track == track, CaptionDraft.user == user).execute()
        CaptionDraft.create(track=track, user=user, base=base, cues=documents_of(cues), updated_at=now)


def draft_of(track: CaptionTrack, user: User) -> CaptionDraft | None:
    return CaptionDraft.get_or_none(CaptionDraft.track == track, CaptionDraft.user == user)


def forget_draft(track: CaptionTrack, user: User) -> None:
    CaptionDraft.delete().where(CaptionDraft.track == track, CaptionDraft.user == user).execute()


def unreviewed(owner: str | None = None, limit: int = 200, after: int = 0) -> list[CaptionTrack]:
    """Tracks that nobody has reviewed, with their videos and owners, the oldest first; `after` is the id to go on from.
    `owner`: the name of whose videos, None = everybody's."""
    query = CaptionTrack.select(CaptionTrack, Video, User).join(Video).join(User)
    query = query.where(*_unreviewed(owner), CaptionTrack.id > after)
    return list(query.order_by(CaptionTrack.id).limit(limit))


def unreviewed_by_owner(owner: str | None = None) -> list[tuple[str, int]]:
    """(name, number of videos with captions that nobody has reviewed), by name."""
    query = CaptionTrack.select(User.name, fn.COUNT(Video.id.distinct())).join(Video).join(User)
    rows: Any = query.where(*_unreviewed(owner)).group_by(User.name).order_by(User.name).tuples()
    return [(str(name), int(count)) for name, count in rows]


def videos_without(limit: int, before: int | None = None) -> list[Video]:
    """Videos that have no captions from their speech, with their owners, the newest first; `before` is the id to go on from.
    Left out are those whose transcription is under way, those that want no automatic captions, and those whose file could not be
    read."""
    transcribed = CaptionTrack.select(CaptionTrack.video).where(CaptionTrack.origin == "speech")
    under_way = Task.select(Task.video).where(
        Task.kind == "transcribe", Task.state.in_(("waiting", "running")), Task.video.is_null(False)
    )
    unwanted = SpeechWish.select(SpeechWish.video).where(SpeechWish.automatic == False)  # noqa: E712
    # an outer join, or MariaDB would begin with the owners, and read and sort the videos of all of them
    query = Video.select(Video, User).join(User, JOIN.LEFT_OUTER).where(Video.is_here())
    query = query.where(Video.id.not_in(transcribed), Video.id.not_in(under_way), Video.id.not_in(unwanted))
    unread = Task.select(Task.id).where(
        Task.video == Video.id, Task.kind == "encode", Task.state == "error", Task.error_code.in_(NEED_ANOTHER_FILE)
    )
    query = query.where(Video.published_folder.is_null(False) | ~fn.EXISTS(unread))
    query = query if before is None else query.where(Video.id < before)
    return list(query.order_by(Video.id.desc()).limit(limit))


def _unreviewed(owner: str | None) -> list[Any]:
    of_owner = [] if owner is None else [User.name == owner]
    return [CaptionTrack.state != "reviewed", Video.is_here(), *of_owner]


def wish_of(video_id: int) -> SpeechWish:
    """What people want of a video's transcription; an unsaved row with the defaults if nobody has chosen anything."""
    return SpeechWish.get_or_none(SpeechWish.video == video_id) or SpeechWish(video=video_id)


def set_wish(video_id: int, wish: Mapping[str, Any]) -> SpeechWish:
    """Store what people want of a transcription: `language`, `glossary`, `automatic`. A missing one gets its default."""
    with transaction():
        SpeechWish.delete().where(SpeechWish.video == video_id).execute()
        return SpeechWish.create(video=video_id, **wish)


def wish_document(video_id: int) -> dict[str, Any]:
    """The same as plain values: {"language": "fr", "glossary": ["Esup-Pod"], "automatic": None}."""
    wish = wish_of(video_id)
    return {"language": wish.language, "glossary": wish.glossary or [], "automatic": wish.automatic}


def _locked(track: CaptionTrack) -> CaptionTrack:
    locked_track = locked(CaptionTrack.select().where(CaptionTrack.id == track.id)).get_or_none()
    if locked_track is None:
        raise NotFound(f"caption track {track.id}")
    return locked_track


def _last_number(track: CaptionTrack) -> int:
    query = CaptionVersion.select(CaptionVersion.number).where(CaptionVersion.track == track)
    return int(query.order_by(CaptionVersion.number.desc()).limit(1).scalar() or 0)


def _write(
    track: CaptionTrack, number: int, cues: Sequence[Cue], author: User | None, note: str, now: datetime
) -> None:
    documents = documents_of(cues)
    CaptionVersion.create(track=track, number=number, cues=documents, author=author, note=note, created_at=now)


def _forget_old(track: CaptionTrack, keep: int) -> None:
    """Delete old versions: all but the first, which is the original, the one that is shown, and the newest `keep`."""
    rows = CaptionVersion.select(CaptionVersion.number).where(CaptionVersion.track == track)
    numbers = [row.number for row in rows.order_by(CaptionVersion.number.desc())][keep:-1]
    if old := [number for number in numbers if number != track.version]:
        CaptionVersion.delete().where(CaptionVersion.track == track, CaptionVersion.number.in_(old)).execute()
