"""Which dressing an encode gets."""

from pathlib import Path

import pytest

from pod_jobs.errors import BadSource, SettingsError
from pod_jobs.jobs.encode.dressing import dressed, files_of_order, with_fetched
from pod_jobs.media.planning.dressing import Dressing, Studio, Watermark
from pod_jobs.media.planning.plan import EncodePlan
from pod_jobs.settings import Settings, load
from tests.unit.media.samples import LIMITS

PLAN = EncodePlan((), limits=LIMITS)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "end.mp4").write_bytes(b"\x00\x00\x00\x18ftypisom")
    (tmp_path / "settings.toml").write_text(
        '[[dressing]]\nname = "mark"\nautomatic = true\nwatermark = "logo.png"\nopacity_percent = 50\nwidth_percent = 20\n'
        '[[dressing]]\nname = "end"\nending = "end.mp4"\n'
    )
    return load(tmp_path)


def test_the_automatic_one_the_chosen_one_and_none(settings: Settings) -> None:
    mark = Dressing(Watermark(settings.home / "logo.png", "top-right", 0.5, 0.2))
    assert dressed(PLAN, settings, "web", {}, {}).dressing == mark
    assert dressed(PLAN, settings, "archive", {}, {}).dressing == Dressing()
    assert dressed(PLAN, settings, "web", {"dressing": "end"}, {}).dressing == Dressing(
        ending=settings.home / "end.mp4"
    )
    assert dressed(PLAN, settings, "web", {"dressing": ""}, {}).dressing == Dressing()
    with pytest.raises(BadSource, match="no dressing 'gone'") as caught:
        dressed(PLAN, settings, "web", {"dressing": "gone"}, {})
    assert "gone" in caught.value.sentence


def test_videos_go_before_the_dressings_own(settings: Settings) -> None:
    others = {"ending": Path("/v/3"), "second": Path("/v/4")}
    plan = dressed(PLAN, settings, "web", {"dressing": "end", "layout": "pip-top-left"}, others)
    assert plan.dressing == Dressing(ending=Path("/v/3"))
    assert plan.studio == Studio(Path("/v/4"), "pip-top-left")


def test_its_files_come_with_the_order(settings: Settings) -> None:
    assert files_of_order(settings, "web", {}) == ("logo.png",)
    assert files_of_order(settings, "archive", {}) == ()
    assert files_of_order(settings, "archive", {"dressing": "end"}) == ("end.mp4",)
    assert files_of_order(settings, "web", {"dressing": "gone"}) == ()
    fetched = with_fetched(settings, "web", {}, {"logo.png": Path("/elsewhere/3b0c")})
    assert dressed(PLAN, fetched, "web", {}, {}).dressing.watermark == Watermark(
        Path("/elsewhere/3b0c"), "top-right", 0.5, 0.2
    )
    with pytest.raises(SettingsError, match="no file logo.png in the instance folder of the web host"):
        with_fetched(settings, "web", {}, {})
