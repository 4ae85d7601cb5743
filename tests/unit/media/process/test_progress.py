import pytest

from pod_jobs.errors import FfmpegFailed
from pod_jobs.media.process.progress import Position, ProgressMeter, Step


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_positions_are_read_in_microseconds() -> None:
    position = Position(stall_s=10)
    for line in ("frame=12", "out_time_us=N/A", "out_time_ms=7000000", "speed=2x"):
        position.read(line)
    assert (position.frames, position.seconds) == (12, None)
    position.read("out_time_us=2500000")
    assert position.seconds == 2.5


def test_a_stall_is_the_lack_of_change_not_of_words() -> None:
    clock = Clock()
    position = Position(stall_s=120, clock=clock)
    position.read("out_time_us=2000000")
    for _ in range(100):
        clock.now += 1.5
        position.read("out_time_us=2000000")
        position.read("speed=0.1x")
        if clock.now <= 220:
            position.check()
    with pytest.raises(FfmpegFailed) as caught:
        position.check()
    assert caught.value.code == "encode-stalled"
    assert "at 2 s" in caught.value.reason


def test_fractions_cover_the_job_and_never_go_back() -> None:
    meter = ProgressMeter(Clock())
    asked: list[tuple[Step, float]] = [
        ("probe", 0.0),
        ("encode", 0.5),
        ("encode", 0.4),
        ("encode", 7.0),
        ("package", 0.0),
        ("pictures", 1.0),
    ]
    assert [meter.at(step, share, None, False).fraction for step, share in asked] == [0, 0.48, 0.48, 0.95, 0.95, 1.0]


def test_time_left_follows_the_pace_of_the_last_half_minute() -> None:
    clock = Clock()
    meter = ProgressMeter(clock)
    assert meter.at("encode", 0.01, 1.0, False).eta_s is None  # too early to say
    clock.now += 50
    first = meter.at("encode", 0.5, 60.0, False)
    assert first.eta_s == pytest.approx(56, abs=1)
    assert first.speed == pytest.approx(1.2)
    for _ in range(40):
        clock.now += 1
        last = meter.at("encode", 0.5, 60.0, False)
    assert last.eta_s is None  # it stands still: no promise


def test_what_was_half_a_minute_ago_still_counts_for_the_pace() -> None:
    clock = Clock()
    meter = ProgressMeter(clock)
    clock.now += 10
    meter.at("encode", 0.0, None, False)
    clock.now += 20
    paced = meter.at("encode", 1.0, None, False)  # 0.95 in 30 s; in the last 20 s it was 0.94
    assert paced.eta_s == round(0.05 * 30 / 0.95) == 2
