"""Cutting a recording in its player: from here, to here, drawing on the pictures."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.site import CLIP_S, Outputs, Site, StandIn
from tests.acceptance.viewing import open_video, position, seek
from tests.servers import wait_until


@pytest.fixture
def cutting(page: Page, site: Site, video: int, outputs: Outputs) -> Page:
    """A video's page with the form for cutting unfolded."""
    StandIn(site, video, outputs).publish()
    open_video(page, video)
    page.locator("#compose > summary").click()
    expect(page.locator("#compose-keep")).to_be_enabled()
    return page


def drag(page: Page, begin_s: float, end_s: float, of_s: float = CLIP_S) -> None:
    """On the strip of pictures, which holds `of_s` seconds."""
    strip = page.locator("#cut-strip")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    page.mouse.move(box["x"] + box["width"] * begin_s / of_s, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (begin_s + end_s) / 2 / of_s, box["y"] + 25)
    page.mouse.move(box["x"] + box["width"] * end_s / of_s, box["y"] + 25)
    page.mouse.up()


def kept(page: Page) -> list[tuple[float, float]]:
    text = page.locator("#compose-keep").input_value()
    begin_and_end = [part.split("-") for part in text.split(", ") if part]
    return [(seconds(begin), seconds(end)) for begin, end in begin_and_end]


def seconds(clock: str) -> float:
    return sum(float(part) * 60**n for n, part in enumerate(reversed(clock.split(":"))))


def test_from_here_to_here(cutting: Page, site: Site, video: int) -> None:
    seek(cutting, 3)
    expect(cutting.locator("#cut-now")).to_have_text("0:03")
    cutting.get_by_role("button", name="From here").click()
    assert kept(cutting) == [(3, CLIP_S)]
    seek(cutting, 9.5)
    expect(cutting.locator("#cut-now")).to_have_text("0:09.5")
    cutting.get_by_role("button", name="To here").click()
    assert kept(cutting) == [(3, 9.5)]
    expect(cutting.locator("#cut-list")).to_contain_text("0:03 – 0:09.5 (0:06)")
    marks = cutting.locator(".mark-part")
    expect(marks).to_have_count(1)
    rail, mark = cutting.locator(".player-marks").bounding_box(), marks.bounding_box()
    assert mark["x"] - rail["x"] == pytest.approx(rail["width"] * 3 / CLIP_S, abs=3)
    assert mark["width"] == pytest.approx(rail["width"] * 6.5 / CLIP_S, abs=3)
    cutting.get_by_role("button", name="Encode with these choices").click()
    wait_until(
        lambda: site.api("GET", f"videos/{video}")["task"]["options"].get("keep") == [[3, 9.5]], what="it is ordered"
    )


def test_drawing_on_the_pictures(cutting: Page) -> None:
    expect(cutting.locator(".cut-tile").first).to_have_css("background-image", re.compile("storyboard"))
    drag(cutting, 2, 6)
    [(begin, end)] = kept(cutting)
    assert begin == pytest.approx(2, abs=0.15)
    assert end == pytest.approx(6, abs=0.15)
    drag(cutting, 10, 14)
    assert len(kept(cutting)) == 2
    drag(cutting, 6, 8)
    assert kept(cutting)[0][1] == pytest.approx(8, abs=0.15), "an edge was moved"
    drag(cutting, 8, 12)
    assert len(kept(cutting)) == 1, "parts that touch become one"
    cutting.get_by_role("button", name="Leave out").click()
    assert kept(cutting) == []
    expect(cutting.get_by_role("button", name="From here")).to_be_focused()


def test_a_click_on_the_pictures_goes_there(cutting: Page) -> None:
    strip = cutting.locator("#cut-strip")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    strip.click(position={"x": box["width"] / 2, "y": 20})
    wait_until(lambda: position(cutting) == pytest.approx(CLIP_S / 2, abs=0.3), what="the player is in the middle")
    assert kept(cutting) == []


def test_a_cut_video_is_cut_again_on_the_clock_of_its_recording(
    page: Page, site: Site, video: int, outputs: Outputs
) -> None:
    """What the player shows begins 60 s into the recording, after an opening of 4 s."""
    site.api("POST", f"tasks/{site.api('GET', f'videos/{video}')['task']['id']}/cancel")
    site.api("POST", f"videos/{video}/encode", json={"keep": [[60, 72]]})
    facts = {**outputs.result["facts"], "duration_s": 120.0}
    StandIn(site, video, outputs).publish(opening_s=4.0, facts=facts)
    open_video(page, video)
    page.locator("#compose > summary").click()
    expect(page.locator("#compose-keep")).to_have_value("1:00-1:12")
    mark = page.locator(".mark-part").bounding_box()
    rail = page.locator(".player-marks").bounding_box()
    assert mark["x"] - rail["x"] == pytest.approx(rail["width"] * 4 / CLIP_S, abs=3)
    seek(page, 9)
    expect(page.locator("#cut-now")).to_have_text("1:05")
    page.get_by_role("button", name="To here").click()
    assert kept(page) == [(60, 65)]


def test_the_form_can_still_be_typed(cutting: Page) -> None:
    cutting.locator("#compose-keep").fill("0:01-0:05, 0:08-0:10")
    expect(cutting.locator(".cut-part")).to_have_count(2)
    cutting.locator("#compose-keep").fill("nonsense")
    expect(cutting.locator(".cut-part")).to_have_count(0)
    cutting.get_by_role("button", name="Encode with these choices").click()
    assert cutting.locator("#compose-keep").evaluate("field => field.validity.customError")
