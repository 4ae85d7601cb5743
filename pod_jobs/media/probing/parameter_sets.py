"""What the parameter set of an H.264 track says of all its frames beforehand, so that none has to be decoded to know it. Part of
the program probe_child.py, which runs alone in its process and imports nothing else of ours. (ISO/IEC 14496-15, 5.3.3.1; ITU-T
H.264, 7.3.1 and 7.3.2.1.1)
"""

SET_TYPE = 7  # of a unit that holds a sequence parameter set
EXTENDED = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)  # profiles whose sets begin with more
CHROMA_444 = 3


class _Bits:
    """The payload of a unit, bit by bit. Errors: ValueError at its end."""

    def __init__(self, unit: bytes) -> None:
        payload = unit[1:].replace(b"\0\0\3", b"\0\0")  # without what keeps start codes out of it
        self._bits = "".join(f"{byte:08b}" for byte in payload)
        self._at = 0

    def take(self, count: int) -> int:
        self._at += count
        return int(self._bits[self._at - count : self._at], 2)

    def number(self) -> int:
        """Exp-Golomb; of a signed one only the length is right."""
        zeros = self._bits.index("1", self._at) - self._at
        self._at += zeros
        return self.take(zeros + 1) - 1


def excludes_fields(record: bytes) -> bool:
    """Does the only parameter set of this decoder configuration record (avcC) say that all frames are progressive? False, too,
    where that is not clear."""
    if len(record) < 8 or record[0] != 1 or record[5] & 31 != 1:
        return False
    try:
        return _has_frames_alone(_Bits(record[8 : 8 + int.from_bytes(record[6:8])]))
    except ValueError:
        return False


def _has_frames_alone(bits: _Bits) -> bool:
    profile = bits.take(8)
    bits.take(16)
    bits.number()
    if profile in EXTENDED:
        if bits.number() == CHROMA_444:
            bits.take(1)
        bits.number(), bits.number()
        if bits.take(2) & 1:  # scaling lists follow
            return False
    bits.number()
    order = bits.number()
    if order == 1:
        return False  # nobody writes it
    if order == 0:
        bits.number()
    bits.number()
    bits.take(1)
    bits.number(), bits.number()
    return bool(bits.take(1))


def brings_set(packet: bytes, record: bytes) -> bool:
    """Does a frame bring a parameter set of its own, beside that of its track's record? True, too, where that is not clear."""
    length_bytes, at = (record[4] & 3) + 1, 0
    while at < len(packet):
        size = int.from_bytes(packet[at : at + length_bytes])
        at += length_bytes
        if not 0 < size <= len(packet) - at or packet[at] & 31 == SET_TYPE:
            return True
        at += size
    return False
