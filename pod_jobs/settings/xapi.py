"""[xapi] of settings.toml."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pod_jobs.catalog.lane_filter import LaneFilter
from pod_jobs.settings.section import Count, Listed, PositiveFloat, PositiveInt, Section
from pod_jobs.xapi.profile import TEMPLATE_VERBS

LANE_NAME = r"^[a-z0-9]+(_[a-z0-9]+)*$"


def _is_template(name: str) -> str:
    if name not in TEMPLATE_VERBS:
        raise ValueError(f"the Video Profile has no template {name!r}; it has {', '.join(TEMPLATE_VERBS)}")
    return name


class LaneSettings(Section):
    """One record store (LRS)."""

    name: Annotated[str, Field(pattern=LANE_NAME, max_length=20)]
    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    login: str = ""
    version: str = "1.0.3"
    connect_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    read_timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    ca_file: str = ""
    proxy_url: str = ""
    batch_statements: Annotated[int, Field(ge=1, le=500)] = 100
    batch_kb: Annotated[int, Field(ge=1, le=10_000)] = 256
    verbs: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$", max_length=250)], ...], Listed
    ] = ()
    profile_only: bool = False
    templates: Annotated[tuple[Annotated[str, AfterValidator(_is_template)], ...], Listed] = ()

    @property
    def filter(self) -> LaneFilter:
        """Which statements the lane sends."""
        return LaneFilter(self.verbs, self.profile_only, tuple(TEMPLATE_VERBS[name] for name in self.templates))


class XapiSettings(Section):
    enabled: bool
    home_page: Annotated[str, Field(pattern=r"^(https?://\S*[^\s/])?$")]
    anonymize: bool
    authenticated_name: Literal["uuid", "username"]
    salt: str
    completion_threshold: Annotated[float, Field(gt=0, le=1)]
    screen: bool
    void_erased: bool
    per_minute: Count
    flush_s: PositiveFloat
    lease_s: PositiveInt
    passwords: dict[str, str] = {}
    lane: Annotated[tuple[LaneSettings, ...], Listed] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> "XapiSettings":
        names = [lane.name for lane in self.lane]
        if len(set(names)) < len(names):
            raise ValueError("lane: two have the same name")
        for lane in self.lane:
            longest_s = lane.connect_timeout_s + lane.read_timeout_s
            least_s = 1.5 * longest_s  # a lease is renewed after a third; one request may begin just before
            if self.lease_s < least_s:
                raise ValueError(f"lease_s: lane {lane.name} waits up to {longest_s:g} s, so give {least_s:g} or more")
        return self

    @property
    def filters(self) -> dict[str, LaneFilter]:
        """Lane -> which statements it sends."""
        return {lane.name: lane.filter for lane in self.lane}

    @property
    def lane_names(self) -> tuple[str, ...]:
        """The names of the lanes that statements are sent by; none when traces are switched off."""
        return tuple(lane.name for lane in self.lane) if self.enabled else ()
