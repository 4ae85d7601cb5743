"""Whether another recording follows in the same file, as where files were put end to end. Part of the program probe_child.py,
which runs alone in its process and imports nothing else of ours.
"""

import os
import re
import time
from typing import BinaryIO, Literal

Follows = Literal["", "read", "unread"]

BLOCK_BYTES = 4_000_000
SIGN_BYTES = 100  # the longest of the signs below
MOST_BOXES = 1_000_000
EBML = b"\x1aE\xdf\xa3"
SEGMENT = b"\x18\x53\x80\x67"
MATROSKA = re.compile(re.escape(EBML) + rb".{1,60}?(?:webm|matroska)", re.DOTALL)
OGG = re.compile(rb"OggS\x00\x02")  # a page that begins a stream
OGG_GOES_ON = re.compile(rb"OggS\x00[\x00\x01\x04\x05]")


def what_follows(path: str, container: str, deadline: float) -> Follows:
    """Of a file in the `container` as libavformat names it: "" for nothing; "read" if libavformat reads on, with times that
    begin anew; "unread" if it stops there, or in Ogg where the next stream is of another kind."""
    name = container.partition(",")[0]
    with open(path, "rb") as file:
        if name == "mov":
            return _behind_boxes(file)
        if name == "matroska":
            return "read" if _behind_segment(file, deadline) else ""
        if name == "ogg" and (begun := OGG_GOES_ON.search(file.read(BLOCK_BYTES))):
            return "unread" if _finds(file, OGG, begun.end(), deadline) else ""
    return ""


def _behind_boxes(file: BinaryIO) -> Follows:
    """Boxes of ISO/IEC 14496-12, 4.2: a second "ftyp" behind an index. Fragments of both are read."""
    seen, at, end = set[bytes](), 0, file.seek(0, os.SEEK_END)
    for _ in range(MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        size, kind = int.from_bytes(head[:4]), head[4:8]
        if kind == b"ftyp" and b"moov" in seen:
            return "read" if b"moof" in seen else "unread"
        size = int.from_bytes(head[8:]) if size == 1 else size
        seen.add(kind)
        at += size
        if size < 8 or at >= end:  # the last one, or no box
            return ""
    return ""


def _behind_segment(file: BinaryIO, deadline: float) -> bool:
    """RFC 8794, 4 and 6.2: behind a segment that says its size, or anywhere if it does not."""
    head = file.read(SIGN_BYTES)
    at = head.find(SEGMENT) + len(SEGMENT)
    if at < len(SEGMENT) or at + 8 > len(head):
        return False
    length = 9 - head[at].bit_length()  # bytes of the size, the first of which says how many
    size = int.from_bytes(head[at : at + length]) & (1 << 7 * length) - 1
    if length > 8:  # not a size
        return False
    if size == (1 << 7 * length) - 1:
        return _finds(file, MATROSKA, at, deadline)
    if at + length + size >= file.seek(0, os.SEEK_END):
        return False
    file.seek(at + length + size)
    return file.read(len(EBML)) == EBML


def _finds(file: BinaryIO, sign: re.Pattern[bytes], at: int, deadline: float) -> bool:
    while time.monotonic() < deadline:
        file.seek(at)
        block = file.read(BLOCK_BYTES)
        if sign.search(block):
            return True
        if len(block) < BLOCK_BYTES:
            return False
        at += BLOCK_BYTES - SIGN_BYTES
    return False
