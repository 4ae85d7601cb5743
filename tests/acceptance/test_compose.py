"""The form for another version of a video, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.browser import Faults
from tests.acceptance.site import DRESSING, Outputs, Site, StandIn, make_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=1)


@pytest.fixture
def videos(site: Site, clip: Path) -> list[int]:
    """Slides whose encode was stopped, a camera, credits."""
    found = [site.upload(f"{name}.mp4", clip) for name in ("Slides", "Camera", "Credits")]
    task = site.api("GET", f"videos/{found[0]}")["task"]["id"]
    site.api("POST", f"tasks/{task}/cancel")
    return found


def open_form(page: Page, video: int) -> None:
    page.goto(f"/videos/{video}")
    page.get_by_text("Cut, dress, combine").click()


def test_everything_is_ordered_together(page: Page, site: Site, videos: list[int]) -> None:
    slides, camera, credits_ = videos
    open_form(page, slides)
    expect(page.get_by_label("Where it is seen")).to_be_disabled()
    page.get_by_label("Keep only these parts").fill("0:10-1:00.5, 2:00-1:00:00")
    page.get_by_label("Dressing").select_option(DRESSING)
    page.get_by_label("Video to play after").select_option(str(credits_))
    page.get_by_label("Second recording of the same time").select_option(str(camera))
    page.get_by_label("Where it is seen").select_option("In the upper right corner")
    assert page.locator(f"#compose-second option[value='{slides}']").count() == 0
    page.get_by_role("button", name="Encode this way").click()
    expect(page.locator("#state-label")).to_have_text("Waiting")
    assert site.api("GET", f"videos/{slides}")["task"]["options"] == {
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
    page.get_by_role("button", name="Encode this way").click()
    expect(page.locator("#toasts")).to_contain_text("Nothing is left of the recording after the cut")
    faults.forgive("status of 422")
    assert site.api("GET", f"videos/{video}")["task"]["state"] == "done"


def test_encoding_again_brings_back_nothing_that_was_cut_out(page: Page, site: Site, videos: list[int]) -> None:
    slides, camera, _ = videos
    order = {"keep": [[0, 0.5]], "dressing": "", "second": camera, "layout": "side"}
    first = site.api("POST", f"videos/{slides}/encode", json=order)
    site.api("POST", f"tasks/{first['id']}/cancel")
    page.goto(f"/videos/{slides}")
    page.get_by_role("button", name="Encode again").click()
    expect(page.locator("#state-label")).to_have_text("Waiting")
    task = site.api("GET", f"videos/{slides}")["task"]
    assert (task["id"] > first["id"], task["options"]) == (True, first["options"])
    assert task["options"]["keep"] == [[0, 0.5]]


def test_nothing_chosen_is_the_plain_recording(page: Page, site: Site, videos: list[int]) -> None:
    open_form(page, videos[0])
    page.get_by_label("Keep only these parts").fill("1:00")
    page.get_by_role("button", name="Encode this way").click()
    assert "1:30-12:00" in page.locator("#compose-keep").evaluate("field => field.validationMessage")
    page.get_by_label("Keep only these parts").fill("")
    page.get_by_role("button", name="Encode this way").click()
    expect(page.locator("#state-label")).to_have_text("Waiting")
    assert site.api("GET", f"videos/{videos[0]}")["task"]["options"] == {"dressing": ""}
