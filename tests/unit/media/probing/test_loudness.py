from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.errors import FfmpegFailed
from pod_jobs.media.probing.loudness import MOST_GAIN_DB, SILENCE_LUFS, find_gain_db
from tests.unit.media.samples import LIMITS, SOUND_TRACK, TOOLS


def gain_db(measured: float | None, target_lufs: float) -> float | None:
    """The gain for a track that ffmpeg finds to be so loud; None: it fails."""

    def side(*_: Any) -> Any:
        if measured is None:
            raise FfmpegFailed("no")
        return SimpleNamespace(stderr=f"  Integrated loudness:\n    I:         {measured} LUFS\n")

    journal, plan = SimpleNamespace(note=lambda _: None), SimpleNamespace(limits=LIMITS)
    work: Any = SimpleNamespace(tools=TOOLS, plan=plan, side=side, journal=journal)
    feed: Any = SimpleNamespace(path=Path("/a"), media=SimpleNamespace(demuxer="mov"))
    return find_gain_db(work, feed, SOUND_TRACK, target_lufs)


@pytest.mark.parametrize(
    ("measured", "target_lufs", "wanted"),
    [
        (-23.5, -23.0, 0.5),
        (-22.5, -23.0, -0.5),
        (-23.25, -23.0, None),  # nobody hears that
        (SILENCE_LUFS, -23.0, MOST_GAIN_DB),
        (SILENCE_LUFS - 0.5, -23.0, None),
        (0.0, -23.0, -MOST_GAIN_DB),
        (None, -23.0, None),
    ],
)
def test_what_is_heard_as_too_quiet_or_too_loud_is_corrected(
    measured: float | None, target_lufs: float, wanted: float | None
) -> None:
    assert gain_db(measured, target_lufs) == wanted
