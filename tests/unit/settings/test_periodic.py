"""When a periodic task is due, by the clock alone; time zones and their jumps included."""

from datetime import UTC, datetime

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.janitor.periodic import check_kinds
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.jobs.ticks import latest_tick, next_ticks
from pod_jobs.settings.periodic import PeriodicSettings

PARIS = {"time_zone": "Europe/Paris"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("rhythm", "now", "tick"),
    [
        ({"every_min": 15}, "2026-05-01T10:14:59", "2026-05-01T10:00:00"),
        ({"every_min": 15}, "2026-05-01T10:15:00", "2026-05-01T10:15:00"),
        # 25 October in Paris: 03:00 is 02:00 again, at 01:00 UTC
        ({**PARIS, "cron": "0 * * * *"}, "2026-10-25T00:10:00", "2026-10-25T00:00:00"),
        ({**PARIS, "cron": "0 * * * *"}, "2026-10-25T01:10:00", "2026-10-25T01:00:00"),
        ({**PARIS, "cron": "*/27 * * * *"}, "2026-10-25T01:30:00", "2026-10-25T01:27:00"),
        ({**PARIS, "cron": "50 */2 * * *"}, "2026-10-25T01:30:00", "2026-10-25T00:50:00"),
        ({**PARIS, "cron": "50 */2 * * *"}, "2026-10-25T01:55:00", "2026-10-25T01:50:00"),
        ({**PARIS, "cron": "30 2 * * *"}, "2026-10-25T01:10:00", "2026-10-25T00:30:00"),
        (
            {**PARIS, "cron": "30 2 * * *"},
            "2026-10-25T12:00:00",
            "2026-10-25T00:30:00",
        ),  # else "once" would run it again
        ({**PARIS, "cron": "30 2 * * *"}, "2026-10-25T01:40:00", "2026-10-25T00:30:00"),
        ({**PARIS, "cron": "0 * * * *"}, "2026-10-25T02:05:00", "2026-10-25T02:00:00"),
        ({"cron": "0 3 * * *"}, "2026-05-01T03:00:00", "2026-05-01T03:00:00"),
        ({"cron": "0 3 * * *"}, "2026-05-01T02:59:59", "2026-04-30T03:00:00"),
        ({"cron": "0 3 * * *", "time_zone": "Europe/Paris"}, "2026-07-01T01:00:00", "2026-07-01T01:00:00"),
        ({"cron": "0 3 * * *", "time_zone": "Europe/Paris"}, "2026-01-01T01:30:00", "2025-12-31T02:00:00"),
        (
            {"cron": "30 2 * * *", "time_zone": "Europe/Paris"},
            "2026-03-29T12:00:00",
            "2026-03-29T01:00:00",
        ),  # 2:30 is no time
    ],
)
def test_latest_tick(rhythm: dict[str, object], now: str, tick: str) -> None:
    entry = PeriodicSettings(name="x", kind="verify", missed="skip", **rhythm)  # type: ignore[arg-type]
    assert latest_tick(entry, at(now)) == at(tick)


@pytest.mark.parametrize(
    "wrong", [{}, {"cron": "x"}, {"cron": "0 3 * * *", "every_min": 5}, {"every_min": 5, "time_zone": "Mars"}]
)
def test_a_wrong_rhythm_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cron|every_min|time_zone"):
        PeriodicSettings(name="x", kind="verify", missed="skip", **wrong)  # type: ignore[arg-type]


def test_only_job_types_that_allow_it_are_ordered_by_the_clock() -> None:
    def entry(kind: str) -> PeriodicSettings:
        return PeriodicSettings(name=f"x-{kind.replace('_', '-')}", kind=kind, every_min=5, missed="skip")

    check_kinds([entry("verify")], JOB_TYPES)
    with pytest.raises(SettingsError) as refused:
        check_kinds([entry("verify"), entry("encode"), entry("nothing")], JOB_TYPES)
    assert refused.value.reason.splitlines() == [
        "periodic x-encode: kind 'encode' is none of verify",
        "periodic x-nothing: kind 'nothing' is none of verify",
    ]


@pytest.mark.parametrize(
    ("rhythm", "now", "wanted"),
    [
        ({"every_min": 45}, "2026-05-01T10:14:59", ["10:30:00", "11:15:00", "12:00:00"]),
        ({"cron": "*/27 * * * *"}, "2026-05-01T10:27:00", ["10:54:00", "11:00:00", "11:27:00"]),
        ({**PARIS, "cron": "0 * * * *"}, "2026-10-24T23:30:00", ["00:00:00", "01:00:00", "02:00:00"]),
        ({**PARIS, "cron": "*/27 * * * *"}, "2026-10-25T00:40:00", ["00:54:00", "01:00:00", "01:27:00"]),
        ({**PARIS, "cron": "30 2 * * *"}, "2026-10-24T12:00:00", ["00:30:00", "01:30:00", "01:30:00"]),
    ],
)
def test_the_next_ticks_are_those_that_will_be_the_latest(
    rhythm: dict[str, object], now: str, wanted: list[str]
) -> None:
    entry = PeriodicSettings(name="x", kind="verify", missed="skip", **rhythm)  # type: ignore[arg-type]
    found = next_ticks(entry, at(now), 3)
    assert [tick.strftime("%H:%M:%S") for tick in found] == wanted
    assert [latest_tick(entry, tick) for tick in found] == found
