"""The pieces of a transcription, in a folder that its owner and its helpers share, and that outlives a run which was killed:

plan.json     the pieces to recognise, and with which model and language; made by listening to the whole recording once
0007.lock     locked (flock) by the worker that recognises piece 7; the kernel unlocks it when its process dies
0007.note     how far that worker is
0007          the words of a finished piece; appears by one rename
The sandboxed ffmpeg cannot write to this folder.
"""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pod_jobs.captions.cues import Word
from pod_jobs.media.sharing import chunks
from pod_jobs.media.sharing.sharing import Team
from pod_jobs.media_folder import PART
from pod_jobs.speech.pieces import Piece
from pod_jobs.system import plain_files

if TYPE_CHECKING:
    from pod_jobs.speech.transcribe import Plan

PLAN, NOTE = "plan.json", ".note"
KEPT = re.compile(r"plan\.json|[0-9]{4,}")  # what another run of the task can go on with
POLL_S = 0.2
NOTE_S = 1.0  # between two notes of how far a piece is
CALL_S, LONGEST_CALL_S = 10.0, 160.0  # between two looks for idle workers
LIVELY_S = 60.0  # a worker that noted no progress for this long is no longer counted as one that helps
# The owner recognises a piece itself when its helper noted no progress for this long: the largest model may take minutes
# for 30 s of speech
STALLED_S = 900.0
# (piece, tick that is called with the seconds of it that are done) -> its words
Hear = Callable[[Piece, Callable[[float], None]], list[Word]]
Key = dict[str, Any]  # what the words depend on beside the recording: model, language, glossary …


def plan_in(kept: Mapping[str, bytes], key: Key) -> "Plan | None":
    """The plan that an earlier run wrote, if its key was the same."""
    from pod_jobs.speech.listening import Heard
    from pod_jobs.speech.spans import Voice
    from pod_jobs.speech.transcribe import Language, Plan

    try:
        document = json.loads(kept[PLAN])
        if document["key"] != _plain(key):
            return None
        heard_fields, language = document["heard"], document["language"]
        voices = tuple(Voice(voice["channel"], _spans(voice["spans"])) for voice in heard_fields["voices"])
        heard = Heard(
            voices, base64.b64decode(heard_fields["peaks"]), heard_fields["duration_s"], heard_fields["correlation"]
        )
        return Plan(heard, _pieces(document), Language(**language) if language else None)
    except (ValueError, LookupError, TypeError):
        return None


def share(shared: Path, key: Key, planned: "Plan", finished: Mapping[str, bytes]) -> None:
    """Make the folder. `finished`: pieces of the same plan that an earlier run left."""
    shared.mkdir(mode=plain_files.NEW_FOLDER_MODE)
    peaks = base64.b64encode(planned.heard.peaks).decode()
    document = {"key": key, **asdict(planned), "heard": {**asdict(planned.heard), "peaks": peaks}}
    for name, content in finished.items():
        plain_files.write_text(shared / name, content.decode("utf-8", "replace"))
    plain_files.write_text(shared / PLAN, json.dumps(document))


@dataclass(frozen=True)
class Called:
    """What a helper reads of the plan: the pieces, and what their words depend on."""

    pieces: tuple[Piece, ...]
    key: Key
    language: str


def read_shared(shared: Path) -> Called | None:
    """None when there is nothing left to help with."""
    try:
        return read_called(plain_files.read_bytes(shared / PLAN))
    except FileNotFoundError:
        return None


