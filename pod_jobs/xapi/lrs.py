"""The client of a Learning Record Store (LRS): it sends statements, and reads the answer as one of six things.

The answers of three real ones were recorded. The same resend is answered by 204 (Ralph), 200 (Learning Locker) or 409 (ADL
LRS). On partial success Ralph answers 200 with `rejected` (a number), and 400 with `rejected` 0 when everything was there
already. A 200 with a page of HTML comes from a portal in between. delivery.py decides what an answer means for each
statement.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import RemoteDisconnected
from typing import Any, Protocol
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from pod_jobs.http_session import new_session

REASON_LIMIT = 500  # characters kept of an answer, because an LRS may repeat the statement, which is about a person
ANSWER_LIMIT = 1_000_000  # bytes read of an answer: 100 ids are 4 kB, 100 statements at most 256 kB
RETRY_AFTER_LIMIT_S = 3600.0  # longest wait that an LRS can ask for

TRANSIENT = (408, 425, 429)  # and every 5xx
GATEWAYS = (502, 503, 504)
SUSPECT = (400, 413, 422)
FORBIDDEN = (403, 406, 451)  # of the login, or of a firewall on the way that dislikes a word in one statement
OF_THE_LOGIN = (401, 407)  # whatever is sent
RESETS = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, RemoteDisconnected)
UNSENDABLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
)


@dataclass(frozen=True)
class Endpoint:
    """Address, login and time-outs of a record store. `url` is used byte for byte: one slash more is a 404 on ADL LRS, and one
    slash less is a 404 on others."""

    url: str  # of the statements resource
    login: str = ""
    password: str = ""
    version: str = "1.0.3"  # X-Experience-API-Version; servers for 1.0 refuse 2.0.0, and most refuse its absence
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    ca_file: str = ""  # certificates to trust; "" = those that the system trusts
    proxy_url: str = ""


@dataclass(frozen=True)
class Stored:
    """The whole batch is stored."""


@dataclass(frozen=True)
class PartlyStored:
    """These ids are stored. Of the others, `rejected` were refused, and the rest had been there before."""

    ids: frozenset[str]
    rejected: int
    reason: str


@dataclass(frozen=True)
class Refused:
    """400, 413, 422: the LRS refuses one or more statements of the batch. 403 and the like may also refuse our login, and
    3xx and 404 may be about our address; or they come from a firewall on the way that dislikes a word."""

    status: int
    reason: str


@dataclass(frozen=True)
class Unclear:
    """201, 202, or 200 with a body that no LRS writes: the batch may be stored. Ask for its ids."""

    status: int
    reason: str


@dataclass(frozen=True)
class Conflict:
    """409: an id of the batch is in use, perhaps by the very same statement."""

    reason: str


@dataclass(frozen=True)
class Transient:
    """No answer, 5xx, 429 …: the batch may or may not have been stored. Send the same again.

    `server_error`: it was a 500, which may also mean that one statement upsets the LRS.
    `is_reset`: the connection was cut before an answer, which may also mean that the body was too large for a proxy.
    `may_still_work`: no answer came in time, so the LRS may still be storing the batch.
    `is_gateways`: 502, 503 or 504, which may come from a proxy on the way that dislikes the size of the body.
    `retry_after_s`: seconds of rest that the LRS asked for.
    """

    reason: str
    server_error: bool = False
    retry_after_s: float | None = None
    is_reset: bool = False
    may_still_work: bool = False
    is_gateways: bool = False


@dataclass(frozen=True)
class Misconfigured:
    """The password, address, certificate or service is wrong, whatever is sent. `is_unknown`: the LRS does not know who asks."""

    reason: str
    is_unknown: bool = False


Answer = Stored | PartlyStored | Refused | Conflict | Unclear | Transient | Misconfigured


@dataclass(frozen=True)
class FoundStatement:
    """The statement that the LRS has under an id; None when it has none."""

    statement: dict[str, Any] | None


class Lrs(Protocol):
    """The part of LrsClient by which statements are delivered."""

    def post_statements(self, bodies: Sequence[bytes]) -> Answer: ...
    def fetch_statement(self, statement_id: str) -> FoundStatement | Transient | Misconfigured: ...
    def lists_statements(self) -> bool: ...


class LrsClient:
    """One LRS, over one connection that is kept. Not for use by several threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._session = new_session()  # a proxy is a setting
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.headers["X-Experience-API-Version"] = endpoint.version
        self._session.auth = (
            HTTPBasicAuth(endpoint.login.encode(), endpoint.password.encode()) if endpoint.login else None
        )
        if endpoint.ca_file:
            self._session.verify = endpoint.ca_file
        if endpoint.proxy_url:
            self._session.proxies = {"http": endpoint.proxy_url, "https": endpoint.proxy_url}

    def close(self) -> None:
        self._session.close()

    def post_statements(self, bodies: Sequence[bytes]) -> Answer:
        """Send one batch of frozen statements. It never raises."""
        body = b"[" + b",".join(bodies) + b"]"
        answer = self._exchange("POST", self._endpoint.url, body)
        return answer if isinstance(answer, Transient | Misconfigured) else classify_post(*answer)

    def fetch_statement(self, statement_id: str) -> FoundStatement | Transient | Misconfigured:
        """Ask for the statement that the LRS has under this id."""
        joint = "&" if "?" in self._endpoint.url else "?"
        answer = self._exchange("GET", f"{self._endpoint.url}{joint}statementId={quote(statement_id)}", None)
        return answer if isinstance(answer, Transient | Misconfigured) else classify_get(*answer)

    def lists_statements(self) -> bool:
        """Does the LRS list a statement? Then address, login and version are right. A 404 to a question for one id does not say
        that, because a wrong address is answered so, too."""
        joint = "&" if "?" in self._endpoint.url else "?"
        answer = self._exchange("GET", f"{self._endpoint.url}{joint}limit=1", None)
        return not isinstance(answer, Transient | Misconfigured) and is_list(answer[0], answer[2])

    def _exchange(
        self, method: str, url: str, body: bytes | None
    ) -> "tuple[int, Any, bytes] | Transient | Misconfigured":
        """Status, headers and content of an answer; or the reason why there is none."""
        limits_s = (self._endpoint.connect_timeout_s, self._endpoint.read_timeout_s)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            with self._session.request(
                method, url, data=body, headers=headers, timeout=limits_s, allow_redirects=False, stream=True
            ) as response:
                return response.status_code, response.headers, self._content(response)
        except requests.exceptions.SSLError as error:
            return Misconfigured(_shortened(f"TLS: {_cause(error)}"))
        except UNSENDABLE as error:
            return Misconfigured(_shortened(f"address: {error}"))
        except requests.exceptions.ConnectTimeout as error:
            return Transient(_shortened(_cause(error)))
        except requests.exceptions.Timeout as error:
            return Transient(_shortened(_cause(error)), may_still_work=True)
        except requests.RequestException as error:  # refused, reset, cut off, unknown host …
            cause = _first_cause(error)
            return Transient(_shortened(_cause(error)), is_reset=isinstance(cause, RESETS))
        except OSError as error:  # requests raises it when ca_file does not exist
            return Misconfigured(_shortened(f"TLS: {error}"))

    def _content(self, response: requests.Response) -> bytes:
        """The body. ANSWER_LIMIT and the read time-out bound the whole of it, because a server may send it drop by drop.

        Errors: requests.RequestException.
        """
        deadline = time.monotonic() + self._endpoint.read_timeout_s
        content = b""
        for piece in response.iter_content(16_384):
            content += piece
            if len(content) > ANSWER_LIMIT:
                raise requests.exceptions.ContentDecodingError(f"an answer of more than {ANSWER_LIMIT} bytes")
            if time.monotonic() > deadline:
                raise requests.exceptions.ReadTimeout("the answer took too long to arrive")
        return content


