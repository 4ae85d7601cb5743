"""The pages of the learning traces as the team and a lecturer see them: lanes in every state, dead letters, a live view."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from pod_jobs.jobs.context import Context, StopSignal
from pod_jobs.jobs.deliver_statements import run_deliver
from pod_jobs.settings import load
from pod_jobs.xapi.production import ATTACHED
from pod_jobs.xapi.profile import PAUSED, VIDEO
from tests.acceptance.accessibility import violations
from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import Outputs, Site, StandIn, make_clip, serve
from tests.acceptance.test_looks import VIEWS, keep_picture, nameless
from tests.integration.xapi.strict_lrs import LOGIN, PASSWORD, StrictLrs, running_lrs
from tests.servers import KeyValueServer, short_folder
from tests.unit.xapi.samples import numbered, of_video, session, watched

HOME_PAGE = "https://univ.example"
REFUSED = "https://a.b/refused"
LANES = ("moodle", "wrong", "away")


@pytest.fixture(scope="module")
def lrs() -> Iterator[StrictLrs]:
    with running_lrs(refuses=lambda statement: statement["object"]["id"] == REFUSED) as strict:
        yield strict


@pytest.fixture(scope="module")
def site(lrs: StrictLrs) -> Iterator[Site]:
    """A lane that delivers, one with a wrong password, one whose LRS is away."""
    urls = dict(zip(LANES, (lrs.url, lrs.url, "http://127.0.0.1:9/xAPI/statements"), strict=True))
    lanes = "".join(f'[[xapi.lane]]\nname = "{n}"\nurl = "{url}"\nlogin = "{LOGIN}"\n' for n, url in urls.items())
    with short_folder() as folder:
        home = folder / "home"
        home.mkdir()
        (home / "settings.toml").write_text(f'[xapi]\nflush_s = 0.001\nhome_page = "{HOME_PAGE}"\n{lanes}')
        server = KeyValueServer(folder)
        server.start()
        try:
            with serve(home, server) as served:
                (home / "secrets" / "xapi_key").write_text("a key")
                for name in LANES:
                    (home / "secrets" / f"lrs_{name}").write_text("wrong" if name == "wrong" else PASSWORD)
                yield served
        finally:
            server.stop()


@pytest.fixture(scope="module")
def video(site: Site, outputs: Outputs, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A video that somebody has watched; the page of another player has sent something wrong."""
    clip = make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=1)
    number = site.upload("Introduction à la physique.mp4", clip)
    StandIn(site, number, outputs).publish()
    moments = [*session()[:-1], of_video("https://w3id.org/xapi/video/verbs/paused", 44, {"time": "60"}, id=None)]
    for moment in moments:
        moment["object"] = {**moment["object"], "id": f"{HOME_PAGE}/xapi/activities/video/{number}"}
    hand_in(site, [{name: value for name, value in moment.items() if value is not None} for moment in moments])
    hand_in(site, [numbered(300, verb={"id": ATTACHED})])
    hand_in(
        site, [numbered(200 + i) for i in range(40)] + [numbered(100 + i, object={"id": REFUSED}) for i in range(3)]
    )
    return number


@pytest.fixture
def delivered(site: Site, video: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The video, after each lane has been worked."""
    monkeypatch.setattr("os.getppid", lambda: 0)
    context = Context(load(site.home), site.redis, site.redis, site.workers, "xapi-1", "host", StopSignal(), 0)
    for name in LANES:
        run_deliver(context, {"lane": name})
    return video


def hand_in(site: Site, statements: list[dict[str, Any]]) -> None:
    site.api("POST", "xapi/statements", data=json.dumps(statements))


def tab_to(page: Page, name: str) -> None:
    """Move the focus to the control named `name` with the keyboard alone."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if name in page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent"):
            return
    raise AssertionError(f"{name} cannot be reached with the Tab key")


