"""What an error becomes: the answer, and whether the log has it."""

import logging
from typing import Any

import pytest
from flask import Flask
from werkzeug import exceptions
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

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


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (exceptions.BadRequest("no JSON"), 400, "malformed"),
        (exceptions.NotFound(), 404, "not-found"),
        (exceptions.NotAcceptable(), 406, "malformed"),
        (exceptions.InternalServerError("a password"), 500, "internal"),
        (RequestRedirect("/there"), 308, None),
    ],
)
def test_what_flask_refuses_is_told_as_our_own_errors_are(
    app: Flask, error: exceptions.HTTPException, status: int, code: str | None
) -> None:
    handler: Any = app.error_handler_spec[None][None][exceptions.HTTPException]
    with app.test_request_context("/api/v1/videos"):
        answer = handler(error)
    assert answer.status_code == status
    if code is None:
        assert answer.headers["Location"] == "/there"
    else:
        document = answer.get_json()
        assert (document["code"], document["status"]) == (code, status)
        assert document["detail"] == ("see the log of the web app" if status == 500 else error.description)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (exceptions.BadRequest(response=Response("own words", 400)), 400),
        (exceptions.HTTPException(response=Response("own words", 202)), 202),
        (exceptions.HTTPException("without a code"), 200),
    ],
)
def test_an_answer_that_a_view_has_made_itself_is_left_as_it_is(
    app: Flask, error: exceptions.HTTPException, status: int
) -> None:
    handler: Any = app.error_handler_spec[None][None][exceptions.HTTPException]
    with app.test_request_context("/api/v1/videos"):
        answer = handler(error)
    assert answer.status_code == status and answer.mimetype != "application/problem+json"


def test_of_what_flask_refuses_the_headers_that_help_are_kept(app: Flask) -> None:
    handler: Any = app.error_handler_spec[None][None][exceptions.HTTPException]
    with app.test_request_context("/api/v1/videos"):
        answer = handler(exceptions.MethodNotAllowed(["GET", "POST"]))
    assert answer.headers["Allow"] == "GET, POST" and answer.mimetype == "application/problem+json"
