"""What the player says of random viewers, in a real browser while the processors are busy, held against what the browser
itself knows: the `played` ranges of the media element as the page goes away, and its positions in the order of time.

A session plays, pauses, seeks, changes its speed, hides behind another tab and waits, in a random order, and is left in one of
five ways: a link, back, reload, closing the tab, another address.
"""

import argparse
import json
import multiprocessing
import random
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks._browsers import BROWSERS, Tab, Visit
from pod_jobs.xapi import profile
from pod_jobs.xapi import session as session_rules
from pod_jobs.xapi.segments import Segment, parse_segments, union, watched_s
from pod_jobs.xapi.verdicts import Severity, value_at
from tests.acceptance.site import Outputs, Site, StandIn, serve
from tests.servers import KeyValueServer, short_folder, wait_until

SUMMARY = "what the player reports of random viewers, against the browser's own ranges"
MOST_OFF_S = 0.1
THRESHOLD = 0.9  # the profile's own default is 1: --threshold 1
SPEEDS = (0.5, 1, 1.5, 2, 4)
LEAVES = ("link", "back", "reload", "close", "address")
EDGE_S = 0.15  # how far from a segment a position may be
UNSEEN_S = 4.0  # of the video, which may pass between two looks of a busy page
MEDIA = "const media = document.querySelector('video');"
NOTE = (
    MEDIA
    + """
const seen = [];
const look = () => media.paused || media.seeking || seen.push(media.currentTime);
setInterval(look, 50);
media.addEventListener("timeupdate", look);
addEventListener("pagehide", () => {
  const ranges = [...Array(media.played.length).keys()].map((i) => [media.played.start(i), media.played.end(i)]);
  localStorage.setItem("bench.played", JSON.stringify([ranges, media.duration || 0, seen]));
}, { capture: true });
"""
)
READ = "return localStorage.getItem('bench.played')"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, default=20, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--browser", choices=list(BROWSERS), default="chromium")
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help=f"xapi.completion_threshold ({THRESHOLD})")
    parser.add_argument("--load", type=int, default=2, metavar="N", help="processes that keep the processors busy")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    spinners = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(options.load)]
    for spinner in spinners:
        spinner.start()
    try:
        with short_folder() as folder:
            judged = _sessions(folder, options)
    finally:
        for spinner in spinners:
            spinner.terminate()
    wrong = [one for one in judged if not _is_good(one)]
    return {
        "sessions": len(judged),
        "seed": options.seed,
        "browser": options.browser,
        "threshold": options.threshold,
        "load": options.load,
        "worst_off_s": round(max(one["off_s"] for one in judged), 3),
        "segments_wrong": sum(one["off_s"] > MOST_OFF_S for one in judged),
        "out_of_order": sum(not one["in_order"] for one in judged),
        "hidden": sum(one["deeds"].count("hide") for one in judged),
        "rules_broken": sum(bool(one["broken"]) for one in judged),
        "not_terminated": sum(not one["terminated"] for one in judged),
        "completion_wrong": sum(not one["right"] for one in judged),
        "completed": sum(one["completed"] for one in judged),
        "wrong": wrong,
    }


def _is_good(one: dict[str, Any]) -> bool:
    return one["off_s"] <= MOST_OFF_S and one["in_order"] and not one["broken"] and one["right"]


