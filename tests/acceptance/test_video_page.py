"""A video's page in a real browser: watching while it encodes, faults in words, and what can be done with a video."""

import re
import shutil
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.browser import Faults, sign_in, visitor
from tests.acceptance.site import Outputs, Site, StandIn
from tests.acceptance.viewing import play_until
from tests.servers import wait_until


class Absent:
    """A team whose helpers never come, so that the owner makes all chunks."""

    def __init__(self, shared: Path) -> None:
        self.shared = shared

    def idle(self) -> int:
        return 1

    def call(self, count: int) -> None:
        pass


def at(page: Page) -> float:
    """The position of the player, in seconds."""
    return float(page.locator("video").evaluate("media => media.currentTime"))


def plays_past(page: Page, seconds: float) -> None:
    wait_until(lambda: at(page) > seconds, 30, f"{seconds} s are played")


def test_a_video_plays_while_it_encodes_and_goes_on(page: Page, site: Site, video: int, outputs: Outputs) -> None:
    page.goto(f"/videos/{video}")
    expect(page.get_by_text("can be watched here a few seconds after")).to_be_visible()
    worker = StandIn(site, video, outputs)
    worker.grow(1)
    worker.say(0.3, first_playable=True)
    expect(page.get_by_text("You can already watch")).to_be_visible()
    expect(page.locator("#state")).to_contain_text("30%")
    expect(page.locator("#state-facts")).to_contain_text("encoding-1 @ video-host")
    worker.say(0.1, worker="encoding.video-host.71.abcdef012345.99")
    expect(page.locator("#state-facts")).to_contain_text("encoding 71 @ video-host")
    page.evaluate("window.sameDocument = true")
    page.get_by_role("button", name="Play").click()
    plays_past(page, 0.3)
    worker.fall_silent()
    expect(page.locator("#state-facts")).not_to_contain_text("encoding-1")
    expect(page.locator("#player")).to_be_visible()
    worker.grow(3)
    worker.say(0.8, first_playable=True)
    plays_past(page, 4.5)
    before = at(page)
    worker.publish()
    expect(page.locator("#state")).to_be_hidden()
    expect(page.locator(".player-time")).to_contain_text("/ 0:16")
    assert at(page) >= before, "the position stays"
    page.locator("video").evaluate("media => media.currentTime = 13")
    plays_past(page, 13.3)
    assert page.evaluate("window.sameDocument"), "no reload"
    heard = page.locator("video").evaluate("media => media.webkitAudioDecodedByteCount")
    assert heard > 0, "the sound comes from its own playlist"


def test_a_jump_behind_what_is_encoded_shows_its_last_seconds(
    page: Page, site: Site, video: int, outputs: Outputs
) -> None:
    worker = StandIn(site, video, outputs)
    worker.grow(2)
    worker.say(0.5, first_playable=True, duration_s=16.0)
    page.goto(f"/videos/{video}")
    media = page.locator("video")
    wait_until(lambda: media.evaluate("media => media.readyState") >= 2, 30, "there is a picture")
    media.evaluate("media => media.currentTime = 14")
    wait_until(lambda: at(page) == pytest.approx(5, abs=0.1), 10, "the jump ends before the end of what is there")
    wait_until(lambda: media.evaluate("media => media.readyState") >= 2, 10, "there is a picture")
    worker.grow(3)
    page.get_by_role("button", name="Play").click()
    plays_past(page, 9)


def test_a_link_to_a_moment_that_is_not_encoded_yet_goes_there_as_soon_as_it_is(
    page: Page, site: Site, video: int, outputs: Outputs
) -> None:
    worker = StandIn(site, video, outputs)
    worker.grow(1)
    worker.say(0.3, first_playable=True, duration_s=16.0)
    page.goto(f"/videos/{video}?t=9")
    expect(page.locator(".player-said")).to_contain_text("0:09 is not encoded yet.")
    worker.grow(3)
    wait_until(lambda: at(page) == 9, 20, "the player goes there")
    expect(page.locator(".player-said")).to_have_text("")


