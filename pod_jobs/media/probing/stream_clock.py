"""The clock of a broadcast stream (MPEG-TS, MPEG-PS), which may be set anew in the middle: a camera's files put end to end, a
splice, a sender that was started again; and of other files where another recording follows (appended.py). Part of the
program probe_child.py, which runs alone in its process and imports nothing else of ours.

ffmpeg's own remedy shifts all tracks whenever the clock of one of them looks wrong. It takes long pauses for breaks, and a
break of less than 10 s brings sound and picture apart. Here each track is shifted where its own clock breaks.

Several frames of a sound lie in one packet of the stream, and only the first has a time of its own. libavformat reckons the
others by the rate that the sound had at its beginning: where AAC goes on at another rate, these times are wrong.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer

if TYPE_CHECKING or __package__:
    from pod_jobs.media.probing.packets import packets_of
else:
    from packets import packets_of

CLOCKED = ("mpegts", "mpeg", "aac")  # their clock may be set anew, or their times go by a rate that changes
BACK_S = 0.1  # a time of decoding that is so much earlier than the one before
REORDERED_S = 1.0  # the same where times of decoding are not known: B-frames are shown earlier than those before them
AHEAD_S = 60.0  # or so much later than all that came before, of any track: a pause is not that long
GUESS_S = 0.001  # a reckoned time that is so far off is wrong
SAME_S = 2.0  # tracks that break so near to each other break together
EACH_ITS_TIME = {"pes_payload_size": "0"}  # frames of sound are not put together
ADTS_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
AAC_SAMPLES = 1024  # of a block


class SteadyClock:
    """Times of a stream, in the order of its packets -> times on a clock that never breaks. Seconds."""

    def __init__(self, back_s: float = BACK_S) -> None:
        self._back_s = back_s
        self._bases: dict[int, float] = {}  # of each track: seconds of a tick
        self._shifts: dict[int, float] = {}  # of each track
        self._newest_s = 0.0  # shift of the track that broke last
        self._last_s: dict[int, float] = {}  # the newest time of decoding of each track, on the steady clock
        self._end_s: float | None = None  # the latest end of all tracks, on the steady clock
        # of each sound track: stated time, true time and true length of its last frame
        self._sounds: dict[int, tuple[float, float, float]] = {}
        self.breaks = 0

    def _true_s(self, packet: "av.Packet[Any]", stated_s: float, base_s: float) -> float:
        """When a frame of AAC is decoded: after the one before, if its time was only reckoned from that one's."""
        length_s = adts_s(packet) if packet.stream.type == "audio" else None
        if length_s is None:
            return stated_s
        last_stated_s, last_s, last_length_s = self._sounds.get(packet.stream_index, (stated_s - 1, 0.0, 0.0))
        reckoned_s = last_stated_s + (packet.duration or 0) * base_s
        is_wrong = abs(stated_s - reckoned_s) < GUESS_S < abs(reckoned_s - last_stated_s - last_length_s)
        true_s = last_s + last_length_s if is_wrong else stated_s
        self.breaks += is_wrong
        self._sounds[packet.stream_index] = (stated_s, true_s, length_s)
        return true_s

    def shift_s(self, packet: "av.Packet[Any]") -> float | None:
        """How much later the packet has to come. None: it overlaps with what was there before the break."""
        track, decoded, shown = packet.stream_index, packet.dts, packet.pts
        base_s = self._bases.get(track) or self._bases.setdefault(track, float(packet.time_base or 0))
        shift_s = self._shifts.get(track, self._newest_s)
        if (first := shown if decoded is None else decoded) is None:
            return shift_s
        decoded_s, shown_s = first * base_s, (first if shown is None else shown) * base_s
        wrong_s = self._true_s(packet, decoded_s, base_s) - decoded_s
        decoded_s, shown_s = decoded_s + wrong_s, shown_s + wrong_s
        last_s = self._last_s.get(track, decoded_s + shift_s)
        if self._end_s is not None and not last_s - self._back_s <= decoded_s + shift_s <= self._end_s + AHEAD_S:
            if shift_s == self._newest_s or abs(decoded_s + self._newest_s - last_s) > SAME_S:
                self._newest_s = self._end_s - shown_s
            shift_s = self._newest_s
            self.breaks += 1
        self._shifts[track] = shift_s
        if decoded_s + shift_s < last_s - (self._back_s if packet.stream.type == "video" else 0.0):
            return None
        self._last_s[track] = max(decoded_s + shift_s, last_s)
        lasts_s = (packet.duration or 0) * base_s
        self._end_s = max(shown_s + shift_s + lasts_s, shown_s + shift_s if self._end_s is None else self._end_s)
        return shift_s + wrong_s


def adts_s(packet: "av.Packet[Any]") -> float | None:
    """How long the sound of a frame of AAC lasts, by its ADTS header (ISO/IEC 13818-7, 6.2); None for all others."""
    head = bytes(packet)[:7]
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or (number := head[2] >> 2 & 15) >= len(ADTS_HZ):
        return None
    return AAC_SAMPLES * ((head[6] & 3) + 1) / ADTS_HZ[number]


def is_set_anew(
    container: InputContainer,
    deadline: float,
    show: Callable[["av.Packet[Any]"], None] = lambda packet: None,
    back_s: float = BACK_S,
) -> bool:
    """Whether the clock breaks anywhere in the file, or times are wrong. True, too, when the time runs out: then nobody knows.
    `show` is given each packet that is read."""
    clock = SteadyClock(back_s)
    for packet in packets_of(container, [one for one in container.streams if one.type in ("video", "audio")]):
        show(packet)
        clock.shift_s(packet)
        if clock.breaks or time.monotonic() > deadline:
            return True
    return False


def rewrite(container: InputContainer, tracks: list[int], path: str, form: str = "mpegts") -> int:
    """Copy these tracks into a file whose clock never breaks. Returns how often the old one did. `form`: its container, as
    libavformat names it."""
    options, back_s, ahead_s = (EACH_ITS_TIME, BACK_S, 0.0) if form == "mpegts" else ({}, REORDERED_S, REORDERED_S)
    clock, last = SteadyClock(back_s), dict[int, int]()
    with av.open("file:" + path, "w", format=form, options=options) as output:
        copies = {index: output.add_stream_from_template(container.streams[index], opaque=True) for index in tracks}
        for index, copy in copies.items():
            copy.metadata.update(container.streams[index].metadata)
        for packet in packets_of(container, [container.streams[index] for index in tracks]):
            shift_s, track, base = clock.shift_s(packet), packet.stream_index, packet.time_base
            if shift_s is None or not packet.size or not base:
                continue
            ticks, ahead, shown = round(shift_s / base), round(ahead_s / base), packet.pts
            first = shown if packet.dts is None or (ahead and shown is not None) else packet.dts
            following = last.get(track, -(2**62)) + 1  # where a packet comes that says no time
            packet.dts = following if first is None else max(first + ticks - ahead, following)
            packet.pts = packet.dts + ahead if shown is None else max(shown + ticks, packet.dts)
            last[track] = packet.dts
            packet.stream = copies[track]
            output.mux(packet)
    return clock.breaks
