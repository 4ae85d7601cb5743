"""How the pages look: both themes, phone and desktop, nothing cut off, every control named, readable colours.

POD_JOBS_TEST_SHOTS names a folder for pictures of the pages, to be looked at by people.
"""

import itertools
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pod_jobs.catalog import database
from pod_jobs.catalog.store import users
from pod_jobs.settings import ROOT, load
from tests.acceptance.accessibility import violations
from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import Outputs, Site, StandIn, make_clip

BASE_CSS = (ROOT / "pod_jobs" / "web" / "static" / "css" / "base.css").read_text()
COLOURS = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}, #\w{6})\)", BASE_CSS))
TEXTS = [(ink, ground) for ink in ("ink", "soft", "accent", "bad", "good", "warn") for ground in ("ground", "card")]
TEXTS += [("on-accent", "accent"), ("on-accent", "accent-deep"), ("soft", "sunken"), ("ink", "sunken")]
TEXTS += [("accent-deep", "accent-pale"), ("ink", "accent-pale")]
TEXTS += [("good", "good-pale"), ("bad", "bad-pale"), ("warn", "warn-pale")]

SHOTS = os.environ.get("POD_JOBS_TEST_SHOTS")
EVERY_VIEW = list(itertools.product(("light", "dark"), (390, 1280), ("en-GB", "fr-FR")))
VIEWS = EVERY_VIEW if SHOTS else [("light", 1280, "en-GB"), ("dark", 390, "fr-FR")]


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", WCAG 2.2."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read(theme: int) -> None:
    ratios = {pair: contrast(*(COLOURS[name].split(", ")[theme] for name in pair)) for pair in TEXTS}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
    borders = contrast(*(COLOURS[name].split(", ")[theme] for name in ("field", "card")))
    assert borders >= 3


@pytest.fixture(scope="module")
def addresses(site: Site, outputs: Outputs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name of a picture -> path of its page: a site on a working day."""
    clip = make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=2)
    titles = ("Introduction à la physique", "Soutenance de thèse, amphi B", "IMG_4412", "Séminaire " * 15)
    ready, running, failed, waiting = (site.upload(f"{title}.mp4", clip) for title in titles)
    StandIn(site, ready, outputs).publish()
    StandIn(site, failed, outputs).end("error", error_code="source-unreadable", reason="moov atom not found " * 20)
    worker = StandIn(site, running, outputs)
    worker.grow(2)
    worker.say(0.42, first_playable=True)
    with database.connect(load(site.home).database_url).connection_context():
        for role in ("team", "lecturer"):
            users.change_role("lea", role, "admin", datetime.now(UTC))
    videos = {"ready": ready, "running": running, "failed": failed, "waiting": waiting}
    pages = {"list": "/", "account": "/account", "people": "/admin/people", "log": "/admin/log", "missing": "/nowhere"}
    return pages | {name: f"/videos/{video}" for name, video in videos.items()}


CARDS_IN_MAIN = """() => {
  const main = document.querySelector('main');
  const right = main.getBoundingClientRect().right - parseFloat(getComputedStyle(main).paddingRight);
  return [...main.querySelectorAll('.card')].every((card) => card.getBoundingClientRect().right <= right + 1);
}"""


def nameless(page: Page) -> list[str]:
    """Controls that a screen reader could only call "button"."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary, progress')]
          .filter(one => one.checkVisibility() && !one.closest('[aria-hidden=true]'))
          .filter(one => ![one.ariaLabel, one.labels?.[0]?.textContent, one.labels?.[0]?.querySelector('img')?.alt,
                           one.textContent].some(text => text?.trim()))
          .map(one => one.outerHTML)"""
    )
    return found


@pytest.mark.parametrize(("theme", "width", "language"), VIEWS)
def test_pages_fit(
    chromium: Browser, site: Site, addresses: dict[str, str], theme: str, width: int, language: str
) -> None:
    options = {"viewport": {"width": width, "height": 844}, "color_scheme": theme, "locale": language}
    with visitor(chromium, site, **options) as (_, page, faults):
        faults.forgive("status of 404")
        sign_in(page)
        for name, path in addresses.items():
            page.goto(path)
            expect(page.locator("[aria-busy]")).to_have_count(0)
            unfold(page)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
            assert page.evaluate(CARDS_IN_MAIN), f"a card of {name} reaches into the margin"
            assert nameless(page) == []
            assert violations(page) == [], name
            keep_picture(page, f"{name}-{theme}-{width}-{language[:2]}")


def unfold(page: Page) -> None:
    """Open everything that can be opened."""
    for summary in page.locator("main details > summary").all():
        if summary.is_visible():
            summary.click()
    history = page.locator("#history")
    if history.count():
        expect(history.locator("table:visible, p:visible")).to_have_count(1)


def test_a_sign_in_link_fits_a_phone(chromium: Browser, site: Site) -> None:
    name = "an.administrator.with.a.long.name"
    catalog = database.connect(load(site.home).database_url)
    with catalog.connection_context():
        now = datetime.now(UTC)
        token = users.create_link(users.create(name, "admin", None, now), timedelta(hours=1), now)
    with visitor(chromium, site, viewport={"width": 390, "height": 844}) as (_, page, _):
        page.goto(f"/sign-in/{token}")
        expect(page.get_by_role("button", name=f"Sign in as {name}")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_sign_in_page_is_accessible(chromium: Browser, site: Site, theme: str) -> None:
    with visitor(chromium, site, color_scheme=theme) as (_, page, _):
        page.goto("/sign-in")
        assert violations(page) == []


def test_what_axe_finds_is_found(chromium: Browser, site: Site) -> None:
    with visitor(chromium, site) as (_, page, _):
        page.goto("/sign-in")
        page.evaluate("document.querySelector('main').append(document.createElement('button'))")
        page.evaluate("document.querySelector('h1').style.color = '#ddd'")
        assert {line.partition(":")[0] for line in violations(page)} == {"button-name", "color-contrast"}


def keep_picture(page: Page, name: str) -> None:
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)
