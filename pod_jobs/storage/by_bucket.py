"""A worker's calls of the web app when the bytes of files travel through the bucket of an S3 server (storage/bucket.py).

The calls and the answers to them are those of web_calls.py, but for the bytes of a part: to read them, the worker gets a link;
to send them, it puts them into the bucket by a link, and then tells the web app how many they are. A link that has expired
meanwhile is asked for anew.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import requests

from pod_jobs.answers import is_success
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.http_session import new_session
from pod_jobs.storage import Run
from pod_jobs.storage.bucket import TRIED, refusal_in
from pod_jobs.storage.web_calls import (
    CONNECT_TIMEOUT_S,
    PART_BYTES,
    READ_TIMEOUT_S,
    SUM_TIMEOUT_S,
    PartBody,
    WebCalls,
    take_part,
)

SMALL_BYTES = 64 * 1024  # so much goes with the call itself, which costs less than a link
EXPIRED = (400, 401, 403)  # what S3 servers answer to a link that is no longer valid
TRIES = 2  # with a link each
SENDING = threading.Lock()  # a run has one object to send by, and several threads


class BucketCalls(WebCalls):
    """The calls. Errors of all: those of answers.error_of; ServiceUnavailable while the S3 server is away."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self._in_thread = threading.local()  # a session belongs to one thread

    def fetch_part(self, run: Run, path: str, start: int, take: Callable[[bytes], object], **more: Any) -> None:
        within = start % PART_BYTES  # the bucket has whole parts; what is here of this one already is not read again
        params = {**more.pop("params", {}), "link_from": str(start - within)}
        headers = {"Range": f"bytes={within}-"} if within else {}
        for left in reversed(range(TRIES)):
            part = self.of_run("GET", run, path, params=params, timeout=(CONNECT_TIMEOUT_S, SUM_TIMEOUT_S), **more)
            with self._of_bucket("GET", part["url"], is_last=not left, stream=True, headers=headers) as answer:
                if answer is not None:
                    if int(answer.headers.get("Content-Length", -1)) != part["bytes"] - within:
                        raise ServiceUnavailable(f"{path}: not the part that was asked for")
                    take_part(answer, path, take)
                    return

    def send_part(self, run: Run, path: str, file: BinaryIO, offset: int, size: int) -> None:
        if size <= SMALL_BYTES:
            super().send_part(run, path, file, offset, size)
            return
        with SENDING:
            for left in reversed(range(TRIES)):
                offer = self.of_run("POST", run, "objects", json={"bytes": size})
                part = PartBody(file, offset, size)
                with self._of_bucket("PUT", offer["url"], is_last=not left, data=part) as answer:
                    if answer is not None:
                        break
            self.of_run("PATCH", run, path, params={"offset": str(offset), "from_bucket": str(size)})

    def source_differs(self, run: Run, name: str) -> None:
        """The web host puts it into the bucket anew."""
        self.of_run("DELETE", run, "source-parts", params={"name": name})

    def check_bucket(self) -> str:
        """Write and read an object, by links that the web host gives. Returns which bucket it is."""
        offer = self.document("POST", "/workers/bucket-check")
        with self._of_bucket("PUT", offer["put"], is_last=True, data=TRIED):
            pass
        with self._of_bucket("GET", offer["get"], is_last=True) as answer:
            if answer is None or answer.content != TRIED:
                raise ServiceUnavailable("S3 server: what was read is not what was written")
        return str(offer["bucket"])

    @contextmanager
    def _of_bucket(self, method: str, link: str, *, is_last: bool, **more: Any) -> Iterator[requests.Response | None]:
        """The answer to a signed link; None when it has expired and it is not the last try. The link stays out of all texts."""
        try:
            times = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
            answer = self._bare_session().request(method, link, timeout=times, allow_redirects=False, **more)
        except (requests.RequestException, ValueError) as error:
            self.trouble = f"S3 server: {type(error).__name__}"
            raise ServiceUnavailable(self.trouble) from None
        with answer:
            if not is_success(answer) and (is_last or answer.status_code not in EXPIRED):
                self.trouble = f"S3 server: {refusal_in(answer)}"
                raise ServiceUnavailable(self.trouble)
            yield answer if is_success(answer) else None

    def _bare_session(self) -> requests.Session:
        """A session without the worker's token, which is none of the S3 server's business."""
        session: requests.Session | None = getattr(self._in_thread, "session", None)
        if session is None:
            session = self._in_thread.session = new_session()
        return session
