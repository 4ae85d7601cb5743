"""Boxes of MP4 files, made by hand. What our ffmpeg writes is read in tests/integration/media."""

import struct
from pathlib import Path

import pytest

from pod_jobs.media.facts.mp4_boxes import Fragment, read_tracks


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def tkhd(number: int, version: int = 0) -> bytes:
    return box(b"tkhd", bytes([version, 0, 0, 0]), bytes(16 if version else 8), struct.pack(">I", number))


def mdhd(timescale: int, ticks: int, version: int = 0) -> bytes:
    times = struct.pack(">QQIQ" if version else ">IIII", 0, 0, timescale, ticks)
    return box(b"mdhd", bytes([version, 0, 0, 0]), times)


def track(number: int, *more: bytes, version: int = 0) -> bytes:
    hdlr = box(b"hdlr", bytes(8), b"soun")
    return box(b"trak", tkhd(number, version), box(b"mdia", mdhd(1000, 2500, version), hdlr, *more))


def run(durations: list[int], flags: int = 0x101) -> bytes:
    """A trun; flag 0x01: an offset of the bytes comes first, 0x04: flags of the first sample, 0x100: each has its duration."""
    ahead = bytes(4) * (bool(flags & 1) + bool(flags & 4))
    own = struct.pack(f">{len(durations)}I", *durations) if flags & 0x100 else b""
    return box(b"trun", struct.pack(">II", flags, len(durations)), ahead, own)


def fragment(begin: int, *runs: bytes, tfhd: bytes = struct.pack(">II", 0, 1), version: int = 0) -> bytes:
    at = bytes([version, 0, 0, 0]) + struct.pack(">Q" if version else ">I", begin)
    return box(b"moof", box(b"traf", box(b"tfhd", tfhd), box(b"tfdt", at), *runs))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.mp4"


@pytest.mark.parametrize("version", [0, 1])
def test_tracks_are_told_apart(path: Path, version: int) -> None:
    stbl = box(
        b"stbl", box(b"stsd", bytes(8), struct.pack(">I4s", 16, b"Opus")), box(b"stsz", bytes(8), bytes(3) + b"\7")
    )
    path.write_bytes(box(b"moov", track(1, version=version), track(2, box(b"minf", stbl), version=version)))
    first, second = read_tracks(path)
    assert (first.kind, first.codecs, first.samples, first.duration_s) == ("soun", "", 0, 2.5)
    assert (second.kind, second.codecs, second.samples, second.duration_s) == ("soun", "opus", 7, 2.5)


def test_boxes_of_every_length(path: Path) -> None:
    moov = box(b"moov", track(1))
    long = struct.pack(">I4sQ", 1, b"moov", len(moov) + 8) + moov[8:]
    until_the_end = struct.pack(">I4s", 0, b"moov") + moov[8:]
    for begins in (b"", box(b"free"), box(b"free", b"x")):
        for written in (moov, long, until_the_end):
            path.write_bytes(begins + written)
            assert [one.duration_s for one in read_tracks(path)] == [2.5]
    path.write_bytes(moov + box(b"moov", track(2)))
    assert len(read_tracks(path)) == 2 and len(read_tracks(path, len(moov))) == 1
    assert len(read_tracks(path, len(moov) + 7)) == 1, "fewer bytes than a box has"


@pytest.mark.parametrize(
    "content",
    [
        box(b"moov", track(1))[:-1],
        struct.pack(">I4s", 9, b"free"),
        struct.pack(">I4s", 7, b"free"),
        struct.pack(">I4sQ", 1, b"free", 15),
        box(b"trak", box(b"tkhd", bytes(14))),
        fragment(0),
    ],
    ids=["cut off", "a byte short", "shorter than its head", "64 bits", "a field short", "of no track"],
)
def test_what_is_cut_off_is_told(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_tracks(path)


@pytest.mark.parametrize("version", [0, 1])
def test_fragments_follow_one_another(path: Path, version: int) -> None:
    moov = box(b"moov", track(1))
    one = fragment(500, run([100, 200]), run([50], 0x105), version=version)
    by_default = fragment(850, run([0, 0], 0), tfhd=struct.pack(">IIQII", 0x0B, 1, 0, 0, 40))
    path.write_bytes(moov + one + by_default)
    (track_of,) = read_tracks(path)
    at = len(moov) + 8
    assert track_of.fragments == [
        Fragment(at, 500, 800),
        Fragment(at, 800, 850),
        Fragment(at + len(one), 850, 930),
    ]
    assert (track_of.samples, track_of.first_ticks) == (5, 500)
    assert track_of.duration_s == pytest.approx(2.5 + 0.43)


@pytest.mark.parametrize(
    ("entry", "configuration", "record", "codecs"),
    [
        (b"avc1", b"avcC", b"\1\x64\0\x29", "avc1.640029"),
        (b"av01", b"av1C", bytes([0x81, 0x08, 0x0C]), "av01.0.08M.08"),
        (b"av01", b"av1C", bytes([0x81, 0x2D, 0xCC]), "av01.1.13H.10"),
        (b"av01", b"av1C", bytes([0x81, 0x48, 0x6C]), "av01.2.08M.12"),
        (b"vp09", b"vpcC", bytes([1, 0, 0, 0, 2, 31, 0xA2]), "vp09.02.31.10"),
    ],
)
def test_codecs_and_size(path: Path, entry: bytes, configuration: bytes, record: bytes, codecs: str) -> None:
    description = box(entry, bytes(24), struct.pack(">HH", 640, 360), bytes(50), box(configuration, record))
    stsd = box(b"stsd", bytes(8), description)
    path.write_bytes(box(b"moov", track(1, box(b"minf", box(b"stbl", stsd)))))
    (made,) = read_tracks(path)
    assert (made.codecs, made.width_px, made.height_px) == (codecs, 640, 360)
