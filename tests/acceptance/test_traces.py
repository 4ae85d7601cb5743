"""A viewer in a real browser: what the player says of it reaches a real Ralph and a strict LRS, and conforms."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pod_jobs.jobs.deliver_statements import run_deliver
from pod_jobs.jobs.job_type import Context, StopSignal
from pod_jobs.settings import load
from pod_jobs.xapi import profile
from pod_jobs.xapi import session as session_rules
from pod_jobs.xapi.segments import parse_segments
from pod_jobs.xapi.verdicts import Severity
from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import Line, Outputs, Site, StandIn, make_clip, serve
from tests.integration.xapi.ralph import PASSWORD as RALPH_PASSWORD
from tests.integration.xapi.ralph import Ralph, is_installed, running_ralph
from tests.integration.xapi.strict_lrs import LOGIN, PASSWORD, StrictLrs, running_lrs
from tests.servers import REQUIRED, KeyValueServer, short_folder, wait_until

Statement = dict[str, Any]
LANE = '[[xapi.lane]]\nname = "{name}"\nurl = "{url}"\nlogin = "{login}"\n'


@dataclass
class Lrss:
    strict: StrictLrs
    ralph: Ralph | None

    def of_ralph(self) -> list[Statement]:
        assert self.ralph is not None
        with closing(sqlite3.connect(self.ralph.store)) as connection:
            return [json.loads(body) for (body,) in connection.execute("SELECT body FROM statement")]


@pytest.fixture(scope="module")
def lrss(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lrss]:
    with running_lrs() as strict:
        if REQUIRED or is_installed():
            with running_ralph(tmp_path_factory.mktemp("ralph")) as ralph:
                yield Lrss(strict, ralph)
        else:
            yield Lrss(strict, None)


@pytest.fixture(scope="module")
def site(lrss: Lrss) -> Iterator[Site]:
    with short_folder() as folder:
        home = folder / "home"
        home.mkdir()
        text = LANE.format(name="strict", url=lrss.strict.url, login=LOGIN)
        secrets = {"xapi_key": "a key", "lrs_strict": PASSWORD}
        if lrss.ralph is not None:
            endpoint = lrss.ralph.endpoint()
            text += LANE.format(name="ralph", url=endpoint.url, login=endpoint.login)
            secrets["lrs_ralph"] = RALPH_PASSWORD
        (home / "settings.toml").write_text(f"[xapi]\nflush_s = 0.001\nscreen = true\n{text}")
        server = KeyValueServer(folder)
        server.start()
        try:
            with serve(home, server) as served:
                for name, secret in secrets.items():
                    (home / "secrets" / name).write_text(secret)
                yield served
        finally:
            server.stop()


@pytest.fixture(scope="module")
def video(site: Site, outputs: Outputs, tmp_path_factory: pytest.TempPathFactory) -> int:
    clip = make_clip(tmp_path_factory.mktemp("clip") / "Cours <b>.mp4", seconds=2)
    number = site.upload("Cours <b>.mp4", clip)
    StandIn(site, number, outputs).publish()
    return number


@pytest.fixture
def delivered(site: Site, lrss: Lrss, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """delivered(sessions=n): send what was accepted until so many sessions have ended; gives the viewer's statements."""
    monkeypatch.setattr("os.getppid", lambda: 0)

    def send() -> list[Statement]:
        settings = load(site.home)
        for name in settings.xapi.lane_names:
            context = Context(settings, site.redis, site.redis, site.workers, "w", "h", StopSignal(), 0)
            run_deliver(context, {"lane": name})
        found = [s for s in lrss.strict.statements.values() if "context" in s]
        return sorted(found, key=lambda s: s["timestamp"])

    def deliver(sessions: int) -> list[Statement]:
        wait_until(lambda: verbs(send()).count("terminated") >= sessions, what=f"{sessions} sessions have ended")
        return send()

    send()
    lrss.strict.statements.clear()
    yield deliver


def verbs(statements: list[Statement]) -> list[str]:
    return [statement["verb"]["display"]["en"] for statement in statements]


def part(statement: Statement, name: str, where: str = "result") -> Any:
    return statement[where]["extensions"].get(profile.EXTENSION + name)


def check(statements: list[Statement]) -> None:
    """Every rule of the profile, of each statement and of the whole; advice too."""
    broken = [(s["verb"]["display"], v.faults) for s in statements for v in profile.verdicts(s) if v.faults]
    broken = [(verb, faults) for verb, faults in broken if any(f.severity is not Severity.ADVICE for f in faults)]
    assert broken == []
    assert [v for v in session_rules.verdicts(statements) if v.faults] == []


def position(page: Page) -> float:
    return float(page.evaluate("document.querySelector('video').currentTime"))


def play_until(page: Page, second: float) -> None:
    wait_until(lambda: position(page) >= second, 20, f"the picture is at {second} s")


