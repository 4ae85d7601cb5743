"""Settings: settings.toml, <home>/settings.toml and POD_JOBS_… variables become one frozen object. A later source wins.

Only this package reads the environment. `load` is called once per process, and the object is passed down; there is no
global one. Names of fields end in their units. settings.toml explains each setting and holds its only default.
"""

import os
import re
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from pod_jobs.errors import SettingsError
from pod_jobs.media_folder import MEDIA
from pod_jobs.settings import key_prefix
from pod_jobs.settings.dressing import DressingSettings, dressing_faults
from pod_jobs.settings.encode import (
    EncodeSettings,
    RenditionSettings,
    TemplateSettings,
    template_faults,
    web_template,
)
from pod_jobs.settings.faults import UNREADABLE, fault_lines, unreadable
from pod_jobs.settings.mail import MailSettings
from pod_jobs.settings.periodic import PeriodicSettings
from pod_jobs.settings.section import Count, Listed, PositiveFloat, PositiveInt, Range, Section, Workers
from pod_jobs.settings.site import SiteSettings, shared_folder_faults
from pod_jobs.settings.sources import PREFIX, merge, read_document, tree_of
from pod_jobs.settings.speech import SpeechSettings
from pod_jobs.settings.workers import RetrySettings, S3Settings, WorkerSettings
from pod_jobs.settings.xapi import XapiSettings
from pod_jobs.storage import Storage
from pod_jobs.storage.shared_folder import SharedFolder
from pod_jobs.storage.web_host_folder import WebHostFolder

if TYPE_CHECKING:
    from pod_jobs.outside.mail import Account
    from pod_jobs.storage.bucket import Bucket
    from pod_jobs.storage.far_help import FarHelp
    from pod_jobs.storage.web_calls import WebCalls

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = "HONCHO_LAUNCHER"  # variable that `./run up` gives its lines: its own process id
Port = Annotated[int, Field(ge=1, le=65535)]


class RedisSettings(Section):
    url: str
    worker_url: str
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,40}$")]
    accept_unsafe: bool


class DatabaseSettings(Section):
    url: str


class FfmpegSettings(Section):
    path: str
    sandbox: Literal["auto", "bwrap", "landlock", "none"]


class WebSettings(Section):
    host: str
    port: Port
    public_url: str
    processes: PositiveInt
    threads: PositiveInt
    session_days: PositiveInt
    behind_proxy: Count
    accel_location: Annotated[str, Field(pattern=r"^(/([A-Za-z0-9._~-]+/)+)?$")]


class UploadSettings(Section):
    max_gb: PositiveFloat
    free_gb: Annotated[float, Field(ge=0)]
    expire_h: PositiveInt


class LimitsSettings(Section):
    uploads: Count
    room_percent: Annotated[int, Field(ge=0, le=100)]
    waiting: Count
    receiving: Count
    connections: Count


class WaitingSettings(Section):
    short_min: Annotated[float, Field(ge=0)]
    short_passes: Count


T = TypeVar("T")


class PerQueue(Section, Generic[T]):
    """A value for each queue. The fields are the names of the queues."""

    inspecting: T
    encoding: T
    transcripting: T
    xapi: T
    catalog: T


QUEUES = tuple(PerQueue.model_fields)


class JanitorSettings(Section):
    tick_s: PositiveFloat
    registries_s: PositiveInt
    reconcile_s: PositiveInt
    lost_s: PositiveInt


class RetentionSettings(Section):
    tasks_days: Count
    old_outputs_days: Count
    failures_days: Count
    audit_days: Count
    statements_days: Count


