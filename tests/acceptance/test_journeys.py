"""Five journeys through the pages, in both languages, at 200 % zoom (a window of 1280 pixels then has 640), with axe on the way:
first sign-in; upload to play; failure to requeue; the team's morning round; a host drained for an update.

A worker is played by hand (StandIn): test_main_job.py goes the same ways with real encodings.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel.support import Translations
from playwright.sync_api import Browser, Page, expect

from pod_jobs.catalog import database
from pod_jobs.catalog.store import users
from pod_jobs.jobs.hosts import SignOfLife
from pod_jobs.settings import ROOT, load
from tests.acceptance.accessibility import violations
from tests.acceptance.browser import visitor
from tests.acceptance.site import Outputs, Site, StandIn, make_clip, served
from tests.servers import wait_until

Say = Callable[..., str]
ZOOMED = {"width": 640, "height": 450}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One of its own: other tests count the failures of theirs."""
    with served() as made:
        yield made


@pytest.fixture(params=["en-GB", "fr-FR"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def say(language: str) -> Say:
    """A text of the pages in the language of the visitor."""
    folder = ROOT / "pod_jobs" / "web" / "translations"
    found = Translations.load(folder, [language[:2]])
    return lambda text, **facts: found.gettext(text) % facts if facts else found.gettext(text)


@pytest.fixture
def lecture(tmp_path: Path, language: str) -> Path:
    return make_clip(tmp_path / f"Cours d'été, {language}.mp4", seconds=2)


def arrive(page: Page, site: Site, say: Say, name: str, role: str) -> None:
    """First sign-in, by the link that an administrator has sent."""
    catalog = database.connect(load(site.home).database_url)
    with catalog.connection_context():
        now = datetime.now(UTC)
        link = users.create_link(users.create(name, role, None, now), timedelta(hours=1), now)
    page.goto(f"/sign-in/{link}")
    page.get_by_role("button", name=say("Sign in as %(name)s", name=name)).click()
    page.wait_for_url("**/")
    fits(page)


def fits(page: Page) -> None:
    """Nothing reaches out of the window at this zoom, and axe finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    assert violations(page) == [], page.url


def test_a_lecturer_uploads_and_watches_and_another_encoding_fails(
    chromium: Browser, site: Site, outputs: Outputs, lecture: Path, say: Say, language: str
) -> None:
    with visitor(chromium, site, locale=language, viewport=ZOOMED) as (_, page, _):
        arrive(page, site, say, f"ida-{language}", "lecturer")
        page.locator("#file-picker").set_input_files(lecture)
        link = page.get_by_role("link", name=lecture.stem, exact=True)
        expect(link).to_be_visible(timeout=30_000)
        link.click()
        page.wait_for_url("**/videos/*")
        number = int(page.url.rpartition("/")[2])
        StandIn(site, number, outputs).publish()
        media = page.locator("video")
        wait_until(lambda: media.evaluate("media => media.readyState >= 2"), 30, "it can be watched")
        page.get_by_role("button", name=say("Play")).first.click()
        wait_until(lambda: media.evaluate("media => media.currentTime > 0.2"), 30, "it plays")
        media.evaluate("media => media.pause()")
        fits(page)

        site.api("POST", f"videos/{number}/encode")
        why = f"ffmpeg: killed while {language} watched"
        StandIn(site, number, outputs).end("error", error_code="encode-killed", reason=why)
        expect(page.locator("#fault-sentence")).to_contain_text(
            say("The system stopped the encoding, perhaps for lack of memory."), timeout=20_000
        )
        fits(page)
        page.locator("#encode").click()
        wait_until(lambda: site.api("GET", f"videos/{number}")["task"]["state"] == "waiting", 10, "it waits again")
        expect(page.locator("#fault-sentence")).to_be_hidden(timeout=20_000)
    site.api("DELETE", f"videos/{number}")


def test_the_teams_morning_round_and_a_host_that_is_drained(
    chromium: Browser, site: Site, outputs: Outputs, lecture: Path, say: Say, language: str
) -> None:
    videos = [site.upload(f"{language} {number}.mp4", lecture) for number in range(2)]
    night = f"ffmpeg: killed in the night of {language}"
    for number in videos:
        StandIn(site, number, outputs).end("error", error_code="encode-killed", reason=night)
    group = site.api("GET", f"videos/{videos[0]}")["task"]["error_group"]
    host = f"enc-{language.lower()}"
    SignOfLife(site.redis, host, "encoding", lambda: "7.1", lambda: 412 * 10**9).give()
    with visitor(chromium, site, locale=language, viewport=ZOOMED) as (_, page, _):
        arrive(page, site, say, f"tim-{language}", "team")
        page.goto("/team")
        fits(page)
        cause = page.locator(f'a[href$="/team/errors/{group}"]').first
        expect(cause).to_contain_text(say("The system stopped the encoding, perhaps for lack of memory."))
        cause.click()
        expect(page.locator(".with-action")).to_have_count(2)
        page.get_by_role("link", name=say("Requeue all")).click()
        page.get_by_role("button", name=say("Requeue %(count)s", count=2)).click()
        expect(page.get_by_text(say("Done: %(count)s.", count=2))).to_be_visible()
        for path in ("/team/tasks", "/team/figures", "/team/schedule"):
            page.goto(path)
            fits(page)

        worker = worker_at(site, host)
        try:
            page.goto("/team/machines")
            machine = page.locator(f"#machine-{host}")
            machine.locator("details.drain > summary").click()
            machine.get_by_label(say("Why? The team will read it.")).fill("update")
            machine.get_by_role("button", name=say("Finish and stop"), exact=True).click()
            expect(page.get_by_text("update").first).to_be_visible()
            fits(page)
            assert [one["why"] for one in site.api("GET", "drains")["drains"] if one["name"] == host] == ["update"]
            page.locator(f"#machine-{host}").get_by_role("button", name=say("Resume")).click()
            expect(page.locator(f"#machine-{host} details.drain")).to_be_visible()
            assert [one for one in site.api("GET", "drains")["drains"] if one["name"] == host] == []
        finally:
            site.redis.delete(worker)
            site.redis.srem("rq:workers", worker)
    for number in videos:
        site.api("DELETE", f"videos/{number}")


def worker_at(site: Site, host: str) -> str:
    """An idle worker of RQ on this host, as its key says. Returns the key."""
    name = f"encoding.{host}.71.abcdef012345.99"
    key = f"rq:worker:{name}"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    facts = {"birth": now, "last_heartbeat": now, "queues": "encoding", "hostname": host, "pid": "71", "state": "idle"}
    for field, value in facts.items():
        site.redis.hset(key, field, value)
    site.redis.sadd("rq:workers", key)
    site.redis.sadd("rq:workers:encoding", key)
    return key
