"""What an error becomes: the answer, and whether the log has it."""

import logging
from typing import Any

import pytest
from flask import Flask

from pod_jobs.errors import DiskFull, Malformed, NotFound, PodJobsError, Refused, ServiceUnavailable

LOGGER = "pod_jobs.web.guards.problems"


@pytest.mark.parametrize(
    ("error", "status", "waits"),
    [
        (ServiceUnavailable("the database is away"), 503, True),
        (Refused("six at a time", code="receiving-limit", count="6"), 429, True),
        (Refused("it is done"), 409, False),
        (NotFound("task 7"), 404, False),
        (Malformed("no JSON"), 400, False),
        (DiskFull("no room"), 507, False),
        (PodJobsError("see the log"), 500, False),
    ],
)
def test_only_what_passes_asks_to_come_back_and_only_our_own_faults_are_logged(
    app: Flask, caplog: pytest.LogCaptureFixture, error: PodJobsError, status: int, waits: bool
) -> None:
    handler: Any = app.error_handler_spec[None][None][PodJobsError]
    with app.test_request_context("/api/v1/videos"), caplog.at_level(logging.ERROR, LOGGER):
        answer = handler(error)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) is waits
    assert bool(caplog.records) is (status >= 500)
