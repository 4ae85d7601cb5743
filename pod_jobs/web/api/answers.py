"""Shared by the views of the API: strict reading of requests, and answers with an ETag, which make polling cheap."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from flask import Response, jsonify, request
from pydantic import TypeAdapter, ValidationError

from pod_jobs.catalog.database import whole_number
from pod_jobs.catalog.figures import COUNT_LIMIT
from pod_jobs.errors import Malformed
from pod_jobs.web import polls

T = TypeVar("T")
MAX_LIMIT = 200


def fresh(document: Any) -> Response:
    """`document` as JSON; 304 without a body when the client has it already."""
    response = jsonify(document)
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


def polled(make: Callable[[polls.Glance], Any], look: polls.Look, subjects: Iterable[str] = ()) -> Response:
    """As `fresh`, for what pages ask for again and again: `make` is called only if something may have changed (polls.answer)."""
    response = polls.answer(look, lambda glance: fresh(make(glance)), subjects)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def body(*, constants: bool = False) -> dict[str, Any]:
    """The request's JSON object. `constants`: it may hold NaN and Infinity, which JSON does not have. Errors: Malformed."""
    document = None
    try:
        if request.is_json:
            document = json.loads(request.get_data(), parse_constant=None if constants else _refuse)
    except RecursionError as error:
        raise Malformed("the JSON is nested too deeply") from error
    except ValueError:
        pass
    if not isinstance(document, dict):
        raise Malformed("a JSON object is needed")
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON has no {constant}")


def body_as(shape: TypeAdapter[T]) -> T:
    """The request's JSON object as a value of this type, without any conversion of fields. Fields that the type does not have
    are dropped, because a newer worker may send more. Errors: Malformed; what the checks of the type itself raise."""
    try:
        return shape.validate_json(request.get_data(), strict=True)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise Malformed(": ".join((*map(str, fault["loc"]), fault["msg"]))) from error


def field(document: dict[str, Any], name: str, kind: type[T]) -> T:
    """A required field of `document`. An int must be a count (`is_count`). Errors: Malformed."""
    value = document.get(name)
    if not isinstance(value, kind) or (kind is int and not is_count(value)):
        raise Malformed(f"{name}: {kind.__name__} is needed")
    return value


def instant(document: dict[str, Any], name: str) -> datetime:
    """A required field in ISO 8601 with its offset from UTC, such as Z. Errors: Malformed."""
    try:
        value = datetime.fromisoformat(field(document, name, str)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"{name}: {error}") from error
    if datetime.fromisoformat(document[name]).tzinfo is None:
        raise Malformed(f"{name}: an offset from UTC is needed, such as Z")
    return value


def is_count(value: Any) -> bool:
    """Is it a whole number that every database can hold?"""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_LIMIT


def page(start: str = "before") -> tuple[int, int | None]:
    """The arguments ?limit= (1 to 200, by default 50) and ?before= (an id) of a list; `start` is another name for the latter.
    Errors: Malformed."""
    limit, at = number("limit"), number(start)
    if limit is not None and not 1 <= limit <= MAX_LIMIT:
        raise Malformed(f"limit: 1 to {MAX_LIMIT} is needed")
    return limit or 50, at


def next_of(rows: list[Any], limit: int) -> int | None:
    """The value of `before` for the next page; None after the last page."""
    return rows[-1].id if len(rows) == limit else None


def days(most: int, usual: int = 30) -> int:
    """The argument ?days=, from 1 to `most`. Errors: Malformed."""
    given = request.args.get("days", str(usual))
    if not (given.isascii() and given.isdecimal() and len(given) < 6 and 1 <= int(given) <= most):
        raise Malformed(f"days: 1 to {most} is needed")
    return int(given)


def number(name: str) -> int | None:
    """A whole number in the arguments of the address; None when it is not given. Errors: Malformed."""
    text = request.args.get(name)
    value = whole_number(text or "")
    if text is not None and value is None:
        raise Malformed(f"{name}: a number is needed")
    return value
