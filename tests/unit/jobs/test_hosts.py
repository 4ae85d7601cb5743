"""What hosts say of themselves, and what of it is believed."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.jobs import hosts, keys

NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
SAID: dict[str, Any] = {
    "version": "1",
    "ffmpeg": "7",
    "held": "",
    "at": NOW.isoformat(),
    "reports_since": "",
    "speech": False,
    **dict.fromkeys(("processors", "load", "memory", "memory_free", "disk_free"), 1.0),
    "reports": 0,
}


def redis_with(**entries: Any) -> Any:
    stored = {name.encode(): json.dumps(entry) for name, entry in entries.items()}
    return SimpleNamespace(hgetall=lambda key: stored if key == keys.HOSTS else {})


def listed(name: str = "encoding@a", **changes: Any) -> bool:
    return bool(hosts.list_hosts(redis_with(**{name: {**SAID, **changes}}), NOW))


@pytest.mark.parametrize(
    ("changes", "is_believed"),
    [
        ({}, True),
        ({"load": None}, True),
        ({"load": True}, False),
        ({"load": -1}, False),
        ({"load": "1"}, False),
        ({"held": None}, False),
        ({"speech": 1}, False),
        ({"at": ""}, False),
        ({"at": "2026-03-04T05:06"}, False),
        ({"at": "now"}, False),
        ({"reports_since": "never"}, False),
    ],
)
def test_values_that_no_worker_writes_are_left_out(changes: dict[str, Any], is_believed: bool) -> None:
    assert listed(**changes) is is_believed


def test_an_entry_of_no_host_is_left_out() -> None:
    assert not listed("encoding@") and not listed("encoding")
    assert hosts.list_hosts(redis_with(**{"encoding@a": [1]}), NOW) == []
    older = {name: value for name, value in SAID.items() if name not in hosts.BEFORE}
    (facts,) = hosts.list_hosts(redis_with(**{"encoding@a": older}), NOW)
    assert (facts.held, facts.speech, facts.reports, facts.reports_since) == ("", False, 0, None)


@pytest.mark.parametrize(
    ("at", "is_there"),
    [
        (NOW - hosts.FORGOTTEN_AFTER, False),
        (NOW - hosts.FORGOTTEN_AFTER + timedelta(seconds=1), True),
        (NOW + hosts.AHEAD, True),
        (NOW + hosts.AHEAD + timedelta(seconds=1), False),
    ],
)
def test_an_entry_is_forgotten_after_a_day(at: datetime, is_there: bool) -> None:
    assert listed(at=at.isoformat()) is is_there


@pytest.mark.parametrize(
    ("since", "known"),
    [
        (hosts.EARLIEST, True),
        (hosts.EARLIEST - timedelta(seconds=1), False),
        (NOW + hosts.AHEAD, True),
        (NOW + hosts.AHEAD + timedelta(seconds=1), False),
    ],
)
def test_an_instant_that_no_right_clock_says_is_not_known(since: datetime, known: bool) -> None:
    assert hosts._instant(since.isoformat(), NOW) == (since if known else None)


@pytest.mark.parametrize(("late_s", "is_silent"), [(24.9, False), (25.0, False), (25.1, True)])
def test_a_host_is_silent_after_some_beats(late_s: float, is_silent: bool) -> None:
    (facts,) = hosts.list_hosts(redis_with(**{"encoding@a": SAID}), NOW)
    assert hosts.is_silent(facts, NOW + timedelta(seconds=late_s), 10.0) is is_silent


def test_hosts_that_keep_reports_are_those_whose_latest_entry_says_so() -> None:
    since = (NOW - timedelta(hours=1)).isoformat()
    earlier, silent = (NOW - timedelta(seconds=5)).isoformat(), (NOW - timedelta(hours=2)).isoformat()
    keeps = {"reports": 2, "reports_since": since}
    redis = redis_with(
        **{
            "encoding@a": {**SAID, **keeps},
            "xapi@a": {**SAID, "at": earlier},
            "encoding@b": SAID,
            "xapi@b": {**SAID, **keeps, "at": earlier},
            "encoding@c": {**SAID, **keeps, "at": silent},
            "encoding@d": {**SAID, "reports": 3, "reports_since": ""},
            "encoding@e": {**SAID, **keeps},
        }
    )
    assert hosts.keeping_reports(redis, NOW, 10.0) == [
        {"host": "a", "reports": 2, "since": since},
        {"host": "d", "reports": 3, "since": None},
    ]


def test_the_entries_of_a_host_can_be_removed() -> None:
    removed: list[tuple[Any, ...]] = []
    stored = [b"encoding@a", b"xapi@a", b"encoding@b"]
    redis: Any = SimpleNamespace(hkeys=lambda key: stored, hdel=lambda *names: removed.append(names))
    hosts.forget(redis, "a")
    hosts.forget(redis, "c")
    assert removed == [(keys.HOSTS, b"encoding@a", b"xapi@a")]


def test_a_sign_of_life_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is asked and the entry written at most each WRITE_S, and ffmpeg once."""
    clock, asked, written = SimpleNamespace(now=1000.0), [], []
    monkeypatch.setattr(hosts, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(hosts, "clock_of", lambda redis: NOW.timestamp())
    redis: Any = SimpleNamespace(hset=lambda key, field, entry: written.append((field, json.loads(entry))))

    def ask(what: str, answer: Any) -> Any:
        return lambda: asked.append(what) or answer  # type: ignore[func-returns-value]

    sign = hosts.SignOfLife(redis, "a", "encoding", ask("ffmpeg", "7.1"), ask("disk", 5))
    for passed_s in (0.0, hosts.WRITE_S / 2, hosts.WRITE_S / 2):
        clock.now += passed_s
        sign.look_at_disk()
        sign.give()
    assert asked == ["disk", "ffmpeg", "disk"] and len(written) == 2
    sign.hold("x" * 600)
    field, entry = written[2]
    assert (field, len(entry["held"]), entry["ffmpeg"]) == ("encoding@a", hosts.HELD_CHARACTERS, "7.1")
    assert (entry["disk_free"], entry["reports"], entry["reports_since"]) == (5, 0, "")
