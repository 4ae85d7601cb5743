"""The bucket of an S3 server, as the web host uses it: bytes of files are there on their way between it and other hosts.

sources/<file>/<first>-<end>    a part of a file that workers read; they share it, and it stays for a day
sent/<run>/<sender>             what a worker has sent of a file; the web host takes it in at once
checks/<who>                    what a doctor tries

Nothing in it is the only copy of anything, so it needs no backup. Workers get links for one request each, and no secret.

No worker can fill it: a source has one object for each PART_BYTES of it, a run has one object for each worker that may send at
the same time, a doctor has one, and a link to write says how many bytes it takes.
"""

import hashlib
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from html import unescape
from typing import Any, BinaryIO

import requests

from pod_jobs.answers import is_success
from pod_jobs.errors import ServiceUnavailable
from pod_jobs.http_session import new_session
from pod_jobs.storage.signed_links import S3Place, signed_link
from pod_jobs.storage.web_calls import PART_BYTES, PartBody
from pod_jobs.system.plain_files import PIECE_BYTES

TIMES_S = (5, 60)  # to connect, and between two pieces of an answer
OWN_LINK_S = 300  # how long a link is valid that the web host uses itself
OWNER = "owner"  # the sender that has the run; each helper has a number
TRIED = b"a worker was here"  # what doctors write; the same of all workers of a host, which may try at the same time
SOURCES, SENT, CHECKS = "sources", "sent", "checks"
OURS = re.compile(r"sources/[0-9a-f]{32}/[0-9]+-[0-9]+|sent/[0-9]+-[0-9]+-[0-9]+/[a-z0-9]{1,32}|checks/[a-z0-9-]{1,60}")

_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,60})</Code>")
_LISTED = re.compile(r"<Contents>.*?</Contents>", re.S)
_NEXT = re.compile(r"<NextContinuationToken>([^<]{1,2000})</NextContinuationToken>")


