"""The settings that go with an order, and what a worker with other settings makes of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.settings import Settings, load
from pod_jobs.settings.ordered import settings_of_order, with_order

SECTIONS = ("encode", "rendition", "template", "dressing", "speech")
OF_THE_WEB_HOST = """
[encode]
segment_s = 6
memory_mb = 999
hardware = "auto"
[[rendition]]
name = "270p"
height_px = 270
crf = 20
preset = "fast"
maxrate_kbps = 900
audio_kbps = 64
mp4 = true
[[dressing]]
name = "Université"
ending = "fin.mp4"
[speech]
line_characters = 30
threads = 7
[[speech.correction]]
heard = "pote"
right = "Pod"
"""


def settings_in(home: Path, text: str) -> Settings:
    home.mkdir()
    (home / "fin.mp4").write_bytes(b"\x00\x00\x00\x18ftypisom")
    (home / "settings.toml").write_text(text, encoding="utf-8")
    return load(home)


@pytest.fixture
def sent(tmp_path: Path) -> dict[str, Any]:
    """As it arrives."""
    sent = settings_of_order(settings_in(tmp_path / "web", OF_THE_WEB_HOST), SECTIONS)
    document: dict[str, Any] = json.loads(json.dumps(sent))
    return document


def test_what_a_result_depends_on_comes_with_the_order(tmp_path: Path, sent: dict[str, Any]) -> None:
    own = settings_in(tmp_path / "far", "[encode]\nsegment_s = 2\n[speech]\nline_characters = 40\n")
    merged = with_order(own, sent)
    assert (merged.encode.segment_s, merged.speech.line_characters) == (6, 30)
    assert [one.name for one in merged.rendition] == ["270p"]
    assert list(merged.templates) == list(load(tmp_path / "web").templates)
    assert merged.dressing[0].files == ("fin.mp4",)
    assert merged.speech.correction[0].right == "Pod"


def test_what_describes_the_host_stays_its_own(tmp_path: Path, sent: dict[str, Any]) -> None:
    own = settings_in(tmp_path / "far", "[encode]\nmemory_mb = 5000\n[speech]\nthreads = 3\n")
    merged = with_order(own, sent)
    assert (merged.encode.memory_mb, merged.encode.hardware, merged.speech.threads) == (5000, "none", 3)
    assert (merged.speech.model, merged.worker, merged.home) == (own.speech.model, own.worker, own.home)


def test_without_any_the_own_ones_count(tmp_path: Path) -> None:
    own = settings_in(tmp_path / "far", "")
    assert with_order(own, {}) == own


@pytest.mark.parametrize(
    "wrong", [{"encode": {"segment_s": "x"}}, {"encode": 5}, {"nothing": {}}, {"rendition": [{}]}, {"dressing": None}]
)
def test_what_cannot_be_read_is_said(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="came with the order"):
        with_order(settings_in(tmp_path / "far", ""), wrong)