def test_a_video_in_chunks_plays_over_their_joins_while_it_encodes(
    page: Page, site: Site, video: int, outputs: Outputs, tmp_path: Path
) -> None:
    chunked = Outputs(tmp_path, team=Absent(tmp_path / "chunks"), source=outputs.source)
    assert "chunk 3 by" in (chunked.folder / "encoding.log").read_text()
    worker = StandIn(site, video, chunked)
    worker.grow(2)
    worker.say(0.5, first_playable=True, workers=3)
    page.goto(f"/videos/{video}")
    expect(page.locator("#state-facts")).to_contain_text("3 workers")
    page.get_by_role("button", name="Play").click()
    plays_past(page, 4.5)
    worker.grow(3)
    plays_past(page, 8.5)
    ranges = page.locator("video").evaluate(
        "media => [media.buffered.length, media.buffered.start(0), media.buffered.end(0)]"
    )
    assert ranges == [1, 0, pytest.approx(12, abs=0.1)], "no gap at the joins"


def test_a_ready_video_offers_everything(page: Page, site: Site, video: int, outputs: Outputs) -> None:
    StandIn(site, video, outputs).publish()
    page.goto(f"/videos/{video}")
    expect(page.locator("#source-facts")).to_contain_text("640 × 360, H.264, 25 fps")
    expect(page.locator("#source-facts")).to_contain_text("AAC, mono, 44.1 kHz")
    with page.expect_download() as download:
        page.get_by_role("link", name="Video 360p").click()
    assert download.value.suggested_filename == "Thermodynamique (360p).mp4"
    seek = page.get_by_label("Position")
    box = seek.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    expect(page.locator(".player-when")).to_contain_text("0:1")
    tile = page.locator(".player-tile")
    expect(tile).to_be_visible()
    assert "storyboard" in tile.evaluate("tile => getComputedStyle(tile).backgroundImage")
    page.get_by_label("Speed").select_option("1.5")
    assert page.locator("video").evaluate("media => media.playbackRate") == 1.5
    history = page.locator("#history")
    history.locator("summary").click()
    expect(history.get_by_role("row")).to_have_count(2)
    expect(history).to_contain_text("Done")


@pytest.mark.parametrize("locale", ["en-US", "fr-FR"])
def test_no_date_can_be_taken_for_another(
    chromium: Browser, site: Site, video: int, outputs: Outputs, locale: str
) -> None:
    """The day, then the month in letters, then the time in the viewer's zone."""
    StandIn(site, video, outputs).publish()
    utc = datetime.fromisoformat(site.api("GET", f"videos/{video}")["created_at"])
    local = utc.astimezone(ZoneInfo("Asia/Tokyo"))
    month = r"[^\W\d]+\.?"
    with visitor(chromium, site, locale=locale, timezone_id="Asia/Tokyo") as (_, page, _):
        sign_in(page)
        page.goto(f"/videos/{video}")
        expect(page.locator("#byline")).to_have_attribute(
            "title", re.compile(rf"^{local.day} {month} {local:%Y, %H:%M}$")
        )
        page.locator("#history summary").click()
        expect(page.locator("#history-rows td").nth(2)).to_have_text(re.compile(rf"^\d+ {month} \d+, \d\d:\d\d:\d\d$"))


def test_what_is_published_and_the_upload_each_have_their_own_length(
    page: Page, site: Site, video: int, outputs: Outputs
) -> None:
    StandIn(site, video, outputs).publish(duration_s=63.0)  # with credits, say
    page.goto(f"/videos/{video}")
    expect(page.locator("#byline")).to_contain_text("1:03")
    expect(page.locator("#source-facts")).to_contain_text("Duration0:16")


def test_a_cancelled_second_encode_leaves_the_figures_of_the_first(
    page: Page, site: Site, video: int, outputs: Outputs
) -> None:
    StandIn(site, video, outputs).publish(wall_s=42.0)
    page.goto(f"/videos/{video}")
    figures, again = page.locator("#encode-facts"), page.get_by_role("button", name="Encode again")
    expect(figures).to_contain_text("Encoded in0:42")
    again.click()
    page.get_by_role("button", name="Stop encoding").click()
    expect(again).to_be_visible()
    expect(figures).to_contain_text("Encoded in0:42")


