"""[worker], [retry] and [s3] of settings.toml: how workers live, how they get files, and when a task is tried again."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pod_jobs.settings.section import PositiveFloat, PositiveInt, Section

ENDPOINT = r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$"
LONGEST_LINK_S = 604_800  # seven days, the limit of Amazon S3


class WorkerSettings(Section):
    heartbeat_s: PositiveInt
    stop_s: PositiveFloat
    catalog_url: str
    storage: Literal["shared", "http", "s3"]
    cache_gb: Annotated[float, Field(ge=0)]

    @property
    def reports_by_http(self) -> bool:
        """Do workers of this host report by HTTP how their tasks ended, and keep reports on its disk while the web app is away?
        All but the web host's own do: their reports wait in the key-value server, for any of its workers."""
        return self.storage != "shared" or bool(self.catalog_url)


class RetrySettings(Section):
    base_s: PositiveFloat
    cap_s: PositiveFloat
    attempts: PositiveInt
    deaths: PositiveInt
    losses: PositiveInt


class S3Settings(Section):
    """A bucket through which the bytes of files travel between the web host and other hosts. `endpoint`: "" = none."""

    endpoint: Annotated[str, Field(pattern=ENDPOINT)]
    region: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$")]
    prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9._-]+/)*$")]
    path_style: bool
    access_key: Annotated[str, Field(pattern=r"^[^\s/]*$")]
    secret_key: str = ""
    link_s: Annotated[int, Field(ge=1, le=LONGEST_LINK_S)]

    @model_validator(mode="after")
    def _is_whole(self) -> "S3Settings":
        if self.endpoint and not (self.bucket and self.access_key):
            raise ValueError("an endpoint needs a bucket and an access_key")
        return self
