"""Fetches a file from another site: within a limit of bytes, resumable, and only from addresses that are allowed.

What arrives is written beside the target as NAME.part; NAME.seen holds what the server said of that version of the file
(its ETag or date). After a broken connection, or in the next run on the same host, the rest is asked for on condition that
the file is still the same one. The limit counts bytes that arrived, whatever the server announced.
"""

import json
import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import urllib3

from pod_jobs.errors import BadSource, ServiceUnavailable
from pod_jobs.outside.addresses import Allowed, Resolve, Target, pin, read, redirected
from pod_jobs.outside.exchange import Times, opened
from pod_jobs.system import plain_files

log = logging.getLogger(__name__)

PIECE_BYTES = 256 * 1024
MOST_REDIRECTS = 5
TRIES = 5  # in a row without a new byte
PAUSE_S = 8.0  # longest pause between two tries
SLOW_BYTES, SLOW_S = 1_000_000, 300.0  # less than that in so many seconds counts as no progress
TIMES = Times(connect_s=10.0, read_s=60.0)
PASSING = (408, 425, 429)  # and every 5xx
REDIRECTS = (301, 302, 303, 307, 308)
RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/(?:[0-9]{1,18}|\*)")


@dataclass(frozen=True)
class Fetched:
    """A file that has arrived completely. `address`: where it came from at last, without its query."""

    bytes: int
    sha256: str
    address: str


@dataclass(frozen=True)
class Limits:
    """At most so many bytes; `times` for each wait."""

    bytes: int
    times: Times = TIMES
    pause_s: float = PAUSE_S


def fetch(
    url: str, allowed: Allowed, to: Path, limits: Limits, tick: Callable[[int], None], resolve: Resolve | None = None
) -> Fetched:
    """Fetch `url` into the new file `to`. `tick(bytes so far)` is called often; what it raises ends the work.

    Errors: AddressForbidden; BadSource when the site refuses or the file is too large; ServiceUnavailable after several
    tries in vain: what has arrived stays for the next call. OSError for this disk.
    """
    return _Fetch(url, allowed, to, limits, tick, resolve).run()


class _Fetch:
    def __init__(
        self,
        url: str,
        allowed: Allowed,
        to: Path,
        limits: Limits,
        tick: Callable[[int], None],
        resolve: Resolve | None,
    ) -> None:
        self._first, self._allowed, self._to, self._limits = read(url, allowed), allowed, to, limits
        self._tick, self._resolve = tick, resolve
        self._part, self._seen = to.with_name(f"{to.name}.part"), to.with_name(f"{to.name}.seen")
        self._have = 0

    def run(self) -> Fetched:
        failures = 0
        while True:
            before = plain_files.size_of(self._part) or 0
            try:
                address = self._once()
                break
            except (urllib3.exceptions.HTTPError, ServiceUnavailable) as error:
                failures = 1 if self._have > before else failures + 1
                if failures >= TRIES:
                    raise ServiceUnavailable(f"{self._first.shown}: {type(error).__name__}: {error}") from error
                log.warning("%s: try %s failed: %s", self._first.shown, failures, error)
                self._pause(failures)
        with plain_files.open_plain(self._part) as file:
            done = Fetched(self._have, plain_files.sha256_of(file), address)
        self._part.replace(self._to)
        self._seen.unlink(missing_ok=True)
        log.info("fetched %s: %s bytes, sha256 %s", done.address, done.bytes, done.sha256)
        return done

    def _once(self) -> str:
        """Ask for what is missing, and write it. Returns the address that had it."""
        version = self._version()
        have = (plain_files.size_of(self._part) or 0) if version else 0
        headers = {"Range": f"bytes={have}-", "If-Range": version} if have else {}
        with self._answer(headers) as (target, response):
            match response.status:
                case 206 if have and _begins_at(response) == have:
                    self._write(target, response, have)
                case 200:
                    plain_files.remove(
                        self._part
                    )  # before the note is written, which must never describe another version
                    self._note(response)
                    self._write(target, response, 0)
                case 206 | 416:
                    self._seen.unlink(missing_ok=True)
                    raise ServiceUnavailable("the rest does not fit to what has arrived; it is fetched anew")
                case status if status in PASSING or status >= 500:
                    raise ServiceUnavailable(f"the answer is {status}")
                case status:
                    reason = f"{target.shown} answers {status}"
                    raise BadSource(reason, code="source-not-fetched", host=target.host)
        return target.shown

    @contextmanager
    def _answer(self, headers: dict[str, str]) -> Iterator[tuple[Target, urllib3.BaseHTTPResponse]]:
        target = self._first
        for _ in range(MOST_REDIRECTS + 1):
            self._tick(self._have)
            target = pin(target, self._allowed, self._resolve)
            with opened("GET", target, self._limits.times, headers) as response:
                if response.status not in REDIRECTS:
                    yield target, response
                    return
                target = redirected(target, response.headers.get("Location", ""), self._allowed)
        raise BadSource(f"more than {MOST_REDIRECTS} redirects", code="source-not-fetched", host=self._first.host)

    def _write(self, target: Target, response: urllib3.BaseHTTPResponse, have: int) -> None:
        announced = response.headers.get("Content-Length", "")
        whole = have + int(announced) if announced.isascii() and announced.isdigit() else None
        self._check_size(whole or 0)
        self._have = have
        mark_s, mark_bytes = time.monotonic(), have
        with plain_files.open_plain(self._part, "ab") as file:
            file.truncate(have)
            while piece := response.read1(PIECE_BYTES, decode_content=False):  # what has arrived, be it a byte
                file.write(piece)
                self._have += len(piece)
                self._check_size(self._have)
                self._tick(self._have)
                if time.monotonic() - mark_s > SLOW_S:
                    if self._have - mark_bytes < SLOW_BYTES:
                        raise ServiceUnavailable(f"less than {SLOW_BYTES} bytes in {SLOW_S:g} s")
                    mark_s, mark_bytes = time.monotonic(), self._have
        if whole is not None and self._have != whole:  # urllib3 raises an error too; this is a second check
            raise ServiceUnavailable(f"{target.host} sent {self._have} of {whole} bytes")
        if not self._have and whole is None:  # a connection that breaks within the head looks like this, too
            raise ServiceUnavailable(f"{target.host} sent nothing, and did not announce that")
        if not self._have:
            raise BadSource(f"{target.shown} is empty", code="source-empty")

    def _check_size(self, size: int) -> None:
        if size > self._limits.bytes:
            self._seen.unlink(missing_ok=True)
            plain_files.remove(self._part)
            limit = f"{self._limits.bytes / 1e9:g} GB"
            raise BadSource(f"{self._first.shown}: more than {limit}", code="source-too-large", limit=limit)

    def _version(self) -> str:
        """The ETag or date of the version of which a part is here; "" if there is no part, or its version is not known."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            seen = json.loads(plain_files.read_text(self._seen))
            return str(seen["version"]) if seen["url"] == self._first.url else ""
        return ""

    def _note(self, response: urllib3.BaseHTTPResponse) -> None:
        etag = response.headers.get("ETag", "")
        version = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
        plain_files.write_text(self._seen, json.dumps({"url": self._first.url, "version": version}))
        os.chmod(self._seen, 0o600)  # an address may hold a secret

    def _pause(self, failures: int) -> None:
        until = time.monotonic() + random.uniform(0.5, 1.0) * min(self._limits.pause_s, 0.5 * 2.0**failures)
        while time.monotonic() < until:
            self._tick(self._have)
            time.sleep(0.1)


def _begins_at(response: urllib3.BaseHTTPResponse) -> int | None:
    match = RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None
