"""The player of a video's page, in a real browser."""

import re
import shutil

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import Outputs, Site, StandIn
from tests.acceptance.viewing import play_until, position


def test_milliseconds_change_no_clock(page: Page) -> None:
    """The result may end a few milliseconds before or after its source."""
    page.goto("/")
    clock = "async seconds => (await import('/static/js/shared/words.js')).clock(seconds)"
    assert [page.evaluate(clock, seconds) for seconds in (10.998, 11, 59.98, 10.9)] == ["0:11", "0:11", "1:00", "0:10"]


def test_the_player_by_keyboard(page: Page, site: Site, video: int, outputs: Outputs) -> None:
    StandIn(site, video, outputs).publish()
    page.goto("/")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "row-title":
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/videos/{video}")
    expect(page.locator(".player-time")).to_contain_text("0:16")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className").startswith("player-play"):
            break
    page.keyboard.press("k")
    play_until(page, 0.2)
    page.keyboard.press("k")
    expect(page.locator("#player")).to_contain_class("is-paused")
    page.keyboard.press("5")
    assert position(page) == pytest.approx(8, abs=0.3)
    page.keyboard.press("ArrowRight")
    assert position(page) == pytest.approx(13, abs=0.3)
    page.keyboard.press("j")
    assert position(page) == pytest.approx(3, abs=0.3)
    page.keyboard.press("m")
    assert page.locator("video").evaluate("media => media.muted")
    seek = page.get_by_label("Position")
    seek.focus()
    page.keyboard.press("Home")
    assert position(page) == 0
    expect(seek).to_have_attribute("aria-valuetext", "0 seconds of 16 seconds")


NO_MEDIA_SOURCE = "delete window.MediaSource; delete window.ManagedMediaSource;"
PLAYS_HLS = "document.createElement('video').canPlayType('application/vnd.apple.mpegurl')"
NO_HLS = "HTMLMediaElement.prototype.canPlayType = () => '';"


@pytest.mark.parametrize(("lacking", "file"), [(NO_MEDIA_SOURCE, ".m3u8"), (NO_MEDIA_SOURCE + NO_HLS, "360p.mp4")])
def test_other_browsers(chromium: Browser, site: Site, video: int, outputs: Outputs, lacking: str, file: str) -> None:
    """Without Media Source Extensions the browser's own HLS plays; without that, the MP4."""
    StandIn(site, video, outputs).publish()
    with visitor(chromium, site) as (context, page, _):
        sign_in(page)
        context.add_init_script(lacking)
        page.goto(f"/videos/{video}")
        if file == ".m3u8" and not page.evaluate(PLAYS_HLS):
            pytest.skip("this Chromium plays no HLS by itself")
        page.get_by_role("button", name="Play").click()
        play_until(page, 0.3)
        assert page.locator("video").evaluate("media => media.currentSrc").endswith(file)


@pytest.mark.parametrize(("name", "shown"), [("Deutsch", "Deutsch"), ("2", "Sound 2")])
def test_a_recording_with_two_sounds_lets_its_viewer_choose(
    page: Page, site: Site, video: int, outputs: Outputs, name: str, shown: str
) -> None:
    worker = StandIn(site, video, outputs)
    shutil.copytree(outputs.folder, worker.complete)
    master = (worker.complete / "master.m3u8").read_text()
    [first] = [line for line in master.splitlines(keepends=True) if line.startswith("#EXT-X-MEDIA:TYPE=AUDIO")]
    second = re.sub('NAME="[^"]*"', f'NAME="{name}"', first).replace("DEFAULT=YES", "DEFAULT=NO")
    second = second.replace("audio.m3u8", "audio_2.m3u8")
    (worker.complete / "master.m3u8").write_text(master.replace(first, first + second))
    shutil.copy(worker.complete / "audio.m3u8", worker.complete / "audio_2.m3u8")
    worker.end("done", result={**outputs.result, "folder": worker.folder})
    page.goto(f"/videos/{video}")
    with page.expect_response("**/audio_2.m3u8"):
        page.get_by_label("Sound", exact=True).select_option(shown)
    page.get_by_role("button", name="Play").click()
    play_until(page, 0.3)
