"""A worker whose token is revoked loses its running job, and another one gets it."""

from contextlib import nullcontext

import pytest
from redis import Redis

from pod_jobs.catalog.models import ApiToken, Attempt, Task
from pod_jobs.catalog.store import tasks, users
from pod_jobs.janitor.revoked import end_runs_of_revoked
from pod_jobs.jobs import queue
from tests.integration.janitor.conftest import ALLOWED, now


@pytest.mark.parametrize("how", ["revoked", "switched off"])
def test_its_run_is_over_and_another_one_is_ordered(redis: Redis, task: Task, how: str) -> None:
    token = users.create_token(users.create("host b", "worker", None, now()), "b", now())
    other = users.create_token(users.create("host c", "worker", None, now()), "c", now())
    row = users.find_token(token, now())
    runner = tasks.Runner("encoding.b.1", "b", 1, token_id=row.id)
    tasks.start(task.id, 1, runner, now(), ALLOWED.losses)
    queue.write_progress(redis, task.id, {"fraction": 0.5})
    users.revoke_token(users.find_token(other, now()).id, now())
    assert end_runs_of_revoked(redis, ALLOWED, now(), nullcontext) == 0
    if how == "revoked":
        users.revoke_token(row.id, now())
    else:
        users.switch_off("host b", now())
    assert end_runs_of_revoked(redis, ALLOWED, now(), nullcontext) == 1
    again = Task.get_by_id(task.id)
    assert (again.state, again.generation) == ("waiting", 2)
    ended = Attempt.get(Attempt.task == task)
    assert (ended.outcome, ended.reason) == ("lost", "the token of its worker was revoked")
    assert queue.is_cancel_requested(redis, task.id, 1) and not queue.is_cancel_requested(redis, task.id, 2)
    assert queue.read_progress(redis, [task.id]) == {}
    assert end_runs_of_revoked(redis, ALLOWED, now(), nullcontext) == 0


def test_attempts_from_before_tokens_were_kept_are_left_alone(redis: Redis, task: Task) -> None:
    tasks.start(task.id, 1, tasks.Runner("encoding.b.1", "b", 1), now(), ALLOWED.losses)
    ApiToken.update(revoked_at=now()).execute()
    assert end_runs_of_revoked(redis, ALLOWED, now(), nullcontext) == 0
