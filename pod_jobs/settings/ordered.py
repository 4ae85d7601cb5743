"""The settings that go with an order, so that its result does not depend on the host that makes it.

The web app sends them with each run, in the form of settings.toml. What describes a host itself (its graphics card, memory,
threads, models) stays that of the worker's own settings.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pod_jobs.errors import SettingsError
from pod_jobs.settings import Settings
from pod_jobs.settings.section import Section

OF_THE_HOST = {  # section -> keys that are never sent
    "encode": frozenset(("memory_mb", "hardware", "vaapi_device")),
    "speech": frozenset(("threads", "model")),
}


def settings_of_order(settings: Settings, sections: Iterable[str]) -> dict[str, Any]:
    """Section -> its values, as JSON has them."""
    document = settings.model_dump(mode="json", include=set(sections))
    for section, keys in OF_THE_HOST.items():
        for key in keys & document.get(section, {}).keys():
            del document[section][key]
    return document


def with_order(settings: Settings, sent: Mapping[str, Any]) -> Settings:
    """`settings` with the sections that came with an order. Errors: SettingsError for what this version cannot read."""
    try:
        return settings.model_copy(update={name: _section(settings, name, values) for name, values in sent.items()})
    except (ValidationError, LookupError, TypeError) as error:
        raise SettingsError(f"the settings that came with the order: {error}") from error


def _section(settings: Settings, name: str, values: Any) -> Any:
    section = getattr(settings, name) if name in OF_THE_HOST else None
    if isinstance(section, Section):
        host_values = {key: getattr(section, key) for key in OF_THE_HOST[name]}
        values = {**values, **host_values}
    shape: Any = Settings.model_fields[name].annotation
    return TypeAdapter(shape).validate_python(values)