def classify_post(status: int, headers: Any, content: bytes) -> Answer:
    """What the answer to a batch means."""
    reason = f"{status} {_text(content)}".strip()
    report = _json(content)
    if status in (200, 400) and isinstance(report, dict) and isinstance(report.get("rejected"), int):
        return _partly(report, reason)
    if status == 204 or (status == 200 and isinstance(report, list)):
        return Stored()
    if status == 409:
        return Conflict(reason)
    if status in SUSPECT or status in FORBIDDEN:
        return Refused(status, _shortened(reason))
    if 200 <= status < 300:
        return Unclear(status, _shortened(reason))
    if 300 <= status < 500 and status not in (*TRANSIENT, *OF_THE_LOGIN):
        return Refused(status, _other(status, headers, reason).reason)
    return _other(status, headers, reason)


def classify_get(status: int, headers: Any, content: bytes) -> FoundStatement | Transient | Misconfigured:
    """What the answer to a question for one id means. It is the bare statement; some record stores put it into a list."""
    value = _json(content)
    if status == 404:
        return FoundStatement(None)
    if status == 200 and isinstance(value, dict):
        if "statements" not in value:
            return FoundStatement(value)
        statements = value["statements"] if isinstance(value["statements"], list) else []
        return FoundStatement(next((item for item in statements if isinstance(item, dict)), None))
    if status == requests.codes.not_implemented:  # it answers no questions, and never will: no reason to wait
        return Misconfigured(str(status))
    return _other(status, headers, f"{status} {_text(content)}".strip())


