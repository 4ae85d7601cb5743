"""Reads the boxes of MP4 files that we wrote: their tracks, and whether they are complete. It takes milliseconds.

It is not for foreign files, which only the probe's child process reads. ISO/IEC 14496-12; CODECS strings by RFC 6381.
"""

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pod_jobs.system import plain_files

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"}
CODECS_OF_SOUND = {"aac": "mp4a.40.2", "libopus": "opus"}  # by encoder


def _avc1(record: bytes) -> str:
    """ISO/IEC 14496-15: version, then profile, compatibility and level."""
    return f"avc1.{record[1:4].hex()}"


def _av01(record: bytes) -> str:
    """AV1 in ISO base media, 2.3.3: 3 bits of profile, 5 of level, 1 of tier, 2 of depth."""
    profile, level, flags = record[1] >> 5, record[1] & 31, record[2]
    depth = 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    return f"av01.{profile}.{level:02}{'H' if flags & 0x80 else 'M'}.{depth:02}"


def _vp09(record: bytes) -> str:
    """VP codecs in ISO base media: version and flags, then profile, level, and 4 bits of depth."""
    return f"vp09.{record[4]:02}.{record[5]:02}.{record[6] >> 4:02}"


# sample entry -> the box that configures its decoder, and the function that reads that box
CONFIGURATIONS: dict[bytes, tuple[bytes, Callable[[bytes], str]]] = {
    b"avc1": (b"avcC", _avc1),
    b"av01": (b"av1C", _av01),
    b"vp09": (b"vpcC", _vp09),
}
SOUNDS = {b"mp4a": CODECS_OF_SOUND["aac"], b"Opus": CODECS_OF_SOUND["libopus"]}


@dataclass
class Fragment:
    """Samples that were written together: where they lie in the file, and from when to when they are shown, in ticks."""

    offset: int
    begin_ticks: int
    end_ticks: int


@dataclass
class Track:
    """One track; `kind` is "vide" or "soun". `duration_s` is the sum of its samples'."""

    kind: str = ""
    codecs: str = ""
    width_px: int = 0
    height_px: int = 0
    timescale: int = 1
    samples: int = 0
    duration_s: float = 0.0
    first_ticks: int | None = None  # decode time of the first fragment
    default_ticks: int = 0
    fragments: list[Fragment] = field(default_factory=list)


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.tracks: dict[int, Track] = {}
        self.track = Track()  # the one whose boxes are being read
        self.fragment_at = 0  # offset of the fragment that is being read
        self.decoded_at = 0  # ticks, of the next sample

    def read(self, begin: int, end: int) -> None:
        for kind, start, stop in self.boxes(begin, end):
            if kind == b"trak":
                self.track = Track()
            elif kind == b"moof":
                self.fragment_at = start
            if kind in CONTAINERS:
                self.read(start, stop)
            elif take := getattr(self, f"take_{kind.decode('ascii', 'replace')}", None):
                self.file.seek(start)
                take(self.file.read(min(stop - start, 64_000_000)))

    def boxes(self, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """(type, start of the content, end) of the boxes between two offsets; ValueError when one is cut off."""
        while begin + 8 <= end:
            self.file.seek(begin)
            size, kind = struct.unpack(">I4s", self.file.read(8))
            start = begin + 8
            if size == 1:
                (size,), start = struct.unpack(">Q", self.file.read(8)), begin + 16
            stop = begin + size if size else end
            if stop > end or stop < start:
                raise ValueError(f"box {kind.hex()} at {begin} ends at {stop}, after its parent's {end}")
            yield kind, start, stop
            begin = stop

    def take_tkhd(self, box: bytes) -> None:
        (number,) = struct.unpack_from(">I", box, 20 if box[0] else 12)
        self.tracks[number] = self.track

    def take_mdhd(self, box: bytes) -> None:
        self.track.timescale, ticks = struct.unpack_from(*((">IQ", box, 20) if box[0] else (">II", box, 12)))
        self.track.duration_s = ticks / self.track.timescale

    def take_hdlr(self, box: bytes) -> None:
        self.track.kind = self.track.kind or box[8:12].decode("ascii", "replace")

    def take_stsd(self, box: bytes) -> None:
        entry = box[12:16]
        if entry in CONFIGURATIONS:
            self.track.width_px, self.track.height_px = struct.unpack_from(">HH", box, 40)
            name, codecs = CONFIGURATIONS[entry]
            self.track.codecs = codecs(box[box.index(name) + 4 :])
        else:
            self.track.codecs = SOUNDS.get(entry, entry.decode("ascii", "replace"))

    def take_stsz(self, box: bytes) -> None:
        (self.track.samples,) = struct.unpack_from(">I", box, 8)

    def take_tfhd(self, box: bytes) -> None:
        flags, number = struct.unpack_from(">II", box, 0)
        self.track = self.tracks[number]
        at = 8 + 8 * bool(flags & 0x01) + 4 * bool(flags & 0x02)
        if flags & 0x08:
            (self.track.default_ticks,) = struct.unpack_from(">I", box, at)

    def take_tfdt(self, box: bytes) -> None:
        (self.decoded_at,) = struct.unpack_from(">Q" if box[0] else ">I", box, 4)
        if self.track.first_ticks is None:
            self.track.first_ticks = self.decoded_at

    def take_trun(self, box: bytes) -> None:
        """The samples of one fragment. The flags say which fields each has: duration, size, flags, shift of its showing."""
        flags, count = struct.unpack_from(">II", box, 0)
        fields = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
        at = 8 + 4 * bool(flags & 0x01) + 4 * bool(flags & 0x04)
        values = struct.unpack_from(f">{len(fields) * count}i", box, at)
        columns = {bit: values[n :: len(fields)] for n, bit in enumerate(fields)}
        durations = columns.get(0x100, (self.track.default_ticks,) * count)
        begins = []
        for duration, shift in zip(durations, columns.get(0x800, (0,) * count), strict=True):
            begins.append(self.decoded_at + shift)
            self.decoded_at += duration
        self.track.samples += count
        self.track.duration_s += sum(durations) / self.track.timescale
        if begins:  # durations are those of decoding: the last one shown lasts as long as the last one decoded
            self.track.fragments.append(Fragment(self.fragment_at, min(begins), max(begins) + durations[-1]))


def read_tracks(path: Path, end: int | None = None) -> tuple[Track, ...]:
    """The tracks of a plain or fragmented MP4 of ours. `end`: read up to this offset, in a file that still grows.

    Errors: ValueError for a file that is cut off or makes no sense.
    """
    with plain_files.open_plain(path) as file:
        reader = _Reader(file)
        try:
            reader.read(0, os.fstat(file.fileno()).st_size if end is None else end)
        except (struct.error, KeyError) as error:
            raise ValueError(f"{path.name}: {error}") from error
    return tuple(reader.tracks.values())
