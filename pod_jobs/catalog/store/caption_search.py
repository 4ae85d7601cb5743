"""Searches captions, with the same results on SQLite, PostgreSQL and MariaDB.

A row holds about 30 s of captions and a few words of the next row, so that a phrase across both is found. The owner of the
video is a word in the row ("owner12x"), so that the database's text index can also select the videos of one person.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

from peewee import SQL, Database, PostgresqlDatabase, SqliteDatabase

from pod_jobs.captions.cues import Cue, plain_text
from pod_jobs.catalog import models
from pod_jobs.catalog.caption_models import CaptionTrack, CaptionWindow
from pod_jobs.catalog.models import User, Video

WINDOW_S = 30.0
OVERLAP_WORDS = 12
MOST_WORDS = 12  # of a question
MOST_ROWS = 200
# MariaDB's text index has neither words with fewer letters, nor those of InnoDB's own list
INDEXED_FROM = 3
NOT_INDEXED = frozenset(
    """a about an are as at be by com de en for from how i in is it la of on or that the this to was what when where who will
    with und www""".split()
)
SNIPPET_CHARACTERS = 160
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "ı": "i"})
_NOT_WORDS = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Words of plain letters and digits with single spaces between them: "L’Été, un CŒUR" -> "l ete un coeur".

    The three databases fold text differently: one keeps the œ, one folds nothing. Therefore captions are folded here before
    they are stored, and so are the words of a search."""
    lowered = unicodedata.normalize("NFKD", text.casefold()).translate(_LIGATURES)
    bare = "".join(c for c in lowered if not unicodedata.combining(c))
    return _NOT_WORDS.sub(" ", bare).strip()


@dataclass(frozen=True)
class Found:
    """A passage that was found. `at_s` is in seconds of the uploaded recording; `snippet` is plain text."""

    video: Video
    track_id: int
    language: str
    at_s: float
    snippet: str


def search(text: str, owner: User | None, limit: int = 50) -> list[Found]:
    """The passages of about 30 s in which every word of `text` occurs, the newest recordings first. A word also finds longer
    words that begin with it. Text in quotation marks is a phrase. With an `owner`, only their recordings are searched."""
    phrase = len(text) > 2 and text.strip()[:1] in '"«“' and text.strip()[-1:] in '"»”'
    words = fold(text).split()[:MOST_WORDS]
    if not words:
        return []
    rows = _rows(words, owner, phrase=phrase)
    found = [one for row in rows if (one := _place(row, words, phrase=phrase)) is not None]
    return _without_neighbours(found)[:limit]


def index(track: CaptionTrack, owner_id: int, cues: Sequence[Cue]) -> None:
    """Replace the rows of a track. Call inside a transaction."""
    forget([track.id])
    windows = [
        {
            "track": track.id,
            "video": track.video_id,
            "start_s": window[0].start_s,
            "cues": [[cue.start_s, plain_text(cue.text).replace("\n", " ")] for cue in window],
            "folded": f"{_owner_word(owner_id)} {fold(' '.join(plain_text(cue.text) for cue in window))}",
        }
        for window in _windows(cues)
    ]
    for start in range(0, len(windows), 100):
        CaptionWindow.insert_many(windows[start : start + 100]).execute()
    if isinstance(_database(), SqliteDatabase):
        _database().execute_sql(
            "INSERT INTO caption_fts(rowid, folded) SELECT id, folded FROM caption_window WHERE track_id = ?",
            (track.id,),
        )


def forget(track_ids: Iterable[int]) -> None:
    """Delete the rows of tracks. Call inside a transaction."""
    for track_id in track_ids:
        if isinstance(_database(), SqliteDatabase):
            _database().execute_sql(
                "INSERT INTO caption_fts(caption_fts, rowid, folded)"
                " SELECT 'delete', id, folded FROM caption_window WHERE track_id = ?",
                (track_id,),
            )
        CaptionWindow.delete().where(CaptionWindow.track == track_id).execute()


