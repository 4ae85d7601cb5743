"""The [[site]] entry that fits the settings of an Esup-Pod."""

import tomllib
from typing import Any

import pytest

from pod_jobs.settings.pod_sites import BROKERS, POD_MEDIA_ROOT, REMOTE, RUNNER, lines_of_site
from pod_jobs.settings.site import SiteSettings

CELERY = {REMOTE: True, "POD_API_URL": "https://pod.univ.fr/rest", "MEDIA_ROOT": "/srv/pod/media"}
OWN_HEIGHTS = SiteSettings.model_fields["heights_px"].default


def entry(values: dict[str, Any], computed: tuple[str, ...] = (), heights_px: tuple[int, ...] = ()) -> Any:
    """The one entry; None when it is a comment, or when there is none."""
    return tomllib.loads("\n".join(lines_of_site(values, computed, heights_px))).get("site", [None])[0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({}, None),
        ({RUNNER: False}, None),
        ({RUNNER: "True"}, None),
        ({RUNNER: True, REMOTE: True}, "runner"),
        (CELERY, "celery"),
        ({**CELERY, REMOTE: False}, None),
        ({**CELERY, REMOTE: False, BROKERS[0]: "redis://redis/5"}, "celery"),
    ],
)
def test_its_kind(values: dict[str, Any], kind: str | None) -> None:
    assert (entry(values) or {}).get("kind") == kind
    assert bool(lines_of_site(values, (), ())) is bool(kind)


@pytest.mark.parametrize("hosts", [None, "pod.univ.fr", ["*"], [3], ["127.0.0.1"], ["localhost"], ["a b.fr"]])
def test_hosts_that_name_no_site_are_left_out(hosts: Any) -> None:
    assert entry({RUNNER: True, "ALLOWED_HOSTS": hosts}) == {"name": "pod", "kind": "runner"}


def test_hosts_of_a_runner() -> None:
    made = entry({RUNNER: True, "ALLOWED_HOSTS": ["pod.univ.fr", "localhost", "*.univ.fr"]})
    assert made["source_hosts"] == made["callback_hosts"] and made["source_hosts"][0] == "pod.univ.fr"
    assert "localhost" not in made["source_hosts"]


def test_an_entry_of_celery() -> None:
    whole = {"name": "pod", "kind": "celery", "shared_folder": "/srv/pod/media", "callback_url": CELERY["POD_API_URL"]}
    assert entry(CELERY) == whole
    assert entry({**CELERY, "MEDIA_ROOT": POD_MEDIA_ROOT}) == entry(
        {REMOTE: True, "POD_API_URL": CELERY["POD_API_URL"]}
    )
    assert entry(CELERY, (), OWN_HEIGHTS) == entry(CELERY, (), tuple(reversed(OWN_HEIGHTS))) == whole
    assert entry(CELERY, (), (1080, 360)) == {**whole, "heights_px": [360, 1080]}


@pytest.mark.parametrize(
    ("more", "computed", "missing"),
    [
        ({"POD_API_URL": None}, (), "callback_url"),
        ({"POD_API_URL": ""}, (), "callback_url"),
        ({"POD_API_URL": "nowhere"}, (), "callback_url"),
        ({"MEDIA_ROOT": 3}, (), "shared_folder"),
        ({"MEDIA_ROOT": "media"}, (), "shared_folder"),
        ({}, ("MEDIA_ROOT",), "shared_folder"),
    ],
)
def test_what_the_settings_do_not_tell_is_asked_for(more: Any, computed: tuple[str, ...], missing: str) -> None:
    lines = lines_of_site({**CELERY, **more}, computed, ())
    assert all(line.startswith("# ") for line in lines)
    asked = [line for line in lines if "write it here" in line]
    assert len(asked) == 1 and asked[0].startswith(f'# {missing} = ""')