class Settings(Section):
    """All settings, and `home`: the absolute path of the instance folder, with database, media, logs, secrets and socket."""

    home: Path
    redis: RedisSettings
    database: DatabaseSettings
    ffmpeg: FfmpegSettings
    web: WebSettings
    upload: UploadSettings
    limits: LimitsSettings
    waiting: WaitingSettings
    workers: PerQueue[Workers]  # how many of each queue this host runs
    fleet: PerQueue[Count]
    worker: WorkerSettings
    s3: S3Settings
    encode: EncodeSettings
    rendition: Annotated[tuple[RenditionSettings, ...], Field(min_length=1), Listed]
    template: Annotated[tuple[TemplateSettings, ...], Listed] = ()
    retry: RetrySettings
    janitor: JanitorSettings
    dressing: Annotated[tuple[DressingSettings, ...], Listed] = ()
    periodic: Annotated[tuple[PeriodicSettings, ...], Listed] = ()
    site: Annotated[tuple[SiteSettings, ...], Listed] = ()
    site_tokens: dict[str, str] = {}
    site_brokers: dict[str, str] = {}
    retention: RetentionSettings
    xapi: XapiSettings
    speech: SpeechSettings
    mail: MailSettings

    @model_validator(mode="after")
    def _names_differ(self) -> "Settings":
        unique = [("rendition", "height_px")]
        unique += [(section, "name") for section in ("rendition", "template", "dressing", "periodic", "site")]
        for section, key in unique:
            values = [getattr(entry, key) for entry in getattr(self, section)]
            if len(set(values)) < len(values):
                raise ValueError(f"{section}: two entries have the same {key}")
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> "Settings":
        faults = [*template_faults(self.template, self.rendition), *dressing_faults(self.dressing, self.home)]
        faults += shared_folder_faults(self.site, self.home, self.media_folder)
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def templates(self) -> dict[str, TemplateSettings]:
        """The templates by their names; "web" is the first."""
        return {template.name: template for template in (web_template(self.rendition), *self.template)}

    @property
    def media_folder(self) -> Path:
        """The path of the media folder. Only storage/ may use it, because only storage/ knows what is in it."""
        return self.home / MEDIA

    @property
    def storage(self) -> Storage:
        """Where a worker gets sources and leaves outputs. Errors: SettingsError without the worker's token."""
        if self.worker.storage == "shared":
            return SharedFolder(self.media_folder)
        from pod_jobs.storage.over_http import OverHttp  # importing requests takes 0.1 s, and only workers need it

        return OverHttp(self.file_calls, self.home / "work", int(self.worker.cache_gb * 1e9))

    @property
    def far_help(self) -> "FarHelp":
        """How workers that have no folder in common help each other. Errors: SettingsError without the worker's token."""
        from pod_jobs.storage.far_help import FarHelp  # as above

        return FarHelp(self.file_calls, self.home / "work" / "helping")

    @property
    def file_calls(self) -> "WebCalls":
        """How this worker calls the web app about files. Errors: SettingsError without the worker's token."""
        from pod_jobs.storage import by_bucket, web_calls  # as above

        kind = by_bucket.BucketCalls if self.worker.storage == "s3" else web_calls.WebCalls
        return kind(self.catalog_url, self.secret("worker_token"))

    @property
    def bucket(self) -> "Bucket | None":
        """The bucket of [s3], with the key from POD_JOBS_S3__SECRET_KEY, or else from secrets/s3_secret_key; None when there is
        none. Errors: SettingsError when it has neither key."""
        from pod_jobs.storage import bucket, signed_links  # as above

        s3 = self.s3
        if not s3.endpoint:
            return None
        secret = s3.secret_key or self.secret("s3_secret_key")
        names = (s3.endpoint, s3.region, s3.bucket, s3.access_key)
        return bucket.Bucket(signed_links.S3Place(*names, secret, s3.path_style), s3.prefix, s3.link_s)

    @property
    def media(self) -> WebHostFolder:
        """The media folder as the web host uses it."""
        return WebHostFolder(self.media_folder)

    @property
    def public_url(self) -> str:
        """The address of the web app for people, without a slash at the end."""
        return (self.web.public_url or self._own_url).rstrip("/")

    @property
    def url_prefix(self) -> str:
        """The path of public_url, below which people find the web app: "/pod", or "" for the whole site."""
        return urlsplit(self.public_url).path

    @property
    def _own_url(self) -> str:
        """Where the web app listens, as this host reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.web.host, self.web.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.web.port}"

    @property
    def catalog_url(self) -> str:
        """The address of the web app for workers, without a slash at the end."""
        return (self.worker.catalog_url or self._own_url).rstrip("/")

    @property
    def xapi_home_page(self) -> str:
        """The IRI at the beginning of learners' accounts and of activities, without a slash at the end."""
        return self.xapi.home_page or self.public_url

    def expected_workers(self, queue_name: str) -> int:
        """How many workers of a queue there should be on all hosts together."""
        everywhere: int = getattr(self.fleet, queue_name)
        here: Range = getattr(self.workers, queue_name)
        return max(everywhere, here.fewest)

    def lrs_password(self, lane: str) -> str:
        """The password from POD_JOBS_XAPI__PASSWORDS__<LANE>, or else from secrets/lrs_<lane>. Errors: SettingsError when there
        is neither."""
        password = self.xapi.passwords.get(lane)
        return self.secret(f"lrs_{lane}") if password is None else password

    def mail_account(self) -> "Account":
        """[mail], with the password from POD_JOBS_MAIL__PASSWORD, or else from secrets/mail_password. Errors: SettingsError when
        a user has neither."""
        from pod_jobs.outside.mail import Account  # importing smtplib takes 0.01 s, and only the janitor needs it

        password = (self.mail.password or self.secret("mail_password")) if self.mail.user else ""
        return Account(**{**self.mail.model_dump(exclude={"language"}), "password": password})

    def site_named(self, name: str) -> SiteSettings | None:
        """The [[site]] of this name."""
        return next((site for site in self.site if site.name == name), None)

    def site_token(self, site: SiteSettings) -> str:
        """The token from POD_JOBS_SITE_TOKENS__<NAME>, or else from secrets/site_<name>. Errors: SettingsError when there is
        neither."""
        token = self.site_tokens.get(site.name)
        return self.secret(site.secret) if token is None else token

    def site_broker_urls(self, site: SiteSettings) -> tuple[str, ...]:
        """The addresses from POD_JOBS_SITE_BROKERS__<NAME>, or else from secrets/site_<name>_broker, with white space between
        them. Errors: SettingsError when there is none."""
        addresses = self.site_brokers.get(site.name)
        urls = (self.secret(site.broker_secret) if addresses is None else addresses).split()
        if not urls:
            raise SettingsError(f"secrets/{site.broker_secret}: the address of the broker is missing")
        return tuple(urls)

    @property
    def has_celery_site(self) -> bool:
        """Is there a site for the Celery bridge?"""
        return any(site.is_celery for site in self.site)

    @property
    def running_quotas(self) -> dict[str, int]:
        """Party (catalog/waiting_order.py) -> how many of its tasks may run at once, where that is limited."""
        return {site.party: site.running for site in self.site if site.running}

    @property
    def redis_socket(self) -> Path:
        """Socket of the embedded server: in the instance folder if its path is short and plain enough, else in /tmp.

        A socket's path has at most 107 bytes. With a space, "=", "%" or "?" in it, redis-py can neither read the answer to
        CLIENT INFO, which RQ asks for, nor a unix: URL.
        """
        inside = self.home / "run" / "redis.sock"
        if re.fullmatch(r"[A-Za-z0-9/_.,+@-]{1,103}", str(inside)):
            return inside
        return Path("/tmp") / f"pod_jobs-{os.getuid()}-{self.home.stat().st_ino}" / "redis.sock"  # noqa: S108

    @property
    def redis_url(self) -> str:
        return self.redis.url or f"unix://{self.redis_socket}"

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.home / 'catalog.sqlite3'}"

    @property
    def lacks_database(self) -> bool:
        """Is the database a file that is not there? Whoever opens it makes an empty one, which keeps `restore` out."""
        scheme, _, path = self.database_url.partition(":///")
        is_file = scheme.lower().split("+")[0] == "sqlite"  # as catalog/database.py reads it
        return is_file and not os.path.exists(path)  # Path.exists raises PermissionError

    def secret(self, name: str) -> str:
        """Content of <home>/secrets/<name>, without white space around it. Errors: SettingsError when it is missing."""
        path = self.home / "secrets" / name
        try:
            return path.read_text().strip()
        except OSError as error:
            raise SettingsError(f"secrets/{name}: cannot be read in {self.home}: {error.strerror}") from error


