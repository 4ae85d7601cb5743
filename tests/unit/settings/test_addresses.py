"""Under which addresses the web app is reached, by people and by workers of this host."""

from pathlib import Path

import pytest

from pod_jobs.settings import load


@pytest.mark.parametrize(
    ("web", "public", "own"),
    [
        ({}, "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8000", "http://127.0.0.1:8000"),  # noqa: S104
        ({"host": "192.0.2.7", "port": 9000}, "http://192.0.2.7:9000", "http://192.0.2.7:9000"),
        ({"host": "::1"}, "http://[::1]:8000", "http://[::1]:8000"),
        ({"host": "::"}, "http://[::1]:8000", "http://[::1]:8000"),
        ({"public_url": "https://example.org/pod/"}, "https://example.org/pod", "http://127.0.0.1:8000"),
    ],
)
def test_addresses(tmp_path: Path, web: dict[str, object], public: str, own: str) -> None:
    settings = load(tmp_path, web=web)
    assert (settings.public_url, settings.catalog_url) == (public, own)


def test_workers_may_have_another_way(tmp_path: Path) -> None:
    assert load(tmp_path, worker={"catalog_url": "https://pod.example/"}).catalog_url == "https://pod.example"


@pytest.mark.parametrize(
    ("worker", "by_http"),
    [
        ({}, False),
        ({"catalog_url": "https://pod.example/"}, True),  # another host with a shared folder
        ({"catalog_url": "https://pod.example/", "storage": "http"}, True),
        ({"storage": "s3"}, True),
    ],
)
def test_only_the_web_hosts_own_workers_report_through_the_key_value_server(
    tmp_path: Path, worker: dict[str, object], by_http: bool
) -> None:
    assert load(tmp_path, worker=worker).worker.reports_by_http is by_http
