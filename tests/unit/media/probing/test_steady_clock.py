"""A copy with a clock that goes on; the copying itself is in tests/integration."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.probing import steady_clock
from tests.unit.media.samples import SOUND_TRACK, video

COPIED = MediaInfo("mpegts", 1000, 60.0, 60.0, video(), (SOUND_TRACK,), None, (), breaks_clock=True)


def test_people_are_told_of_tracks_that_the_copy_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady_clock, "rewrite_clock", lambda *_: 1)
    monkeypatch.setattr(steady_clock, "probe", lambda *_: COPIED)
    copy = tmp_path / "copy.ts"
    work: Any = SimpleNamespace(
        new_copy=lambda: copy,
        journal=SimpleNamespace(note=lambda text: None),
        tools=None,
        plan=SimpleNamespace(limits=None),
    )
    lacking: dict[str, Any] = {"undecodable": (("video", "vvc"),), "lost": ("video",), "programs": 3}
    lacking |= {"pictures": 2, "has_more_subtitles": True}
    found = steady_clock.with_steady_clock(work, tmp_path / "a.ts", replace(COPIED, duration_s=9.0, **lacking))
    assert found == (copy, replace(COPIED, breaks_clock=False, **lacking))
