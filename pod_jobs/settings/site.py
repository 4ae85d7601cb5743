"""[[site]] of settings.toml: other applications, above all an Esup-Pod, that send recordings to be encoded."""

import ipaddress
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pod_jobs.settings.section import Count, Listed, PositiveInt, Section

SITE_NAME = r"^[a-z0-9]+(_[a-z0-9]+)*$"
HOST = r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$"
SITE_USER = "site-"  # begins the names of the users who stand for sites
LONGEST_TOKEN, SHORTEST_TOKEN = 50, 16  # characters; Pod's own field ends at 50


def _is_network(text: str) -> str:
    ipaddress.ip_network(text)  # raises ValueError with words that say why
    return text


Hosts = Annotated[tuple[Annotated[str, Field(pattern=HOST, max_length=253)], ...], Listed]
Height = Annotated[int, Field(ge=90, le=2160)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_is_network)], ...], Listed]


class SiteSettings(Section):
    """One site. `source_hosts` and `callback_hosts`: () = any host. The keys from `shared_folder` on are of kind "celery"."""

    name: Annotated[str, Field(pattern=SITE_NAME, max_length=20)]
    kind: Literal["runner", "celery"] = "runner"
    priority: Literal["high", "normal", "low"] = "normal"
    waiting: Count = 0
    running: Count = 0
    source_hosts: Hosts = ()
    callback_hosts: Hosts = ()
    private_networks: Networks = ()
    keep_days: PositiveInt = 7
    shared_folder: Annotated[str, Field(pattern=r"^(/.*)?$")] = ""
    callback_url: Annotated[str, Field(pattern=r"^(https?://[^\s@?#]+)?$")] = ""
    heights_px: Annotated[tuple[Height, ...], Field(min_length=1, max_length=8), Listed] = (360, 720, 1080)

    @model_validator(mode="after")
    def _parts_fit(self) -> "SiteSettings":
        fields = {"shared_folder": self.shared_folder, "callback_url": self.callback_url}
        if self.is_celery and (missing := [name for name, value in fields.items() if not value]):
            raise ValueError(f"a site of kind celery needs {' and '.join(missing)}")
        if not self.is_celery and (unused := [name for name, value in fields.items() if value]):
            raise ValueError(f"{' and '.join(unused)}: only for a site of kind celery")
        return self

    @property
    def is_celery(self) -> bool:
        """Does it order by Celery, as an Esup-Pod 4.1?"""
        return self.kind == "celery"

    @property
    def party(self) -> str:
        """With whom its tasks take turns (catalog/waiting_order.py)."""
        return f"site-{self.name}"

    @property
    def user(self) -> str:
        """The name of the user who owns what the site orders."""
        return f"{SITE_USER}{self.name}"

    @property
    def secret(self) -> str:
        """The name of the file in DIR/secrets that holds its token: of kind "celery", the POD_API_TOKEN."""
        return f"site_{self.name}"

    @property
    def broker_secret(self) -> str:
        """The name of the file in DIR/secrets that holds the addresses of its Celery brokers."""
        return f"site_{self.name}_broker"


def shared_folder_faults(sites: Iterable[SiteSettings], home: Path, media: Path) -> Iterator[str]:
    """What is wrong with the sites' shared folders. A site may name any file in its shared folder, so nothing of ours may lie
    there. Only names are compared, because a share may not answer."""
    instance_folders = [Path(os.path.normpath(path)) for path in (home, home.resolve(), media)]
    if media.is_symlink():
        instance_folders.append(Path(os.path.normpath(media.parent / media.readlink())))
    for site in sites:
        if not site.shared_folder:
            continue
        folder = Path(os.path.normpath(site.shared_folder))
        if folder.parent == folder or any(
            path.is_relative_to(folder) or folder.is_relative_to(path) for path in instance_folders
        ):
            yield f"site {site.name}: shared_folder {folder} must not be /, hold the instance folder, or lie in it"
