"""What an answer of our own web app means to a worker. An answer of a proxy never ends a job, whatever its status code."""

from typing import Any

import requests

from pod_jobs.errors import (
    Cancelled,
    NotFound,
    PodJobsError,
    Refused,
    ResultRejected,
    ServiceUnavailable,
    Superseded,
    WorkerRefused,
)

OFFSET = "upload-offset"  # code of a part that does not begin where the web host's file ends


def is_success(response: requests.Response) -> bool:
    """Was a request done? A redirect, which workers do not follow, is none: a proxy sends strangers to its sign-in page."""
    return bool(requests.codes.ok <= response.status_code < requests.codes.multiple_choices)


def object_in(response: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer, such as a problem document; {} when it has none, for example when a proxy answered."""
    try:
        document = response.json()
    except requests.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def problem_words(problem: dict[str, Any]) -> str:
    """The sentence of a problem document, and its technical reason."""
    return ": ".join(str(problem[name]) for name in ("title", "detail") if problem.get(name))


def error_of(response: requests.Response, path: str) -> PodJobsError:
    """The error that the answer to a request for `path` stands for."""
    problem = object_in(response)
    reason = f"{path}: {response.status_code} {problem.get('detail') or problem.get('title') or ''}".strip()
    match response.status_code, problem.get("code"):
        case 404, "not-found":
            return NotFound(reason)
        case 409, "superseded":
            return Superseded(reason)
        case 409, "cancelled":
            return Cancelled(reason)
        case (401, "unauthorized") | (403, "forbidden" | "worker-queue") | (409, "worker-version"):
            return WorkerRefused(problem_words(problem) or reason)
        case 409, code if code == OFFSET:
            return Refused(reason, code=OFFSET)
        case 409, str():
            return Refused(reason)
        case ((400 | 413 | 422), str()):
            return ResultRejected(reason)
        case _:  # 5xx, and what a proxy says, whatever its number: nothing is dropped until somebody has corrected that
            return ServiceUnavailable(reason)
