"""Which encodings workers may share."""

from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.media.sharing.sharing import can_share
from tests.unit.media.samples import video

SHARED: dict[str, dict[str, Any]] = {
    "work": {"plan.share_from_s": 600.0, "timeline.ranges": (), "reads_copy": False},
    "media": {"duration_s": 600.0, "is_cut_short": False, "demuxer": "mov"},
    "picture": {"encoded": ("720p",), "encoder.name": "libx264", "scene": None, "track": video()},
}


def facts(values: dict[str, Any]) -> SimpleNamespace:
    """Objects with these attributes; a point leads to an attribute of an attribute."""
    made = SimpleNamespace()
    for path, value in values.items():
        outer, _, inner = path.partition(".")
        setattr(made, outer, SimpleNamespace(**{inner: value}) if inner else value)
    return made


def may_share(thing: str = "", attribute: str = "", value: Any = None) -> bool:
    given = {name: {**values, **({attribute: value} if name == thing else {})} for name, values in SHARED.items()}
    work, media, picture = (facts(given[name]) for name in ("work", "media", "picture"))
    return can_share(work, media, picture)  # type: ignore[arg-type]


def test_a_long_recording_is_shared() -> None:
    assert may_share()
    assert may_share("media", "demuxer", "matroska")


@pytest.mark.parametrize(
    ("thing", "attribute", "value"),
    [
        ("work", "plan.share_from_s", 600.1),
        ("work", "plan.share_from_s", 0.0),  # sharing is turned off
        ("work", "timeline.ranges", ((10.0, 20.0),)),
        ("work", "reads_copy", True),
        ("media", "is_cut_short", True),
        ("media", "demuxer", "mpegts"),
        ("picture", "encoded", ()),
        ("picture", "encoder.name", "h264_vaapi"),
        ("picture", "scene", "side"),
    ],
)
def test_what_is_not_shared(thing: str, attribute: str, value: Any) -> None:
    assert not may_share(thing, attribute, value)


def test_sound_alone_is_not_shared() -> None:
    work, media = (facts(SHARED[name]) for name in ("work", "media"))
    assert not can_share(work, media, None)  # type: ignore[arg-type]
