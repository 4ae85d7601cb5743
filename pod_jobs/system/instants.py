"""Instants that another program may have written, in seconds since 1970: any number, or none."""

from datetime import UTC, datetime


def read_instant(seconds: float | str | bytes) -> datetime | None:
    """The instant in UTC; None for what is no number, and for a number for which there is no date."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):  # OSError: of the system's own call, from 7e16 on
        return None
