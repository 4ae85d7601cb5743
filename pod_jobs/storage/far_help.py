"""Help with a run from workers that have no folder in common with its owner: the calls of the web app, of owner and helper.

web/api/far_help.py is the other end. What arrives from elsewhere is compared in size and sum on both ways, and is only used
whole.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pod_jobs.answers import OFFSET
from pod_jobs.errors import Refused, ResultRejected, ServiceUnavailable, translated_os_errors
from pod_jobs.media_folder import FILE_NAME, HELPER_ID
from pod_jobs.storage import Run, web_calls
from pod_jobs.storage.helpers_folder import HelperState
from pod_jobs.storage.received_run import Announced
from pod_jobs.storage.web_calls import Tick, WebCalls, patiently
from pod_jobs.system import plain_files

NOTE_TIMEOUT_S = (3, 10)  # of what is sent every second
STALE_S = 86_400
SEND_PATIENCE_S = 60.0  # how long a helper tries to send its piece; then the owner makes it

_STATES = TypeAdapter(dict[str, HelperState])


class FarHelp:
    """By the calls `web`. A helper works in `folder`. Errors of all methods: those of answers.error_of; Superseded when the run
    is over, or needs this worker no more."""

    def __init__(self, web: WebCalls, folder: Path) -> None:
        self._web = web
        self._folder = folder

    # the owner

    def call(self, run: Run, layout: bytes) -> None:
        """Call for help; `layout` is what every helper must know."""
        self._web.of_run("PUT", run, "helpers", data=layout)

    def states(self, run: Run) -> dict[str, HelperState]:
        """Helper -> its state. Errors: ServiceUnavailable also for an answer that is none."""
        answer = self._web.of_run("GET", run, "helpers", timeout=NOTE_TIMEOUT_S)
        try:
            states = _STATES.validate_python(answer.get("helpers"))
        except ValidationError as error:
            raise ServiceUnavailable(f"helpers: {error}") from error
        return {helper: state for helper, state in states.items() if HELPER_ID.fullmatch(helper)}

    def give(self, run: Run, helper: str, piece: int | None) -> None:
        """Give a helper a piece; None: its finished one was taken in."""
        self._web.of_run("PUT", run, f"helpers/{helper}/piece", json={"piece": piece}, timeout=NOTE_TIMEOUT_S)

    def drop(self, run: Run, helper: str) -> None:
        """The helper goes, or the owner wants no more of it."""
        self._web.of_run("DELETE", run, f"helpers/{helper}", timeout=NOTE_TIMEOUT_S)

    def close(self, run: Run) -> None:
        self._web.of_run("DELETE", run, "helpers", timeout=NOTE_TIMEOUT_S)

    def fetch(self, run: Run, helper: str, files: Mapping[str, Announced], folder: Path, tick: Tick) -> None:
        """Fetch the files of a finished piece into `folder`. Errors: ResultRejected when one is not as announced."""
        for name, announced in files.items():
            if not FILE_NAME.fullmatch(name):
                raise ResultRejected(f"{name!r} is not the name of a file of a piece")
            self._fetch_file(run, f"helpers/{helper}/files/{name}", announced, folder / name, tick)

    def _fetch_file(self, run: Run, place: str, announced: Announced, to: Path, tick: Tick) -> None:
        """Errors: ResultRejected."""
        digest, got = hashlib.sha256(), 0
        with plain_files.open_plain(to, "xb") as file:

            def take(piece: bytes) -> None:
                nonlocal got
                got += file.write(piece)
                digest.update(piece)
                tick()

            while got < announced.bytes:
                self._web.fetch_part(run, place, got, take)
        if (got, digest.hexdigest()) != (announced.bytes, announced.sha256):
            raise ResultRejected(f"{place} is not what was announced")

    # a helper

    @contextmanager
    def place(self, helper: str) -> Iterator[Path]:
        """A local folder to make pieces in. What killed helpers left more than a day ago goes. Errors: DiskFull."""
        place = self._folder / helper
        with translated_os_errors("work folder"):
            self._folder.mkdir(parents=True, exist_ok=True)
            for leftover in self._folder.iterdir():
                if leftover.lstat().st_mtime < time.time() - STALE_S:
                    plain_files.remove(leftover)
            place.mkdir(mode=plain_files.NEW_FOLDER_MODE)
        try:
            yield place
        finally:
            with translated_os_errors("work folder"):
                plain_files.remove(place)

    def join(self, run: Run) -> tuple[str, str, str]:
        """Offer help with `run`, whose key is not needed. Returns the helper's id, its key and the layout."""
        answer = self._web.of_run("POST", run, "helpers", timeout=NOTE_TIMEOUT_S)
        helper, key, layout = (answer.get(name) for name in ("helper", "key", "layout"))
        if not (isinstance(helper, str) and HELPER_ID.fullmatch(helper)):
            raise ServiceUnavailable("helpers: an answer without a helper's id")
        return helper, str(key), str(layout)

    def note(self, run: Run, helper: str, piece: int | None, frames: int = 0) -> int | None:
        """Give a sign of life, and say how much of `piece` there is; None: this worker wants one. Returns the piece to make."""
        body = {"piece": piece, "frames": frames}
        answer = self._web.of_run("POST", run, f"helpers/{helper}/note", json=body, timeout=NOTE_TIMEOUT_S)
        next_piece = answer.get("piece")
        return next_piece if type(next_piece) is int else None

    def send(self, run: Run, helper: str, folder: Path, names: Iterable[str], tick: Tick) -> None:
        """Send the files `names` in `folder`, which are one piece. Errors: ServiceUnavailable after SEND_PATIENCE_S without an
        answer."""
        files = {name: Announced.of(folder / name) for name in sorted(names)}
        body = {"files": {name: asdict(announced) for name, announced in files.items()}}
        place = f"helpers/{helper}/finish"
        deadline = time.monotonic() + SEND_PATIENCE_S
        missing = list(files)
        while missing:
            for name in missing:
                self._send_file(run, helper, folder / name, tick)
                deadline = time.monotonic() + SEND_PATIENCE_S
            differing = patiently(tick, lambda: self._web.of_run("POST", run, place, json=body)["differing"], deadline)
            missing = [name for name in differing if name in files]

    def _send_file(self, run: Run, helper: str, path: Path, tick: Tick) -> None:
        """From its beginning; a part that was lost on its way is sent again."""
        place = f"helpers/{helper}/files/{path.name}"
        with plain_files.open_plain(path) as file:
            size, sent, tries = os.fstat(file.fileno()).st_size, 0, 0
            while sent < size or size == 0:
                part = min(web_calls.PART_BYTES, size - sent)
                send = partial(self._web.send_part, run, place, file, sent, part)
                try:
                    patiently(tick, send, time.monotonic() + SEND_PATIENCE_S)
                except Refused as error:
                    tries += 1
                    if error.code != OFFSET or tries > 2:
                        raise
                    sent = 0
                    continue
                sent += part
                if size == 0:
                    return