def read_called(plan: bytes | str) -> Called | None:
    """What a plan, or what `say` made of one, calls for; None for anything else."""
    try:
        document = json.loads(plan)
        return Called(_pieces(document), document["key"], document["language"]["code"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def say(called: Called) -> bytes:
    """As `read_called` reads it."""
    document = {
        "pieces": [asdict(piece) for piece in called.pieces],
        "key": called.key,
        "language": {"code": called.language},
    }
    return json.dumps(document).encode()


def help_out(
    shared: Path, pieces: Sequence[Piece], hear: Hear, tick: Callable[[float], None], may_go_on: Callable[[], bool]
) -> int:
    """Recognise free pieces, as a helper; returns how many. Errors: those of `hear` and `tick`; FileNotFoundError when the
    folder is gone."""
    count = 0
    while True:
        with chunks.claimed(shared, range(len(pieces))) as number:
            if number is None:
                return count
            hear_into(shared, pieces[number], hear, tick)
        count += 1
        if not may_go_on():
            return count


def hear_into(shared: Path, piece: Piece, hear: Hear, tick: Callable[[float], None]) -> None:
    """Recognise one piece. If somebody else has finished it meanwhile, one of the two results stays."""
    worker, next_note = chunks.this_worker(), 0.0

    def noting(done_s: float) -> None:
        nonlocal next_note
        if time.monotonic() >= next_note:
            next_note = time.monotonic() + NOTE_S
            plain_files.write_text(_note(shared, piece.number), f"{int(done_s)} {worker}")
        tick(done_s)

    words = hear(piece, noting)
    partial = shared / f"{chunks.name_of(piece.number)}-{worker}{PART}"
    plain_files.write_text(partial, text_of(words))
    partial.replace(shared / chunks.name_of(piece.number))


def text_of(words: Sequence[Word]) -> str:
    """The words of a piece, as `words_in` reads them."""
    return json.dumps([[word.start_s, word.end_s, word.text, word.confidence] for word in words])


@dataclass
class Owner:
    """The worker that is responsible for all pieces. `report(seconds done, workers)` is called often; what it raises goes up."""

    shared: Path
    pieces: Sequence[Piece]
    hear: Hear
    team: Team
    report: Callable[[float, int], None]
    words: dict[int, list[Word]] = field(default_factory=dict)
    _seen: dict[int, tuple[str, float]] = field(default_factory=dict)  # piece -> its last note, since when
    _next_call: float = 0.0
    _pause_s: float = CALL_S
    _workers_called: int = 0  # how many took part when others were called last; 0 = not yet
    _next_look: float = 0.0

    def recognise_all(self) -> dict[int, list[Word]]:
        """The words of each piece, by its number. Errors: those of `hear` and `report`."""
        self._look()
        while missing := self._missing():
            self._watch(0.0)
            if not self._take_one(missing):
                time.sleep(POLL_S)
            self._look()
        self._watch(0.0)
        return self.words

    def _missing(self) -> list[int]:
        return [piece.number for piece in self.pieces if piece.number not in self.words]

    def _take_one(self, missing: Sequence[int]) -> bool:
        with chunks.claimed(self.shared, missing) as free:
            number = self._stalled(missing) if free is None else free
            if number is None:
                return False
            hear_into(self.shared, self.pieces[number], self.hear, self._watch)
        return True

    def _look(self) -> None:
        """Read the finished pieces. One that cannot be read is removed, and so recognised again."""
        for number in self._missing():
            path = self.shared / chunks.name_of(number)
            try:
                self.words[number] = words_in(plain_files.read_bytes(path))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, TypeError):
                plain_files.remove(path)

    def _watch(self, own_s: float) -> None:
        """Call helpers and report, while pieces are recognised here (`own_s` of one is done) and elsewhere."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + NOTE_S
            self._look()
            self._read_notes(now)
        missing, this_worker = self._missing(), chunks.this_worker()
        done_s = sum(piece.length_s for piece in self.pieces if piece.number in self.words) + own_s
        notes = {number: self._seen[number] for number in missing if number in self._seen}
        done_s += sum(int(text.split()[0]) for text, _ in notes.values() if text and not text.endswith(this_worker))
        workers = {text.partition(" ")[2] for text, since in notes.values() if now - since < LIVELY_S} - {""}
        count = len(workers | {this_worker})
        self.report(done_s, count)
        if now >= self._next_call:
            if len(missing) > count and (idle := self.team.idle()):
                self._call(min(idle, len(missing) - count), count)
            self._next_call = now + self._pause_s

    def _call(self, count: int, workers: int) -> None:
        """Call others. If none came the last time, for instance because they do not have this model, the next pause is longer."""
        self._pause_s = min(2 * self._pause_s, LONGEST_CALL_S) if workers <= self._workers_called else CALL_S
        self._workers_called = workers
        self.team.call(count)

    def _read_notes(self, now: float) -> None:
        for number in self._missing():
            text = chunks.read_note(_note(self.shared, number))
            if number not in self._seen or self._seen[number][0] != text:
                self._seen[number] = (text, now)

    def _stalled(self, missing: Sequence[int]) -> int | None:
        """The first piece whose worker makes no progress, for instance on a frozen host."""
        now = time.monotonic()
        return next((n for n in missing if n in self._seen and now - self._seen[n][1] > STALLED_S), None)


def _note(shared: Path, number: int) -> Path:
    return shared / f"{chunks.name_of(number)}{NOTE}"


def words_in(content: bytes) -> list[Word]:
    """Errors: ValueError, TypeError."""
    return [
        Word(float(start), float(end), str(text), float(chance)) for start, end, text, chance in json.loads(content)
    ]


def _pieces(document: Any) -> tuple[Piece, ...]:
    return tuple(Piece(**{**fields, "spans": _spans(fields["spans"])}) for fields in document["pieces"])


def _spans(pairs: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(start), float(end)) for start, end in pairs)


def _plain(key: Key) -> Any:
    return json.loads(json.dumps(key))
