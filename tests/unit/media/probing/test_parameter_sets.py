"""Which H.264 tracks say beforehand that all their frames are progressive."""

import pytest

from pod_jobs.media.probing.parameter_sets import brings_set, excludes_fields

RECORDS = {  # as x264 writes them
    "high": "0164000affe100186764000aacd9447b011000000300100000030320f122596001000668ebe3cb22c0fdf8f800",
    "baseline": "0142c00affe100176742c00ad9047b011000000300100000030320f122648001000568cb83cb20",
    "4:4:4": "01f4000affe1001867f4000a919b288f6022000003000200000300641e244b2c01000668ebe3c44844fff8f800",
    "fields": "01640015ffe1001967640015acd9444fcb808800000300080000030190f8a14cb001000668fba3cb22c0fdf8f800",
    "frames marked as fields": "01640015ffe1001967640015acd94447cb80880000030008000003019078b16cb001000668ebe3cb22c0fdf8f800",
    "4:2:2, fields": "017a0015ffe10019677a0015b6cd9444fc4e0220000003002000000643e28532c001000668fba3cb22c0fefafa00",
}
HIGH = bytes.fromhex(RECORDS["high"])
SLICE, SET = b"\x65\x88\x84", HIGH[8:32]


@pytest.mark.parametrize("name", RECORDS)
def test_a_set_says_whether_there_may_be_fields(name: str) -> None:
    assert excludes_fields(bytes.fromhex(RECORDS[name])) == ("fields" not in name)


@pytest.mark.parametrize(
    "record", [b"", b"\0\0\0\1\x67\x64\0\x0a", HIGH[:5] + b"\xe2" + HIGH[6:], HIGH[:14], HIGH[:8], b"\1" + bytes(40)]
)
def test_what_is_no_such_record_says_nothing(record: bytes) -> None:
    assert not excludes_fields(record)


@pytest.mark.parametrize(
    ("units", "brings"),
    [([SLICE], False), ([b"\x06\1", SLICE, SLICE], False), ([SET, SLICE], True), ([SLICE, SET], True), ([b""], True)],
)
def test_a_frame_may_bring_a_set_of_its_own(units: list[bytes], brings: bool) -> None:
    assert brings_set(b"".join(len(unit).to_bytes(4) + unit for unit in units), HIGH) == brings


@pytest.mark.parametrize("packet", [b"\0\0\0", b"\0\0\0\x09\x65", b"\0\0\0\2\x65\x88\xff"])
def test_a_broken_frame_may_bring_anything(packet: bytes) -> None:
    assert brings_set(packet, HIGH)