def find_home(given: str | Path | None = None) -> Path:
    """The instance folder, absolute: `given`, else POD_JOBS_HOME, else ./var of the repository."""
    return Path(given or os.environ.get("POD_JOBS_HOME") or ROOT / "var").expanduser().absolute()


def load(home: str | Path | None = None, **first: dict[str, Any]) -> Settings:
    """All settings for the instance folder `home` (see `find_home`). `first` wins over all sources, such as web={"port": 9000}.
    Call it before RQ is imported, because it hands the prefix of keys on (key_prefix.py).

    Errors: SettingsError whose reason has one line per fault: "web.port: Input should be … (/srv/pod/settings.toml)".
    """
    folder = find_home(home)
    faults = _unknown_variables()
    try:
        sources = [
            *map(read_document, _files(folder)),
            tree_of(os.environ, Settings.model_fields),
            first,
            {"home": folder},
        ]
        settings = Settings.model_validate(reduce(merge, sources))
        if fault := key_prefix.use(settings.redis.prefix):
            faults.append(fault)
    except ValidationError as error:
        faults = [*fault_lines(error, first, os.environ, _files(folder), QUEUES), *faults]
    except UNREADABLE as error:
        faults = [*unreadable(_files(folder))] or [str(error)]
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def _files(home: Path) -> list[Path]:
    """The settings files; a later one wins."""
    return [ROOT / "settings.toml", home / "settings.toml"]


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment for a process that we start: the present one with POD_JOBS_HOME and `more`."""
    return {**os.environ, "POD_JOBS_HOME": str(home), **more}


def is_procfile_line() -> bool:
    """Did honcho start this process as a line of the Procfile?"""
    return "HONCHO_PROCESS_NAME" in os.environ


def launcher_pid() -> int | None:
    """The process that started this one as a line of the Procfile, if it was `./run up`."""
    text = os.environ.get(LAUNCHER, "")
    return int(text) if text.isascii() and text.isdecimal() else None


def _unknown_variables() -> list[str]:
    """A fault for each POD_JOBS_… variable that names no section. Those that begin with POD_JOBS_TEST_ are for tests."""
    sections = {*(f"{PREFIX}{name.upper()}" for name in Settings.model_fields)}
    return [
        f"{name}: no such setting"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name.split("__")[0] not in sections and not name.startswith(f"{PREFIX}TEST_")
    ]
