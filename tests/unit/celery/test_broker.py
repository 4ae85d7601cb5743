"""Addresses of brokers, as Celery writes them."""

from typing import Any

import pytest

from pod_jobs.celery.broker import connect
from pod_jobs.errors import SettingsError


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("redis://:hush@redis:6380/5", {"host": "redis", "port": 6380, "db": 5, "password": "hush"}),
        ("redis://redis:6379/", {"host": "redis", "port": 6379}),
        ("redis+socket:///run/a%20b.sock?virtual_host=5", {"path": "/run/a b.sock", "db": 5}),
        ("redis+socket://:hush@/run/a.sock", {"path": "/run/a.sock", "db": 0, "password": "hush"}),
        ("unix:///run/a.sock?db=2", {"path": "/run/a.sock", "db": 2}),
    ],
)
def test_an_address_leads_to_its_server_and_database(address: str, wanted: dict[str, Any]) -> None:
    said = connect(address).connection_pool.connection_kwargs
    assert {name: said.get(name) for name in wanted} == wanted
    if "password" not in wanted:
        assert not said.get("password") and not said.get("username")


@pytest.mark.parametrize("address", ["amqp://:hush@rabbit//", "redis://redis:hush/0"])
def test_another_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(SettingsError) as fault:
        connect(address)
    assert "hush" not in str(fault.value)
