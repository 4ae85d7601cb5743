"""[[site]] of settings.toml: other applications, above all an Esup-Pod, that send recordings to be encoded."""

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pod_jobs.settings.section import Count, Listed, PositiveInt, Section

SITE_NAME = r"^[a-z0-9]+(_[a-z0-9]+)*$"
HOST = r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$"
SITE_USER = "site-"  # begins the names of the users who stand for sites
LONGEST_TOKEN, SHORTEST_TOKEN = 50, 16  # characters; Pod's own field ends at 50


def _is_network(text: str) -> str:
    ipaddress.ip_network(text)  # raises ValueError with words that say why
    return text


Hosts = Annotated[tuple[Annotated[str, Field(pattern=HOST, max_length=253)], ...], Listed]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_is_network)], ...], Listed]


class SiteSettings(Section):
    """One site. `source_hosts` and `callback_hosts`: () = any host."""

    name: Annotated[str, Field(pattern=SITE_NAME, max_length=20)]
    kind: Literal["runner"] = "runner"
    priority: Literal["high", "normal", "low"] = "normal"
    waiting: Count = 0
    source_hosts: Hosts = ()
    callback_hosts: Hosts = ()
    private_networks: Networks = ()
    keep_days: PositiveInt = 7

    @property
    def user(self) -> str:
        """The name of the user who owns what the site orders."""
        return f"{SITE_USER}{self.name}"

    @property
    def secret(self) -> str:
        """The name of the file in DIR/secrets that holds its token."""
        return f"site_{self.name}"
