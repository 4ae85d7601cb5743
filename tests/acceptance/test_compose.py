"""The form for another version of a video, in a real browser."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.browser import Faults
from tests.acceptance.site import DRESSING, Outputs, Site, StandIn, make_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=1)


@pytest.fixture
def videos(site: Site, clip: Path) -> list[int]:
    """Three videos: slides whose encoding was stopped, a camera, credits."""
    found = [site.upload(f"{name}.mp4", clip) for name in ("Slides", "Camera", "Credits")]
    task = site.api("GET", f"videos/{found[0]}")["task"]["id"]
    site.api("POST", f"tasks/{task}/cancel")
    return found


def open_form(page: Page, video: int) -> None:
    page.goto(f"/videos/{video}")
    page.get_by_text("Cut, dress, combine").click()


def ordered_before(site: Site, video: int, **order: Any) -> Any:
    """The task of an encoding that was ordered and then stopped."""
    task = site.api("POST", f"videos/{video}/encode", json=order)
    site.api("POST", f"tasks/{task['id']}/cancel")
    return task


def order_from_form(page: Page, site: Site, video: int) -> Any:
    """Send the form as it is. Returns the options of the task that it orders."""
    page.get_by_role("button", name="Encode with these choices").click()
    expect(page.locator("#state-label")).to_have_text("Waiting")
    return site.api("GET", f"videos/{video}")["task"]["options"]


def test_everything_is_ordered_together(page: Page, site: Site, videos: list[int]) -> None:
    slides, camera, credits_ = videos
    open_form(page, slides)
    expect(page.get_by_label("Where it appears")).to_be_disabled()
    page.get_by_label("Keep only these parts").fill("0:10-1:00.5, 2:00-1:00:00")
    page.get_by_label("Dressing").select_option(DRESSING)
    page.get_by_label("Video to play after").select_option(str(credits_))
    page.get_by_label("Second recording, made at the same time").select_option(str(camera))
    page.get_by_label("Where it appears").select_option("In the upper right corner")
    assert page.locator(f"#compose-second option[value='{slides}']").count() == 0
    assert order_from_form(page, site, slides) == {
        "keep": [[10, 60.5], [120, 3600]],
        "dressing": DRESSING,
        "ending": credits_,
        "second": camera,
        "layout": "pip-top-right",
    }


def test_a_cut_behind_the_end_is_refused_at_once(
    page: Page, faults: Faults, site: Site, clip: Path, outputs: Outputs
) -> None:
    video = site.upload("Talk.mp4", clip)
    StandIn(site, video, outputs).publish()
    open_form(page, video)
    page.get_by_label("Keep only these parts").fill("1:00-2:00")
    page.get_by_role("button", name="Encode with these choices").click()
    expect(page.locator("#toasts")).to_contain_text("The cut leaves nothing of the recording")
    faults.forgive("status of 422")
    assert site.api("GET", f"videos/{video}")["task"]["state"] == "done"
    page.get_by_label("Keep only these parts").fill("0:00-0:00.5")
    page.get_by_role("button", name="Encode with these choices").click()
    expect(page.locator("#toasts")).to_contain_text("The encoding is waiting for a worker.")
    expect(page.locator("#toasts")).not_to_contain_text("Nothing is left")


def test_encoding_again_brings_back_nothing_that_was_cut_out(page: Page, site: Site, videos: list[int]) -> None:
    slides, camera, _ = videos
    order = {"keep": [[0, 0.5]], "dressing": "", "second": camera, "layout": "side"}
    first = ordered_before(site, slides, **order)
    page.goto(f"/videos/{slides}")
    page.get_by_role("button", name="Encode again").click()
    expect(page.locator("#state-label")).to_have_text("Waiting")
    task = site.api("GET", f"videos/{slides}")["task"]
    assert (task["id"] > first["id"], task["options"]) == (True, first["options"])
    assert task["options"]["keep"] == [[0, 0.5]]


def test_the_form_begins_with_the_last_order(page: Page, site: Site, videos: list[int]) -> None:
    slides, camera, credits_ = videos
    keep = [[0.25, 60.5], [120, 3723.125]]
    order = {"keep": keep, "opening": credits_, "ending": credits_, "second": camera, "layout": "pip-bottom-left"}
    ordered_before(site, slides, dressing="", **order)
    newest = re.compile(r"/videos\?limit=200$")
    page.route(newest, lambda route: route.continue_(url=route.request.url.replace("200", "1")))  # without the camera
    open_form(page, slides)
    expect(page.get_by_label("Keep only these parts")).to_have_value("0:00.25-1:00.5, 2:00-1:02:03.125")
    page.get_by_label("Dressing").select_option(DRESSING)
    assert order_from_form(page, site, slides) == {"dressing": DRESSING, **order}


def test_what_is_gone_is_not_ordered_again(page: Page, faults: Faults, site: Site, videos: list[int]) -> None:
    slides, camera, credits_ = videos
    ordered_before(site, slides, keep=[[0, 0.5]], dressing=DRESSING, second=camera, layout="side", ending=credits_)
    site.api("DELETE", f"videos/{camera}")
    open_form(page, slides)
    assert order_from_form(page, site, slides) == {"keep": [[0, 0.5]], "dressing": DRESSING, "ending": credits_}
    faults.forgive("status of 404")


def test_sound_alone_is_not_to_be_chosen(
    page: Page, site: Site, videos: list[int], clip: Path, outputs: Outputs
) -> None:
    slides, camera, _ = videos
    podcast = site.upload("Podcast.mp4", clip)
    ordered_before(site, slides, second=podcast)  # before anybody knew
    StandIn(site, podcast, outputs).publish(is_video=False)
    open_form(page, slides)
    for name in ("opening", "ending", "second"):
        choice = page.locator(f"#compose-{name}")
        expect(choice.locator(f"option[value='{camera}']")).to_have_count(1)
        expect(choice.locator(f"option[value='{podcast}']")).to_have_count(0)


def test_sound_alone_can_be_cut_and_no_more(page: Page, site: Site, videos: list[int], outputs: Outputs) -> None:
    podcast, camera, _ = videos
    site.api("POST", f"videos/{podcast}/encode", json={"dressing": DRESSING, "second": camera})  # before anybody knew
    open_form(page, podcast)
    expect(page.get_by_label("Dressing")).to_be_visible()
    StandIn(site, podcast, outputs).publish(is_video=False)
    expect(page.get_by_text("Cut, dress, combine")).to_be_hidden()
    form = page.get_by_role("group", name="Cut", exact=True)
    expect(form.get_by_label("Keep only these parts")).to_be_visible()
    expect(form.get_by_role("combobox")).to_have_count(0)
    form.get_by_label("Keep only these parts").fill("0:01-0:10")
    form.get_by_role("button", name="Encode with these choices").click()
    expect(page.locator("#toasts")).to_contain_text("The encoding is waiting for a worker.")
    assert site.api("GET", f"videos/{podcast}")["task"]["options"] == {"keep": [[1, 10]], "dressing": ""}


def test_nothing_chosen_is_the_plain_recording(page: Page, site: Site, videos: list[int]) -> None:
    open_form(page, videos[0])
    page.get_by_label("Keep only these parts").fill("1:00")
    page.get_by_role("button", name="Encode with these choices").click()
    assert "1:30-12:00" in page.locator("#compose-keep").evaluate("field => field.validationMessage")
    page.get_by_label("Keep only these parts").fill("")
    assert order_from_form(page, site, videos[0]) == {"dressing": ""}
