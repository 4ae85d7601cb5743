"""`pod-jobs drain --wait`: which workers it waits for."""

from typing import Any, cast

import pytest

from pod_jobs.cli.api import Api
from pod_jobs.cli.workers import _not_drained_yet


class ApiOf:
    """Answers with these workers, and with these running tasks."""

    tasks: tuple[int, ...] = ()

    def __init__(self, *states_and_jobs: tuple[str, str | None]) -> None:
        self.workers = [
            {"name": f"w{number}", "queue": "encoding", "host": "a", "state": state, "job": job}
            for number, (state, job) in enumerate(states_and_jobs)
        ]

    def get(self, path: str, **query: str) -> dict[str, Any]:
        self.query = query
        return {"workers": self.workers, "tasks": [{"id": number} for number in self.tasks]}


def _waited_for(*states_and_jobs: tuple[str, str | None], scope: str = "all", name: str = "") -> list[str]:
    return _not_drained_yet(cast(Api, ApiOf(*states_and_jobs)), {"scope": scope, "name": name})


def test_a_drain_waits_for_running_jobs_and_for_workers_that_do_not_know_of_it() -> None:
    """A worker that has just taken a job is busy for a moment before the job is listed as its own."""
    assert _waited_for(("busy", "video-7"), ("busy", None), ("idle", None), ("suspended", None)) == [
        "video-7",
        "w1",
        "w2",
    ]
    assert _waited_for(("suspended", None), ("suspended", None)) == []


def test_a_drain_waits_for_no_other_workers() -> None:
    assert _waited_for(("busy", "video-7"), scope="queue", name="xapi") == []
    assert _waited_for(("busy", "video-7"), ("idle", None), scope="worker", name="w1") == ["w1"]


@pytest.mark.parametrize(("scope", "name", "host"), [("all", "", ""), ("host", "a", "a")])
def test_a_drain_of_a_host_waits_until_what_was_made_is_in_the_catalog(scope: str, name: str, host: str) -> None:
    """Its workers are idle before the catalog has their results."""
    api = ApiOf(("suspended", None), ("idle", None))
    api.workers[1]["queue"] = "catalog"
    api.tasks = (7,)
    assert _not_drained_yet(cast(Api, api), {"scope": scope, "name": name}) == ["the result of task 7"]
    assert api.query == {"state": "running", "host": host}
    api.tasks = ()
    assert _not_drained_yet(cast(Api, api), {"scope": scope, "name": name}) == []
