"""Searches captions, with the same results on SQLite, PostgreSQL and MariaDB, because the databases only select tracks.

1. The rarest word chooses the tracks, the newest recordings first; other rare words narrow the choice. If all words are
   frequent, nearly every track has them, and the newest tracks are tried one after the other.
2. The folded text of a few of these tracks is read and searched here. That ends as soon as enough is found.
3. The captions of the passages that were found are read, and nothing else.

store/caption_index.py writes what is read here.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from peewee import JOIN, SQL

from pod_jobs.captions.folding import fold
from pod_jobs.catalog.caption_models import CaptionPassage, CaptionTerm, CaptionText, CaptionTrack
from pod_jobs.catalog.models import User, Video
from pod_jobs.catalog.store.caption_index import GROUP, TERM_CHARACTERS, passage_key

MOST_WORDS = 12  # of a question
MOST_OF_A_TRACK = 10  # passages; the transcript beside the player finds the others
PASSAGE_CHARACTERS = 500  # of folded text, about half a minute: so near to each other all words must be
FREQUENT = 3000  # tracks that have a word: then it does not help to choose tracks
LEAST_PREFIX = 3  # shorter words are whole words: "de" shall not find "demain"
NARROWING = 1000  # tracks: a word that fewer have narrows the choice that the rarest word made
FIRST_TRACKS, MOST_TRACKS = 16, 200  # read at once
SNIPPET_CHARACTERS = 160
_UNITS = re.compile(r'["«“]([^"»”]*)["»”]|([^\s"«»“”]+)')


@dataclass(frozen=True)
class CaptionHit:
    """A passage that was found. `at_s` is in seconds of the uploaded recording; `snippet` is plain text."""

    video: Video
    track_id: int
    language: str
    at_s: float
    snippet: str


@dataclass(frozen=True)
class _Unit:
    """A word or a phrase of a question, folded. `is_prefix`: its last word may go on."""

    words: tuple[str, ...]
    is_prefix: bool

    def places(self, text: str) -> list[int]:
        """Where it begins in a folded text (see caption_index.as_text)."""
        whole = re.compile(r"\n*".join(f" {word}" for word in self.words) + ("" if self.is_prefix else r"(?=[ \n])"))
        if len(self.words) == 1:
            return [match.start() for match in whole.finditer(text)]
        starts: set[int] = set()
        longest, at = f" {max(self.words, key=len)}", -1
        while (at := text.find(longest, at + 1)) >= 0:  # quicker than to look for `whole` everywhere
            near = whole.search(text, max(at - self._reach, 0), at + self._reach)
            if near is not None and near.start() <= at:
                starts.add(near.start())
        return sorted(starts)

    @property
    def _reach(self) -> int:
        """How many characters before and after any of its words it can lie, even across some captions without words."""
        return sum(len(word) + 1 for word in self.words) + 20

    def terms(self) -> Iterator[tuple[str, Any]]:
        """Its words, those that may go on with a "*", and the conditions for them on CaptionTerm."""
        for number, word in enumerate(self.words, 1):
            if self.is_prefix and number == len(self.words):
                start = word[:TERM_CHARACTERS]
                yield f"{word}*", (CaptionTerm.term >= start) & (CaptionTerm.term < f"{start}\U0010ffff")
            else:
                yield word, CaptionTerm.term == word[:TERM_CHARACTERS]


def search(text: str, owner: User | None, limit: int = 50) -> list[CaptionHit]:
    """Passages in which all words of `text` occur, the newest recordings first, at most ten of one track. A word of three
    letters or more also finds longer words that begin with it. Text in quotation marks is a phrase. With an `owner`, only
    their recordings are searched."""
    units = _units(text)
    if not units:
        return []
    places: list[tuple[int, int]] = []  # track, number of the caption
    tracks, tried, count = _Tracks(units, owner), 0, FIRST_TRACKS
    while len(places) < limit and (some := tracks.next(count)):
        for track_id, folded in _texts(some):
            places += [(track_id, folded.count("\n", 0, at)) for at in _passages(units, folded)]
        tried += len(some)
        # as many tracks as will be enough, if they have as many passages each as those before
        count = min(ceil(1.2 * (limit - len(places)) * tried / max(len(places), 1)) + 1, MOST_TRACKS)
    return _read(places[:limit])


def _units(text: str) -> list[_Unit]:
    units, left = [], MOST_WORDS
    for phrase, word in _UNITS.findall(text):
        # "l'eau" and "semi-perméable" are two words, in this order
        words = tuple(fold(phrase or word).split())[:left]
        left -= len(words)
        if words:
            units.append(_Unit(words, is_prefix=len(words[-1]) >= LEAST_PREFIX))
    return units


def _passages(units: Sequence[_Unit], text: str) -> list[int]:
    """Where passages with all units begin. They do not overlap."""
    places = [unit.places(text) for unit in units]
    if not all(places):
        return []
    starts: list[int] = []
    for at in sorted({place for unit_places in places for place in unit_places}):
        if starts and at < starts[-1] + PASSAGE_CHARACTERS:
            continue
        nexts = [bisect_left(unit_places, at) for unit_places in places]
        if any(index == len(unit_places) for index, unit_places in zip(nexts, places, strict=True)):
            break
        if max(unit_places[index] for index, unit_places in zip(nexts, places, strict=True)) - at <= PASSAGE_CHARACTERS:
            starts.append(at)
            if len(starts) == MOST_OF_A_TRACK:
                break
    return starts


def _texts(tracks: Sequence[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """(track, its folded text) of each (video, track), in their order, without those of deleted videos."""
    track_ids = [track for _, track in tracks]
    # CROSS JOIN: or else SQLite may read all videos first
    rows: Any = CaptionText.select(CaptionText.track, CaptionText.folded).join(Video, JOIN.CROSS)
    rows = rows.where(CaptionText.track.in_(track_ids), CaptionText.video == Video.id, Video.deleted_at.is_null())
    texts: dict[int, str] = dict(rows.tuples())
    return ((track, texts[track]) for track in track_ids if track in texts)


class _Tracks:
    """The tracks that may hold all units, the newest recordings first."""

    def __init__(self, units: Sequence[_Unit], owner: User | None) -> None:
        terms = {word: term for unit in units for word, term in unit.terms()}
        rare = sorted(((count, word) for word, term in terms.items() if (count := _tracks_with(term)) < FREQUENT))
        self._source: Any = CaptionTerm if rare else CaptionText
        source: Any = self._source
        conditions = [terms[word] for _, word in rare[:1]]
        conditions += [
            source.track_id.in_(CaptionTerm.select(CaptionTerm.track_id).where(terms[word]))
            for count, word in rare[1:3]
            if count < NARROWING
        ]
        if owner is not None:
            own_videos = Video.select(Video.id).where(Video.owner == owner, Video.deleted_at.is_null())
            conditions.append(source.video_id.in_([row.id for row in own_videos]))
        self._query: Any = source.select(source.video_id, source.track_id).where(*conditions).distinct()
        self._query = self._query.order_by(source.video_id.desc(), source.track_id.desc())

    def next(self, count: int) -> list[tuple[int, int]]:
        """(video, track) of the next ones."""
        chosen: list[tuple[int, int]] = list(self._query.limit(count).tuples())
        if chosen:
            video, track = self._source.video_id, self._source.track_id
            last_video, last_track = chosen[-1]
            self._query = self._query.where((video < last_video) | ((video == last_video) & (track < last_track)))
        return chosen


def _tracks_with(term: Any) -> int:
    """How many rows match, counted up to FREQUENT."""
    return int(CaptionTerm.select(SQL("1").alias("one")).where(term).limit(FREQUENT).count())


def _read(places: Sequence[tuple[int, int]]) -> list[CaptionHit]:
    """What to show of the captions `places`: (track, number of the caption)."""
    if not places:
        return []
    keys = {passage_key(*place) for place in places}
    rows = CaptionPassage.select(CaptionPassage.id, CaptionPassage.cues).where(CaptionPassage.id.in_(keys))
    captions = {row.id: row.cues for row in rows}
    track_ids = {track_id for track_id, _ in places}
    tracks = CaptionTrack.select(CaptionTrack, Video).join(Video).where(CaptionTrack.id.in_(track_ids))
    by_id = {track.id: track for track in tracks}
    passages = []
    for track_id, number in places:
        cues = captions.get(passage_key(track_id, number), [])[number % GROUP :]
        if cues and track_id in by_id:  # else somebody has saved since the text was read
            passages.append(_found(by_id[track_id], cues))
    return passages


def _found(track: CaptionTrack, cues: Sequence[tuple[float, str]]) -> CaptionHit:
    """`cues`: the one in which the passage begins, and following ones: [[start_s, text], …]."""
    snippet = " ".join(text for _, text in cues)
    if len(snippet) > SNIPPET_CHARACTERS:
        snippet = snippet[:SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + " …"
    return CaptionHit(track.video, track.id, track.language, cues[0][0], snippet)
