"""A stored job of which somebody else wrote a field: for RQ it is ours, or it is none; reading it never fails otherwise."""

import json
import zlib
from contextlib import suppress

import pytest
from redis import Redis
from rq.exceptions import NoSuchJobError

from pod_jobs.jobs.rq_classes import FIELDS, PERFORM, PodJob

STORED = {
    b"data": zlib.compress(json.dumps([PERFORM, None, ["encode", {"task": 7}], {}]).encode()),
    b"status": b"queued",
    b"created_at": b"2026-11-01T00:00:00.000000Z",
    b"timeout": b"60",
}
VALUES = (b"x", b"1h", b"-1", b"inf", b"nan", b"1e999", b"[]", b"\xff", b"[" * 100_000, b"9" * 5000)


def read(**fields: bytes) -> PodJob:
    job = PodJob("encode-7-g1", Redis())  # which connects to nothing before it is asked
    job.restore({**STORED, **{name.encode(): value for name, value in fields.items()}})
    return job


def test_a_job_of_ours_is_read() -> None:
    assert (read().args, read().timeout) == (["encode", {"task": 7}], 60)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_field_of_others_is_read_or_the_job_is_none_of_ours(name: str) -> None:
    for value in VALUES:
        with suppress(NoSuchJobError):
            read(**{name: value})


def test_a_time_limit_that_is_no_number_makes_it_none_of_ours() -> None:
    with pytest.raises(NoSuchJobError):
        read(timeout=b"x")


def test_a_traceback_of_others_is_not_unpacked() -> None:
    """A thousand bytes in the key-value server would become a million here."""
    assert not read(exc_info=zlib.compress(b"x" * 1_000_000))._exc_info