def test_captions_are_named_in_the_page_s_language(chromium: Browser, site: Site, video: int, outputs: Outputs) -> None:
    files = outputs.result["outputs"]
    captions = {"name": "eng.vtt", "kind": "captions", "language": "eng", "mime": "text/vtt", "bytes": 50}
    said = "WEBVTT\n\n00:01.000 --> 00:02.000\nGood morning\n"
    StandIn(site, video, outputs).publish({"eng.vtt": said}, outputs=[*files, captions])
    with visitor(chromium, site, locale="fr-FR") as (_, page, _):
        sign_in(page)
        page.goto(f"/videos/{video}")
        expect(page.locator("#downloads")).to_contain_text("Sous-titres anglais")
        expect(page.locator("#transcript-lines")).to_contain_text("Good morning")


def test_a_failed_encode_says_why_and_can_be_repeated(page: Page, site: Site, video: int, outputs: Outputs) -> None:
    page.goto(f"/videos/{video}")
    worker = StandIn(site, video, outputs)
    worker.growing.mkdir(parents=True)
    (worker.growing / "encoding.log").write_text("ffmpeg's last words")
    worker.end("error", error_code="encode-failed", reason="moov atom not found")
    expect(page.locator("#fault-sentence")).to_contain_text("The encoding failed.")
    page.get_by_text("Technical reason").first.click()
    expect(page.get_by_text("moov atom not found")).to_be_visible()
    with page.context.expect_page() as log:
        page.get_by_role("link", name="Encoding log").click()
    expect(log.value.locator("body")).to_contain_text("ffmpeg's last words")
    page.get_by_role("button", name="Encode again").click()
    expect(page.locator("#state-label")).to_have_text("Waiting")
    expect(page.locator("#fault")).to_be_hidden()
    page.get_by_role("button", name="Stop encoding").click()
    expect(page.locator("#state-label")).to_have_text("Stopped")


def test_what_only_another_file_can_mend_offers_that_first(
    page: Page, site: Site, video: int, outputs: Outputs
) -> None:
    StandIn(site, video, outputs).end("error", error_code="source-no-streams", reason="no streams")
    page.goto(f"/videos/{video}")
    another = page.get_by_role("link", name="Upload another file")
    expect(another).to_be_visible()
    expect(page.locator(".actions > :visible").first).to_have_id("another-file")
    expect(page.get_by_role("button", name="Encode again")).to_be_hidden()
    for card in ("compose", "speech-wish", "captions-card", "side-tasks-card"):
        expect(page.locator(f"#{card}")).to_be_hidden()
    another.click()
    expect(page.get_by_label("Choose files")).to_be_attached()


def test_a_running_encode_is_stopped(page: Page, site: Site, video: int, outputs: Outputs) -> None:
    worker = StandIn(site, video, outputs)
    worker.say(0.2)
    page.goto(f"/videos/{video}")
    page.get_by_role("button", name="Stop encoding").click()
    expect(page.locator("#state-words")).to_have_text("Stopping")
    worker.end("cancelled")
    expect(page.locator("#state-label")).to_have_text("Stopped")


def test_a_new_version_waits_for_the_viewer(page: Page, site: Site, video: int, outputs: Outputs) -> None:
    StandIn(site, video, outputs).publish()
    page.goto(f"/videos/{video}")
    page.get_by_role("button", name="Play").click()
    plays_past(page, 0.2)
    page.get_by_role("button", name="Encode again").click()
    expect(page.locator("#state-words")).to_contain_text("Being encoded again")
    StandIn(site, video, outputs).publish()
    page.get_by_role("button", name="Show it").click()
    expect(page.locator("#new-version")).to_be_hidden()


def test_rename_and_delete_by_keyboard(page: Page, site: Site, video: int) -> None:
    page.goto(f"/videos/{video}")
    page.get_by_role("button", name="Change the title").press("Enter")
    expect(page.get_by_label("Title", exact=True)).to_be_focused()
    page.keyboard.type("Énergie & entropie <b>")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Énergie & entropie <b>")
    expect(page.get_by_role("button", name="Change the title")).to_be_focused()
    assert site.api("GET", f"videos/{video}")["title"] == "Énergie & entropie <b>"
    page.get_by_role("button", name="Delete").press("Enter")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Delete").press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    expect(page.get_by_role("link", name="Énergie & entropie <b>")).to_have_count(0)


