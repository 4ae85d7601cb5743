"""Workers are counted, and pages of lists are cut."""

from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.jobs import workforce


def redis_with(jobs: int) -> Any:
    return SimpleNamespace(llen=lambda key: jobs)


@pytest.mark.parametrize(
    ("states", "jobs", "idle", "wanting", "untaken"),
    [
        ([], 0, 0, 0, False),
        ([], 1, 0, 0, True),
        (["idle", "idle", "busy", "suspended", "started"], 1, 1, 3, False),
        (["idle", "busy"], 1, 0, 1, False),
        (["idle", "busy"], 2, 0, 1, True),
    ],
)
def test_workers_that_wait_for_work(
    monkeypatch: pytest.MonkeyPatch, states: list[str], jobs: int, idle: int, wanting: int, untaken: bool
) -> None:
    monkeypatch.setattr(workforce, "_states", lambda redis, name: states)
    redis = redis_with(jobs)
    assert workforce.count_idle(redis, "encoding") == idle
    assert workforce.count_waiting_for_work(redis, "encoding") == wanting
    assert workforce.has_untaken_jobs(redis, "encoding") is untaken
    held = states.count("suspended")
    assert workforce.strengths(redis, ["encoding"]) == {"encoding": workforce.Strength(len(states) - held, held)}


@pytest.mark.parametrize(
    ("total", "start", "count", "newest_first", "shown"),
    [
        (5, 0, 2, False, [0, 1]),
        (5, 4, 2, False, [4]),
        (5, 5, 2, False, []),
        (5, 0, 2, True, [4, 3]),
        (5, 4, 2, True, [0]),
        (5, 5, 2, True, []),
        (0, 0, 2, True, []),
        (1, 0, 1, False, [0]),
        (1, 0, 1, True, [0]),
    ],
)
def test_a_page_of_a_list(
    monkeypatch: pytest.MonkeyPatch, total: int, start: int, count: int, newest_first: bool, shown: list[int]
) -> None:
    class Job:
        def __init__(self, id: str) -> None:
            self.id = id

        @staticmethod
        def fetch_many(ids: list[str], **_: Any) -> list[Any]:
            return [Job(job_id) for job_id in ids] + [None]  # of a job that is none of ours

    def lrange(key: str, first: int, last: int) -> list[bytes]:
        return [str(number).encode() for number in range(total)[first : last + 1]]

    queue = SimpleNamespace(key="q", connection=SimpleNamespace(lrange=lrange))
    monkeypatch.setattr(workforce, "open_queue", lambda redis, name: queue)
    monkeypatch.setattr(workforce, "PodJob", Job)
    found, jobs = workforce.page_of_jobs(
        redis_with(total), "encoding", workforce.QUEUED, start, count, newest_first=newest_first
    )
    assert (found, [int(job.id) for job in jobs]) == (total, shown)
