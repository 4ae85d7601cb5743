"""What is said, as text: the transcript beside the player, and the search in all recordings."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.accessibility import violations
from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import CLIP_S, Outputs, Site, StandIn
from tests.acceptance.viewing import open_video, play_until, position, seek
from tests.servers import wait_until

SAID = ["Bonjour à tous", "le cœur de l’été", "est une saison", "<v Léa>chaude", "<v Léa>et longue", "la fin du cœur"]


def vtt(said: list[str], step_s: float = 2.5) -> bytes:
    """A line every `step_s` seconds."""
    moments = [f"00:{n * step_s:06.3f} --> 00:{n * step_s + step_s - 0.1:06.3f}\n{text}" for n, text in enumerate(said)]
    return ("WEBVTT\n\n" + "\n\n".join(moments)).encode()


@pytest.fixture
def spoken(site: Site, video: int, outputs: Outputs) -> int:
    """Id of a video with captions in French and English."""
    StandIn(site, video, outputs).publish()
    for language, said in (("fr", SAID), ("en", ["Good morning", "the heart of summer"])):
        site.api("POST", f"videos/{video}/captions", params={"language": language}, data=vtt(said))
    return video


@pytest.fixture
def transcript(page: Page, spoken: int) -> Page:
    open_video(page, spoken)
    page.get_by_label("Language of the transcript").select_option("French")
    expect(page.locator(".line")).to_have_count(len(SAID))
    return page


def present(page: Page) -> str:
    return page.locator(".line[aria-current] .line-text").inner_text()


def test_it_follows_and_a_click_goes_there(transcript: Page) -> None:
    seek(transcript, 5.2)
    wait_until(lambda: present(transcript) == "est une saison", what="the line of this moment is marked")
    expect(transcript.locator(".line-speaker")).to_have_text(["Léa"])  # once for all that she says in a row
    transcript.locator(".line", has_text="et longue").click()
    play_until(transcript, 10.1)
    assert present(transcript) == "et longue"
    assert not transcript.evaluate("document.querySelector('video').paused")


def test_it_follows_within_its_own_list_until_somebody_scrolls(transcript: Page) -> None:
    lines = transcript.locator("#transcript-lines")
    lines.evaluate("list => list.style.maxHeight = '5rem'")
    where = transcript.evaluate("scrollY")
    seek(transcript, CLIP_S - 2)
    wait_until(lambda: lines.evaluate("list => list.scrollTop") > 50, what="the list has scrolled")
    assert transcript.evaluate("scrollY") == where
    lines.hover()
    transcript.mouse.wheel(0, -1000)
    again = transcript.get_by_role("button", name="Follow the playback again")
    expect(again).to_be_visible()
    wait_until(lambda: lines.evaluate("list => list.scrollTop") == 0, what="it was scrolled to the top")
    seek(transcript, 8)
    expect(transcript.locator(".line[aria-current]")).to_contain_text("chaude")
    assert lines.evaluate("list => list.scrollTop") == 0, "it stays where the person looks"
    again.click()
    wait_until(lambda: lines.evaluate("list => list.scrollTop") > 20, what="it follows again")
    expect(again).to_be_hidden()


def test_by_keyboard(transcript: Page) -> None:
    transcript.get_by_label("Search in the transcript").focus()
    transcript.keyboard.press("Tab")  # over the languages
    transcript.keyboard.press("Tab")
    expect(transcript.locator(".line").first).to_be_focused()
    transcript.keyboard.press("ArrowDown")
    transcript.keyboard.press("ArrowDown")
    transcript.keyboard.press("Enter")
    wait_until(lambda: position(transcript) >= 5, what="the player is at the third line")
    transcript.keyboard.press("End")
    expect(transcript.locator(".line").last).to_be_focused()


def test_words_are_found_across_lines_without_accents(transcript: Page) -> None:
    search = transcript.get_by_label("Search in the transcript")
    search.fill("COEUR")
    found = transcript.locator("#transcript-found")
    expect(found).to_have_text("Passages: 2")
    expect(transcript.locator(".line:visible")).to_have_count(2)
    expect(transcript.locator("mark")).to_have_text(["cœur", "cœur"])
    search.press("Enter")
    expect(found).to_have_text("Passage 1 of 2")
    wait_until(lambda: position(transcript) == pytest.approx(2.5, abs=0.1), what="the first passage")
    search.press("Enter")
    wait_until(lambda: position(transcript) == pytest.approx(12.5, abs=0.1), what="the second passage")
    search.fill("l'ete est une")
    expect(found).to_have_text("Passages: 1")
    expect(transcript.locator("mark")).to_have_text(["l’été", "est une"])
    search.press("Escape")
    expect(transcript.locator(".line:visible")).to_have_count(len(SAID))
    expect(transcript.locator("mark")).to_have_count(0)


def test_the_languages(transcript: Page) -> None:
    transcript.locator("#player").focus()
    transcript.keyboard.press("c")
    expect(transcript.locator(".player-said")).to_have_text("Captions: English")
    expect(transcript.locator(".line")).to_have_count(2)  # it goes along with the player
    transcript.keyboard.press("c")
    expect(transcript.locator(".line")).to_have_count(len(SAID))
    expect(transcript.get_by_label("Language of the transcript")).to_have_value("1")


def test_what_is_said_is_found_from_the_list_and_played(page: Page, spoken: int) -> None:
    page.goto("/")
    page.get_by_label("Search in titles and in what is said").fill("coeur ete")
    said = page.get_by_role("region", name="Said in the recordings")
    places = said.locator("li", has=page.locator(f'a[href="/videos/{spoken}"]')).locator("a.line")
    expect(places.first).to_contain_text("0:02")
    expect(places.first.locator("mark").first).to_have_text("cœur")
    places.first.click()
    play_until(page, 2.6)
    assert not page.evaluate("document.querySelector('video').paused")


def test_nobody_finds_what_others_said(chromium: Browser, site: Site, spoken: int, clip: Path) -> None:
    with visitor(chromium, site) as (_, page, _faults):
        sign_in(page, "lea")
        with page.expect_response("**/api/v1/search?*") as answer:
            page.goto("/?text=coeur")
        assert answer.value.json() == {"found": []}
        expect(page.get_by_role("region", name="Said in the recordings")).to_be_hidden()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_it_fits(chromium: Browser, site: Site, spoken: int, theme: str, width: int) -> None:
    options = {"color_scheme": theme, "viewport": {"width": width, "height": 900}, "locale": "fr-FR"}
    with visitor(chromium, site, **options) as (_, page, _faults):
        sign_in(page)
        open_video(page, spoken)
        card = page.locator("#transcript")
        if width == 390:
            assert not card.evaluate("card => card.open"), "on a phone it is folded"
            card.locator("summary").click()
        page.get_by_label("Chercher dans le texte").fill("saison")
        expect(page.locator("mark")).to_have_count(1)
        place, player = card.bounding_box(), page.locator("#player").bounding_box()
        if width == 390:
            assert player["y"] + player["height"] < place["y"] < player["y"] + player["height"] + 200
        else:
            assert place["x"] > player["x"] + player["width"], "beside the player"
            assert place["y"] == pytest.approx(player["y"], abs=2)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []
        page.goto("/?text=coeur")
        expect(page.locator("#said mark").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []
