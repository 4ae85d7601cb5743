"""The reconciler's table of cases."""

from dataclasses import replace

import pytest

from pod_jobs.janitor.reconcile import Sight, Verdict, judge, when_confirmed

RUNNING = Sight(
    state="running",
    status="started",
    placed=True,
    reported=False,
    progressing=True,
    worker_dead=False,
)
WAITING = replace(RUNNING, state="waiting", status="queued", progressing=False)


@pytest.mark.parametrize(
    ("sight", "verdict"),
    [
        (RUNNING, "fine"),
        (WAITING, "fine"),
        (replace(WAITING, status="scheduled"), "fine"),
        (replace(RUNNING, status="failed", placed=False, progressing=False), "suspect"),  # RQ's word for the same
        (replace(RUNNING, status="finished", placed=False, reported=True), "fine"),  # the report is on its way
        (replace(RUNNING, status=None, placed=False), "fine"),  # Redis came back empty, the horse works on
        (replace(RUNNING, status="failed", placed=False), "fine"),  # a clock jumped: RQ gave it up, it still advances
        (replace(RUNNING, worker_dead=True), "lost"),  # kill -9 of the worker on this host: at once
        (replace(RUNNING, worker_dead=True, status="queued"), "fine"),  # it put the job back before it went
        (replace(RUNNING, status="started", placed=False, progressing=False), "suspect"),  # silent for a minute
        (replace(RUNNING, status="finished", placed=False, progressing=False), "suspect"),
        (replace(RUNNING, status=None, placed=False, progressing=False), "suspect"),
        (replace(WAITING, status=None, placed=False), "suspect"),
        (replace(WAITING, status="queued", placed=False), "suspect"),  # RQ says queued, no queue holds it
    ],
)
def test_judge(sight: Sight, verdict: Verdict) -> None:
    assert judge(sight) == verdict


@pytest.mark.parametrize(
    ("sight", "verdict"),
    [
        (replace(WAITING, status=None, placed=False), "enqueue"),
        (replace(WAITING, status="queued", placed=False), "enqueue"),
        (replace(WAITING, status="scheduled", placed=False), "enqueue"),
        (replace(WAITING, status="failed", placed=False), "lost"),  # it died before its attempt began: a new generation
        (replace(RUNNING, status="finished", placed=False, progressing=False), "lost"),
        (replace(RUNNING, status=None, placed=False, progressing=False), "lost"),
        (replace(RUNNING, status="stopped", placed=False, progressing=False), "cancelled"),  # rq's stop command
        (replace(WAITING, status="canceled", placed=False), "cancelled"),
    ],
)
def test_what_follows_when_it_stays_wrong(sight: Sight, verdict: Verdict) -> None:
    assert when_confirmed(sight) == verdict