def seek(page: Page, second: float) -> None:
    page.evaluate("second => { document.querySelector('video').currentTime = second }", second)
    page.wait_for_timeout(600)  # longer than a seek rests


def open_video(page: Page, video: int) -> None:
    page.goto(f"/videos/{video}")
    wait_until(lambda: page.evaluate("document.querySelector('video').readyState >= 2"), what="there is a picture")


def play(page: Page) -> None:
    page.evaluate("document.querySelector('video').play()")


def pause(page: Page) -> None:
    page.evaluate("document.querySelector('video').pause()")


def leave(page: Page) -> None:
    page.goto("/account")


def test_a_session_conforms_in_both_lrss(chromium: Browser, site: Site, video: int, lrss: Lrss, delivered: Any) -> None:
    with visitor(chromium, site) as (_, page, faults):
        sign_in(page, "admin")
        open_video(page, video)
        play(page)
        play_until(page, 2)
        seek(page, 8)
        play_until(page, 9)
        pause(page)
        page.get_by_label("Speed").select_option("2")
        page.get_by_role("button", name="Mute").click()
        page.wait_for_timeout(700)
        page.get_by_role("button", name="Mute").click()
        page.wait_for_timeout(700)
        seek(page, 1)
        play(page)
        wait_until(lambda: page.evaluate("document.querySelector('video').ended"), what="the end is reached")
        leave(page)
    statements = delivered(sessions=1)
    check(statements)
    said = verbs(statements)
    assert said[:4] == ["initialized", "played", "seeked", "paused"] and said[-1] == "terminated"
    assert {"completed", "interacted"} <= set(said) and said.count("completed") == 1
    assert said.count("interacted") == 3
    last = statements[-1]
    assert part(last, "progress") > 0.95 and abs(part(last, "time") - 16) < 0.3
    [(begin, end)] = parse_segments(part(last, "played-segments")) or []
    assert begin < 0.3 and end > 15.5
    seeked = statements[2]
    assert abs(part(seeked, "time-to") - 8) < 0.1 and 1.9 < part(seeked, "time-from") < 3.5
    assert {s["actor"]["account"]["name"] for s in statements} != {"admin"}
    assert "Cours <b>" in last["object"]["definition"]["name"]["und"]
    if lrss.ralph is not None:
        of_ralph = {s["id"]: s for s in lrss.of_ralph() if "context" in s}
        assert set(of_ralph) == {s["id"] for s in statements}
        check(sorted(of_ralph.values(), key=lambda s: s["timestamp"]))


def test_leaving_in_the_middle_of_playing_ends_the_session(
    chromium: Browser, site: Site, video: int, delivered: Any
) -> None:
    with visitor(chromium, site) as (_, page, faults):
        sign_in(page, "admin")
        open_video(page, video)
        play(page)
        play_until(page, 1)
        leave(page)
        open_video(page, video)  # the same attempt goes on
        play(page)
        play_until(page, 2)
        leave(page)
    statements = delivered(sessions=2)
    check(statements)
    assert verbs(statements) == ["initialized", "played", "terminated"] * 2
    assert part(statements[2], "progress") > 0.05
    assert len({s["context"]["registration"] for s in statements}) == 1


def test_nothing_is_lost_with_the_line(chromium: Browser, site: Site, video: int, delivered: Any) -> None:
    line = Line(site.port)
    with visitor(chromium, site, base_url=line.url) as (_, page, faults):
        faults.forgive("net::ERR_")
        sign_in(page, "admin")
        open_video(page, video)
        play(page)
        play_until(page, 1)
        line.cut()
        pause(page)
        page.wait_for_timeout(3500)  # a sending fails
        play(page)
        play_until(page, 2)
        pause(page)
        line.mend()
        with page.expect_response("**/api/v1/xapi/statements", timeout=30_000) as response:
            page.evaluate("dispatchEvent(new Event('online'))")
        assert response.value.ok
        kept = page.evaluate("Object.entries(localStorage).find(([key]) => key.startsWith('pod_jobs.traces'))[1]")
        assert json.loads(kept) == []
        leave(page)
    statements = delivered(sessions=1)
    check(statements)
    assert verbs(statements) == ["initialized", "played", "paused", "played", "paused", "terminated"]


def test_who_opted_out_leaves_no_trace(chromium: Browser, site: Site, video: int, delivered: Any) -> None:
    with visitor(chromium, site) as (_, page, faults):
        sign_in(page, "admin")
        page.goto("/account")
        page.get_by_label("Record how I watch").uncheck()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Your choice is saved.")).to_be_visible()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if "xapi" in request.url else None)
        open_video(page, video)
        assert page.locator("#video-page").get_attribute("data-traces") is None
        play(page)
        play_until(page, 1)
        page.goto("/account")
        page.get_by_label("Record how I watch").check()
        page.get_by_role("button", name="Save").click()
        assert [url for url in sent if "/statements" in url] == []
    assert delivered(sessions=0) == []