def _windows(cues: Sequence[Cue]) -> list[list[Cue]]:
    found: list[list[Cue]] = []
    for cue in cues:
        if not found or int(cue.start_s // WINDOW_S) != int(found[-1][0].start_s // WINDOW_S):
            found.append([])
        found[-1].append(cue)
    own = [list(window) for window in found]
    for window, following in zip(found, own[1:], strict=False):
        words = 0
        for cue in following:
            if words >= OVERLAP_WORDS:
                break
            words += len(cue.text.split())
            window.append(cue)
    return found


def _database() -> Database:
    return models.database.obj


def _owner_word(owner_id: int) -> str:
    return f"owner{owner_id}x"


def _rows(words: Sequence[str], owner: User | None, *, phrase: bool) -> list[CaptionWindow]:
    database = _database()
    query = CaptionWindow.select(CaptionWindow, CaptionTrack, Video)
    query = query.join(CaptionTrack).switch(CaptionWindow).join(Video).where(Video.deleted_at.is_null())
    mine = [_owner_word(owner.id)] if owner is not None else []
    if isinstance(database, SqliteDatabase):
        condition = SQL(
            "t1.id IN (SELECT rowid FROM caption_fts WHERE caption_fts MATCH ?)", (_fts5(words, mine, phrase),)
        )
    elif isinstance(database, PostgresqlDatabase):
        asked = _tsquery(words, mine, phrase)
        condition = SQL("to_tsvector('simple', t1.folded) @@ to_tsquery('simple', %s)", (asked,))
    else:
        condition = _mariadb(words, mine, phrase)
    return list(query.where(condition).order_by(CaptionWindow.id.desc()).limit(MOST_ROWS))


def _fts5(words: Sequence[str], mine: Sequence[str], phrase: bool) -> str:
    asked = f'"{" ".join(words)}" *' if phrase else " AND ".join(f'"{word}" *' for word in words)
    return " AND ".join([*(f'"{word}"' for word in mine), f"({asked})"])


def _tsquery(words: Sequence[str], mine: Sequence[str], phrase: bool) -> str:
    asked = (" <-> " if phrase else " & ").join(f"'{word}':*" for word in words)
    return " & ".join([*(f"'{word}'" for word in mine), f"({asked})"])


def _mariadb(words: Sequence[str], mine: Sequence[str], phrase: bool) -> Any:
    """Finds words by the text index. Words that the index does not have are compared with the text of the rows it finds."""
    indexed = [word for word in words if len(word) >= INDEXED_FROM and word not in NOT_INDEXED]
    short = [word for word in words if word not in indexed]
    terms = [*(f"+{word}" for word in mine), *(f"+{word}*" for word in indexed)]
    conditions = [SQL("MATCH(t1.folded) AGAINST (%s IN BOOLEAN MODE)", (" ".join(terms),))] if terms else []
    conditions += [SQL("CONCAT(' ', t1.folded) LIKE %s", (f"% {word}%",)) for word in short]
    if phrase:
        conditions.append(SQL("CONCAT(' ', t1.folded) LIKE %s", (f"% {' '.join(words)}%",)))
    return reduce(and_, conditions)


def _place(row: CaptionWindow, words: Sequence[str], *, phrase: bool) -> Found | None:
    """The first caption of the window at which the words begin."""
    texts = [fold(text) for _, text in row.cues]
    joined, starts = "", []
    for text in texts:
        starts.append(len(joined))
        joined += f"{text} "
    places = [_begins(joined, " ".join(words))] if phrase else [_begins(joined, word) for word in words]
    if min(places) < 0:
        return None
    first = min(places)
    number = max(index for index, start in enumerate(starts) if start <= first)
    snippet = " ".join(text for _, text in row.cues[number:])
    return Found(row.video, row.track_id, row.track.language, row.cues[number][0], _shortened(snippet))


def _begins(text: str, word: str) -> int:
    """The place of the first word that begins with `word`; -1 if there is none."""
    return f" {text}".find(f" {word}")


def _shortened(text: str) -> str:
    return text if len(text) <= SNIPPET_CHARACTERS else text[:SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + " …"


def _without_neighbours(found: Sequence[Found]) -> list[Found]:
    """`found` without passages that occur twice, because two rows overlap."""
    seen: set[tuple[int, float]] = set()
    kept = []
    for one in found:
        if (one.track_id, one.at_s) not in seen:
            seen.add((one.track_id, one.at_s))
            kept.append(one)
    return kept
