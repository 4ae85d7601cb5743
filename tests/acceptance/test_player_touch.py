"""The player under fingers and after clicks: what is seen can be pressed, what has faded cannot, and keys go on working."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import Outputs, Site, StandIn
from tests.acceptance.viewing import play_until, position
from tests.servers import wait_until


@pytest.fixture(params=[390, 430])
def phone(
    request: pytest.FixtureRequest, chromium: Browser, site: Site, video: int, outputs: Outputs
) -> Iterator[Page]:
    """The page of a video on a phone, its picture loaded."""
    StandIn(site, video, outputs).publish()
    size = {"width": request.param, "height": 844}
    with visitor(chromium, site, viewport=size, has_touch=True, is_mobile=True) as (_, page, _):
        sign_in(page)
        page.goto(f"/videos/{video}")
        wait_until(lambda: page.evaluate("document.querySelector('video').readyState >= 2"), what="there is a picture")
        yield page


def tap(page: Page, selector: str, across: float = 0.5, down: float = 0.5) -> None:
    box = page.locator(selector).bounding_box()
    page.touchscreen.tap(box["x"] + across * box["width"], box["y"] + down * box["height"])


def fade(page: Page) -> None:
    expect(page.locator("#player")).to_contain_class("is-quiet")


def test_the_large_button_plays_at_its_centre(phone: Page) -> None:
    tap(phone, ".player-start")
    play_until(phone, 0.2)
    assert not phone.evaluate("document.querySelector('video').muted")


def test_what_has_faded_takes_no_tap(phone: Page) -> None:
    tap(phone, ".player-start")
    fade(phone)
    tap(phone, ".player-mute")
    expect(phone.locator("#player")).not_to_contain_class("is-quiet")
    assert not phone.evaluate("document.querySelector('video').muted"), "a tap shows the controls first"
    assert not phone.evaluate("document.querySelector('video').paused")
    tap(phone, ".player-mute")
    wait_until(lambda: phone.evaluate("document.querySelector('video').muted"), what="what is seen takes the tap")


def test_a_tap_hides_the_controls_again(phone: Page) -> None:
    tap(phone, ".player-start")
    play_until(phone, 0.1)
    tap(phone, "video", across=0.5, down=0.2)
    fade(phone)
    assert not phone.evaluate("document.querySelector('video').paused")


def test_two_taps_at_a_side_jump(phone: Page) -> None:
    tap(phone, "video", across=0.9, down=0.3)
    tap(phone, "video", across=0.9, down=0.3)
    wait_until(lambda: position(phone) == pytest.approx(10, abs=0.3), what="10 seconds forward")
    expect(phone.locator(".player-said")).to_have_text("10 seconds forward")
    tap(phone, "video", across=0.1, down=0.3)
    tap(phone, "video", across=0.1, down=0.3)
    wait_until(lambda: position(phone) < 0.5, what="10 seconds back")
    assert phone.evaluate("document.querySelector('video').paused"), "two taps are not two times play"


@pytest.mark.parametrize("clicked", [".player-start", "video", ".player-play", ".player-mute"])
def test_after_a_click_the_keys_are_the_players(
    page: Page, site: Site, video: int, outputs: Outputs, clicked: str
) -> None:
    StandIn(site, video, outputs).publish()
    page.set_viewport_size({"width": 1280, "height": 500})
    page.goto(f"/videos/{video}")
    wait_until(lambda: page.evaluate("document.querySelector('video').readyState >= 2"), what="there is a picture")
    page.locator(clicked).click(position={"x": 5, "y": 30} if clicked == "video" else None)
    if clicked != ".player-mute":
        play_until(page, 0.1)
    was_at = page.evaluate("scrollY")
    was_paused = page.evaluate("document.querySelector('video').paused")
    page.keyboard.press(" ")
    wait_until(
        lambda: page.evaluate("document.querySelector('video').paused") != was_paused, what="Space plays, pauses"
    )
    page.keyboard.press("5")
    assert position(page) == pytest.approx(8, abs=0.3)
    assert page.evaluate("scrollY") == was_at, "Space does not scroll the page"


def test_a_control_reached_by_tab_keeps_the_focus(page: Page, site: Site, video: int, outputs: Outputs) -> None:
    StandIn(site, video, outputs).publish()
    page.goto(f"/videos/{video}")
    mute = page.get_by_role("button", name="Mute", exact=True)
    mute.focus()
    page.keyboard.press(" ")
    assert page.evaluate("document.querySelector('video').muted")
    expect(page.get_by_role("button", name="Unmute", exact=True)).to_be_focused()