@pytest.mark.parametrize(("theme", "width", "language"), VIEWS)
def test_pages_fit(chromium: Browser, site: Site, delivered: int, theme: str, width: int, language: str) -> None:
    options = {"viewport": {"width": width, "height": 844}, "color_scheme": theme, "locale": language}
    with visitor(chromium, site, **options) as (_, page, _):
        sign_in(page)
        pages = {"lanes": "/traces", "attempt": f"/videos/{delivered}/traces", "own": "/account"}
        for name, path in pages.items():
            page.goto(path)
            expect(page.locator("[aria-busy]")).to_have_count(0)
            if name == "lanes":
                expect(page.locator(".lane")).to_have_count(3)
                # Each worker of the tests takes them in its own order: after the one that settles what was refused, nothing is.
                for refused in page.locator(".lane-dead:visible > summary").all():
                    refused.click()
                    page.locator(".letter summary").first.click()
                here = page.locator(".team-bar [aria-current]").bounding_box()
                assert 0 <= here["x"] and here["x"] + here["width"] <= width, "one sees where one is"
            elif name == "attempt":
                expect(page.locator("#moments tr").nth(7)).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
            expect(page.locator(".brand img")).to_be_visible()
            header = page.locator(".top-inner")
            assert header.evaluate("inner => inner.scrollWidth <= inner.clientWidth"), (
                "the header reaches into the margin"
            )
            assert nameless(page) == []
            assert violations(page) == [], name
            keep_picture(page, f"traces-{name}-{theme}-{width}-{language[:2]}")


def test_the_team_sees_what_is_wrong_and_settles_it_with_the_keyboard(
    chromium: Browser, site: Site, delivered: int, lrs: StrictLrs
) -> None:
    with visitor(chromium, site) as (_, page, _):
        sign_in(page)
        page.goto("/traces")
        lanes = {name: page.locator(f'.lane[data-name="{name}"]') for name in LANES}
        expect(lanes["moodle"].locator(".pill")).to_have_text("Delivering")
        expect(lanes["wrong"].locator(".pill")).to_have_text("Stopped: the configuration is wrong")
        expect(lanes["wrong"].locator(".lane-fault")).to_contain_text("401")
        expect(lanes["away"].locator(".pill")).to_have_text("Waiting for the record store")
        expect(lanes["moodle"]).to_contain_text("Refused for good: 3")
        tab_to(page, "Refused for good")
        page.keyboard.press("Enter")
        expect(page.locator(".letter")).to_have_count(3)
        tab_to(page, "attended")
        page.keyboard.press("Enter")
        expect(page.locator(".letter-body").first).to_contain_text("attended")
        expect(page.locator(".letter-body").first).not_to_contain_text("abcdef")
        tab_to(page, "Give up")
        page.keyboard.press("Enter")
        expect(page.locator(".letter")).to_have_count(2)
        page.get_by_role("button", name="Give up all").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".letter")).to_have_count(2)
        page.get_by_role("button", name="Send all again").focus()
        page.keyboard.press("Enter")
        expect(lanes["moodle"].locator(".lane-dead")).to_be_hidden()
        expect(page.locator("#labels-words")).to_contain_text("Traces that break no rule: ")
        expect(page.locator(f'#labels td[title="{ATTACHED}"]')).to_have_text("attached")


def test_what_holds_up_a_lane_is_set_aside_on_the_page(chromium: Browser, site: Site, delivered: int) -> None:
    with visitor(chromium, site) as (_, page, _):
        sign_in(page)
        page.goto("/traces")
        lane = page.locator('.lane[data-name="away"]')
        lane.get_by_text("What waits:").click()
        waiting = lane.locator(".lane-waiting .letter")
        first = waiting.first
        expect(first.locator("b")).to_have_attribute("title", re.compile("^https?://"))
        number, before = first.get_attribute("data-number"), waiting.count()
        first.locator("summary").click()
        first.get_by_role("button", name="Set aside").click()
        expect(page.get_by_text("Set aside. It is among the refused ones")).to_be_visible()
        expect(lane.locator(f'.lane-waiting .letter[data-number="{number}"]')).to_have_count(0)
        expect(waiting).to_have_count(before - 1 if before < 50 else 50)
        lane.get_by_text("Refused for good: 1").click()
        letter = lane.locator(".lane-dead .letter")
        expect(letter).to_contain_text("Set aside")
        letter.locator("summary").click()
        letter.get_by_role("button", name="Send again").click()
        expect(lane.locator(".lane-dead")).to_be_hidden()


def test_a_lecturer_sees_an_attempt_grow(chromium: Browser, site: Site, video: int) -> None:
    with visitor(chromium, site) as (_, page, _):
        sign_in(page)
        page.goto(f"/videos/{video}/traces")
        expect(page.locator("#rules .is-open")).to_have_count(2)
        expect(page.locator("#rules .is-open small").first).to_have_text("The session is still open.")
        rows = page.locator("#moments tr")
        before = rows.count()
        more = of_video(
            "http://adlnet.gov/expapi/verbs/terminated", 46, {"time": 60.5}, id="0b9e9dc5-2b4f-4dd5-9b8a-4f6f0d1f3a11"
        )
        hand_in(site, [{**more, "object": {**more["object"], "id": f"{HOME_PAGE}/xapi/activities/video/{video}"}}])
        expect(rows).to_have_count(before + 1)
        expect(rows.last).to_contain_text("terminated")
        expect(page.locator("#rules .is-open")).to_have_count(0)
        assert "abcdef" not in page.content(), "nobody's pseudonym is shown"
        other = of_video("https://a.example/verbs/terminated", 47, {}, id="0b9e9dc5-2b4f-4dd5-9b8a-4f6f0d1f3a12")
        hand_in(site, [{**other, "object": {**other["object"], "id": f"{HOME_PAGE}/xapi/activities/video/{video}"}}])
        expect(rows.last).to_contain_text("terminated (a.example)")


