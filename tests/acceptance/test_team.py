"""The team's pages in a browser: looks, accessibility, refreshing, and without scripts."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from pod_jobs.jobs.hosts import SignOfLife
from tests.acceptance.accessibility import violations
from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import Outputs, Site, StandIn
from tests.acceptance.test_looks import EVERY_VIEW, SHOTS, keep_picture, nameless, unfold
from tests.servers import wait_until

TOKYO = ZoneInfo("Asia/Tokyo")
WIDTHS = {1280: 1280, 390: 360}
VIEWS = (
    [(theme, WIDTHS[width], language) for theme, width, language in EVERY_VIEW]
    if SHOTS
    else [
        ("light", 1280, "en-GB"),
        ("dark", 360, "fr-FR"),
    ]
)
PAGES = {
    "overview": "/team",
    "tasks": "/team/tasks?state=error&host=video-host",
    "all tasks": "/team/tasks",
    "no task": "/team/tasks?text=nothing+like+it",
    "requeue": "/team/tasks/requeue?state=error&error=encode-killed",
    "errors": "/team/errors",
    "machines": "/team/machines",
    "captions": "/team/captions",
    "schedule": "/team/schedule",
    "figures": "/team/figures",
}


@pytest.fixture(scope="module")
def working_day(site: Site, outputs: Outputs, clip: Path) -> dict[str, int]:
    """Name -> video: one runs, three failed, of which two for the same reason, some wait."""
    titles = ("Cours 3 – Thermodynamique (amphi B)", "TD 7 <i>Algèbre", "محاضرة 🎓", "Séminaire " * 15, "Cours 4")
    running, killed, killed_too, damaged, _ = videos = [site.upload(f"{title}.mp4", clip) for title in titles]
    for video in (killed, killed_too):
        worker = StandIn(site, video, outputs)
        worker.grow(2)
        worker.end("error", error_code="encode-killed", reason="ffmpeg: killed by signal 9")
    StandIn(site, damaged, outputs).end("error", error_code="source-damaged", reason="no frame could be read")
    StandIn(site, running, outputs).say(0.63, processors=3.4, memory=1_240_000_000)
    return dict(zip(("running", "killed", "killed too", "damaged", "waiting"), videos, strict=True))


@pytest.mark.parametrize(("theme", "width", "language"), VIEWS)
def test_pages_fit_and_axe_finds_nothing(
    chromium: Browser, site: Site, working_day: dict[str, int], theme: str, width: int, language: str
) -> None:
    site.api("POST", "drains", json={"scope": "host", "name": "enc3", "why": "disk swap"})
    SignOfLife(site.redis, "video-host", "encoding", lambda: "7.1", lambda: 412 * 10**9).give()
    options = {"viewport": {"width": width, "height": 844}, "color_scheme": theme, "locale": language}
    with visitor(chromium, site, **options) as (_, page, _):
        sign_in(page)
        failed, running = (site.api("GET", f"videos/{working_day[name]}")["task"] for name in ("killed", "running"))
        own = {
            "error group": f"/team/errors/{failed['error_group']}",
            "failed task": f"/team/tasks/{failed['id']}",
            "what it had encoded": f"/team/tasks/{failed['id']}/part",
            "running task": f"/team/tasks/{running['id']}",
        }
        for name, path in {**PAGES, **own}.items():
            page.goto(path)
            unfold(page)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
            header = page.locator(".top-inner")
            assert header.evaluate("inner => inner.scrollWidth <= inner.clientWidth"), "the header is too wide"
            here = page.locator(".team-bar [aria-current]").first.bounding_box()
            assert here and here["x"] >= 0 and here["x"] + here["width"] <= width, f"{name}: one sees where one is"
            assert nameless(page) == []
            assert violations(page, best_practice=True) == [], name
            keep_picture(page, f"team-{name}-{theme}-{width}-{language[:2]}")
            page.set_viewport_size({"width": 640, "height": 422})  # a window of 1280 pixels at 200 %
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide at 200 %"
            page.set_viewport_size({"width": width, "height": 844})


def test_what_a_failed_task_had_encoded_plays_to_its_end(
    chromium: Browser, site: Site, working_day: dict[str, int]
) -> None:
    failed = site.api("GET", f"videos/{working_day['killed']}")["task"]
    with visitor(chromium, site) as (_, page, _):
        sign_in(page)
        page.goto(f"/team/tasks/{failed['id']}")
        page.get_by_role("link", name="Watch what was encoded").click()
        page.get_by_role("button", name="Play", exact=True).click()
        media = page.locator("video")
        wait_until(lambda: media.evaluate("media => media.currentTime > 0.2"), 30, "it plays")
        assert 7.5 < media.evaluate("media => media.duration") < 8.5, "it is no broadcast"
        with page.expect_download() as download:
            page.get_by_role("link", name="Download 360p").click()
        assert download.value.suggested_filename.endswith("(360p).mp4")
        assert (download.value.path()).stat().st_size > 1000


def test_the_overview_refreshes_itself_and_keeps_what_is_open(
    chromium: Browser, site: Site, working_day: dict[str, int], clip: Path
) -> None:
    with visitor(chromium, site) as (_, page, _):
        sign_in(page)
        page.goto("/team")
        page.locator("main summary").click()
        waiting = page.locator(".tile", has_text="Waiting").locator(".tile-figure")
        before = int(waiting.text_content() or "")
        site.upload("One more.mp4", clip)
        expect(waiting).to_have_text(str(before + 1), timeout=15_000)
        expect(page.locator("main details")).to_have_attribute("open", "")


def test_what_changes_around_a_page_is_told_and_leaves_what_was_typed(
    chromium: Browser, site: Site, working_day: dict[str, int], clip: Path
) -> None:
    with visitor(chromium, site) as (context, page, faults):
        faults.forgive("status of 404")
        faults.forgive("status of 401")
        sign_in(page)
        page.goto("/team/tasks")
        page.get_by_label("Title, number or error").fill("half a word")
        drain = site.api("POST", "drains", json={"scope": "queue", "name": "xapi", "why": "an update"})
        notice = page.locator("#notices").get_by_text("an update")
        expect(notice).to_be_visible(timeout=15_000)
        site.api("DELETE", f"drains/{drain['id']}")
        expect(notice).to_have_count(0, timeout=15_000)
        expect(page.get_by_label("Title, number or error")).to_have_value("half a word")

        video = site.upload("Goes.mp4", clip)
        page.goto(f"/team/tasks/{site.api('GET', f'videos/{video}')['task']['id']}")
        site.api("DELETE", f"videos/{video}")
        expect(page.locator("h1")).to_have_text("This page or object does not exist.", timeout=15_000)
        expect(page.locator("header")).to_have_count(1)

        page.goto("/team/schedule")
        context.clear_cookies()
        expect(page.get_by_text("Your session has ended.")).to_be_visible(timeout=15_000)
        expect(page.get_by_role("heading", name="Schedule")).to_be_visible()


def test_pages_can_be_read_without_scripts(chromium: Browser, site: Site, working_day: dict[str, int]) -> None:
    failed = site.api("GET", f"videos/{working_day['killed']}")["task"]
    cause = "The system stopped the encoding, perhaps for lack of memory."
    own_words = {
        "overview": cause,
        "tasks": cause,
        "errors": cause,
        "all tasks": "Thermodynamique",
        "schedule": "verify",
    }
    with visitor(chromium, site, java_script_enabled=False) as (_, page, _):
        sign_in(page)
        for name, path in PAGES.items():
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.locator("main")).to_contain_text(own_words.get(name, ""))
            expect(page.locator("main").locator(".card, .team-empty, form").first).to_be_visible()
            expect(page.get_by_text("need JavaScript")).to_have_count(0)
        page.goto("/traces")
        expect(page.get_by_role("heading", name="Learning traces", exact=True)).to_be_visible()
        page.goto(f"/team/tasks/{failed['id']}")
        expect(page.locator(".log-tail")).to_be_visible()
        expect(page.locator("[data-copy]")).to_be_hidden()
    with visitor(chromium, site) as (_, page, _):
        sign_in(page)
        page.goto(f"/team/tasks/{failed['id']}")
        expect(page.locator("[data-copy]")).to_be_visible()


def test_the_team_requeues_what_one_error_broke_with_the_keyboard(
    chromium: Browser, site: Site, working_day: dict[str, int]
) -> None:
    with visitor(chromium, site) as (_, page, _):
        sign_in(page)
        page.goto("/team")
        cause = "The system stopped the encoding, perhaps for lack of memory."
        page.get_by_role("link", name=cause, exact=True).press("Enter")
        expect(page.get_by_role("heading", name="The system stopped the encoding")).to_be_visible()
        expect(page.locator(".with-action")).to_have_count(2)
        page.get_by_role("link", name="Requeue all").press("Enter")
        expect(page.get_by_role("heading", name="Requeue these tasks?")).to_be_visible()
        page.get_by_role("button", name="Requeue 2").press("Enter")
        expect(page.get_by_text("Done: 2.")).to_be_visible()
        expect(page.get_by_text("No task matches.")).to_be_visible()
    states = {site.api("GET", f"videos/{working_day[name]}")["task"]["state"] for name in ("killed", "killed too")}
    assert states == {"waiting"}


def test_moments_are_told_in_the_time_zone_of_the_reader(
    chromium: Browser, site: Site, working_day: dict[str, int]
) -> None:
    def shown(page: Page) -> tuple[str, str]:
        """What a moment says, and what it should say."""
        moment = page.locator("main time").last
        at = datetime.fromisoformat(moment.get_attribute("datetime") or "")
        return moment.text_content() or "", f"{at.astimezone(TOKYO):%H:%M}"

    with visitor(chromium, site, timezone_id="Asia/Tokyo") as (_, page, _):
        sign_in(page)
        page.goto("/team/tasks?state=error")
        told, wanted = shown(page)
        assert told.endswith(wanted)
        with page.expect_response(lambda answer: "hx-request" in answer.request.headers and answer.status == 200):
            site.api("PATCH", f"videos/{working_day['damaged']}", json={"title": "Another title"})
        expect(page.get_by_role("link", name="Another title")).to_be_visible()
        told, wanted = shown(page)
        assert told.endswith(wanted)
