"""Turns errors into answers: a problem document (RFC 9457) for programs, a page for people. The sentence is in the language
of the request."""

import logging
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from flask_babel import gettext
from peewee import DataError, InterfaceError, OperationalError
from redis.exceptions import RedisError
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from werkzeug.exceptions import HTTPException, InternalServerError

from pod_jobs import errors
from pod_jobs.errors import PodJobsError
from pod_jobs.web.services import wants_part

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
STATUS_OF_CODE = {
    "source-too-large": 413,
    "source-not-media": 415,
    "source-playlist": 415,
    "sign-in-failed": 401,
    "sign-in-link": 410,
    "too-many-attempts": 429,
    "receiving-limit": 429,
    "room-limit": 429,
    "trace-limit": 429,
    "uploads-limit": 429,
    "waiting-limit": 429,
    "upload-busy": 423,
    "malformed": 400,
    "order-unreadable": 422,
    "result-not-ready": 425,
    "result-failed": 400,
    "address-too-long": 414,
    "head-too-large": 431,
}
STATUS_OF_CLASS: tuple[tuple[type[PodJobsError], int], ...] = (
    (errors.NotFound, 404),
    (errors.Refused, 409),
    (errors.Malformed, 400),
    (errors.Unauthorized, 401),
    (errors.Forbidden, 403),
    (errors.DiskFull, 507),
    (errors.ServiceUnavailable, 503),
    (errors.Stopped, 409),
    (errors.PermanentError, 422),
)
CODE_OF_STATUS = {401: "unauthorized", 403: "forbidden", 404: "not-found"}


def register(app: Flask) -> None:
    """Let this module turn every error of a view into an answer. No other module does."""
    app.register_error_handler(PodJobsError, answer)
    app.register_error_handler(HTTPException, _of_werkzeug)
    app.register_error_handler(OSError, _of_system)
    for foreign in (OperationalError, InterfaceError, RedisError):
        app.register_error_handler(foreign, _of_service)
    app.register_error_handler(DataError, _of_value)
    app.register_error_handler(UnicodeEncodeError, _of_half_character)
    app.register_error_handler(NoSuchJobError, lambda error: answer(errors.NotFound(str(error))))
    app.register_error_handler(
        InvalidJobOperation, lambda error: answer(errors.Refused(f"RQ: {error or 'not failed'}"))
    )


def status_of(error: PodJobsError) -> int:
    """The HTTP status for `error`."""
    by_class = next((status for kind, status in STATUS_OF_CLASS if isinstance(error, kind)), 500)
    return STATUS_OF_CODE.get(error.code, by_class)


def translated(code: str, facts: dict[str, str]) -> str:
    """The sentence of an error code in the language of this request."""
    return errors.sentence_in(code, facts, gettext)


def answer(error: PodJobsError) -> Response:
    """The response that tells the client of `error`."""
    return _answer(error, status_of(error))


def answer_unread(app: Flask, path: str, languages: str, error: PodJobsError) -> Response:
    """`answer` for a request that no view sees, because its head cannot be read. What is known of it is its path and its header
    Accept-Language."""
    with app.test_request_context(path, headers={"Accept-Language": languages}):
        return answer(error)


def where() -> str:
    """The call for the log, such as "GET /sign-in/<token>". The address itself may hold a secret or a name."""
    return f"{request.method} {request.url_rule or 'an unknown address'}"


def wants_json() -> bool:
    """Is the client of this request a program?"""
    return request.path.startswith(("/api/", "/media/", "/healthz", "/task/", "/manager/"))


def _answer(error: PodJobsError, status: int) -> Response:
    if status >= 500:
        log.error("%s: %s", where(), error.reason)
    document = _document(error, status)
    if wants_json():
        response = jsonify(document)
        response.mimetype = "application/problem+json"
    else:
        response = Response(
            render_template("error.html", problem=document, only_live=wants_part()), mimetype="text/html"
        )
    response.status_code = status
    if status == 401 and wants_json():
        response.headers["WWW-Authenticate"] = "Token"
    if status == 503 or error.code == "receiving-limit":
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    response.headers["Cache-Control"] = "no-store"
    return response


def document_of(error: PodJobsError) -> dict[str, Any]:
    """What tells a client of `error`, for one of several things that it asked for."""
    return {name: value for name, value in _document(error, status_of(error)).items() if name != "type"}


def _document(error: PodJobsError, status: int) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": translated(error.code, error.facts),
        "status": status,
        "detail": error.reason,
        "code": error.code,
    }


def _of_werkzeug(error: HTTPException) -> Response:
    """Redirects pass unchanged. The cause of a 500 is only in the log, because it may contain confidential values."""
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]  # a werkzeug response that Flask accepts
    code = CODE_OF_STATUS.get(error.code, "internal" if error.code >= 500 else "malformed")
    reason = "see the log of the web app" if isinstance(error, InternalServerError) else error.description or error.name
    response = _answer(PodJobsError(reason, code=code), error.code)
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range", "Retry-After"):
            response.headers[name] = value
    return response


def _of_service(error: Exception) -> Response:
    what = "key-value server" if isinstance(error, RedisError) else "database"
    return answer(errors.ServiceUnavailable(f"{what}: {type(error).__name__}"))


def _of_value(error: DataError) -> Response:
    """The database cannot hold a value, such as a NUL or a number too large for its column. Malformed is a permanent error,
    so that a worker does not send such a value again for ever."""
    log.warning("%s: %s", where(), error)
    return answer(errors.Malformed("a text or a number that the database cannot hold"))


def _of_half_character(error: UnicodeEncodeError) -> Response:
    """JSON can spell half a character (a lone surrogate), which neither the database nor Redis can hold."""
    log.warning("%s: %s", where(), error)
    return answer(errors.Malformed("half a character (a lone surrogate) in a text"))


def _of_system(error: OSError) -> Response:
    if isinstance(own_error := errors.of_system(error), errors.DiskFull):
        return answer(own_error)
    log.error("%s", where(), exc_info=error)
    return _answer(PodJobsError("see the log of the web app"), 500)
