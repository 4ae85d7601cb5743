"""The player's controls can be seen and hit: in forced colours, at its edges, with messages on the page."""

import pytest
from playwright.sync_api import Browser, FloatRect, Page, expect

from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import Outputs, Site, StandIn
from tests.acceptance.viewing import open_video


def test_rails_are_seen_in_forced_colours(chromium: Browser, site: Site, video: int, outputs: Outputs) -> None:
    """A rail is a background, and forced colours take backgrounds away. Pixels of the rail differ from those around it."""
    StandIn(site, video, outputs).publish()
    with visitor(chromium, site, forced_colors="active") as (_, page, _):
        sign_in(page)
        open_video(page, video)
        for name in ("seek", "volume"):
            rail = page.locator(f".player-{name}")
            assert len(colours_of_column(page, rail.bounding_box())) > 1, f"the rail of {name} cannot be seen"
            box = rail.bounding_box()
            rail.evaluate("range => { range.value = range.max / 2; range.dispatchEvent(new Event('input')) }")
            y = box["y"] + box["height"] / 2
            done, rest = (
                colours_of(page, {"x": box["x"] + part * box["width"], "y": y, "width": 1, "height": 1})
                for part in (0.2, 0.8)
            )
            assert done != rest, f"the rail of {name} does not show how far it is"


BARS = """() => {
  const bar = document.createElement("progress");
  bar.value = 0.5;
  const bars = document.createElement("div");
  bars.className = "bars";
  bars.append(document.createElement("i"));
  bars.firstChild.style.height = "2rem";
  const box = document.createElement("div");
  box.id = "bars-of-the-test";
  box.append(bar, bars);
  document.querySelector("main").prepend(box);
}"""


@pytest.mark.parametrize("address", ["/", "/team", "/traces"])
def test_bars_are_seen_in_forced_colours(chromium: Browser, site: Site, address: str) -> None:
    """The bars of uploads, lists and lanes are backgrounds, too. Each is put into its page as the scripts would."""
    with visitor(chromium, site, forced_colors="active") as (_, page, _):
        sign_in(page)
        page.goto(address)
        page.evaluate(BARS)
        bar = page.locator("#bars-of-the-test progress").bounding_box()
        y, width = bar["y"] + bar["height"] / 2, bar["width"]
        done, rest = (
            colours_of(page, {"x": bar["x"] + part * width, "y": y, "width": 1, "height": 1}) for part in (0.2, 0.8)
        )
        assert done != rest, "what is done looks like the rest"
        assert len(colours_of_column(page, bar)) > 1, "the bar has no outline"
        if address == "/traces":
            column = page.locator("#bars-of-the-test .bars").bounding_box()
            assert len(colours_of_column(page, column)) > 1, "the bars of a lane cannot be seen"


def colours_of_column(page: Page, box: FloatRect) -> set[str]:
    """The colours of a column of pixels near the right end of `box`, where no knob is."""
    return colours_of(page, {"x": box["x"] + 0.9 * box["width"], "y": box["y"], "width": 1, "height": box["height"]})


def colours_of(page: Page, clip: FloatRect) -> set[str]:
    picture = page.screenshot(clip=clip)
    return set(
        page.evaluate(
            """async (bytes) => {
              const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
              const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
              canvas.drawImage(bitmap, 0, 0);
              const { data } = canvas.getImageData(0, 0, bitmap.width, bitmap.height);
              const colours = new Set();
              for (let at = 0; at < data.length; at += 4) colours.add(data.slice(at, at + 3).join());
              return [...colours];
            }""",
            list(picture),
        )
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_not_yet_encoded_is_not_cut_off(
    chromium: Browser, site: Site, video: int, outputs: Outputs, width: int
) -> None:
    worker = StandIn(site, video, outputs)
    worker.grow(2)
    (worker.growing / "storyboard.vtt").unlink(missing_ok=True)
    worker.say(0.4, first_playable=True, duration_s=3600.0)
    with visitor(chromium, site, viewport={"width": width, "height": 844}) as (_, page, _):
        sign_in(page)
        open_video(page, video)
        rail = page.locator(".player-seek").bounding_box()
        page.mouse.move(rail["x"] + rail["width"] - 2, rail["y"] + rail["height"] / 2)
        words = page.locator(".player-when")
        expect(words).to_contain_text("not yet encoded")
        inside, player = words.bounding_box(), page.locator("#player").bounding_box()
        assert inside["x"] >= player["x"]
        assert inside["x"] + inside["width"] <= player["x"] + player["width"]


def test_messages_leave_every_control_within_reach(page: Page, site: Site, video: int, outputs: Outputs) -> None:
    """A message lies over the page; what is under it can be scrolled clear of it."""
    StandIn(site, video, outputs).publish()
    open_video(page, video)
    page.get_by_role("button", name="Encode again").click()
    toast = page.locator(".toast")
    expect(toast).to_be_visible()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    last = page.locator("main :is(button, summary, a):visible").last
    last.focus()
    assert last.bounding_box()["y"] + last.bounding_box()["height"] <= toast.bounding_box()["y"]
