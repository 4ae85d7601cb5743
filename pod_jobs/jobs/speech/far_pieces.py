"""Pieces of a long transcription that travel between hosts: what jobs/far_owner.py and jobs/far_helper.py have to know of them.

The words of a piece are one file, words.json. A large model may think for minutes before it says how far it is, so a thread
tells the owner meanwhile that the helper is alive.
"""

import math
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pod_jobs.errors import ResultRejected
from pod_jobs.jobs.far_helper import ASK_S, Making
from pod_jobs.jobs.far_owner import Called
from pod_jobs.jobs.speech import sharing
from pod_jobs.media.sharing import chunks
from pod_jobs.speech.pieces import Piece
from pod_jobs.storage.received_run import Announced
from pod_jobs.system import plain_files

WORDS = "words.json"
WORDS_BYTES = 4 * 1024 * 1024  # of one piece, which lasts some minutes
MOST_WORDS, MOST_LETTERS = 10_000, 1_000  # of a piece, of a word
EDGE_S = 1.0  # by which a word may lie outside its piece, because models round

# (source, tick to call often) -> what turns a piece of it into words
Open = Callable[[Path, Callable[[], None]], sharing.Hear]


def called(shared: Path) -> Called | None:
    """What the owner of a transcription shares; nothing when there is only one piece, which is its own."""
    plan = sharing.read_shared(shared)
    if plan is None or len(plan.pieces) < 2:
        return None
    return Called(len(plan.pieces), sharing.say(plan), _check_files, partial(_take_in, shared, plan.pieces))


def making(plan: sharing.Called, place: Path, open_source: Open) -> Making:
    """How a helper recognises pieces in the folder `place`."""
    recognisers: list[sharing.Hear] = []

    def make(source: Path, number: int, watch: Callable[[int], None]) -> Path:
        folder = place / chunks.name_of(number)
        plain_files.remove(folder)
        folder.mkdir(mode=plain_files.NEW_FOLDER_MODE)
        with _alive(watch) as done:
            if not recognisers:
                recognisers.append(open_source(source, lambda: done(0.0)))
            words = recognisers[0](plan.pieces[number], done)
        plain_files.write_text(folder / WORDS, sharing.text_of(words))
        return folder

    return Making(len(plan.pieces), (WORDS,), make)


@contextmanager
def _alive(watch: Callable[[int], None]) -> Iterator[Callable[[float], None]]:
    """A thread calls `watch` in this block. The function that it yields tells how many seconds are done, and raises what `watch`
    has raised."""
    over, raised, done = threading.Event(), [], [0.0]

    def call() -> None:
        while not over.wait(ASK_S / 2):
            try:
                watch(int(done[0]))
            except Exception as error:  # noqa: BLE001  # it is raised in the thread that works
                raised.append(error)
                return

    def tell(done_s: float) -> None:
        done[0] = done_s
        if raised:
            raise raised[0]

    thread = threading.Thread(target=call, name="sign of life", daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        over.set()
        thread.join()
    tell(done[0])


def _check_files(number: int, files: Mapping[str, Announced]) -> None:
    """Errors: ResultRejected."""
    if files.keys() != {WORDS} or files[WORDS].bytes > WORDS_BYTES:
        raise ResultRejected("this is not the file of a piece")


def _is_text(word: str) -> bool:
    """Is it short, and without line ends, other control characters and halves of a character? No file of captions can hold
    those."""
    return len(word) <= MOST_LETTERS and not any(unicodedata.category(c) in ("Cc", "Cs") for c in word)


def _take_in(shared: Path, pieces: tuple[Piece, ...], folder: Path, number: int) -> None:
    """Errors: ResultRejected, ValueError, TypeError."""
    words, piece = sharing.words_in(plain_files.read_bytes(folder / WORDS)), pieces[number]
    low, high = piece.start_s - EDGE_S, piece.end_s + EDGE_S
    if len(words) > MOST_WORDS or not all(
        low <= word.start_s <= word.end_s <= high and math.isfinite(word.confidence) and _is_text(word.text)
        for word in words
    ):
        raise ResultRejected("these are not the words of the piece")
    path = shared / chunks.name_of(number)
    if not path.exists():
        plain_files.write_text(path, sharing.text_of(words))
