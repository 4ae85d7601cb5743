from datetime import UTC, datetime

import pytest

from pod_jobs.system.instants import read_instant


@pytest.mark.parametrize("seconds", ["", "noon", b"\xff", "nan", "inf", "-inf", 1e300, 1e19, 1e17, 1e12, -1e12, -1e18])
def test_what_has_no_date_is_none(seconds: float | str | bytes) -> None:
    assert read_instant(seconds) is None


@pytest.mark.parametrize("seconds", [60, 60.0, "60", b"60.0"])
def test_what_has_a_date_is_in_utc(seconds: float | str | bytes) -> None:
    assert read_instant(seconds) == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
