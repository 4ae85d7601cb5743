"""On the web host, the folder through which a run gets help from workers that have no folder in common with its owner:

encode-7-g2.helpers/                  made by the owner, who calls for help
  layout-1.json                       of attempt 1: what every helper must know; the web host does not read it
  0f3a…/                              one helper, by the id that the web host gave it
    piece                             the number of the piece that the owner gave it
    note                              its last sign of life: the piece that it is at, and how far; without a piece it wants one
    files/                            what it has sent of its piece
    finished                          size and sum of each of these files, once all are here like that

The owner alone decides who makes which piece, and takes in what was made. A helper writes into its own folder alone.
"""

import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pod_jobs.errors import NotFound, Refused, Superseded
from pod_jobs.media_folder import FILE_NAME, HELPER_ID, HELPERS, VIDEOS
from pod_jobs.storage import Run
from pod_jobs.storage.received_run import Announced, open_at
from pod_jobs.system import plain_files

PIECE, NOTE, FILES, FINISHED = "piece", "note", "files", "finished"
MOST_HELPERS = 64  # of a run
SILENT_S = 3600  # one that said nothing for so long is gone, or still fetches the source
MOST_FILES = 64  # of a piece: two for each rendition, and what it cost


@dataclass(frozen=True)
class HelperState:
    """What the owner learns of a helper. `piece`: the one that it was given. `at`: the one that it says it makes, `frames` of it
    so far; None: it wants one. `sign` differs whenever the helper has said or sent something. `files`: those of a finished
    piece."""

    piece: int | None
    at: int | None
    frames: int
    sign: str
    wants: bool
    files: dict[str, Announced] | None


def number_of(helper: str) -> str:
    """The two hexadecimal digits with which the id of a helper begins. No other helper of the run has the same."""
    return helper[:2]


