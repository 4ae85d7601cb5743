"""Checks of services: database, key-value server, and the web app as workers reach it."""

import ipaddress
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

import pod_jobs
from pod_jobs.answers import is_success, object_in
from pod_jobs.errors import PodJobsError, sentence
from pod_jobs.http_session import new_session
from pod_jobs.instance.doctor.finding import Finding, State
from pod_jobs.jobs import keys, sentinel
from pod_jobs.jobs.connection import clock_of, connect_promptly
from pod_jobs.settings import QUEUES, Settings
from pod_jobs.system.versions import differ

OLDEST_SERVER = (6, 2)  # the first version with LMOVE and BLMOVE, which RQ needs to hand over a job safely
MB = 1024 * 1024
NEARLY_FULL = 0.9
CLOCK_WARNING_S = 5.0
CLOCK_FAULT_S = 60.0  # RQ and the janitor compare instants from several hosts: heartbeats, retries
TIMEOUT_S = 5


def check_key_value_server(settings: Settings) -> Iterator[Finding]:
    """Check that the server answers, is new enough, keeps what it gets (append-only file), and evicts nothing."""
    name = "key-value server"
    try:
        with connect_promptly(settings.redis_url) as redis:
            facts = redis.info()
    except AuthenticationError as error:
        words = "asks for a password" if "HELLO must be called" in str(error) else f"refuses user or password: {error}"
        yield Finding(name, "fault", words, "redis.url = rediss://user:password@host:port/0")
        return
    except (RedisError, ValueError) as error:  # ValueError: the URL
        hint = "" if settings.redis.url else "./run up starts the embedded one"
        yield Finding(name, "fault", f"does not answer: {error}", hint)
        return
    version = str(facts.get("valkey_version") or facts["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_SERVER:
        yield Finding(name, "fault", f"is version {version}; 6.2 or newer is needed")
    else:
        yield Finding(name, "ok", f"{facts.get('server_name', 'redis')} {version}")
    if int(facts.get("cluster_enabled") or 0):
        yield Finding(name, "fault", "is a cluster, in which RQ cannot move jobs; one server, with a replica, does")
    if sentinel.is_watched(settings.redis_url):
        yield from _watch(settings.redis_url, facts)
    yield from _memory(facts)
    yield from _rights(settings)
    yield from _keeps_and_evicts_nothing(facts, accepted=settings.redis.accept_unsafe)
    yield from check_way_to_key_value_server(settings.redis_url)


def check_way_to_key_value_server(url: str) -> Iterator[Finding]:
    """Check that a server on a network has a password and TLS, because anyone who can write to it controls the workers."""
    name, parts = "key-value server's door", urlsplit(url)
    try:
        hosts = sentinel.hosts_of(url)
    except ValueError:
        return  # the check of the server itself says so
    if parts.scheme == "unix" or all(map(_is_this_host, hosts)):
        yield Finding(name, "ok", "on this host")
        return
    query = parse_qs(parts.query)
    lacks = [] if parts.password or query.get("password") else ["asks for no password"]
    if not parts.scheme.startswith("rediss"):
        lacks.append("is reached in plain text")
    elif query.get("ssl_cert_reqs", ["required"])[0].lower() != "required":
        lacks.append("may be an impostor, because its certificate is not checked")
    if lacks:
        text = f"{', '.join(hosts)} {' and '.join(lacks)}: whoever can write to it controls the workers"
        yield Finding(
            name, "warning", text, "redis.url = rediss://user:password@host:port/0, see docs/key-value-server.md"
        )
    else:
        yield Finding(name, "ok", f"{', '.join(hosts)}: a password, and encrypted")


def _is_this_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")


def check_clock(settings: Settings) -> Iterator[Finding]:
    """Compare the clock of the key-value server with that of this host."""
    try:
        with connect_promptly(settings.redis_url) as redis:
            at_s = clock_of(redis)
    except (RedisError, ValueError):
        yield Finding("clock", "warning", "not compared: the key-value server does not answer")
        return
    apart_s = abs(time.time() - at_s)
    text = f"{apart_s:.1f} s from the key-value server's"
    if apart_s <= CLOCK_WARNING_S:
        yield Finding("clock", "ok", text)
    else:
        yield Finding("clock", "fault" if apart_s > CLOCK_FAULT_S else "warning", text, "timedatectl set-ntp true")


def check_mail(settings: Settings) -> Iterator[Finding]:
    """Sign in to the mail server, if there is one."""
    from pod_jobs.outside import mail  # imported here, because workers do not make this check

    if not settings.mail.server:
        yield Finding("mail", "ok", "mail.server is not set: nobody is told when the delivery to an LRS stops")
        return
    try:
        mail.check(settings.mail_account())
    except PodJobsError as error:
        yield Finding("mail", "warning", error.reason, "[mail] in settings.toml")
        return
    yield Finding("mail", "ok", f"{settings.mail.server}:{settings.mail.port} takes mail from us")


def check_workers(settings: Settings) -> Iterator[Finding]:
    """Check that all hosts together run as many workers as they should, and that these take jobs."""
    from pod_jobs.jobs import workforce  # imported here, because workers do not make this check

    try:
        with connect_promptly(settings.redis_url) as redis:
            redis.publish(keys.rq_job("doctor-channel"), "1")  # workers do not need this right
            strengths = workforce.strengths(redis, QUEUES)
    except NoPermissionError as error:
        yield Finding("workers", "fault", f"cannot be told to stop: {error}", "the web host needs all rights there")
        return
    except (RedisError, ValueError):
        yield Finding("workers", "warning", "not counted: the key-value server does not answer")
        return
    lacking = [
        f"{name}: {strengths[name].alive} of {expected}"
        + (f", {held} take no job" if (held := strengths[name].suspended) else "")
        for name in QUEUES
        if strengths[name].alive < (expected := settings.expected_workers(name))
    ]
    if lacking:
        yield Finding("workers", "warning", "; ".join(lacking), "./run pod-jobs workers; [fleet] says how many")
    else:
        yield Finding("workers", "ok", ", ".join(f"{name} {strengths[name].alive}" for name in QUEUES))


def check_janitor(settings: Settings) -> Iterator[Finding]:
    """Check that a janitor gives signs of life."""
    try:
        with connect_promptly(settings.redis_url) as redis:
            name = redis.get(keys.JANITOR)
    except (RedisError, ValueError):
        yield Finding("janitor", "warning", "not known: the key-value server does not answer")
        return
    if name is None:
        text = "it gives no sign of life: missed jobs are not enqueued, and nothing is repaired or deleted"
        yield Finding("janitor", "warning", text, "restart the instance")
    else:
        yield Finding("janitor", "ok", f"at work: {bytes(name).decode('utf-8', 'replace')}")


def check_database(settings: Settings) -> Iterator[Finding]:
    """Check that the database answers, has all migrations, and can be written. Only for the web host: workers do not use it."""
    from peewee import PeeweeException

    from pod_jobs.catalog import database
    from pod_jobs.catalog.models import Audit

    if settings.lacks_database:
        remedy = "if a restore was interrupted, call it again; otherwise ./run up makes one"
        yield Finding("database", "fault", f"{settings.database_url} is not there", remedy)
        return
    try:
        catalog = database.connect(settings.database_url)
        with catalog.connection_context():
            pending, newer = database.pending(catalog), database.newer_migrations(catalog)
            if not pending:
                with catalog.atomic() as attempt:
                    Audit.create(at=datetime.now(UTC), who="doctor", action="check", subject="")
                    attempt.rollback()
    except (PeeweeException, PodJobsError) as error:
        reason = database.refusal_of(error) or getattr(error, "reason", str(error))
        yield Finding("database", "fault", reason, "[database] in settings.toml")
        return
    kind = type(catalog).__name__.removesuffix("Database")
    if newer:
        yield Finding("database", "fault", database.newer_words(newer))
    elif pending:
        yield Finding("database", "fault", f"{kind}: not migrated: {', '.join(pending)}", "./run up migrates it")
    else:
        yield Finding("database", "ok", f"{kind}, migrated, takes writes")


def check_catalog(settings: Settings, queues: Sequence[str] = ()) -> Iterator[Finding]:
    """Check that the web app accepts this host's worker token, for workers of `queues`, and is of the same version."""
    try:
        answer = _ask_who_we_are(settings)
    except PodJobsError as error:
        yield Finding("catalog", "fault", error.reason, "pod-jobs token add workers, on the web host")
        return
    except requests.RequestException as error:
        yield Finding("catalog", "fault", f"{settings.catalog_url} does not answer ({type(error).__name__})")
        return
    if answer.is_redirect:
        location = answer.headers["Location"]
        yield Finding(
            "catalog", "fault", f"{answer.url} redirects to {location}", "worker.catalog_url: the right address"
        )
    elif is_success(answer):
        yield _acceptance(settings, answer, queues)
    elif answer.status_code in (401, 403):
        text = f"{settings.catalog_url} refuses secrets/worker_token: it was revoked, or is of another instance"
        yield Finding("catalog", "fault", text, "worker invite on the web host, and join with a new folder")
    else:
        yield Finding("catalog", "fault", f"{answer.url} answers {answer.status_code}")


def _acceptance(settings: Settings, answer: requests.Response, wanted: Sequence[str]) -> Finding:
    document = object_in(answer)
    if "run-tasks" not in (document.get("permissions") or ()):
        if whose := document.get("name"):
            text = f"secrets/worker_token is a token of {whose}, who may not run tasks"
            return Finding("catalog", "fault", text, "worker invite on the web host, and join with a new folder")
        text = f"something else than a web app of pod_jobs answers at {settings.catalog_url}"
        return Finding("catalog", "fault", text, "worker.catalog_url: the right address")
    theirs = str(document.get("version", ""))
    valid_for = document.get("queues") or wanted  # none = all
    if theirs and differ(theirs, pod_jobs.__version__):
        facts = {"theirs": pod_jobs.__version__, "ours": theirs}
        return Finding("catalog", "fault", sentence("worker-version", facts), "docs/how-to/add-an-encoding-host.md")
    if refused := [queue for queue in wanted if queue not in valid_for]:
        text = sentence("worker-queue", {"queue": ", ".join(refused)})
        return Finding("catalog", "fault", text, f"worker invite --queues {','.join(wanted)}, on the web host")
    return Finding("catalog", "ok", settings.catalog_url)


def check_media(settings: Settings) -> Iterator[Finding]:
    """Check that this host has the catalog's media folder. If the share is not mounted, there is only an empty folder. Workers
    that get files by HTTP or through a bucket need none."""
    if settings.worker.storage == "http":
        yield Finding("media", "ok", f"workers of this host fetch and send files by {settings.catalog_url}")
        return
    if settings.worker.storage == "s3":
        yield _bucket_of_worker(settings)
        return
    try:
        answer = _ask_who_we_are(settings)
        expected = str(object_in(answer).get("media", "")) if is_success(answer) else ""
    except (PodJobsError, requests.RequestException):
        expected = ""
    if not expected:
        yield Finding("media", "warning", f"{settings.media}: not compared with the catalog, which does not answer")
        return
    try:
        settings.storage.check(expected)
    except PodJobsError as error:
        remedy = "mount it; if it is a copy of the right one that lost its .identity: echo "
        yield Finding("media", "fault", error.reason, f"{remedy}{expected} > '{settings.media.identity_file()}'")
        return
    yield Finding("media", "ok", f"{settings.media} is the one that the catalog means")
    yield from _locks(settings)


def _locks(settings: Settings) -> Iterator[Finding]:
    """Two encodings of one video are kept apart by a lock in the media folder."""
    try:
        only_here = settings.media.check_locks()
    except PodJobsError as error:
        yield Finding("locks", "fault", error.reason, "a file system with flock, such as NFS 4")
        return
    if only_here:
        text = f"{settings.media}: the mount option {only_here} hides locks from other hosts"
        yield Finding("locks", "warning", text, f"mount it without {only_here}")
    else:
        yield Finding("locks", "ok", f"files in {settings.media} can be locked")


def check_bucket(settings: Settings) -> Iterator[Finding]:
    """Check on the web host that the bucket of [s3], if there is one, can be used."""
    if settings.s3.endpoint:
        try:
            bucket = settings.bucket
            if bucket is not None:
                bucket.check()
                yield Finding("bucket", "ok", f"{bucket}: can be written and read")
        except PodJobsError as error:
            yield Finding("bucket", "fault", error.reason, "[s3] in settings.toml")


def _bucket_of_worker(settings: Settings) -> Finding:
    """Can this host write and read the bucket by the web host's links?"""
    from pod_jobs.storage.by_bucket import BucketCalls

    try:
        calls = BucketCalls(settings.catalog_url, settings.secret("worker_token"))
        return Finding("media", "ok", f"workers of this host fetch and send files through {calls.check_bucket()}")
    except PodJobsError as error:
        return Finding("media", "fault", error.reason, "this host must reach the S3 server of the web host's [s3]")


def _ask_who_we_are(settings: Settings) -> requests.Response:
    """Ask the web app with the worker's token. Errors: SettingsError without a token; requests.RequestException."""
    token = settings.secret("worker_token")
    with new_session() as session:
        url = f"{settings.catalog_url}/api/v1/me"
        headers = {"Authorization": f"Token {token}"}
        return session.get(url, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)  # as workers ask it


def _watch(url: str, facts: dict[str, Any]) -> Iterator[Finding]:
    """Check the sentinels, and that the master takes nothing that no copy of it gets: a failover would lose it."""
    name, answering, total = "sentinels", *sentinel.count(url)
    if answering == total and total > 2:
        yield Finding(name, "ok", f"{answering} of {total} answer")
    else:
        text = f"{answering} of {total} answer; with fewer than three, none can tell a dead server from a cut link"
        yield Finding(name, "warning", text, "redis.url names all sentinels")
    copies = int(facts.get("connected_slaves") or 0)
    if not copies:
        yield Finding("copies", "warning", "no other server has a copy of the key-value server's data")
    elif "min_slaves_good_slaves" not in facts:
        text = f"{copies}; what is written just before a failover is lost, and then takes a minute to be enqueued again"
        yield Finding("copies", "warning", text, "min-replicas-to-write 1, min-replicas-max-lag 10")
    else:
        yield Finding("copies", "ok", f"{copies}")


def _memory(facts: dict[str, Any]) -> Iterator[Finding]:
    """Check the memory of the key-value server. A full one accepts nothing more but loses nothing: orders and reports wait."""
    most, used = int(facts.get("maxmemory") or 0), int(facts["used_memory"])
    text = f"{used / MB:.0f} of {most / MB:.0f} MB"
    if most and used >= most:
        yield Finding("memory", "fault", f"{text}: the key-value server is full and takes nothing", "raise maxmemory")
    elif most and used > NEARLY_FULL * most:
        yield Finding("memory", "warning", f"{text}: the key-value server is nearly full", "raise maxmemory")


def _rights(settings: Settings) -> Iterator[Finding]:
    """Try each kind of command that we and RQ use, on keys that expire at once."""
    own_key, rq_key = f"{keys.OWNER}:doctor", keys.rq_job("doctor")
    commands: tuple[tuple[Any, ...], ...] = (
        ("SET", own_key, "1", "PX", "1000"),
        ("MGET", own_key),
        ("HSET", rq_key, "status", "queued"),
        ("PEXPIRE", rq_key, "1000"),
        ("DEL", own_key, rq_key),
        ("RPUSH", own_key, "1"),
        ("LMOVE", own_key, rq_key, "LEFT", "RIGHT"),
        ("BLMOVE", rq_key, own_key, "LEFT", "RIGHT", "0.01"),
        ("DEL", own_key, rq_key),
        ("ZADD", own_key, "1", "1"),
        ("ZRANGEBYSCORE", own_key, "0", "1"),
        ("SADD", rq_key, "1"),
        ("EVAL", "return redis.call('exists', KEYS[1])", "1", own_key),
        ("DEL", own_key, rq_key),
    )
    with connect_promptly(settings.redis_url) as redis:
        for command in commands:
            try:
                redis.execute_command(*command)
            except NoPermissionError as error:
                yield Finding(
                    "rights",
                    "fault",
                    f"{error}",
                    "./run pod-jobs acl QUEUE prints the rights; docs/key-value-server.md",
                )
                return
            except RedisError:
                return  # it is full or away; the checks before or after this one report that


def _keeps_and_evicts_nothing(facts: dict[str, Any], *, accepted: bool) -> Iterator[Finding]:
    bad: State = "warning" if accepted else "fault"
    where = "in the server's configuration file"
    if facts.get("aof_enabled"):
        yield Finding("persistence", "ok", "append-only file")
    else:
        text = "off: a restart of the key-value server forgets what waits"
        yield Finding("persistence", bad, text, f"appendonly yes  {where}")
    policy = facts.get("maxmemory_policy")
    if policy == "noeviction":
        yield Finding("eviction", "ok", "noeviction")
    else:
        text = f"{policy}: jobs vanish when the memory is full"
        yield Finding("eviction", bad, text, f"maxmemory-policy noeviction  {where}")
