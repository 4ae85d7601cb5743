"""When the frames of a picture come, by the index of their container or by their packets. Part of the program
probe_child.py, which runs alone in its process and imports nothing else of ours.
"""

import time
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

if TYPE_CHECKING or __package__:
    from pod_jobs.media.probing.packets import packets_of
else:
    from packets import packets_of

REORDERED_S = 1.0  # frames may be stored out of order by less than this
IRREGULAR = 1.06  # times the mean rate; decoding times, which the index has, may come in bursts: then packets are read
SURVEY_S = 1.0  # for the times of all frames of a container that has no index of them; then samples do
PLACES = 8  # at which a file is sampled
PLACE_PACKETS = 60  # that are read at each of these places, for each track
BUSY_FRAMES = 30  # in a row, whose mean rate is the pace of that moment
BURST_FRAMES, BURST_JITTER = 8, 1.3  # fewer in a row are a pace too, if they are that much faster

NO_PACE: dict[str, float | None] = {"peak_fps": None, "pause_s": None, "ends_s": None}


def pace_of(runs: list[list[float]], *, whole: bool) -> dict[str, float | None]:
    """Of the times of frames, in runs without holes: `peak_fps`, the pace of the busiest moment; `pause_s`, the longest time
    from one to the next, if these are all."""
    peak_fps = 0.0
    runs = [sorted(times) for times in runs]
    for times in runs:
        for count, jitter in ((BUSY_FRAMES, 1.0), (BURST_FRAMES, BURST_JITTER)):
            steps = min(count, len(times) - 1)
            spans = [after - before for before, after in zip(times, times[steps:], strict=False)] if steps > 0 else []
            shortest_s = min((span for span in spans if span > 0), default=0.0)
            peak_fps = max(peak_fps, steps / shortest_s / jitter if shortest_s else 0.0)
    gaps = [after - before for times in runs for before, after in zip(times, times[1:], strict=False)]
    return {"peak_fps": peak_fps or None, "pause_s": max(gaps, default=0.0) if whole else None, "ends_s": None}


def index_pace(stream: VideoStream) -> dict[str, float | None]:
    """By the index, if it tells of all frames of the track; else nothing."""
    entries = stream.index_entries
    if not (len(entries) >= stream.frames > 0) or not stream.time_base:
        return {}
    pace = pace_of([[float(entry.timestamp * stream.time_base) for entry in entries]], whole=True)
    if stream.duration:
        pace["ends_s"] = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    return pace


def is_unclear(stream: VideoStream, pace: dict[str, float | None] | None) -> bool:
    return not pace or (pace["peak_fps"] or 0.0) > IRREGULAR * (index_fps(stream) or 0.0)


def survey(container: InputContainer, indices: list[int]) -> dict[int, dict[str, float | None]]:
    """The pace of these tracks by their packets: of all, if there is time for that, else of samples from several places."""
    runs: dict[int, list[list[float]]] = {index: [[]] for index in indices}
    whole = collect(container, runs, time.monotonic() + SURVEY_S, None)
    start_s, duration_s = (container.start_time or 0) / 1_000_000, (container.duration or 0) / 1_000_000
    for place in range(1, 1 if whole else PLACES + 1):
        try:
            container.seek(int((start_s + duration_s * place / (PLACES + 1)) * 1_000_000))
        except av.FFmpegError:
            break
        for times in runs.values():
            times.append([])
        collect(container, runs, time.monotonic() + SURVEY_S / PLACES, PLACE_PACKETS * len(indices))
    return {index: pace_of(times, whole=whole) for index, times in runs.items()}


def collect(container: InputContainer, runs: dict[int, list[list[float]]], deadline: float, most: int | None) -> bool:
    """Adds times of frames to the last runs; a clock that goes back begins a new one. True at the end of the file."""
    for number, packet in enumerate(packets_of(container, [container.streams[index] for index in runs])):
        at_s = _seconds(packet)
        if at_s is not None and packet.size:
            times = runs[packet.stream_index]
            if times[-1] and at_s < times[-1][-1] - REORDERED_S:
                times.append([])
            times[-1].append(at_s)
        if time.monotonic() > deadline or number == most:
            return False
    return True


def index_fps(stream: VideoStream) -> float | None:
    """Frames per second of the whole track, or of what has been read of one in fragments. An edit list shortens a track and
    leaves the count of its frames as it was: the index's times do not lie."""
    entries = stream.index_entries
    is_whole = len(entries) >= stream.frames > 1
    lasts_s = float((entries[-1].timestamp - entries[0].timestamp) * (stream.time_base or 0)) if is_whole else 0.0
    return (len(entries) - 1) / lasts_s if lasts_s > 0 else None


def _seconds(packet: "av.Packet[Any]") -> float | None:
    value = packet.pts if packet.pts is not None else packet.dts
    return None if value is None or packet.time_base is None else float(value * packet.time_base)
