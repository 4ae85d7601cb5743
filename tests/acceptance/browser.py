"""Chromium for page tests. A page that logs an error, throws, or breaks the Content-Security-Policy fails its test."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.acceptance.site import PASSWORD, Site

# Debian's build without windows takes a quarter less processor time
BUILDS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((path for path in BUILDS if path.exists()), BUILDS[-1])
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"]
WATCH_POLICY = (
    "addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective, e.blockedURI))"
)


@contextmanager
def started() -> Iterator[Browser]:
    """Chromium, for as long as the block lasts."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS + as_root)
        yield browser
        browser.close()


class Faults:
    """What went wrong in a page, except for what its test expects."""

    def __init__(self, page: Page) -> None:
        self._seen: list[str] = []
        self._wanted: list[str] = []
        page.on("console", lambda message: self._seen.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._seen.append(str(error)))

    def forgive(self, text: str) -> None:
        """Ignore faults that contain `text`, earlier and later ones."""
        self._wanted.append(text)

    @property
    def unwanted(self) -> list[str]:
        return [fault for fault in self._seen if not any(text in fault for text in self._wanted)]


@contextmanager
def visitor(chromium: Browser, site: Site, **options: object) -> Iterator[tuple[BrowserContext, Page, Faults]]:
    """A fresh browser profile with one page. Fails at the end if the page had faults."""
    settings = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, "base_url": site.url, **options}
    context = chromium.new_context(**settings)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    context.add_init_script(WATCH_POLICY)
    page = context.new_page()
    faults = Faults(page)
    try:
        yield context, page, faults
        assert not faults.unwanted, faults.unwanted
    finally:
        context.close()


def sign_in(page: Page, name: str = "admin") -> None:
    """Sign the browser in without the form, which takes a second (test_pages tests it). Opens no page."""
    calls = page.context.request
    token = re.search(r'name="csrf_token" value="([^"]+)"', calls.get("/sign-in").text())[1]
    form = {"csrf_token": token, "name": name, "password": PASSWORD}
    assert calls.post("/sign-in", form=form, max_redirects=0).status == 303
