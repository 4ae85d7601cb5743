"""Sound that is coded once, in packets of 24 ms, whose times are then changed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest
from av.container import InputContainer

from pod_jobs.media.probing import stream_clock

FRAME = 2160  # ticks of 1/90000 s: 24 ms


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("sound") / "sound.ts")
    with av.open(path, "w", format="mpegts") as output:
        stream = output.add_stream("mp2", rate=48_000, layout="mono")
        for number in range(20):
            frame = av.AudioFrame("s16", "mono", 1152)
            frame.sample_rate, frame.pts = 48_000, 1152 * number
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


class Changed:
    """A container of a single track, whose packets get new times: (number, ticks) -> (decoded, shown)."""

    def __init__(self, container: InputContainer, times: Callable[[int, int], tuple[int | None, int | None]]) -> None:
        self.streams, self._container, self._times = container.streams, container, times

    def demux(self, streams: Any) -> Iterator[Any]:
        for number, packet in enumerate(self._container.demux(streams)):
            if packet.size:
                packet.dts, packet.pts = self._times(number, FRAME * (number + 100))
            yield packet


def rewritten(
    sound: str, folder: Path, times: Callable[[int, int], tuple[int | None, int | None]]
) -> tuple[int, list[int]]:
    """How often the clock broke, and by how many ticks each packet is later than the first, as it was written."""
    with av.open(sound) as container:
        changed: Any = Changed(container, times)
        breaks = stream_clock.rewrite(changed, [0], str(folder / "out.ts"))
    with av.open(str(folder / "out.ts")) as container:
        shown = [packet.pts for packet in container.demux() if packet.pts is not None]
    return breaks, [one - shown[0] for one in shown]


EVEN = [FRAME * number for number in range(20)]


def test_a_steady_clock_stays_as_it_is(sound: str, tmp_path: Path) -> None:
    assert rewritten(sound, tmp_path, lambda number, at: (at, at)) == (0, EVEN)


@pytest.mark.parametrize("jump", [-90_000, 90_000 * 3600])
def test_after_a_break_it_goes_on(sound: str, tmp_path: Path, jump: int) -> None:
    """The first jump leads to before the beginning."""
    assert rewritten(sound, tmp_path, lambda number, at: (at + jump * (number >= 10),) * 2) == (1, EVEN)


def test_a_pause_is_none(sound: str, tmp_path: Path) -> None:
    breaks, shown = rewritten(sound, tmp_path, lambda number, at: (at + 30 * 90_000 * (number >= 10),) * 2)
    assert (breaks, shown[9:11]) == (0, [EVEN[9], EVEN[10] + 30 * 90_000])


def test_a_packet_without_a_time_comes_after_the_one_before(sound: str, tmp_path: Path) -> None:
    breaks, shown = rewritten(sound, tmp_path, lambda number, at: (None, None) if number == 5 else (at, at))
    assert (breaks, shown) == (0, [*EVEN[:5], EVEN[4] + 1, *EVEN[6:]])


def test_a_packet_that_only_says_when_it_is_shown_is_decoded_then(sound: str, tmp_path: Path) -> None:
    assert rewritten(sound, tmp_path, lambda number, at: (None if number == 5 else at, at)) == (0, EVEN)


def test_what_is_shown_later_than_it_is_decoded_stays_so(sound: str, tmp_path: Path) -> None:
    rewritten(sound, tmp_path, lambda number, at: (at, at + 2 * FRAME if number == 0 else at))
    with av.open(str(tmp_path / "out.ts")) as container:
        first = next(container.demux())
    assert (first.pts or 0) - (first.dts or 0) == 2 * FRAME


def test_what_overlaps_with_what_was_there_is_left_out(sound: str, tmp_path: Path) -> None:
    """Sound that goes back less than a break does."""
    breaks, shown = rewritten(sound, tmp_path, lambda number, at: (at - 2 * FRAME * (number >= 10),) * 2)
    assert (breaks, len(shown)) == (0, 19) and shown == sorted(set(shown))


def test_a_break_is_found_and_no_time_is_left_to_look_on(sound: str) -> None:
    def is_set_anew(jump: int, deadline: float) -> bool:
        with av.open(sound) as container:
            changed: Any = Changed(container, lambda number, at: (at + jump * (number >= 10),) * 2)
            return stream_clock.is_set_anew(changed, deadline)

    far = float("inf")
    assert (is_set_anew(0, far), is_set_anew(-90_000, far), is_set_anew(0, 0.0)) == (False, True, True)


def test_two_tracks_that_break_together_stay_together() -> None:
    """The second one follows the first within SAME_S, and a break of its own alone shifts it alone."""

    def packet(track: int, at_s: float) -> Any:
        tick = 1 / 1000
        ticks = round(at_s / tick)
        kind = SimpleNamespace(type="video")
        return SimpleNamespace(stream_index=track, dts=ticks, pts=ticks, time_base=tick, duration=40, stream=kind)

    clock = stream_clock.SteadyClock()
    for at_s in (100.0, 100.04):
        assert clock.shift_s(packet(0, at_s)) == clock.shift_s(packet(1, at_s)) == 0.0
    first, second = clock.shift_s(packet(0, 7.0)), clock.shift_s(packet(1, 7.0))
    assert first == second == pytest.approx(100.08 - 7.0) and clock.breaks == 2
