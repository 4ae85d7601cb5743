"""A short series of the fuzzer (`./run bench doors` asks tens of thousands), and that it sees a fault when there is one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from benchmarks import doors
from pod_jobs.web.api import answers
from tests.integration.web.conftest import PEOPLE

SERIES = doors.Series(seed=3, random=1, roles=("team",), paths=r"/(tasks|drains|filters)$")
OF_TASKS = doors.Series(seed=3, random=0, roles=("team",), paths="/tasks$")
NO_JSON = doors.Series(seed=3, random=0, roles=())


@pytest.fixture(autouse=True)
def lane(home: Path) -> None:
    """Learning traces are taken; without a lane they are not even looked at."""
    (home / "settings.toml").write_text('[[xapi.lane]]\nname = "one"\nurl = "http://127.0.0.1:9/"\n')
    (home / "secrets" / "xapi_key").write_text("x")


@pytest.fixture
def fuzz(app: Flask, tokens: dict[str, str]) -> Callable[[doors.Series], doors.Figures]:
    return lambda series: doors.fuzz(app, {role: tokens[name] for name, role in PEOPLE.items()}, series)


def test_nothing_is_looser_than_documented(fuzz: Callable[[doors.Series], doors.Figures]) -> None:
    found = fuzz(SERIES)
    assert (found.five_hundreds, found.undocumented, found.looser) == ([], [], [])
    assert found.requests > 300 and found.accepted > 20


def test_a_limit_that_nobody_checks_is_noticed(
    fuzz: Callable[[doors.Series], doors.Figures], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "page", lambda start="before": (50, None))
    assert fuzz(OF_TASKS).looser


def test_a_server_error_is_noticed(
    fuzz: Callable[[doors.Series], doors.Figures], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "page", lambda start="before": 1 / 0)
    assert fuzz(OF_TASKS).five_hundreds


def test_bodies_that_are_no_json_are_noticed(
    fuzz: Callable[[doors.Series], doors.Figures], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "body", dict)
    assert any("NaN" in one for one in fuzz(NO_JSON).looser)
