import time

import pytest

from pod_jobs.bridge import rounds


@pytest.mark.parametrize(("stopping", "pauses"), [([], 5), ([15], 0)])
def test_a_round_is_awaited_until_a_signal_comes(
    monkeypatch: pytest.MonkeyPatch, stopping: list[int], pauses: int
) -> None:
    now, paused = [100.0], list[float]()

    def sleep(pause_s: float) -> None:
        paused.append(pause_s)
        now[0] += pause_s

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(rounds, "ROUND_S", 0.45)
    rounds._wait(stopping)
    assert len(paused) == pauses
