"""A viewer at a video's page: signed in, with the player in hand, and what the player puts down to be sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

from tests.acceptance.browser import Faults, sign_in, visitor
from tests.acceptance.site import Site
from tests.servers import wait_until

LISTEN = """
window.told = [];
const { setItem } = Storage.prototype;
Storage.prototype.setItem = function (key, value) {
  if (key.startsWith("pod_jobs.traces.")) told.push(JSON.parse(value).verb.display.en);
  setItem.call(this, key, value);
};
"""


def position(page: Page) -> float:
    return float(page.evaluate("document.querySelector('video')?.currentTime ?? 0"))


def play_until(page: Page, second: float) -> None:
    wait_until(lambda: position(page) >= second, what=f"the picture is at {second} s")


def wait_for_verb(page: Page, verb: str, times: int = 1) -> None:
    """Wait until the player has sent `verb` that many times since the page was opened."""
    wait_until(lambda: page.evaluate("told").count(verb) >= times, what=f"{verb}, {times} times")


def seek(page: Page, second: float) -> float:
    """Seek to `second`. Returns the position before."""
    moved = "second => { const media = document.querySelector('video'), was = media.currentTime;"
    return float(page.evaluate(moved + " media.currentTime = second; return was }", second))


@contextmanager
def viewer(chromium: Browser, site: Site, **options: Any) -> Iterator[tuple[Page, Faults]]:
    """Signed in; `told` is in each page what its player put down to be sent."""
    with visitor(chromium, site, **options) as (context, page, faults):
        context.add_init_script(LISTEN)
        sign_in(page, "admin")
        yield page, faults


def open_video(page: Page, video: int) -> None:
    page.goto(f"/videos/{video}")
    wait_until(lambda: page.evaluate("document.querySelector('video').readyState >= 2"), what="there is a picture")


def play(page: Page) -> None:
    page.evaluate("document.querySelector('video').play()")


def pause(page: Page) -> None:
    page.evaluate("document.querySelector('video').pause()")


def leave(page: Page) -> None:
    page.goto("/account")
