"""Keeps what the search in captions reads (store/caption_search.py): for each track its folded text, a row for each different
word in it, and its captions in groups, for the passages that are shown.

Only the newest version of a track is indexed. A save writes the words that came or went, which are few after a correction.
"""

from collections.abc import Collection, Iterable, Sequence

from pod_jobs.captions.cues import Cue, plain_text
from pod_jobs.captions.documents import cues_from
from pod_jobs.captions.folding import fold
from pod_jobs.catalog.caption_models import CaptionPassage, CaptionTerm, CaptionText, CaptionTrack, CaptionVersion
from pod_jobs.catalog.database import locked, transaction

FORM = 1  # of the index; with another number all tracks are indexed again
GROUP = 16  # a row of CaptionPassage begins at every 16th caption
FURTHER = 6  # captions of the next row that it repeats, for a passage that begins with its last one
TERM_CHARACTERS = 32  # longer words are found by their beginning
ROWS_AT_ONCE = 400  # in one statement


def index(track: CaptionTrack, cues: Sequence[Cue]) -> None:
    """Replace what is indexed of a track. Call inside a transaction."""
    lines = [plain_text(cue.text).replace("\n", " ") for cue in cues]
    folded = as_text(lines)
    _change_terms(track, terms_of(_indexed(track.id)), terms_of(folded))
    _delete_text(track.id)
    CaptionText.create(track=track, video=track.video_id, form=FORM, folded=folded)
    groups = [
        {
            "id": passage_key(track.id, start),
            "track": track.id,
            "cues": [[cues[at].start_s, lines[at]] for at in range(start, min(start + GROUP + FURTHER, len(cues)))],
        }
        for start in range(0, len(cues), GROUP)
    ]
    for start in range(0, len(groups), ROWS_AT_ONCE):
        CaptionPassage.insert_many(groups[start : start + ROWS_AT_ONCE]).execute()


def forget(tracks: Iterable[CaptionTrack]) -> None:
    """Delete what is indexed of tracks. Call inside a transaction."""
    for track in tracks:
        _change_terms(track, terms_of(_indexed(track.id)), set())
        _delete_text(track.id)


def index_some(limit: int) -> int:
    """Index tracks that are not indexed yet, or in an older form: after an update of pod_jobs. Returns how many, at most
    `limit`; call until it returns 0."""
    missing = CaptionTrack.select(CaptionTrack.id).left_outer_join(CaptionText)
    missing = missing.where(CaptionText.form.is_null() | (CaptionText.form != FORM), CaptionTrack.version > 0)
    track_ids = [row.id for row in missing.order_by(CaptionTrack.id.desc()).limit(limit)]
    indexed = 0
    for track_id in track_ids:
        with transaction():
            for track in locked(CaptionTrack.select().where(CaptionTrack.id == track_id)):  # none: deleted in between
                newest = CaptionVersion.get(CaptionVersion.track == track, CaptionVersion.number == track.version)
                index(track, cues_from(newest.cues))
                indexed += 1
    return indexed


def passage_key(track_id: int, number: int) -> int:
    """The id of the row of CaptionPassage that holds the caption with this number (from 0)."""
    return track_id << 16 | number // GROUP


def as_text(lines: Iterable[str]) -> str:
    """Folded captions as one text. Each word has a space before it, each caption a line end after it."""
    folded = map(fold, lines)
    return "".join(f" {line}\n" if line else "\n" for line in folded)


def terms_of(text: str) -> set[str]:
    """The different words of a folded text, in the length in which they are stored."""
    return {word[:TERM_CHARACTERS] for word in text.split()}


def _indexed(track_id: int) -> str:
    row = CaptionText.get_or_none(CaptionText.track == track_id)
    return row.folded if row is not None else ""


def _delete_text(track_id: int) -> None:
    CaptionText.delete().where(CaptionText.track == track_id).execute()
    CaptionPassage.delete().where(CaptionPassage.track == track_id).execute()


def _change_terms(track: CaptionTrack, before: Collection[str], after: Collection[str]) -> None:
    """In the order of the words, so that two who save at the same time do not wait for each other in a circle."""
    gone, new = sorted(set(before) - set(after)), sorted(set(after) - set(before))
    place = {"video_id": track.video_id, "track_id": track.id}
    for start in range(0, len(gone), ROWS_AT_ONCE):
        some = CaptionTerm.term.in_(gone[start : start + ROWS_AT_ONCE])
        CaptionTerm.delete().where(
            some, CaptionTerm.video_id == track.video_id, CaptionTerm.track_id == track.id
        ).execute()
    for start in range(0, len(new), ROWS_AT_ONCE):
        rows = [{"term": term, **place} for term in new[start : start + ROWS_AT_ONCE]]
        CaptionTerm.insert_many(rows).on_conflict_ignore().execute()
