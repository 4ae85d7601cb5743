"""A worker's calls of the web app about the files of a run. Each is small enough for a proxy and has a time-out."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import requests

from pod_jobs.answers import error_of, is_success, object_in, problem_words
from pod_jobs.errors import BadSource, NotFound, ServiceUnavailable, TransientError, translated_os_errors
from pod_jobs.http_session import new_session
from pod_jobs.storage import Run
from pod_jobs.system import plain_files

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
SUM_TIMEOUT_S = 600  # the web host reads the whole source
TROUBLE_CHARACTERS = 300
PART_BYTES = 16 * 1024 * 1024  # of one request
PATIENCE_S = 1800.0  # how long a finished run waits for the web app; then it is made again
PAUSE_S = (1.0, 20.0)  # between two tries: the first pause, and the longest one

Tick = Callable[[], object]


class Document(dict[str, Any]):
    """The answer to a call. Errors: ServiceUnavailable when it lacks what is looked up, because then a proxy gave it."""

    def __missing__(self, name: str) -> Any:
        raise ServiceUnavailable(f"an answer without {name!r}")


class PartBody:
    """`size` bytes of an open file from `start` on, as the body of a request. They are read as they are sent, so that no part is
    in memory as a whole. A file that cannot be read, or has become shorter, ends the request with an error of `of_system`, which
    requests passes on as it is; it would take an OSError for a fault of the connection."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size = file, start, size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        left = self._size
        self._file.seek(self._start)
        while left:
            with translated_os_errors("a file on its way"):
                piece = self._file.read(min(plain_files.PIECE_BYTES, left))
            if not piece:
                raise ServiceUnavailable(f"a file became shorter while it was sent: {left} bytes of it are gone")
            left -= len(piece)
            yield piece


class WebCalls:
    """The calls. Errors of all: those of answers.error_of. `trouble`: why the latest call has to be repeated, in words for
    people; "" = it has not."""

    trouble = ""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/api/v1"
        self._token = token
        self._of_thread = threading.local()  # a session belongs to one thread

    def of_run(self, method: str, run: Run, path: str, **more: Any) -> Document:
        return self.document(method, f"{place_of(run)}/{path}", headers={"X-Run-Key": run.key}, **more)

    def document(self, method: str, path: str, **more: Any) -> Document:
        """The JSON object of an answer; an empty one if it has no body."""
        answer = self.call(method, path, **more)
        try:
            found = answer.json() if answer.content else {}
        except requests.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            self.trouble = _not_ours(answer)
            raise ServiceUnavailable(f"{path}: {self.trouble}")
        return Document(found)

    def source_sum(self, run: Run, name: str) -> dict[str, Any]:
        try:
            timeout = (CONNECT_TIMEOUT_S, SUM_TIMEOUT_S)
            return self.of_run("GET", run, "source-sum", params={"name": name}, timeout=timeout)
        except NotFound as error:
            raise BadSource(f"{name} is not there", code="source-missing") from error

    def fetch(self, run: Run, name: str, start: int, take: Callable[[bytes], object]) -> None:
        """One part of a source from `start` on, piece by piece. Errors: ServiceUnavailable also when it breaks off."""
        self.fetch_part(run, "source", start, take, params={"name": name})

    def fetch_part(self, run: Run, path: str, start: int, take: Callable[[bytes], object], **more: Any) -> None:
        """One part of a file from `start` on, piece by piece. Errors: ServiceUnavailable also when it breaks off."""
        headers = {"X-Run-Key": run.key, "Range": f"bytes={start}-{start + PART_BYTES - 1}"}
        path = f"{place_of(run)}/{path}"
        with self.call("GET", path, headers=headers, stream=True, **more) as answer:
            sent = answer.headers.get("Content-Range", "")
            if answer.status_code != requests.codes.partial or f"bytes {start}-" not in sent:
                raise ServiceUnavailable(f"{path}: {answer.status_code} instead of the part that was asked for")
            take_part(answer, path, take)

    def send_part(self, run: Run, path: str, file: BinaryIO, offset: int, size: int) -> None:
        """Send `size` bytes of a file from `offset` on; what stood behind them is cut off. Errors: Refused with the code OFFSET
        when less than that has arrived."""
        body = PartBody(file, offset, size) if size else b""
        self.of_run("PATCH", run, path, params={"offset": str(offset)}, data=body)

    def source_differs(self, run: Run, name: str) -> None:
        """What was fetched of a source has another sum than what the web host has."""

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        more.setdefault("timeout", (CONNECT_TIMEOUT_S, READ_TIMEOUT_S))
        try:
            answer = self._session().request(method, self._url + path, allow_redirects=False, **more)
        except requests.RequestException as error:
            self.trouble = f"the web host does not answer ({type(error).__name__})"
            raise ServiceUnavailable(f"{self._url}{path}: {type(error).__name__}: {error}") from error
        if is_success(answer):
            self.trouble = ""
            return answer
        with answer:
            refusal = error_of(answer, path)
            words = problem_words(object_in(answer)) or _not_ours(answer)
            self.trouble = words[:TROUBLE_CHARACTERS] if isinstance(refusal, TransientError) else ""
            raise refusal

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = self._of_thread.session = new_session()
            session.headers["Authorization"] = f"Token {self._token}"
        return session


def _not_ours(answer: requests.Response) -> str:
    return f"something else than the web host answers {answer.status_code}"


def take_part(answer: requests.Response, path: str, take: Callable[[bytes], object]) -> None:
    """Hand on the body of an answer, one part of a file, piece by piece. Errors: ServiceUnavailable."""
    left = PART_BYTES
    try:
        for piece in answer.iter_content(plain_files.PIECE_BYTES):
            left -= len(piece)
            if left < 0:
                raise ServiceUnavailable(f"{path}: more than the part that was asked for")
            take(piece)
    except requests.RequestException as error:
        raise ServiceUnavailable(f"{path}: {type(error).__name__}: {error}") from error
    if left == PART_BYTES:  # whoever asks again at once would ask for ever
        raise ServiceUnavailable(f"{path}: a part without a byte")


def place_of(run: Run) -> str:
    return f"/runs/{run.task}/{run.generation}/{run.attempt}"


def patiently(tick: Tick, act: Callable[[], Any], deadline: float | None = None) -> Any:
    """What `act` returns; repeated while the web app is away. `tick` is called meanwhile, and what it raises goes up. Errors: as
    of `act`; ServiceUnavailable only after `deadline` (of time.monotonic), by default after PATIENCE_S."""
    last = time.monotonic() + PATIENCE_S if deadline is None else deadline
    pause_s = PAUSE_S[0]
    while True:
        try:
            return act()
        except TransientError as error:
            if time.monotonic() > last:
                raise
            log.info("again in %.0f s: %s", pause_s, error.reason)
        until = time.monotonic() + pause_s
        while time.monotonic() < until:
            tick()
            time.sleep(min(PAUSE_S[0] / 4, pause_s))
        pause_s = min(2 * pause_s, PAUSE_S[1])