def test_a_video_that_is_being_deleted_is_not_asked_for(page: Page, faults: Faults, site: Site, video: int) -> None:
    """A request on its way that found the video gone made the page leave twice, and the first leaving failed."""
    page.add_init_script("""window.plainFetch = window.fetch;
        window.fetch = (address, options) => {
            const answer = window.plainFetch(address, options);
            if (options?.method === "DELETE") answer.then(() => dispatchEvent(new Event("online"))); // polls ask at once
            return answer;
        };""")
    page.goto(f"/videos/{video}")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.partition('/api/v1/')[2]}"))
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/")
    assert f"GET videos/{video}" not in asked[asked.index(f"DELETE videos/{video}") :]
    assert not faults.unwanted


def test_an_encoding_that_is_stopped_takes_its_picture_along(
    page: Page, faults: Faults, site: Site, video: int, outputs: Outputs
) -> None:
    """What could be watched is gone: nothing says that it cannot be played here, and points to downloads."""
    faults.forgive("status of 404")
    worker = StandIn(site, video, outputs)
    worker.grow(2)
    worker.say(0.4, first_playable=True)
    page.goto(f"/videos/{video}")
    page.locator(".player-start").click()
    play_until(page, 0.2)
    # without the wait the worker may be done before the order arrives, which is then refused
    with page.expect_response("**/cancel"):
        page.get_by_role("button", name="Stop encoding").click()
    shutil.rmtree(worker.growing)
    worker.fall_silent()
    worker.end("cancelled")
    expect(page.locator("#state-label")).to_have_text("Stopped")
    expect(page.locator("#player")).to_be_hidden()
    expect(page.get_by_text("cannot be played here")).to_be_hidden()
    assert page.locator("video").evaluate("media => media.paused"), "what was loaded is not heard any more"
    expect(page.locator("#copy-link")).to_be_hidden()


def test_a_second_failure_is_told(page: Page, site: Site, video: int, outputs: Outputs) -> None:
    """The state is the same as before: its time, the table of attempts and the message of the order are not."""
    page.goto(f"/videos/{video}")
    StandIn(site, video, outputs).end("error", error_code="encode-failed", reason="first")
    expect(page.locator("#fault-technical pre")).to_have_text("first")
    first = page.locator("#fault-when").get_attribute("title")
    assert first
    page.locator("#history > summary").click()
    expect(page.locator("#history-rows tr")).to_have_count(1)
    page.clock.install()
    page.get_by_role("button", name="Encode again").click()
    expect(page.locator(".toast")).to_be_visible()
    StandIn(site, video, outputs).end("error", error_code="encode-failed", reason="second")
    page.clock.run_for(3000)
    expect(page.locator("#fault-technical pre")).to_have_text("second")
    assert page.locator(".toast").count() == 0, '"queued" does not lie over "failed"'  # it would go by itself later
    expect(page.locator("#history-rows tr")).to_have_count(2)
    expect(page.locator("#spoken")).to_contain_text("The encoding failed.")
    task = site.api("GET", f"videos/{video}")["task"]["id"]
    site.api("POST", f"tasks/{task}/requeue")
    StandIn(site, video, outputs).end("error", error_code="encode-failed", reason="second")
    page.clock.run_for(6000)
    expect(page.locator("#history-rows tr")).to_have_count(3)  # failed, queued and failed between two looks


def test_the_owner_chooses_the_poster(page: Page, site: Site, video: int, outputs: Outputs) -> None:
    StandIn(site, video, outputs).publish()
    page.goto(f"/videos/{video}")
    pictures = page.locator("#posters input")
    expect(pictures).to_have_count(3)
    expect(pictures.first).to_be_checked()
    page.get_by_role("radio", name="Picture 3").check()
    expect(page.locator(".toast")).to_contain_text("The poster is changed.")
    assert page.locator("video").evaluate("media => media.poster").endswith("thumbnail_3.jpg")
    page.goto("/")
    assert page.locator(f'[data-id="{video}"] img').get_attribute("src").endswith("thumbnail_3.jpg")