def _sessions(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    home = folder / "home"
    home.mkdir()
    lane = '[[xapi.lane]]\nname = "away"\nurl = "http://127.0.0.1:9/xAPI/statements"\n'
    said = (
        f'[xapi]\nflush_s = 60\nhome_page = "https://univ.example"\ncompletion_threshold = {options.threshold}\n{lane}'
    )
    (home / "settings.toml").write_text(said)
    server = KeyValueServer(folder)
    server.start()
    try:
        with serve(home, server) as site, BROWSERS[options.browser](site) as visit:
            (home / "secrets" / "xapi_key").write_text("a key")
            outputs = Outputs(folder)
            video = site.upload("lecture.mp4", outputs.source)
            StandIn(site, video, outputs).publish()
            return [_session(visit, site, video, options, number) for number in range(options.sessions)]
    finally:
        server.stop()


def _session(visit: Visit, site: Site, video: int, options: argparse.Namespace, number: int) -> dict[str, Any]:
    chance = random.Random(f"{options.seed}-{number}")  # noqa: S311  # not for secrets
    known = set(_registrations(site.home))
    way = LEAVES[number % len(LEAVES)]
    with visit() as (tab, other):
        for one in (other, tab):
            one.bring_to_front()  # a hidden tab may take a minute while the processors are busy
            one.goto("/account")
        other.do("localStorage.removeItem('bench.played')")
        tab.goto(f"/videos/{video}")
        wait_until(lambda: tab.do(f"{MEDIA} return media.readyState >= 2"), what="there is a picture", timeout_s=30)
        tab.do(NOTE)
        deeds = _act(tab, other, chance)
        _leave(tab, way)
        wait_until(lambda: _ended(site.home, known), what=f"session {number} ended ({way})", timeout_s=30)
        # a browser may show one tab only some time later what another one wrote
        wait_until(lambda: other.do(READ), what="what the browser played", timeout_s=30)
        ranges, length_s, seen = json.loads(other.do(READ))
    statements = _registrations(site.home)[next(iter(set(_registrations(site.home)) - known))]
    played = [(begin, end) for begin, end in ranges]
    found = judge(statements, played, length_s, seen, options.threshold)
    print(
        f"session {number} ({way}): {found['off_s']:.3f} s off, {found['broken'] or 'no rule broken'}", file=sys.stderr
    )
    return {"number": number, "way": way, "deeds": deeds, **found}


def _act(tab: Tab, other: Tab, chance: random.Random) -> list[str]:
    """Do random things for some seconds. Every fourth viewer watches the whole video at the greatest speed."""
    deeds = ["play"]
    tab.do(f"{MEDIA} media.play()")
    if chance.random() < 0.25:
        tab.do(f"{MEDIA} media.playbackRate = 4")
        wait_until(lambda: tab.do(f"{MEDIA} return media.ended"), what="the end", timeout_s=60)
        deeds.append("to the end at 4")
    for _ in range(chance.randint(5, 9)):
        deed = chance.choice(("play", "pause", "seek", "seek", "speed", "hide", "wait"))
        match deed:
            case "play" | "pause":
                tab.do(f"{MEDIA} media.{deed}()")
            case "seek":
                tab.do(f"{MEDIA} media.currentTime = arg * media.duration", chance.random())
            case "speed":
                tab.do(f"{MEDIA} media.playbackRate = arg", chance.choice(SPEEDS))
            case "hide":
                other.bring_to_front()
                wait_until(lambda: tab.do("return document.hidden"), what="the tab is hidden")
        deeds.append(deed)
        time.sleep(chance.uniform(0.2, 1.5))
        tab.bring_to_front()
    return deeds


def _leave(tab: Tab, way: str) -> None:
    match way:
        case "link":
            tab.do("document.querySelector('.brand').click()")
        case "back":
            tab.go_back()
        case "reload":
            tab.reload()
            tab.close()
        case "close":
            tab.close()
        case _:
            tab.goto("about:blank")


def judge(
    statements: list[dict[str, Any]], ranges: list[Segment], length_s: float, seen: list[float], threshold: float
) -> dict[str, Any]:
    """How far the reported segments are from `ranges` (the longest piece that only one of them has), whether they are in the
    order of the positions `seen`, and what is broken."""
    texts = [value_at(one, "result", "extensions", profile.EXTENSION + "played-segments") for one in statements]
    segments = next((parse_segments(text) for text in reversed(texts) if isinstance(text, str)), None) or []
    too_much, missing = _only_in(segments, ranges), _only_in(ranges, segments)
    pieces = [*too_much, *missing]
    verdicts = [verdict for one in statements for verdict in profile.verdicts(one)] + session_rules.verdicts(statements)
    broken = sorted({v.rule for v in verdicts if v.faults and v.severity is not Severity.ADVICE})
    verbs = [one["verb"]["id"] for one in statements]
    completed = profile.COMPLETED in verbs
    share = watched_s(ranges) / length_s if length_s else 0.0
    return {
        "off_s": max((end - begin for begin, end in pieces), default=0.0),
        "too_much": [piece for piece in too_much if piece[1] - piece[0] > MOST_OFF_S],
        "missing": [piece for piece in missing if piece[1] - piece[0] > MOST_OFF_S],
        "in_order": is_order_of(segments, seen),
        "broken": broken,
        "terminated": verbs[-1] == profile.TERMINATED,
        "completed": completed,
        "right": _is_right(completed, share, threshold, MOST_OFF_S / max(length_s, 1)),
    }


def is_order_of(segments: list[Segment], seen: list[float]) -> bool:
    """Could somebody who watched `segments`, one after the other, have been seen at the positions `seen`, and in each segment
    that is longer than what may pass unseen?"""
    place, visited, latest_s = 0, set[int](), 0.0
    for position_s in seen:
        follows = place in visited and position_s < latest_s - EDGE_S  # it went back: that is another segment
        for number in range(place + follows, len(segments)):
            begin, end = segments[number]
            if begin - EDGE_S <= position_s <= end + EDGE_S:
                place, latest_s = number, position_s
                visited.add(number)
                break
        else:
            return False
    return all(number in visited or end - begin < UNSEEN_S for number, (begin, end) in enumerate(segments))


def _is_right(completed: bool, share: float, threshold: float, tolerance: float) -> bool:
    """Was the attempt completed when it should? With a threshold of 1, whoever watched all but an instant has completed it."""
    if threshold == 1:
        return completed == (share >= 1 - tolerance)
    return completed == (share >= threshold) or abs(share - threshold) < tolerance


def _only_in(these: list[Segment], those: list[Segment]) -> list[Segment]:
    """The pieces of `these` that are not in `those`."""
    found = []
    for begin, end in union(these):
        at = begin
        for other_begin, other_end in union(those):
            if other_end <= at or other_begin >= end:
                continue
            if other_begin > at:
                found.append((at, other_begin))
            at = max(at, other_end)
        if at < end:
            found.append((at, end))
    return found


def _registrations(home: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with closing(sqlite3.connect(home / "catalog.sqlite3")) as connection:
        rows = connection.execute("SELECT registration, body FROM statement WHERE registration <> '' ORDER BY number")
        for registration, body in rows:
            found.setdefault(registration, []).append(json.loads(body))
    return {name: sorted(of_one, key=lambda one: one["timestamp"]) for name, of_one in found.items()}


def _ended(home: Path, known: set[str]) -> bool:
    new = [of_one for name, of_one in _registrations(home).items() if name not in known]
    return bool(new) and new[0][-1]["verb"]["id"] == profile.TERMINATED


def _spin() -> None:
    while True:
        sum(range(10_000))


def failed(figures: dict[str, Any]) -> bool:
    return bool(figures["wrong"] or figures["not_terminated"])


def table(figures: dict[str, Any]) -> str:
    lines = [
        f"{figures['sessions']} sessions in {figures['browser']}, seed {figures['seed']}, threshold {figures['threshold']}, "
        f"{figures['load']} busy processes beside them",
        f"segments more than {MOST_OFF_S} s off   {figures['segments_wrong']} (worst {figures['worst_off_s']} s)",
        f"out of order                   {figures['out_of_order']}",
        f"times hidden                   {figures['hidden']}",
        f"rules of the profile broken    {figures['rules_broken']}",
        f"not terminated                 {figures['not_terminated']}",
        f"completion wrong               {figures['completion_wrong']} ({figures['completed']} completed)",
    ]
    return "\n".join([*lines, *(str(one) for one in figures["wrong"])])
