"""A viewer in a real browser: what the player says of it reaches a real Ralph and a strict LRS, and conforms."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from pod_jobs.jobs.context import Context, StopSignal
from pod_jobs.jobs.deliver_statements import run_deliver
from pod_jobs.settings import load
from pod_jobs.xapi import profile
from pod_jobs.xapi import session as session_rules
from pod_jobs.xapi.formats import duration_s
from pod_jobs.xapi.segments import parse_segments
from pod_jobs.xapi.verdicts import Severity
from tests.acceptance.browser import sign_in, visitor
from tests.acceptance.site import Line, Outputs, Site, StandIn, make_clip, serve
from tests.acceptance.viewing import leave, open_video, pause, play, play_until, seek, viewer, wait_for_verb
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
        (home / "settings.toml").write_text(f"[xapi]\nflush_s = 0.001\nscreen = true\ncompletion_threshold = 1\n{text}")
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


@pytest.fixture(scope="module")
def with_choices(site: Site, outputs: Outputs, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A video with captions and two qualities."""
    clip = make_clip(tmp_path_factory.mktemp("clip") / "choices.mp4", seconds=1)
    number = site.upload("choices.mp4", clip)
    worker = StandIn(site, number, outputs)
    shutil.copytree(outputs.folder, worker.complete)
    master = worker.complete / "master.m3u8"
    text = master.read_text()
    variant = text[text.index("#EXT-X-STREAM-INF") :]
    master.write_text(text + variant.replace("640x360", "1280x720").replace("360p.m3u8", "720p.m3u8"))
    shutil.copy(worker.complete / "360p.m3u8", worker.complete / "720p.m3u8")
    (worker.complete / "fr.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:03.000\nBonjour\n")
    captions = {"name": "fr.vtt", "kind": "captions", "language": "fr", "mime": "text/vtt", "bytes": 50}
    found = [*outputs.result["outputs"], {**outputs.result["outputs"][0], **captions}]
    worker.end("done", result={**outputs.result, "folder": worker.folder, "outputs": found})
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


KEPT = "Object.keys(localStorage).filter(key => key.startsWith('pod_jobs.session.'))"


def kill(page: Page) -> None:
    """End the process of the page, as a phone does that needs the memory."""
    with page.expect_event("crash"), pytest.raises(Error):
        page.goto("chrome://crash")


def verbs(statements: list[Statement]) -> list[str]:
    return [statement["verb"]["display"]["en"] for statement in statements]


def part(statement: Statement, name: str, where: str = "result") -> Any:
    return statement[where]["extensions"].get(profile.EXTENSION + name)


def between(one: Statement, other: Statement) -> float:
    """The seconds from one statement to another."""
    begin, end = (datetime.fromisoformat(statement["timestamp"]) for statement in (one, other))
    return (end - begin).total_seconds()


def check(statements: list[Statement]) -> None:
    """Every rule of the profile, of each statement and of the whole; advice too."""
    broken = [(s["verb"]["display"], v.faults) for s in statements for v in profile.verdicts(s) if v.faults]
    broken = [(verb, faults) for verb, faults in broken if any(f.severity is not Severity.ADVICE for f in faults)]
    assert broken == []
    assert [v for v in session_rules.verdicts(statements) if v.faults] == []


