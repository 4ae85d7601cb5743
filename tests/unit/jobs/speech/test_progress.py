"""What people see of a transcription: its share by the position in the sound, and the time that is left."""

from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.jobs.speech import transcribe
from pod_jobs.jobs.speech.transcribe import LEAST_FOR_ETA_S
from pod_jobs.speech.models import is_installed
from tests.servers import need


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    found = SimpleNamespace(now_s=1000.0)
    monkeypatch.setattr(transcribe, "time", SimpleNamespace(monotonic=lambda: found.now_s))
    return found


def test_share_and_time_left_follow_the_position_in_the_sound(clock: SimpleNamespace) -> None:
    need(is_installed(), "the extra `speech` (./run up --with-speech)")
    told: list[dict[str, Any]] = []
    context: Any = SimpleNamespace(tick=lambda order, progress: told.append(dict(progress)))
    work: Any = SimpleNamespace(show=lambda: None)
    order: Any = None
    progress = transcribe._Progress(context, order, work)
    progress.listened(0.05)
    progress.tick()
    progress.whole_s = 1000.0
    progress.recognised(100.0, 1)  # pieces of an earlier run: they took no time of this one
    clock.now_s += 30
    progress.recognised(100.0 + LEAST_FOR_ETA_S, 2)
    progress.recognised(300.0, 2)
    progress.recognised(250.0, 1)  # a helper has died
    assert told[:2] == [{"step": "listen", "fraction": 0.05}] * 2
    assert [one["workers"] for one in told[2:]] == [1, 2, 2, 1]
    assert [round(one["fraction"], 3) for one in told[2:]] == [0.19, 0.244, 0.37, 0.37]
    assert [one.get("eta_s") for one in told[2:]] == [None, None, 105, 150]
