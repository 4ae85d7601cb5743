"""What colours a picture has whose file says little."""

import pytest

from pod_jobs.media.planning.colours import BT709, BT2020, SMPTE170M, UNKNOWN, Colours, colours_of
from tests.unit.media.samples import video


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [
        (1280, 544, "bt709"),  # a wide film
        (720, 1280, "bt709"),
        (1278, 719, "smpte170m"),
        (960, 720, "bt709"),
        (719, 720, "smpte170m"),
    ],
)
def test_the_size_tells_what_nothing_is_said_of(width: int, height: int, matrix: str) -> None:
    assert colours_of(video(width, height, matrix=UNKNOWN, primaries=UNKNOWN)).matrix == matrix


@pytest.mark.parametrize(
    ("facts", "matrix", "primaries"),
    [
        ({"primaries": BT709}, "bt709", "bt709"),
        ({"primaries": SMPTE170M}, "smpte170m", "bt709"),
        ({"primaries": BT2020}, "bt2020nc", "bt2020"),
        ({"hdr": "pq", "primaries": UNKNOWN}, "bt2020nc", "bt2020"),
        ({"primaries": UNKNOWN, "matrix": 9}, "bt2020nc", "bt2020"),
    ],
)
def test_the_rest_follows_from_what_is_said(facts: dict[str, object], matrix: str, primaries: str) -> None:
    found = colours_of(video(640, 360, **{"matrix": UNKNOWN, **facts}))
    assert (found.matrix, found.primaries) == (matrix, primaries)


def test_what_every_output_has() -> None:
    assert Colours("bt709", "bt709", "", full_range=True).are_ours
    assert not colours_of(video(hdr="hlg")).are_ours
    assert colours_of(video(is_rgb=True)).matrix == "gbr"
