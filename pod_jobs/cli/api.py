"""The command line's client of the web app's REST API. It uses the instance's own token."""

import re
from collections.abc import Iterator
from typing import Any

import requests

from pod_jobs.answers import is_success, object_in
from pod_jobs.cli.base import Fault, demand_instance
from pod_jobs.http_session import new_session
from pod_jobs.settings import Settings

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 30
PAGE = 200
OPEN = ("waiting", "running")  # states of a task that has not ended
NAMED = re.compile(r"(?:attempt|lane|task|token|video) \S+")  # the reason of a 404 names what was not found


class Api:
    """One session to /api/v1. Errors of all methods: Fault, with the app's sentence, or when the app does not answer."""

    def __init__(self, settings: Settings) -> None:
        demand_instance(settings)
        self.url = f"{settings.catalog_url}/api/v1"
        self._home = settings.home
        self._session = new_session()
        self._session.headers["Authorization"] = f"Token {settings.secret('cli_token')}"

    def get(self, path: str, **query: object) -> Any:
        """The JSON of GET `path`."""
        return self.call("GET", path, params={name: value for name, value in query.items() if value}).json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON of POST `path`."""
        return self.call("POST", path, json=body).json()

    def pages(self, path: str, name: str, **query: object) -> Iterator[dict[str, Any]]:
        """All items of the list `name` in the answers of `path`, page after page."""
        before = None
        while True:
            answer = self.get(path, limit=PAGE, before=before, **query)
            yield from answer[name]
            before = answer.get("next")
            if before is None:
                return

    def call(self, method: str, path: str, *, read_s: float = READ_TIMEOUT_S, **options: Any) -> requests.Response:
        """Send any request; `options` are those of requests."""
        try:
            answer = self._session.request(
                method, self.url + path, timeout=(CONNECT_TIMEOUT_S, read_s), allow_redirects=False, **options
            )
        except requests.RequestException as error:
            hint = f"Is it up? (./run up --home '{self._home}')"
            raise Fault(f"The web app at {self.url} does not answer.", f"{type(error).__name__}. {hint}") from error
        if not is_success(answer):
            raise _fault_of(answer)
        return answer


def _fault_of(answer: requests.Response) -> Fault:
    problem = object_in(answer)
    sentence = problem.get("title") or f"The web app answered {answer.status_code}."
    reason = problem.get("detail") or ""
    if problem.get("code") == "not-found" and NAMED.fullmatch(reason):
        return Fault(f"There is no {reason}.")
    return Fault(sentence, reason)
