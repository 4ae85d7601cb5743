"""What the doctor makes of sites that order by Celery."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.errors import AddressForbidden, ServiceUnavailable, SettingsError
from pod_jobs.instance.doctor import celery_sites
from pod_jobs.instance.doctor.celery_sites import check_celery_sites
from pod_jobs.settings import load

ADDRESSES = ["redis://one", "redis://two"]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A site that is sound, beside one that does not order by Celery."""
    monkeypatch.setattr(celery_sites, "Broker", lambda url: SimpleNamespace(count_reserved=lambda: 0))
    monkeypatch.setattr(celery_sites, "_mark_of", lambda settings, site: "0a")
    monkeypatch.setattr(celery_sites, "pin", lambda address, allowed: None)
    monkeypatch.setattr(celery_sites, "check_mounted", lambda folder, mark: None)
    site = SimpleNamespace(name="pod", is_celery=True, shared_folder=str(tmp_path), callback_url="http://pod.test")
    site.callback_hosts = site.private_networks = ()
    return SimpleNamespace(
        site=[SimpleNamespace(name="other", is_celery=False), site],
        home=Path("/home"),
        site_token=lambda site: "token",
        site_broker_urls=lambda site: ADDRESSES,
    )


def told(settings: Any) -> list[tuple[str, str]]:
    return [(finding.state, finding.text.removeprefix("pod: ")) for finding in check_celery_sites(settings)]


def refuse(error: Exception) -> Any:
    def call(*_: Any) -> Any:
        raise error

    return call


def test_a_site_without_fault(settings: Any) -> None:
    assert told(settings) == [("ok", "its brokers answer, and its media folder is here")]


@pytest.mark.parametrize("name", ["site_token", "site_broker_urls"])
def test_a_site_without_its_secrets(settings: Any, name: str) -> None:
    setattr(settings, name, refuse(SettingsError("there is none")))
    assert told(settings) == [("fault", "there is none")]


def test_each_broker_is_asked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    count = {"redis://one": refuse(ServiceUnavailable("away")), "redis://two": lambda: 3}
    monkeypatch.setattr(celery_sites, "Broker", lambda url: SimpleNamespace(count_reserved=count[url]))
    assert told(settings) == [("fault", "broker 1: away"), ("warning", "Celery's workers have 3 messages")]


@pytest.mark.parametrize(("error", "state"), [(AddressForbidden("no"), "fault"), (ServiceUnavailable("no"), "warning")])
def test_an_address_that_may_not_be_called(
    settings: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    monkeypatch.setattr(celery_sites, "pin", refuse(error))
    assert told(settings) == [(state, "callback_url: no")]


@pytest.mark.parametrize("has_rights", [True, False])
def test_a_folder_that_is_not_there_or_cannot_be_written(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_rights: bool
) -> None:
    if has_rights:
        settings.site[1].shared_folder = str(tmp_path / "gone")
    monkeypatch.setattr("os.access", lambda *_: has_rights)
    ((state, text),) = told(settings)
    assert state == "fault" and text.endswith("is not here, or cannot be written")


@pytest.mark.parametrize("mark", ["0a", ""])
def test_a_folder_that_is_not_the_right_one(settings: Any, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    monkeypatch.setattr(celery_sites, "_mark_of", lambda settings, site: mark)
    monkeypatch.setattr(celery_sites, "check_mounted", refuse(ServiceUnavailable("another one")))
    (found,) = check_celery_sites(settings)
    assert (found.state, found.text) == ("fault", "pod: another one")
    assert ("echo 0a > " in found.remedy) is bool(mark)


def test_no_database_is_made_where_none_is(tmp_path: Path) -> None:
    """An empty one would keep the next call of an interrupted restore out."""
    site: Any = SimpleNamespace(name="pod")
    assert celery_sites._mark_of(load(tmp_path), site) == ""
    assert list(tmp_path.iterdir()) == []
