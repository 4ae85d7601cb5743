"""A worker host joins an instance: an invitation, which is used once, is exchanged for the host's own token and its settings.

The invitation is one line for a person to copy, "https://video.example.org#CODE". What the host gets is written into its own
instance folder, where its workers read it at each start.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import requests

import pod_jobs
from pod_jobs.answers import object_in, problem_words
from pod_jobs.catalog.store import users
from pod_jobs.errors import NotFound, Refused, ServiceUnavailable
from pod_jobs.http_session import new_session
from pod_jobs.instance.prepare import SYSTEM_USERS
from pod_jobs.jobs import sentinel
from pod_jobs.settings import QUEUES, Settings, load
from pod_jobs.settings.section import as_toml
from pod_jobs.system.versions import differ

VALID_FOR = timedelta(hours=24)
TIMEOUT_S = (5, 30)
NAME_LIMIT = 60
TRIED_BYTES = 8192  # more than what a host gets
SAYS = "~"  # in an invitation's code: the names of its queues follow, with dots between them
INVITATION = re.compile(r"(https?://[^\s'\"#]+)#([\w~.-]+)")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Welcome:
    """What a host needs to work for an instance: its own token, the address of the key-value server and the prefix of its keys,
    the version of pod_jobs on the web host, and how it gets files ("http" or "s3")."""

    token: str
    redis_url: str
    version: str = ""
    storage: str = "http"
    redis_prefix: str = ""


def invite(settings: Settings, queues: Sequence[str] = ()) -> str:
    """A line with which one host may join within 24 h, as workers of `queues` alone; none = all. Needs an open database.
    Errors: Refused when no other host could reach the key-value server or the web app."""
    hosts = sentinel.hosts_of(_redis_url(settings))
    if not hosts or any(host in LOOPBACK for host in hosts):
        raise Refused(
            "redis.url: other hosts cannot reach this key-value server; see docs/how-to/add-an-encoding-host.md"
        )
    if urlsplit(settings.public_url).hostname in LOOPBACK:
        raise Refused("web.public_url: set it to the address by which other hosts reach the web app")
    name, _ = SYSTEM_USERS["worker_token"]
    says = SAYS + ".".join(queues) if queues else ""
    return f"{settings.public_url}#{users.create_link(users.find(name), VALID_FOR, datetime.now(UTC), says)}"


def welcome(settings: Settings, code: str, host: str, version: str) -> Welcome:
    """Use an invitation. Needs an open database. Errors: NotFound when it is unknown, used or expired; Refused, and it stays
    unused, for a host with another version."""
    if differ(version, pod_jobs.__version__):
        facts = {"theirs": version[:NAME_LIMIT], "ours": pod_jobs.__version__}
        raise Refused("the invitation can still be used", code="worker-version", **facts)
    name, _ = SYSTEM_USERS["worker_token"]
    if users.peek_link(code, datetime.now(UTC)).name != name:
        raise NotFound("an invitation that is valid")
    user = users.use_link(code, datetime.now(UTC), others_end=False)
    label = "".join(char for char in host if char.isprintable())[:NAME_LIMIT]
    queues = code.partition(SAYS)[2]
    token = users.create_token(user, f"host {label}", datetime.now(UTC), queues=queues.split(".") if queues else ())
    users.note("command-line", "worker joined", label, datetime.now(UTC))
    storage = "s3" if settings.s3.endpoint else "http"
    return Welcome(token, _redis_url(settings), pod_jobs.__version__, storage, settings.redis.prefix)


def _redis_url(settings: Settings) -> str:
    """The address of the key-value server for other hosts."""
    return settings.redis.worker_url or settings.redis.url


def queues_of(line: str) -> tuple[str, ...]:
    """The queues that an invitation names; () = it is for all. Errors: Refused."""
    names = _read(line)[1].partition(SAYS)[2].split(".")
    return tuple(name for name in QUEUES if name in names)


def join(line: str, home: Path, host: str) -> Settings:
    """Exchange an invitation, and write the instance folder of a worker host. Returns its settings.

    Errors: Refused when the line is no invitation, there are settings in `home` already, it cannot be written, or the
    invitation does not hold; ServiceUnavailable.
    """
    url, code = _read(line)
    if (home / "settings.toml").exists() or (home / "secrets" / "worker_token").exists():
        raise Refused(f"{home} has settings already; join with a new folder (--home DIR)")
    with _place(home):
        terms = _ask(url, code, host)
        fields = {"redis": terms.redis_url, "prefix": terms.redis_prefix, "url": url, "storage": terms.storage}
        text = SETTINGS.format(**{name: as_toml(value) for name, value in fields.items()})
        _write_private(home / "secrets" / "worker_token", terms.token)
        _write_private(home / "settings.toml", text)
    return load(home)


def _read(line: str) -> tuple[str, str]:
    """The address of the web app and the code, of an invitation or of all that `worker invite` printed. Errors: Refused."""
    found = INVITATION.search(line)
    try:
        if found and urlsplit(found[1]).hostname and urlsplit(found[1]).port != 0:
            return found[1].rstrip("/"), found[2]
    except ValueError:  # of a port, or of brackets
        pass
    raise Refused("this is no invitation: copy the whole line that `worker invite` printed")


def is_in_clear(line: str) -> bool:
    """Does what an invitation is exchanged for come over a network that others may read? Errors: Refused."""
    address = urlsplit(_read(line)[0])
    return address.scheme == "http" and address.hostname not in LOOPBACK


SETTINGS = """\
# Written by `worker join`. This file holds the key-value server's password: keep it readable by this user only.
[redis]
url = {redis}
prefix = {prefix}

[worker]
catalog_url = {url}
storage = {storage}
"""


def _ask(url: str, code: str, host: str) -> Welcome:
    with new_session() as session:
        try:
            body = {"code": code, "host": host, "version": pod_jobs.__version__}
            answer = session.post(f"{url}/api/v1/workers/join", json=body, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise ServiceUnavailable(f"{url}: {type(error).__name__}") from error
    problem = object_in(answer)  # {} if a proxy answers, whose 404 says nothing of the invitation
    if answer.status_code == requests.codes.conflict and problem:
        raise Refused(problem_words(problem), code="refused")
    if answer.status_code == requests.codes.not_found and problem.get("code") == "not-found":
        raise Refused("this invitation was used already, or has expired: ask for another one")
    try:
        document = answer.json()
        more = {name: str(document[name]) for name in ("version", "storage", "redis_prefix") if name in document}
        return Welcome(str(document["token"]), str(document["redis_url"]), **more)
    except (ValueError, LookupError, TypeError) as error:
        raise ServiceUnavailable(f"{url}: {answer.status_code}, and not the answer of a web app of pod_jobs") from error


@contextmanager
def _place(home: Path) -> Iterator[None]:
    """The folders for what a host gets, tried before the invitation is used up. After an error, nothing of it is left. Errors:
    Refused when they cannot be written."""
    made = [folder for folder in (home / "secrets", home, *home.parents) if not folder.exists()]
    try:
        (home / "secrets").mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "secrets").chmod(0o700)
        for folder in (home, home / "secrets"):
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(TRIED_BYTES))
        yield
    except BaseException as error:
        with suppress(OSError):
            for name in ("settings.toml", "secrets/worker_token"):
                (home / name).unlink(missing_ok=True)
            for folder in made:
                folder.rmdir()
        if isinstance(error, OSError):
            raise Refused(f"{home} cannot be written: {error.strerror}") from error
        raise


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
