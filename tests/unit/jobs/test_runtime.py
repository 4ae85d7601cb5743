"""What becomes of a job: which errors end it, which repeat it, and who may run it. With a worker it is in tests/integration."""

import random
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis
from rq import Retry
from rq.timeouts import JobTimeoutException

from pod_jobs.errors import (
    BadSource,
    Cancelled,
    Interrupted,
    NotFound,
    OutOfResources,
    PodJobsError,
    Refused,
    ServiceUnavailable,
    SettingsError,
    Superseded,
    WorkerRefused,
)
from pod_jobs.jobs import queue, runtime
from pod_jobs.jobs.context import StopSignal
from pod_jobs.jobs.job_type import JobType
from pod_jobs.jobs.rq_classes import PodJob
from pod_jobs.jobs.verify import VERIFY

RETRY = SimpleNamespace(attempts=3, base_s=10.0, cap_s=60.0)


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The reports that are sent: outcome, and what else they say."""
    reports: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(runtime, "_send", lambda context, order, outcome, **more: reports.append((outcome, more)))
    return reports


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """How often the present job was tried before."""
    job = SimpleNamespace(number_of_retries=None)
    monkeypatch.setattr(runtime, "get_current_job", lambda: job)
    return job


@dataclass
class Catalog:
    """Answers the start of a run."""

    answer: Any

    def start(self, *_: Any, **__: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


ORDER: Any = SimpleNamespace(task=7, generation=1, attempt=1, words="", key="key", settings={}, failures=0)


def context_of(answer: Any = ORDER) -> Any:
    settings = SimpleNamespace(retry=RETRY)
    return SimpleNamespace(settings=settings, catalog=Catalog(answer), worker="w", host="h", source_s=None)


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "with_order", lambda settings, ordered: settings)
    monkeypatch.setattr(runtime, "tell_parent", lambda attempt, key: None)


def perform(run: Any, answer: Any = ORDER) -> Retry | None:
    return runtime._perform_task(JobType("encode", "encoding", run), context_of(answer), 7, 1)


def raising(error: Exception) -> Any:
    def run(*_: Any) -> Any:
        raise error

    return run


@pytest.mark.parametrize(("number", "wait_s"), [(1, 10), (2, 20), (3, 40), (4, 60), (5000, 60)])
def test_the_wait_doubles_up_to_its_limit(number: int, wait_s: int) -> None:
    assert runtime.delay_s(number, RETRY.base_s, RETRY.cap_s) == wait_s


def test_a_wait_is_a_second_at_least(tries: SimpleNamespace) -> None:
    context = context_of()
    context.settings.retry = SimpleNamespace(base_s=0.01, cap_s=0.01)
    assert runtime._retry(context, 1, ServiceUnavailable("away")).intervals == [1]


@pytest.mark.parametrize(
    ("result", "measured"),
    [
        ({"cpu_s": 1.0, "peak_mb": 2.0}, {"cpu_s": 1.0, "peak_mb": 2.0}),
        ({"cpu_s": 0.0, "peak_mb": None}, {"cpu_s": 0.0}),
        ({}, {}),
    ],
)
def test_a_result_that_is_done(sent: list[Any], result: dict[str, Any], measured: dict[str, float]) -> None:
    assert perform(lambda *_: result) is None
    assert sent == [("done", {"result": result, **measured})]


@pytest.mark.parametrize(
    ("answer", "before", "interval", "at_front"),
    [
        (NotFound("gone"), 0, None, None),
        (Superseded("a newer one runs"), 0, None, None),
        (WorkerRefused("not you"), runtime.REFUSALS - 1, 0, True),
        (WorkerRefused("not you"), runtime.REFUSALS, 60, False),
        (ServiceUnavailable("away"), 0, 10, False),
        (ServiceUnavailable("away"), 1, 20, False),
    ],
)
def test_a_run_that_may_not_begin(
    sent: list[Any], tries: SimpleNamespace, answer: PodJobsError, before: int, interval: int | None, at_front: bool
) -> None:
    tries.number_of_retries = before
    retry = perform(raising(AssertionError("it ran")), answer)
    assert (retry and (retry.intervals, retry.enqueue_at_front)) == (
        interval if interval is None else ([interval], at_front)
    )
    assert sent == []


@pytest.mark.parametrize(
    ("error", "outcome", "interval", "at_front"),
    [
        (Interrupted("stop"), "interrupted", 0, True),
        (Cancelled("a person"), "cancelled", None, None),
        (Superseded("a newer one"), None, None, None),
        (ServiceUnavailable("away"), "retry", 10, False),
        (SettingsError("no ffmpeg"), "retry", 10, False),
        (OutOfResources("killed"), "retry", 10, False),
    ],
)
def test_a_run_that_may_go_on_or_is_over(
    sent: list[Any],
    tries: SimpleNamespace,
    error: PodJobsError,
    outcome: str | None,
    interval: int | None,
    at_front: bool | None,
) -> None:
    retry = perform(raising(error))
    assert (retry and (retry.intervals, retry.enqueue_at_front)) == (
        interval if interval is None else ([interval], at_front)
    )
    assert [one for one, _ in sent] == ([outcome] if outcome else [])
    assert all(more.get("retry_in_s") == 10 for one, more in sent if one == "retry")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadSource("broken"), "source-unreadable"),
        (Refused("no"), "refused"),
        (JobTimeoutException("too long"), "task-too-slow"),
        (ZeroDivisionError("a bug"), "internal"),
    ],
)
def test_a_run_that_fails_for_good(sent: list[Any], tries: SimpleNamespace, error: Exception, code: str) -> None:
    with pytest.raises((type(error), PodJobsError)):
        perform(raising(error))
    (one,) = sent
    assert (one[0], one[1]["error_code"]) == ("error", code)


@pytest.mark.parametrize(
    ("error", "failures", "may"),
    [
        (OutOfResources("killed"), 1, True),
        (OutOfResources("killed"), 2, False),
        (ServiceUnavailable("away"), 2, True),
        (ServiceUnavailable("away"), 99, True),
    ],
)
def test_only_kills_are_counted(error: PodJobsError, failures: int, may: bool) -> None:
    order: Any = SimpleNamespace(failures=failures)
    assert runtime._may_try_again(context_of(), order, error) is may


def test_a_job_without_a_task_is_repeated_until_it_succeeds(tries: SimpleNamespace) -> None:
    retry = runtime._perform_other(JobType("x", "xapi", raising(ServiceUnavailable("away"))), context_of(), {})
    assert retry and retry.intervals == [10]
    assert runtime._perform_other(JobType("x", "xapi", lambda *_: None), context_of(), {}) is None
    with pytest.raises(Refused):
        runtime._perform_other(JobType("x", "xapi", raising(Refused("no"))), context_of(), {})


@pytest.mark.parametrize(
    ("taken_from", "kind", "payload", "may_run"),
    [
        (VERIFY.queue, "verify", {"task": 1, "generation": 1}, True),
        ("xapi", "verify", {"task": 1, "generation": 1}, False),
        (VERIFY.queue, "gone", {"task": 1, "generation": 1}, False),
        (VERIFY.queue, "verify", {"task": 1}, False),
    ],
)
def test_a_job_is_run_from_its_own_queue_only(
    monkeypatch: pytest.MonkeyPatch, taken_from: str, kind: str, payload: dict[str, Any], may_run: bool
) -> None:
    job = PodJob("verify-1-g1", Redis())
    job.taken_from = taken_from
    monkeypatch.setattr(runtime, "get_current_job", lambda: job)
    context: Any = SimpleNamespace(job_types={"verify": VERIFY})
    if may_run:
        assert runtime._type_of(context, kind, payload) is VERIFY
    else:
        with pytest.raises(Refused):
            runtime._type_of(context, kind, payload)


@pytest.mark.parametrize("given", [("settings",), ("job_types",), ()])
def test_a_job_of_another_worker_than_ours_is_not_run(monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]) -> None:
    job = PodJob("verify-1-g1", Redis())
    for name in given:
        setattr(job, name, {"verify": VERIFY})
    monkeypatch.setattr(runtime, "get_current_job", lambda: job)
    with pytest.raises(RuntimeError, match="PodWorker alone"):
        runtime._open_context(StopSignal())


@pytest.mark.parametrize(("source_s", "told"), [(None, {}), (0.0, {"source_s": 0.0})])
def test_a_report_says_how_long_the_recording_is_once_that_is_known(
    monkeypatch: pytest.MonkeyPatch, source_s: float | None, told: dict[str, float]
) -> None:
    reports: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(runtime, "tell_catalog", lambda settings, redis, name, entry: reports.append((name, entry)))
    monkeypatch.setattr(queue, "clear_progress", lambda redis, task: None)
    context = context_of()
    context.source_s, context.redis = source_s, None
    runtime._send(context, ORDER, "done", result={})
    ((name, entry),) = reports
    assert (name, entry["task"]) == ("7-g1-a1", 7)
    assert entry["report"] == {"generation": 1, "attempt": 1, "worker": "w", "outcome": "done", "result": {}, **told}