class Bucket:
    """Objects whose keys begin with `prefix`. Links for workers are valid for `link_s`. Errors of all methods:
    ServiceUnavailable; no text of it holds a link."""

    def __init__(self, place: S3Place, prefix: str, link_s: int) -> None:
        self._place, self._prefix, self._link_s = place, prefix, link_s
        self._of_thread = threading.local()  # a session belongs to one thread

    def __str__(self) -> str:
        return f"{self._place.bucket} at {self._place.host}"

    # for workers

    def offer(self, file: BinaryIO, start: int) -> tuple[str, int]:
        """Put the part of an open file that begins at `start`, a multiple of PART_BYTES, into the bucket, unless it is there.
        Returns a link to read it, and how many bytes it has. The file does not change."""
        if start % PART_BYTES:
            raise ValueError(f"{start} is within a part")
        state = os.fstat(file.fileno())
        end = min(state.st_size, start + PART_BYTES)
        if start >= end:
            raise ServiceUnavailable(f"the file has {state.st_size} bytes, and none from {start} on")
        key = f"{parts_of(file)}/{start}-{end}"
        if not self._has(key, end - start):
            self._ask("PUT", key, data=PartBody(file, start, end - start)).close()
        return self._link("GET", key), end - start

    def forget(self, parts: str) -> None:
        """Remove the parts of a file, of which `parts_of` tells the name."""
        for key, _ in self._listed(f"{parts}/"):
            self._ask("DELETE", key).close()

    def receive(self, run: str, sender: str, size: int) -> str:
        """The link by which a worker at `run` sends exactly `size` bytes. They replace what this `sender` sent before."""
        return self._link("PUT", f"{SENT}/{run}/{sender}", {"content-length": str(size)})

    @contextmanager
    def received(self, run: str, sender: str, size: int) -> Iterator[Iterator[bytes]]:
        """In this block, what a worker sent, in pieces. If all is well, the object is removed at the end."""
        key = f"{SENT}/{run}/{sender}"
        with self._ask("GET", key, stream=True) as answer:
            yield self._pieces(answer, size)
        with suppress(ServiceUnavailable):  # `sweep` removes it
            self._ask("DELETE", key).close()

    def check(self) -> None:
        """Write, read and delete an object."""
        key, content = f"{CHECKS}/{secrets.token_hex(16)}", secrets.token_bytes(32)
        self._ask("PUT", key, data=content).close()
        read = self._ask("GET", key).content
        self._ask("DELETE", key).close()
        if read != content:
            raise ServiceUnavailable(f"S3 server {self}: what was read is not what was written")

    def links_to_try(self, who: str) -> tuple[str, str]:
        """Links by which the workers of a host write TRIED and read it."""
        key = f"{CHECKS}/{who}"
        return self._link("PUT", key, {"content-length": str(len(TRIED))}), self._link("GET", key)

    def sweep(self, limit: datetime) -> int:
        """Delete what has been there since before `limit`. Returns how many objects."""
        ours = (
            entry for part in (SOURCES, SENT, CHECKS) for entry in self._listed(f"{part}/")
        )  # others may use the bucket too
        old = [key for key, at in ours if at < limit.timestamp() and OURS.fullmatch(key)]
        for key in old:
            self._ask("DELETE", key).close()
        return len(old)

    def _has(self, key: str, size: int) -> bool:
        with self._ask("HEAD", key, missing_is_fine=True) as answer:
            return is_success(answer) and answer.headers.get("Content-Length") == str(size)

    def _pieces(self, answer: requests.Response, size: int) -> Iterator[bytes]:
        got = 0
        try:
            for piece in answer.iter_content(PIECE_BYTES):
                got += len(piece)
                if got > size:
                    break
                yield piece
        except requests.RequestException as error:
            raise ServiceUnavailable(f"S3 server {self}: {type(error).__name__}") from None
        if got != size:
            raise ServiceUnavailable(f"S3 server {self}: an object of {got} bytes instead of {size}")

    def _listed(self, begin: str) -> Iterator[tuple[str, float]]:
        """(key, seconds since 1970 at which it was written) of all objects whose keys begin like that."""
        parameters = {"list-type": "2", "prefix": self._prefix + begin}
        while True:
            text = self._ask("GET", None, query=parameters).text
            for entry in _LISTED.findall(text):
                key, at = (unescape(_word(entry, name)) for name in ("Key", "LastModified"))
                try:
                    written = datetime.fromisoformat(at).timestamp()
                except ValueError as error:
                    raise ServiceUnavailable(f"S3 server {self}: it lists objects in a way of its own") from error
                if key.startswith(self._prefix):
                    yield key.removeprefix(self._prefix), written
            following = _NEXT.search(text)
            if following is None:
                return
            parameters["continuation-token"] = unescape(following[1])

    def _link(self, method: str, key: str, headers: dict[str, str] | None = None) -> str:
        valid = datetime.now(UTC), self._link_s
        return signed_link(self._place, method, self._prefix + key, valid, headers=headers or {})

    def _ask(
        self, method: str, key: str | None, *, missing_is_fine: bool = False, query: Any = None, **more: Any
    ) -> requests.Response:
        """One request about an object; None: about the bucket."""
        name = "" if key is None else self._prefix + key
        link = signed_link(self._place, method, name, (datetime.now(UTC), OWN_LINK_S), query or {})
        try:
            answer = self._session().request(method, link, timeout=TIMES_S, allow_redirects=False, **more)
        except requests.RequestException as error:  # its text has the link
            raise ServiceUnavailable(f"S3 server {self}: {type(error).__name__}") from None
        if is_success(answer) or (missing_is_fine and answer.status_code == requests.codes.not_found):
            return answer
        with answer:
            raise ServiceUnavailable(f"S3 server {self}: {refusal_in(answer)}")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = self._of_thread.session = new_session()
        return session


def refusal_in(answer: requests.Response) -> str:
    """The status and the code of an S3 server's refusal: "403 SignatureDoesNotMatch"."""
    try:
        code = _CODE.search(next(answer.iter_content(4096), b""))
    except requests.RequestException:
        code = None
    return f"{answer.status_code} {code[1].decode() if code else ''}".rstrip()


def parts_of(file: BinaryIO) -> str:
    """The name that all parts of an open file have in common, which another content would not get. Errors: OSError."""
    state = os.fstat(file.fileno())
    text = f"{state.st_ino} {state.st_size} {state.st_mtime_ns}"
    return f"{SOURCES}/{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _word(entry: str, name: str) -> str:
    match = re.search(rf"<{name}>([^<]*)</{name}>", entry)
    return match[1] if match else ""
