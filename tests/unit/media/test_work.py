"""What runs beside a step: its costs and remarks, and the two ways in which it ends early."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from pod_jobs.errors import Cancelled, DiskFull, FfmpegFailed, Interrupted
from pod_jobs.media.planning.plan import EncodePlan
from pod_jobs.media.process.progress import Progress
from pod_jobs.media.work import Work
from tests.unit.media.samples import LIMITS, TOOLS


@pytest.fixture
def seen() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def work(tmp_path: Path, seen: list[tuple[str, str]]) -> Work:
    def tick(progress: Progress) -> None:
        seen.append((progress.step, threading.current_thread().name))

    return Work(tmp_path / "source", tmp_path, EncodePlan((), limits=LIMITS), TOOLS, tick)


@dataclass
class Endless:
    """An action that goes on until one of its own reports raises."""

    ended_by: BaseException | None = None

    def __call__(self, work: Work) -> None:
        deadline = time.monotonic() + 10
        try:
            while time.monotonic() < deadline:
                work.report("pictures", 0.5)
                time.sleep(0.01)
        except BaseException as error:
            self.ended_by = error
            raise


def test_costs_and_remarks_are_added(work: Work) -> None:
    def action(apart: Work) -> None:
        apart.journal.add(2.0, 70.0, ["a command"])
        apart.remark("warning-pictures", "why")

    with work.beside("pictures", action):
        work.journal.add(1.0, 90.0, ["another"])
    assert (work.journal.cpu_s, work.journal.peak_mb, work.journal.commands) == (3.0, 90.0, ["another", "a command"])
    assert [remark.code for remark in work.remarks] == ["warning-pictures"]


def test_what_it_reports_is_told_by_the_main_thread(work: Work, seen: list[tuple[str, str]]) -> None:
    def action(apart: Work) -> None:
        apart.report("pictures", 0.5)
        deadline = time.monotonic() + 10
        while not seen and time.monotonic() < deadline:
            time.sleep(0.01)

    with work.beside("captions", action):
        pass
    assert set(seen) == {("pictures", threading.main_thread().name)}


def test_what_it_raises_goes_up_when_the_body_has_ended(work: Work) -> None:
    def action(apart: Work) -> None:
        raise DiskFull("no space")

    ended = False
    with pytest.raises(DiskFull, match="no space"), work.beside("pictures", action):
        ended = True
    assert ended


def test_a_body_that_fails_ends_it(work: Work) -> None:
    action = Endless()
    with pytest.raises(FfmpegFailed, match="the body"), work.beside("pictures", action):
        raise FfmpegFailed("the body")
    assert isinstance(action.ended_by, Interrupted)


def test_a_cancel_ends_it_while_the_body_waits_for_it(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancel(progress: Progress) -> None:
        raise Cancelled("enough")

    monkeypatch.setattr(work, "_tick", cancel)
    action = Endless()
    with pytest.raises(Cancelled), work.beside("pictures", action):
        pass
    assert isinstance(action.ended_by, Interrupted)