class HelpersFolder:
    """The folder of `run` in the media folder `media`. Errors of all methods: OSError; Superseded when the owner has not called
    for help, or needs none any more."""

    def __init__(self, media: Path, run: Run) -> None:
        self._videos = media / VIDEOS  # below it, no link is followed
        self._folder = media / f"{run.folder}{HELPERS}"
        self._layout = self._folder / f"layout-{run.attempt}.json"
        self._run = run

    def open(self, layout: bytes) -> None:
        """Call for help. What an earlier attempt left goes."""
        plain_files.remove(self._folder)
        self._folder.mkdir(mode=plain_files.NEW_FOLDER_MODE)
        with plain_files.replacing(self._layout) as file:
            file.write(layout)

    def close(self) -> None:
        plain_files.remove(self._folder)

    def layout(self) -> str:
        self._demand_folder(self._folder)
        try:
            return plain_files.read_bytes(self._layout, beneath=self._videos).decode()
        except FileNotFoundError as error:
            raise self._over() from error

    def join(self) -> str:
        """The id of a new helper. Errors: Refused when there are MOST_HELPERS."""
        self.layout()
        self._forget_silent()
        others = self._ids()
        if len(others) >= MOST_HELPERS:
            raise Refused(f"{self._run.folder} has {MOST_HELPERS} helpers already")
        while True:
            free = {f"{number:02x}" for number in range(256)} - {number_of(other) for other in os.listdir(self._folder)}
            number = secrets.choice(sorted(free))
            with self._of_run(), suppress(FileExistsError):  # another one has just taken the number
                return self._with_number(number)

    def _with_number(self, number: str) -> str:
        """Make the folder of a helper. Errors: FileExistsError when another helper has the number: whoever makes the folder
        of its name has it, until this becomes the folder of the helper."""
        place, helper = self._folder / number, number + secrets.token_hex(7)
        place.mkdir(mode=plain_files.NEW_FOLDER_MODE)
        if number in map(number_of, self._ids()):
            place.rmdir()
            raise FileExistsError(number)
        (place / FILES).mkdir(mode=plain_files.NEW_FOLDER_MODE)
        place.rename(self._folder / helper)
        return helper

    def leave(self, helper: str) -> None:
        """The helper goes, or the owner wants no more of it. One that is not there is no error."""
        with suppress(Superseded):
            if HELPER_ID.fullmatch(helper):
                self._demand_folder(self._folder)
                plain_files.remove(self._folder / helper)

    def states(self) -> dict[str, HelperState]:
        """Helper -> its state."""
        self.layout()
        states = {}
        for helper in self._ids():
            with suppress(FileNotFoundError, Superseded):  # it has just left
                states[helper] = self._state(helper)
        return states

    def give(self, helper: str, piece: int | None) -> None:
        """Give a helper a piece; None: its finished one was taken in, and its files go."""
        place = self._place(helper)
        for name in (FINISHED, PIECE):
            plain_files.remove(place / name)
        for name in os.listdir(place / FILES):
            plain_files.remove(place / FILES / name)
        if piece is not None:
            plain_files.write_text(place / PIECE, str(piece))

    def note(self, helper: str, piece: int | None, frames: int) -> int | None:
        """The helper says how far it is, or (None) that it wants a piece. Returns the piece that it is to make; None = none."""
        place = self._place(helper)
        with self._of_run():
            plain_files.write_text(place / NOTE, json.dumps([piece, frames]))
            return None if plain_files.size_of(place / FINISHED) is not None else self._piece(helper)

    @contextmanager
    def part(self, helper: str, name: str, offset: int) -> Iterator[Callable[[bytes], object]]:
        """In this block, a function that adds bytes to a file of its piece from `offset` on; what stood behind it is cut off.
        Errors: Refused when fewer than `offset` bytes are there, and when nothing is awaited from it."""
        path = self._file(helper, name)
        if plain_files.size_of(path) is None and len(os.listdir(path.parent)) >= MOST_FILES:
            raise Refused(f"a piece has at most {MOST_FILES} files")
        with self._of_run():
            file = open_at(path, offset, beneath=self._videos)
        with file:

            def write(piece: bytes) -> None:
                file.write(piece)
                file.flush()

            yield write

    def finish(self, helper: str, files: Mapping[str, Announced]) -> list[str]:
        """The piece is made of exactly `files`. Returns the names of those that are not here like that; it is finished when
        there are none."""
        self._awaited(helper)
        place = self._place(helper)
        differing = [name for name, announced in files.items() if not self._is_here(helper, name, announced)]
        if not differing:
            with self._of_run():
                documents = {name: asdict(announced) for name, announced in files.items()}
                plain_files.write_text(place / FINISHED, json.dumps(documents))
        return differing

    def open_file(self, helper: str, name: str) -> BinaryIO:
        """A file of a finished piece, open for reading. Errors: NotFound."""
        path = self._path(helper, name)
        try:
            return plain_files.open_plain(path, beneath=self._videos)
        except FileNotFoundError as error:
            raise NotFound(f"{helper} has sent no {name}") from error

    def open_files(self, helper: str = "") -> Iterator[BinaryIO]:
        """What has arrived from a helper, by default from each, open for reading one after another."""
        ids = [helper]
        if not helper:
            with suppress(Superseded):  # nobody has called
                ids = self._ids()
        for sender in ids:
            with suppress(FileNotFoundError, Superseded):  # it is not there, or has just left
                for name in os.listdir(self._place(sender) / FILES):
                    with plain_files.open_plain(self._path(sender, name), beneath=self._videos) as file:
                        yield file

    def _forget_silent(self) -> None:
        """Remove the folders of those that left without a word, so that they do not count any more."""
        for helper in self._ids():
            place = self._folder / helper
            with suppress(FileNotFoundError):
                sign = place / NOTE if plain_files.size_of(place / NOTE) is not None else place
                if sign.lstat().st_mtime < time.time() - SILENT_S:
                    plain_files.remove(place)

    def _is_here(self, helper: str, name: str, announced: Announced) -> bool:
        path = self._path(helper, name)
        return plain_files.size_of(path) == announced.bytes and Announced.of(path) == announced

    def _file(self, helper: str, name: str) -> Path:
        """The path of a file that a helper may write now. Errors: Refused."""
        self._awaited(helper)
        return self._path(helper, name)

    def _awaited(self, helper: str) -> None:
        """Errors: Refused when the helper has no piece, or has finished it."""
        if self._piece(helper) is None or plain_files.size_of(self._place(helper) / FINISHED) is not None:
            raise Refused(f"no piece is awaited from {helper}")

    def _path(self, helper: str, name: str) -> Path:
        if not FILE_NAME.fullmatch(name):
            raise Refused(f"{name!r} is not the name of a file of a piece")
        return self._place(helper) / FILES / name

    def _place(self, helper: str) -> Path:
        if not HELPER_ID.fullmatch(helper):
            raise self._over()
        place = self._folder / helper
        for folder in (self._folder, place, place / FILES):
            self._demand_folder(folder)
        return place

    def _demand_folder(self, path: Path) -> None:
        """Errors: Superseded when it is gone, or a link has its place."""
        with self._of_run():
            if not stat.S_ISDIR(path.lstat().st_mode):
                raise self._over()

    def _state(self, helper: str) -> HelperState:
        place = self._place(helper)
        note = plain_files.size_of(place / NOTE) is not None
        at, frames = json.loads(plain_files.read_bytes(place / NOTE)) if note else (None, 0)
        finished = plain_files.size_of(place / FINISHED) is not None
        piece = self._piece(helper)
        files = self._announced(place) if finished else None
        sizes = sum(plain_files.size_of(place / FILES / name) or 0 for name in os.listdir(place / FILES))
        sign = f"{(place / NOTE).stat().st_mtime_ns if note else 0}-{sizes}"
        return HelperState(piece, at, frames, sign, note and at is None and piece is None, files)

    def _announced(self, place: Path) -> dict[str, Announced]:
        documents: dict[str, Any] = json.loads(plain_files.read_bytes(place / FINISHED))
        return {name: Announced(**document) for name, document in documents.items()}

    def _piece(self, helper: str) -> int | None:
        try:
            return int(plain_files.read_text(self._place(helper) / PIECE))
        except FileNotFoundError:
            return None

    def _ids(self) -> list[str]:
        self._demand_folder(self._folder)
        with self._of_run():
            return sorted(name for name in os.listdir(self._folder) if HELPER_ID.fullmatch(name))

    @contextmanager
    def _of_run(self) -> Iterator[None]:
        """What is not there any more was removed by the owner."""
        try:
            yield
        except FileNotFoundError as error:
            raise self._over() from error

    def _over(self) -> Superseded:
        return Superseded(f"{self._run.folder} needs no help, or none from this worker any more")