def is_list(status: int, content: bytes) -> bool:
    """Is this the answer of an LRS to the question for its statements?"""
    value = _json(content)
    return status == 200 and isinstance(value, dict) and isinstance(value.get("statements"), list)


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds to wait, from a number or a date, at most RETRY_AFTER_LIMIT_S. None if `text` makes no sense."""
    if text is None:
        return None
    try:
        seconds = (
            float(text)
            if text.isascii() and text.strip().isdigit()
            else (parsedate_to_datetime(text) - now).total_seconds()
        )
    except (ValueError, TypeError, OverflowError):  # it is no date, one without a zone, or of no year
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT_S)


def _partly(report: dict[str, Any], reason: str) -> Answer:
    ids = report.get("ids")
    stored = frozenset(str(statement_id).lower() for statement_id in ids) if isinstance(ids, list) else frozenset()
    return PartlyStored(stored, report["rejected"], reason)


def _other(status: int, headers: Any, reason: str) -> Transient | Misconfigured:
    if status >= 500 or status in TRANSIENT:
        wait_s = parse_retry_after(headers.get("Retry-After"), datetime.now(UTC))
        return Transient(
            _shortened(reason),
            server_error=status == 500,
            retry_after_s=wait_s,
            may_still_work=status == 504,  # the proxy gave up waiting, and the LRS may not have
            is_gateways=status in GATEWAYS and wait_s is None,
        )
    if 300 <= status < 400:
        return Misconfigured(_shortened(f"{status} redirect to {headers.get('Location')}"))
    return Misconfigured(_shortened(reason), is_unknown=status == 401)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _text(content: bytes) -> str:
    """`content` as text without NUL, which error pages in UTF-16 contain. PostgreSQL would refuse the report because of it,
    and the batch would be sent again for ever."""
    return content[: 4 * REASON_LIMIT].decode(errors="replace").replace("\0", "")[:REASON_LIMIT]


def _cause(error: BaseException) -> str:
    """The first cause, without the errors of the three libraries around it: "ConnectionRefusedError: [Errno 111] …"."""
    cause = _first_cause(error)
    return f"{type(cause).__name__}: {cause}"


def _first_cause(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _shortened(reason: str) -> str:
    return reason[:REASON_LIMIT]