def test_a_french_lecturer_reads_what_is_broken(chromium: Browser, site: Site, delivered: int) -> None:
    with visitor(chromium, site, locale="fr-FR") as (_, page, _):
        sign_in(page)
        page.goto(f"/videos/{delivered}/traces")
        expect(page.locator("#rules")).to_contain_text("la progression ne recule jamais")
        expect(page.locator("#moments")).to_contain_text("extension-type")
        words = page.locator("#broken-rules")
        expect(words).to_contain_text("les extensions du profil ont ses types JSON")
        page.goto("/traces")
        expect(page.locator('.lane[data-name="wrong"] .pill')).to_have_text("Arrêté : la configuration est incorrecte")
        expect(words).to_contain_text("les extensions du profil ont ses types JSON")


def test_a_teacher_looks_at_one_day(chromium: Browser, site: Site, outputs: Outputs) -> None:
    """The heat map is of the day that was chosen, over the pictures of the recording."""
    number = site.upload("Days.mp4", outputs.source)
    StandIn(site, number, outputs).publish()
    activity = {"id": f"{HOME_PAGE}/xapi/activities/video/{number}", "definition": {"type": VIDEO}}
    today = datetime.now(UTC)
    seen = {0: "0[.]16[,]4[.]8", 3: "8[.]12"}  # days ago -> segments
    for ago, segments in seen.items():
        said = watched(8, 1 if ago == 0 else 0.25, segments)
        moment = of_video(PAUSED, 500 + ago, said, {"length": 16}, object=activity)
        moment["timestamp"] = f"{today - timedelta(days=ago):%FT%T}.000Z"
        moment["context"]["registration"] = str(uuid4())
        hand_in(site, [moment])
    with visitor(chromium, site) as (_, page, _):
        sign_in(page)
        page.goto(f"/videos/{number}/traces")
        bars = page.locator(".heat-seen")
        expect(bars).to_have_count(100)
        assert drawn(page, "seen") == [(0, 100)] and drawn(page, "again") == [(25, 50)]
        expect(page.locator("#heat-tiles i").first).to_have_css("background-image", re.compile("storyboard"))
        page.locator("summary", has_text="By day").click()
        days = page.get_by_role("region", name="By day").get_by_role("link")
        expect(days).to_have_count(2)
        days.last.press("Enter")
        expect(page.locator(".day-shown")).to_contain_text("Only ")
        assert drawn(page, "seen") == [(50, 75)] and drawn(page, "skipped") == [(0, 50)]
        expect(days.last).to_have_attribute("aria-current", "true")
        page.get_by_role("link", name="Show the whole period").click()
        expect(page.locator(".day-shown")).to_have_count(0)
        assert drawn(page, "seen") == [(0, 100)]


def drawn(page: Page, kind: str) -> list[tuple[int, int]]:
    """The slices of the heat map, from and to, in which bars of this kind have a height."""
    heights: list[float] = page.locator(f".heat-{kind}").evaluate_all(
        "bars => bars.map(bar => bar.height.baseVal.value)"
    )
    filled = [index for index, height in enumerate(heights) if height > 0]
    begins = [index for index in filled if index - 1 not in filled]
    return [(begin, next(end for end in range(begin, 101) if end not in filled)) for begin in begins]


def test_traces_are_not_offered_of_what_cannot_be_played(
    chromium: Browser, site: Site, video: int, outputs: Outputs, clip: Path
) -> None:
    damaged = site.upload("Amphi B.mp4", clip)
    StandIn(site, damaged, outputs).end("error", error_code="source-no-streams", reason="no streams")
    with visitor(chromium, site) as (_, page, _):
        sign_in(page)
        page.goto(f"/videos/{damaged}")
        expect(page.locator("#another-file")).to_be_visible()
        expect(page.locator("#traces")).to_be_attached()
        expect(page.locator("#traces")).to_be_hidden()
        page.goto(f"/videos/{video}")
        expect(page.locator("#traces")).to_be_visible()
