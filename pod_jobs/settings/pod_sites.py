"""The [[site]] entry that fits the settings of an Esup-Pod, as lines of TOML. Pure; repeats no secret."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pod_jobs.settings.section import as_toml
from pod_jobs.settings.site import HOST, SiteSettings

NAME = "pod"
RUNNER = "USE_RUNNER_MANAGER"
REMOTE = "USE_REMOTE_ENCODING_TRANSCODING"
BROKERS = ("ENCODING_TRANSCODING_CELERY_BROKER_URL", "XAPI_CELERY_BROKER_URL")
USED = (REMOTE, *BROKERS, "POD_API_URL", "POD_API_TOKEN", "MEDIA_ROOT")  # by an entry of kind celery
POD_MEDIA_ROOT = "/pod/media"  # Pod's own default


def lines_of_site(values: Mapping[str, Any], computed: Collection[str], heights_px: Sequence[int]) -> list[str]:
    """The entry, of kind "runner" or "celery"; [] when the settings ask for neither. If the settings do not tell all of it, it is
    a comment, because an incomplete entry would stop the start. `heights_px`: of the renditions; () = Pod's own."""
    if values.get(RUNNER) is True:
        return _runner(values)
    if values.get(REMOTE) is True or values.get(BROKERS[0]):
        return _celery(values, computed, heights_px)
    return []


def _runner(values: Mapping[str, Any]) -> list[str]:
    setting = values.get("ALLOWED_HOSTS")
    names = [name for name in setting if isinstance(name, str)] if isinstance(setting, Sequence) else []
    hosts = [name for name in names if re.fullmatch(HOST, name) and "." in name and not re.fullmatch(r"[0-9.]+", name)]
    lines = ["[[site]]", f'name = "{NAME}"', f'kind = "runner"  # {RUNNER}']
    if hosts:
        listed = f"[{', '.join(map(as_toml, hosts))}]"
        lines += [f"source_hosts = {listed}  # ALLOWED_HOSTS", f"callback_hosts = {listed}"]
    return [*lines, f"# the first start writes the token for Pod's runner manager into secrets/site_{NAME}"]


def _celery(values: Mapping[str, Any], computed: Collection[str], heights_px: Sequence[int]) -> list[str]:
    folder = None if "MEDIA_ROOT" in computed else values.get("MEDIA_ROOT", POD_MEDIA_ROOT)
    expected = {"shared_folder": folder, "callback_url": values.get("POD_API_URL")}
    came_from = {"shared_folder": "MEDIA_ROOT", "callback_url": "POD_API_URL"}
    lines = ["[[site]]", f'name = "{NAME}"', f'kind = "celery"  # {REMOTE}']
    is_complete = True
    for key, value in expected.items():
        fits = isinstance(value, str) and bool(value) and _fits(key, value)
        is_complete &= fits
        lines.append(
            f"{key} = {as_toml(value if fits and value else '')}  # {came_from[key]}{'' if fits else ': write it here'}"
        )
    if heights_px and tuple(sorted(heights_px)) != SiteSettings.model_fields["heights_px"].default:
        lines.append(f"heights_px = {sorted(heights_px)}  # VIDEO_RENDITIONS")
    secrets = [
        f"# write POD_API_TOKEN into the file secrets/site_{NAME} of the instance",
        f"# write {' and '.join(BROKERS)} into secrets/site_{NAME}_broker, one a line",
    ]
    return [*(lines if is_complete else [f"# {line}" for line in lines]), *secrets]


def _fits(key: str, value: str) -> bool:
    example = {"name": NAME, "kind": "celery", "shared_folder": "/x", "callback_url": "http://x"}
    try:
        SiteSettings.model_validate({**example, key: value})
    except ValueError:
        return False
    return True