@contextmanager
def database_busy(site: Site) -> Iterator[None]:
    """Another process is in the middle of writing."""
    with closing(sqlite3.connect(site.home / "catalog.sqlite3", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_a_session_conforms_in_both_lrss(chromium: Browser, site: Site, video: int, lrss: Lrss, delivered: Any) -> None:
    with viewer(chromium, site) as (page, _):
        open_video(page, video)
        play(page)
        play_until(page, 2)
        was = seek(page, 8)
        wait_for_verb(page, "seeked")
        play_until(page, 9)
        pause(page)
        page.get_by_label("Speed").select_option("2")
        page.get_by_role("button", name="Mute").click()
        wait_for_verb(page, "interacted", times=2)
        page.get_by_role("button", name="Mute").click()
        wait_for_verb(page, "interacted", times=3)
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
    segments = parse_segments(part(last, "played-segments")) or []
    assert [begin for begin, _ in segments] == pytest.approx([0, 8, 1], abs=0.1), "in the order of watching"
    assert [end for _, end in segments] == pytest.approx([was, part(statements[4], "time"), 16], abs=0.3)
    seeked = statements[2]
    assert abs(part(seeked, "time-to") - 8) < 0.1 and abs(part(seeked, "time-from") - was) < 1
    assert {s["actor"]["account"]["name"] for s in statements} != {"admin"}
    assert "Cours <b>" in last["object"]["definition"]["name"]["und"]
    if lrss.ralph is not None:
        of_ralph = {s["id"]: s for s in lrss.of_ralph() if "context" in s}
        assert set(of_ralph) == {s["id"] for s in statements}
        check(sorted(of_ralph.values(), key=lambda s: s["timestamp"]))


def test_what_the_viewer_changes_is_told(chromium: Browser, site: Site, with_choices: int, delivered: Any) -> None:
    with viewer(chromium, site) as (page, _):
        open_video(page, with_choices)
        page.locator("#player").focus()
        for _ in range(2):
            page.keyboard.press("c")  # the captions, then none
        page.get_by_label("Quality").select_option(label="720p")
        page.locator("body").press("Tab")  # full screen needs a person's hand
        page.get_by_role("button", name="Full screen").click()
        wait_for_verb(page, "interacted", times=4)
        page.get_by_role("button", name="Leave full screen").click()
        wait_for_verb(page, "interacted", times=5)
        leave(page)
        statements = delivered(sessions=1)
    check(statements)
    told = [statement for statement in statements if statement["verb"]["display"]["en"] == "interacted"]
    named = ("cc-enabled", "cc-subtitle-lang", "quality", "full-screen")
    assert [[part(one, name, "context") for name in named] for one in told] == [
        [True, "fr", None, None],
        [False, "fr", None, None],
        [None, None, "720p", None],
        [None, None, None, True],
        [None, None, None, False],
    ]
    assert all(part(one, "time") == 0 for one in told)
    assert "x" in part(told[3], "screen-size", "context") and "x" in part(told[3], "video-playback-size", "context")


def test_a_volume_is_told_with_the_moment_of_its_choice(
    chromium: Browser, site: Site, video: int, delivered: Any
) -> None:
    choose = """volumes => { const media = document.querySelector("video");
      for (const volume of volumes) media.volume = volume;
      return [media.currentTime, Date.now()] }"""
    with viewer(chromium, site) as (page, _):
        open_video(page, video)
        page.evaluate("document.querySelector('video').playbackRate = 2")
        play(page)
        play_until(page, 1)
        first = page.evaluate(choose, [0.7, 0.5])
        wait_for_verb(page, "interacted", times=2)  # the speed, and the volume when it has rested
        second = page.evaluate(choose, [0.25])
        pause(page)  # before it has rested
        leave(page)
        statements = delivered(sessions=1)
    check(statements)
    told = [
        one for one in statements if part(one, "volume", "context") in (0.5, 0.25) and "interacted" in str(one["verb"])
    ]
    assert len(told) == 2
    for one, (time, instant) in zip(told, (first, second), strict=True):
        assert part(one, "time") == pytest.approx(time, abs=0.1)
        assert datetime.fromisoformat(one["timestamp"]).timestamp() == pytest.approx(instant / 1000, abs=0.1)


def test_a_seek_by_the_browsers_own_controls_begins_where_the_picture_was(
    chromium: Browser, site: Site, video: int, delivered: Any
) -> None:
    native = """() => new Promise((resolve) => {
      const media = document.querySelector("video");
      const { get, set } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "currentTime");
      const seek = () => {
        const was = get.call(media);
        set.call(media, 12);
        resolve(was);
      };
      media.addEventListener("timeupdate", () => setTimeout(seek, 180), { once: true }); // the next one comes after 250 ms
    })"""
    with viewer(chromium, site) as (page, _):
        open_video(page, video)
        play(page)
        play_until(page, 2)
        was = page.evaluate(native)
        wait_for_verb(page, "seeked")
        leave(page)
        statements = delivered(sessions=1)
    check(statements)
    [seeked] = [one for one in statements if one["verb"]["display"]["en"] == "seeked"]
    assert part(seeked, "time-from") == pytest.approx(was, abs=0.08)


@pytest.mark.parametrize("speed", [2, 4])
def test_positions_are_right_at_any_speed(
    chromium: Browser, site: Site, video: int, delivered: Any, speed: float
) -> None:
    ranges = """() => { const { played } = document.querySelector("video");
      return [...Array(played.length).keys()].map(i => [played.start(i), played.end(i)]) }"""
    with viewer(chromium, site) as (page, _):
        open_video(page, video)
        page.evaluate("speed => { document.querySelector('video').playbackRate = speed }", speed)
        play(page)
        play_until(page, 3)
        was = seek(page, 2)
        wait_for_verb(page, "completed")
        wait_until(lambda: page.evaluate("document.querySelector('video').ended"), what="the end is reached")
        played = page.evaluate(ranges)
        leave(page)
        statements = delivered(sessions=1)
    check(statements)
    [seeked] = [one for one in statements if "seeked" in one["verb"]["id"]]
    assert [part(seeked, "time-from"), part(seeked, "time-to")] == pytest.approx([was, 2], abs=0.1)
    first, second = parse_segments(part(statements[-1], "played-segments")) or []
    assert [*first, *second] == pytest.approx([0, was, 2, played[-1][1]], abs=0.1)
    assert verbs(statements).count("completed") == 1, "the threshold is 1"


def test_leaving_in_the_middle_of_playing_ends_the_session(
    chromium: Browser, site: Site, video: int, delivered: Any
) -> None:
    with viewer(chromium, site) as (page, _):
        open_video(page, video)
        play(page)
        play_until(page, 1)
        leave(page)
        open_video(page, video)  # the same attempt goes on
        page.evaluate("document.querySelector('video').playbackRate = 4")
        play(page)
        wait_for_verb(page, "completed")
        leave(page)
        statements = delivered(sessions=2)
    check(statements)
    first, second = statements[:4], statements[4:]
    assert verbs(first) == ["initialized", "played", "paused", "terminated"]
    assert part(first[-1], "progress") > 0.05
    assert len({s["context"]["registration"] for s in statements}) == 1
    [completed] = [one for one in second if "completed" in verbs([one])]
    played_s = between(first[1], first[2]) + between(second[verbs(second).index("played")], completed)
    assert duration_s(completed["result"]["duration"]) == pytest.approx(played_s, abs=0.3), "of both sessions"


def test_where_the_player_begins_is_no_seek_of_the_viewer(
    chromium: Browser, site: Site, video: int, delivered: Any
) -> None:
    with viewer(chromium, site) as (page, _):
        page.goto(f"/videos/{video}?t=5")
        wait_for_verb(page, "initialized")
        play(page)
        play_until(page, 6)
        leave(page)
        statements = delivered(sessions=1)
    check(statements)
    assert verbs(statements) == ["initialized", "played", "paused", "terminated"]
    assert part(statements[1], "time") == pytest.approx(5, abs=0.1)


def test_a_new_version_is_watched_from_its_own_beginning(
    chromium: Browser, site: Site, outputs: Outputs, delivered: Any
) -> None:
    """One of the same length belongs to the attempt; another cut is another attempt, because its times are other moments."""

    video = site.upload("versions.mp4", outputs.source)
    StandIn(site, video, outputs).publish()

    def show_next_version(page: Page, length_s: float) -> None:
        site.api("POST", f"videos/{video}/encode", json={})
        StandIn(site, video, outputs).publish(duration_s=length_s)
        page.evaluate("dispatchEvent(new Event('online'))")  # it asks for news at once
        page.get_by_role("button", name="Show it").click()
        play(page)
        play_until(page, 1)
        pause(page)

    with viewer(chromium, site) as (page, _):
        open_video(page, video)
        play(page)
        play_until(page, 3)
        pause(page)
        for length_s in (16.0, 40.0):
            show_next_version(page, length_s)
        leave(page)
        statements = delivered(sessions=2)
    first, second = (list(group) for _, group in groupby(statements, key=lambda one: one["context"]["registration"]))
    for of_one in (first, second):
        check(of_one)
    assert verbs(first) == ["initialized", "played", "paused", "played", "paused", "terminated"]
    assert [begin for begin, _ in parse_segments(part(first[-1], "played-segments")) or []] == [0, 0]
    assert [part(one, "time") for one in first if "played" in verbs([one])] == [0, 0]
    assert verbs(second) == ["initialized", "played", "paused", "terminated"]
    assert part(second[0], "length", "context") == 40 and part(second[1], "time") == 0


def test_a_killed_tab_is_ended_by_the_next_page(chromium: Browser, site: Site, video: int, delivered: Any) -> None:
    """A phone ends tabs without a word: no event runs, and nothing more is sent."""
    with viewer(chromium, site) as (page, _):
        open_video(page, video)
        play(page)
        play_until(page, 4)
        kill(page)
        again = page.context.new_page()
        again.goto("/account")  # any page, not only one with a player
        statements = delivered(sessions=1)
        assert again.evaluate(KEPT) == []
    assert verbs(statements) == ["initialized", "played", "paused", "terminated"]
    check(statements)
    [(begin, end)] = parse_segments(part(statements[2], "played-segments")) or []
    assert begin < 0.1 and 2.5 < end < 4.5, "what was kept at the latest second"


def test_a_tab_that_was_taken_for_dead_goes_on_in_a_new_session(
    chromium: Browser, site: Site, video: int, delivered: Any
) -> None:
    """A page that is too busy to answer is ended by another page. It loses nothing, not even completed, and doubles nothing."""
    forget = "Object.keys(localStorage).filter(key => key.startsWith('pod_jobs.session.')).forEach(key => {"
    end = """const { lastStatements } = await import("/static/js/xapi/open_sessions.js");
      for (const one of lastStatements(JSON.parse(localStorage.getItem(key))))
        localStorage.setItem("pod_jobs.traces." + key.split(".")[2] + "." + one.id, JSON.stringify(one));
      localStorage.removeItem(key);"""
    with viewer(chromium, site) as (page, _):
        open_video(page, video)
        page.evaluate("document.querySelector('video').playbackRate = 4")
        play(page)
        play_until(page, 8)
        page.evaluate(forget.replace("(key => {", "(async key => {") + end + "})")
        wait_until(lambda: page.evaluate("document.querySelector('video').ended"), what="the end is reached")
        leave(page)
        statements = delivered(sessions=2)
    check(statements)
    said = verbs(statements)
    assert said.count("completed") == 1 and said.count("initialized") == 2
    assert [round(begin) for begin, _ in parse_segments(part(statements[-1], "played-segments")) or []] == [0]
    assert part(statements[-1], "progress") > 0.99


def test_back_from_the_cache_keeps_the_order_of_time(chromium: Browser, site: Site, video: int, delivered: Any) -> None:
    """The page comes back with the clock of the day when it was sent."""
    with viewer(chromium, site) as (page, _):
        page.goto("/account")  # sets a cookie, and a page that came before it would not be taken from the cache
        open_video(page, video)
        play(page)
        play_until(page, 2)
        leave(page)
        page.go_back()
        wait_for_verb(page, "initialized")
        assert page.evaluate("performance.getEntriesByType('navigation')[0].transferSize") == 0, "it is from the cache"
        leave(page)
        statements = delivered(sessions=2)
    check(statements)
    assert verbs(statements) == ["initialized", "played", "paused", "terminated", "initialized", "terminated"]


def test_a_window_that_the_page_opens_is_another_attempt(
    chromium: Browser, site: Site, video: int, delivered: Any
) -> None:
    """The browser copies what the tab remembers, so both would count, and complete, as one."""
    with viewer(chromium, site) as (page, _):
        open_video(page, video)
        play(page)
        play_until(page, 1)
        with page.expect_popup() as popup:
            page.evaluate("open(location.href)")
        wait_for_verb(popup.value, "initialized")
        for one in (page, popup.value):
            one.evaluate("document.querySelector('video').playbackRate = 4")
            play(one)
        for one in (page, popup.value):
            wait_for_verb(one, "completed")
            leave(one)
        statements = delivered(sessions=2)
    registrations = {one["context"]["registration"] for one in statements}
    assert len(registrations) == 2
    for registration in registrations:
        of_one = [one for one in statements if one["context"]["registration"] == registration]
        check(of_one)
        assert verbs(of_one).count("completed") == 1


def test_leaving_while_a_send_is_under_way_loses_and_doubles_nothing(
    chromium: Browser, site: Site, video: int, delivered: Any
) -> None:
    """Both requests wait for the database, so the server has the first statements twice at the same time."""
    with viewer(chromium, site) as (page, _):
        open_video(page, video)
        with database_busy(site):
            with page.expect_request("**/api/v1/xapi/statements"):
                play(page)
            play_until(page, 1)
            leave(page)
        statements = delivered(sessions=1)
    check(statements)
    assert verbs(statements) == ["initialized", "played", "paused", "terminated"]


def test_nothing_is_lost_with_the_line(chromium: Browser, site: Site, video: int, delivered: Any) -> None:
    line = Line(site.port)
    with viewer(chromium, site, base_url=line.url) as (page, faults):
        faults.forgive("net::ERR_")
        open_video(page, video)
        play(page)
        play_until(page, 1)
        with page.expect_event("requestfailed", lambda request: "/xapi/" in request.url, timeout=30_000):
            line.cut()
            pause(page)
        play(page)
        play_until(page, 2)
        pause(page)
        line.mend()
        page.evaluate("dispatchEvent(new Event('online'))")
        kept = "Object.keys(localStorage).filter(key => key.startsWith('pod_jobs.traces.')).length"
        wait_until(lambda: page.evaluate(kept) == 0, what="the server has answered for all")
        leave(page)
        statements = delivered(sessions=1)
    check(statements)
    assert verbs(statements) == ["initialized", "played", "paused", "played", "paused", "terminated"]


def test_who_opted_out_leaves_no_trace(chromium: Browser, site: Site, video: int, delivered: Any) -> None:
    with visitor(chromium, site) as (_, page, faults):
        sign_in(page, "admin")
        page.goto("/account")
        person = page.locator("body").get_attribute("data-viewer")
        page.evaluate(
            """person => { for (const storage of [localStorage, sessionStorage])
              for (const kind of ["traces", "session", "attempt"]) storage.setItem(`pod_jobs.${kind}.${person}.x`, "1") }""",
            person,
        )
        page.get_by_label("Record how I watch").uncheck()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Your choice is saved.")).to_be_visible()
        left = "person => [localStorage, sessionStorage].flatMap(Object.keys).filter(key => key.includes(person))"
        assert page.evaluate(left, person) == []
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


def test_a_person_downloads_and_erases_what_was_recorded(
    chromium: Browser, site: Site, video: int, delivered: Any
) -> None:
    with viewer(chromium, site) as (page, _):
        page.goto("/account")
        before = len(of_person(page))
        open_video(page, video)
        play(page)
        play_until(page, 2)
        leave(page)
        first = of_person(page, least=before + 4)
        assert verbs(first[before:]) == ["initialized", "played", "paused", "terminated"]
        page.get_by_label("Erase what was recorded so far, for good").check()
        page.locator("#traces-choice").get_by_role("button", name="Save").click()
        expect(page.get_by_text("What was recorded is erased.")).to_be_visible()
        expect(page.get_by_label("Record how I watch")).to_be_checked()
        assert of_person(page) == []
        open_video(page, video)
        play(page)
        play_until(page, 0.5)
        leave(page)
        second = delivered(sessions=1)
    check(second)
    assert verbs(second) == ["initialized", "played", "paused", "terminated"], "what was erased never arrives"
    assert second[0]["actor"] != first[-1]["actor"] and second[0]["context"]["registration"] not in str(first)
    [(begin, end)] = parse_segments(part(second[-1], "played-segments")) or []
    assert begin == 0 and end < 2, "nothing of what was erased comes back"


def of_person(page: Page, least: int = 0) -> list[Statement]:
    """The statements in the file that the account page offers, as soon as there are so many."""

    def read() -> list[Statement]:
        with page.expect_download() as download:
            page.get_by_role("link", name="Download what was recorded").click()
        return [json.loads(line) for line in download.value.path().read_text().splitlines()]

    wait_until(lambda: len(read()) >= least, what=f"{least} statements are recorded")
    return read()
