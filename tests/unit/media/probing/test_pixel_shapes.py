"""Where a key frame says the shape of its pixels, and that only a new one is decoded."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.media.probing.pixel_shapes import HEADS, MOST_CHANGES, PixelShapes

START = b"\0\0\1"


@pytest.mark.parametrize(
    ("codec", "head", "before", "after"),
    [
        ("mpeg2video", START + b"\xb3\x2d\x02\x40\x23", b"", START + b"\xb8\0\x08"),
        ("h264", START + b"\x67\x64\0\x1e", START + b"\x09\xf0\0", START + b"\x68\xeb"),
        ("h264", b"\0\0\0\x04\x67\x64\0\x1e", b"\0\0\0\x02\x06\x05", b"\0\0\0\x02\x68\xeb"),
        ("hevc", START + b"\x42\1\1\x60", START + b"\x40\1\x0c\0", START + b"\x44\1"),
        ("hevc", b"\0\0\0\x04\x42\1\1\x60", b"\0\0\0\x03\x40\1\x0c", b"\0\0\0\x02\x44\1"),
    ],
)
def test_the_head_is_found(codec: str, head: bytes, before: bytes, after: bytes) -> None:
    found = re.search(HEADS[codec], before + head + after, re.DOTALL)
    assert found and found[0].endswith(head)


class Decoder:
    """Says the shapes of key frames, one after the other."""

    codec = SimpleNamespace(canonical_name="mpeg2video")

    def __init__(self, *shapes: float) -> None:
        self._shapes, self.sample_aspect_ratio = list(shapes), 0.0

    def decode(self, packet: Any) -> None:
        if packet:
            self.sample_aspect_ratio = self._shapes.pop(0)

    def flush_buffers(self) -> None:
        pass


class Packet:
    is_keyframe, size, stream_index, time_base = True, 1, 0, 1

    def __init__(self, decoder: Decoder, second: int, head: int) -> None:
        self.stream, self.pts = SimpleNamespace(type="video", codec_context=decoder), second
        self._bytes = b"\0\0\1\xb3" + head.to_bytes(4) + b"\0\0\1\xb8"

    def __bytes__(self) -> bytes:
        return self._bytes


def changes(decoder: Decoder, *heads: int) -> list[tuple[float, float]]:
    shapes = PixelShapes()
    for second, head in enumerate(heads):
        packet: Any = Packet(decoder, second, head)
        shapes.take(packet)
    return shapes.changes[0]


def test_only_a_new_head_is_decoded_and_only_another_shape_counts() -> None:
    assert changes(Decoder(1.5, 1.5, 2.0, 1.5), 1, 1, 2, 2, 3, 1) == [(4.0, 1.333333), (5.0, 1.0)]


def test_there_are_never_too_many() -> None:
    assert len(changes(Decoder(*[1.0, 2.0] * MOST_CHANGES), *range(2 * MOST_CHANGES))) == MOST_CHANGES
