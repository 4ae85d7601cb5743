"""What the player remembers and what people expect of one: where one stopped, speed, captions, links to a moment."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.site import Outputs, Site, StandIn, make_clip
from tests.acceptance.viewing import open_video, pause, play, play_until, position, seek
from tests.servers import wait_until

LANGUAGES = {"fr": "Bonjour à tous", "en": "Good morning"}
CHAPTERS = "WEBVTT\n\n00:00.000 --> 00:20.000\nIntroduction\n\n00:20.000 --> 00:40.000\nEntropy\n"


@pytest.fixture(scope="session")
def long_outputs(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """40 s: long enough to stop in the middle of it."""
    folder = tmp_path_factory.mktemp("long")
    return Outputs(folder, source=make_clip(folder / "clip.mp4", seconds=40, size="320x180"))


@pytest.fixture
def lecture(page: Page, site: Site, video: int, long_outputs: Outputs) -> Page:
    """The page of 40 s with captions in two languages and two chapters."""
    worker = StandIn(site, video, long_outputs)
    more: list[dict[str, Any]] = [{"name": "chapters.vtt", "kind": "chapters", "language": ""}]
    more += [{"name": f"captions_{code}.vtt", "kind": "captions", "language": code} for code in LANGUAGES]
    texts = {
        f"captions_{code}.vtt": f"WEBVTT\n\n00:00.000 --> 00:40.000\n{words}\n" for code, words in LANGUAGES.items()
    }
    outputs = [*long_outputs.result["outputs"], *({**one, "mime": "text/vtt", "bytes": 0} for one in more)]
    worker.publish({"chapters.vtt": CHAPTERS, **texts}, outputs=outputs)
    open_video(page, video)
    return page


def again(page: Page) -> None:
    """Leave, and come back."""
    address = page.url.partition("?")[0]
    page.goto("/account")
    page.goto(address)
    wait_until(lambda: page.evaluate("document.querySelector('video').readyState >= 2"), what="there is a picture")


def test_it_goes_on_where_one_stopped(lecture: Page) -> None:
    play(lecture)
    seek(lecture, 21.5)
    play_until(lecture, 22)
    pause(lecture)
    again(lecture)
    assert position(lecture) == pytest.approx(22, abs=0.6)
    expect(lecture.locator(".player-said")).to_have_text("Goes on at 0:22")
    lecture.get_by_role("button", name="From the beginning").focus()
    lecture.keyboard.press("Enter")
    wait_until(lambda: 0.2 < position(lecture) < 5, what="it plays from the beginning")
    expect(lecture.get_by_role("button", name="From the beginning")).to_be_hidden()
    expect(lecture.locator("#player")).to_be_focused()  # the button has hidden itself


def test_what_was_watched_to_its_end_begins_anew(lecture: Page) -> None:
    play(lecture)
    seek(lecture, 38)
    play_until(lecture, 38.5)
    pause(lecture)
    again(lecture)
    assert position(lecture) == 0


def test_a_link_leads_to_a_moment(lecture: Page) -> None:
    seek(lecture, 12.7)
    lecture.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lecture.get_by_role("button", name="Copy the link to this moment").click()
    expect(lecture.locator(".toast")).to_contain_text("The link to 0:12 is copied.")
    link = lecture.evaluate("navigator.clipboard.readText()")
    assert link == f"{lecture.url}?t=12"
    lecture.goto(link.replace("?t=12", "?t=0m31s"))
    wait_until(lambda: position(lecture) == pytest.approx(31, abs=0.1), what="it is at the moment of the address")
    expect(lecture.get_by_role("button", name="From the beginning")).to_be_hidden()


def test_speed_and_captions_are_remembered(lecture: Page) -> None:
    seek(lecture, 11)
    lecture.locator("#player").focus()
    lecture.keyboard.press(">")
    lecture.keyboard.press(">")
    lecture.keyboard.press("<")
    expect(lecture.locator(".player-said")).to_have_text("Speed 1.25×")
    lecture.keyboard.press("c")
    expect(lecture.locator(".player-said")).to_have_text("Captions: French")
    expect(lecture.locator(".player-cues")).to_have_text("Bonjour à tous")
    again(lecture)
    seek(lecture, 11)
    assert lecture.evaluate("document.querySelector('video').playbackRate") == 1.25
    expect(lecture.get_by_label("Speed")).to_have_value("1.25")
    expect(lecture.locator(".player-cues")).to_have_text("Bonjour à tous")


def test_the_captions_have_a_menu(lecture: Page) -> None:
    seek(lecture, 11)
    button = lecture.get_by_role("button", name="Captions", exact=True)
    button.click()
    menu = lecture.get_by_role("group", name="Captions")
    menu.get_by_label("Captions").select_option("English")
    cues = lecture.locator(".player-cues")
    expect(cues).to_have_text("Good morning")
    size = "parseFloat(getComputedStyle(document.querySelector('.player-cues p')).fontSize)"
    normal = lecture.evaluate(size)
    menu.get_by_label("Size").select_option("Very large")
    assert lecture.evaluate(size) > 1.5 * normal
    menu.get_by_label("Background").select_option("None, with an outline")
    ground = "getComputedStyle(document.querySelector('.player-cues span')).backgroundColor"
    assert lecture.evaluate(ground) == "rgba(0, 0, 0, 0)"
    lecture.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()
    again(lecture)
    seek(lecture, 11)
    expect(cues).to_have_text("Good morning")
    assert lecture.evaluate(size) > 1.5 * normal and lecture.evaluate(ground) == "rgba(0, 0, 0, 0)"
    button.click()
    menu.get_by_label("Captions").select_option("Off")
    expect(cues).to_have_text("")


def test_captions_stand_clear_of_the_controls(lecture: Page) -> None:
    seek(lecture, 11)
    lecture.locator("#player").focus()
    lecture.keyboard.press("c")
    rail = lecture.locator(".player-rail").bounding_box()
    wait_until(lambda: bottom_of_cues(lecture) <= rail["y"], what="the captions are above the controls")


def bottom_of_cues(page: Page) -> float:
    box = page.locator(".player-cues p").bounding_box()
    return float(box["y"] + box["height"])


def test_chapters_are_marked_on_the_time_line(lecture: Page) -> None:
    mark = lecture.locator(".mark-chapter")
    expect(mark).to_have_count(1)  # the first begins where the video does
    rail, place = lecture.locator(".player-seek").bounding_box(), mark.bounding_box()
    assert place["x"] + place["width"] / 2 - rail["x"] == pytest.approx(rail["width"] / 2, abs=rail["width"] * 0.02)
    lecture.mouse.move(rail["x"] + rail["width"] * 0.75, rail["y"] + rail["height"] / 2)
    expect(lecture.locator(".player-chapter")).to_have_text("Entropy")


def test_the_volume_is_told_in_words(lecture: Page) -> None:
    volume = lecture.get_by_label("Volume")
    expect(volume).to_have_attribute("aria-valuetext", "100%")
    lecture.locator("#player").focus()
    lecture.keyboard.press("ArrowDown")
    expect(volume).to_have_attribute("aria-valuetext", "90%")
    lecture.keyboard.press("m")
    expect(volume).to_have_attribute("aria-valuetext", "Muted")
