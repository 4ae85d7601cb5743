"""Pages that ask again: an answer from memory is the one that would be made now, and an unchanged one costs nearly nothing."""

import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from pod_jobs import hand_over
from pod_jobs.catalog.models import Task, User
from pod_jobs.catalog.store import day_figures, users
from pod_jobs.jobs import queue, workforce
from pod_jobs.settings import Settings
from pod_jobs.web import services
from pod_jobs.web.app import create_app
from pod_jobs.web.intake import beginnings, orders
from pod_jobs.web.pages.team import frame
from pod_jobs.web.services import EXTENSION, now
from tests.integration.web.conftest import Caller, Worker
from tests.integration.web.pages.test_team_machines import alive, sign

MOST_QUERIES = 3  # who asks, the revision, and when a token was last used
TEAM = (
    "/team",
    "/team/tasks",
    "/team/tasks?state=waiting",
    "/team/errors",
    "/team/errors/{group}",
    "/team/machines",
    "/team/schedule",
    "/team/figures",
    "/team/captions",
    "/team/tasks/1",
    "/api/v1/overview",
    "/api/v1/errors",
    "/api/v1/tasks",
)
LECTURERS = ("/api/v1/videos", "/api/v1/videos?text=zwei", "/api/v1/videos/1", "/api/v1/tasks/1")
LONG = -3600  # seconds ago: a sign of life that keeps a host from being silent, however slow the machine is
VTT = b"WEBVTT\n\n00:00.000 --> 00:02.000\nBonjour\n"


class Poller:
    """Asks the same addresses again, of an app that remembers and of one that never does."""

    def __init__(self, settings: Settings, tokens: dict[str, str]) -> None:
        self.settings, self.tokens = settings, tokens
        self.remembers, self.forgets = self._app(), self._app()
        self.etags: dict[tuple[str, str], str] = {}
        self.group = "none"

    def _app(self) -> Flask:
        app = create_app(self.settings)
        # how long ago something was is told anew only every half a minute, and seconds stand in titles
        app.jinja_env.filters |= {"since": lambda _: "", "span": lambda _: "", "exact": lambda _: ""}
        return app

    def ask(self, app: Flask, who: str, path: str, etag: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Token {self.tokens[who]}", "HX-Request": "true"}
        headers |= {"If-None-Match": etag} if etag else {}
        path = path.replace("{group}", self.group)
        response = app.test_client(use_cookies=False).get(path, headers=headers, buffered=True)
        return response.status_code, response.headers.get("ETag", f"none, {response.status_code}")

    def poll(self) -> set[str]:
        """Ask everything, and compare. Returns the addresses that answered anew, each with who asked."""
        changed = set()
        for who, paths in (("tina", TEAM), ("léa", LECTURERS), ("max", LECTURERS[:1])):
            for path in paths:
                known = self.etags.get((who, path), "")
                right = self._made_now(who, path)
                status, etag = self.ask(self.remembers, who, path, known)
                if etag != right:  # a minute has ended in between
                    right = self._made_now(who, path)
                assert etag == right, (who, path, status)
                if known != right:
                    assert status != 304, (who, path)
                    changed.add(f"{who} {path}")
                self.etags[who, path] = right
        return changed

    def _made_now(self, who: str, path: str) -> str:
        for memory in ("answers", "lines"):
            getattr(self.forgets.extensions[EXTENSION], memory).clear()
        return self.ask(self.forgets, who, path)[1]


@dataclass
class Scene:
    """What the steps of the test need."""

    callers: dict[str, Caller]
    worker: Worker
    redis: Redis
    poller: Poller
    order: Any = None

    def api(self, who: str, method: str, path: str, **options: Any) -> Any:
        response = self.callers[who](method, path, **options)
        assert response.status_code < 300, (path, response.text)
        return response.get_json() if response.is_json else None

    def task(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.api("tina", "GET", f"/api/v1/tasks/{number}")
        return found

    def start(self, number: int) -> None:
        self.order = self.worker.start(self.task(number))

    def progress(self, fraction: float) -> None:
        folder = self.worker.folder(self.order)
        said = {"step": "encode", "fraction": fraction, "folder": folder, "first_playable": fraction > 0.5}
        queue.write_progress(self.redis, self.order["task"], said)

    def fail(self) -> None:
        self.worker.write(self.order, {"encoding.log": b"$ ffmpeg\nwhy\n"})
        self.worker.report(self.order, "error", error_code="encode-killed", reason="killed by signal 9")
        self.poller.group = Task.get_by_id(self.order["task"]).error_group

    def figures(self) -> None:
        for one in list(day_figures.sum_up(now(), 3, {"encode": "encoding"})):
            day_figures.keep(one)


ENCODED = {"master.m3u8": b"#EXTM3U\n", "90p.m4s": b"123456789"}
ENCODED["90p.m3u8"] = b"#EXTM3U\n#EXTINF:4,\n#EXT-X-BYTERANGE:9@0\n90p.m4s\n"

# (what happens, the address that shows it)
STEPS: tuple[tuple[str, Callable[[Scene], object], str], ...] = (
    ("an upload", lambda s: s.callers["léa"].upload(name="Eins.mp4"), "léa /api/v1/videos"),
    ("another person's upload", lambda s: s.callers["max"].upload(name="Zwei.mp4"), "max /api/v1/videos"),
    ("a second one of the first", lambda s: s.callers["léa"].upload(name="Zwei oder drei.mp4"), "léa /api/v1/videos?text=zwei"),
    ("a priority", lambda s: s.api("tina", "POST", "/api/v1/tasks/prioritise", json={"tasks": [3], "priority": "high"}),
     "léa /api/v1/videos"),
    ("a worker appears", lambda s: alive(s.redis, "encoding.host.1", "host", state="idle"), "tina /team"),
    ("its host says what it is", lambda s: sign(s.redis, "host", ago_s=LONG, load=1.0), "tina /team/machines"),
    ("its load is another", lambda s: sign(s.redis, "host", ago_s=LONG, load=2.5), "tina /team/machines"),
    ("a run begins", lambda s: s.start(1), "léa /api/v1/videos/1"),
    ("it is busy", lambda s: alive(s.redis, "encoding.host.1", "host"), "tina /team/machines"),
    ("a third", lambda s: s.progress(0.3), "léa /api/v1/tasks/1"),
    ("more than half", lambda s: s.progress(0.7), "tina /team/tasks/1"),
    ("its log grows", lambda s: s.worker.write(s.order, {"encoding.log": b"$ ffmpeg -i\n"}, part=True), "tina /team/tasks/1"),
    ("it fails", lambda s: s.fail(), "tina /team/errors"),
    ("what it had encoded can be watched", lambda s: s.worker.write(s.order, ENCODED, part=True), "tina /team/tasks/1"),
    ("and no longer", lambda s: s.worker.write(s.order, {"90p.m3u8": b""}, part=True), "tina /team/errors/{group}"),
    ("its log is another", lambda s: s.worker.write(s.order, {"encoding.log": b"other\n"}), "tina /team/errors/{group}"),
    ("its author asks for help", lambda s: s.api("léa", "PUT", "/api/v1/tasks/1/help"), "tina /team/errors"),
    ("the group is known", lambda s: s.api("tina", "PUT", f"/api/v1/errors/{s.poller.group}/known", json={"note": "x"}),
     "tina /api/v1/errors"),
    ("and no longer", lambda s: s.api("tina", "DELETE", f"/api/v1/errors/{s.poller.group}/known"), "tina /team/errors/{group}"),
    ("it is requeued", lambda s: s.api("tina", "POST", "/api/v1/tasks/1/requeue"), "tina /team/tasks?state=waiting"),
    ("it runs again", lambda s: s.start(1), "tina /team/machines"),
    ("it is done", lambda s: s.worker.finish(s.order), "léa /api/v1/videos/1"),
    ("figures of the day", lambda s: s.figures(), "tina /team/figures"),
    ("another title", lambda s: s.api("léa", "PATCH", "/api/v1/videos/1", json={"title": "Été"}), "léa /api/v1/videos"),
    ("captions", lambda s: s.api("léa", "POST", "/api/v1/videos/1/captions?language=fr", data=VTT), "léa /api/v1/videos/1"),
    ("a drain", lambda s: s.api("tina", "POST", "/api/v1/drains", json={"scope": "queue", "name": "encoding", "why": "x"}),
     "tina /team/captions"),
    ("its end", lambda s: s.api("tina", "DELETE", "/api/v1/drains/1"), "tina /team/schedule"),
    ("a pause", lambda s: s.api("ada", "PUT", "/api/v1/schedule/verify/pause", json={"why": "y"}), "tina /team/figures"),
    ("its end, too", lambda s: s.api("ada", "DELETE", "/api/v1/schedule/verify/pause"), "tina /team/schedule"),
    ("run now", lambda s: s.api("ada", "POST", "/api/v1/schedule/verify/run"), "tina /team/schedule"),
    ("a task is stopped", lambda s: s.api("léa", "POST", "/api/v1/tasks/3/cancel"), "tina /team"),
    ("a host falls silent", lambda s: sign(s.redis, "host", ago_s=300, load=2.5), "tina /team/captions"),
    ("a worker is gone", lambda s: s.redis.delete("rq:worker:encoding.host.1"), "tina /team"),
    ("a password, which no page shows", lambda s: users.note("a", "b", "c", now()), ""),
    ("the video is deleted", lambda s: s.api("léa", "DELETE", "/api/v1/videos/1"), "léa /api/v1/videos/1"),
)  # fmt: skip


@pytest.fixture
def scene(
    callers: dict[str, Caller],
    worker: Worker,
    redis: Redis,
    settings: Settings,
    tokens: dict[str, str],
    catalog: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    """Lines are read anew for each answer, and each looks for itself."""
    monkeypatch.setattr(services, "SEEN_S", 0.0)
    monkeypatch.setattr(orders, "LINE_S", 0.0)
    return Scene(callers, worker, redis, Poller(settings, tokens))


@pytest.mark.timeout(400)  # 2,000 requests
def test_each_change_is_seen_by_the_next_poll(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pod_jobs.storage.web_host_folder.WebHostFolder.free_bytes", lambda _: 412_000_000_000)
    # when tasks probably begin: not from minute to minute, or the end of one would be a change
    monkeypatch.setattr(beginnings, "ESTIMATED_S", 0.0)  # or a slow machine compares two estimates
    monkeypatch.setattr(beginnings, "_minute", lambda at: at.replace(hour=0, minute=0, second=0, microsecond=0))
    scene.poller.poll()
    assert scene.poller.poll() == set()
    for words, step, shown in STEPS:
        step(scene)
        changed = scene.poller.poll()
        assert (shown in changed) if shown else not changed, (words, changed)


def test_a_change_of_one_person_is_none_for_another(
    callers: dict[str, Caller], settings: Settings, tokens: dict[str, str], redis: Redis
) -> None:
    poller = Poller(settings, tokens)
    first = poller.ask(poller.remembers, "max", "/api/v1/videos")[1]
    callers["léa"].upload()
    known = poller.remembers.extensions[EXTENSION].answers
    before = [list(own.values()) for own in known.values()]
    assert poller.ask(poller.remembers, "max", "/api/v1/videos", first)[0] == 304
    assert [list(own.values()) for own in known.values()] == before, "it was made anew"


def test_what_is_remembered_for_a_person_is_little_and_takes_nothing_from_others(
    callers: dict[str, Caller], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_jobs.web.polls.MOST_OF_A_PERSON", 3)
    callers["max"]("GET", "/api/v1/videos")
    for number in range(8):
        callers["léa"].upload(name=f"{number}.mp4")
    for number in range(5):
        assert callers["léa"]("GET", f"/api/v1/tasks?limit=200&x={number}").status_code == 200
    assert [len(own) for own in app.extensions[EXTENSION].answers.values()] == [1, 3]
    newest = list(app.extensions[EXTENSION].answers.values())[-1]
    assert all(len(pickle.dumps(found)) < 1500 for found in newest.values())
    monkeypatch.setattr("pod_jobs.web.polls.MOST_PERSONS", 1)
    callers["tina"]("GET", "/api/v1/videos")
    assert [len(own) for own in app.extensions[EXTENSION].answers.values()] == [1]


@pytest.mark.parametrize("who, path", [*(("tina", path) for path in TEAM), *(("léa", path) for path in LECTURERS)])
def test_an_unchanged_answer_reads_nothing(
    who: str, path: str, scene: Scene, redis: Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what a page shows from outside the catalog it gets only by its look: both ask Redis for the same."""
    monkeypatch.setattr(beginnings, "ESTIMATED_S", 60.0)
    for name in ("Eins.mp4", "Zwei.mp4", "Drei.mp4"):
        scene.callers["léa"].upload(name=name)
    scene.start(1)
    scene.fail()
    scene.start(2)
    scene.progress(0.3)
    sign(redis, "host", ago_s=LONG)
    alive(redis, "encoding.host.1", "host")
    app, poller = scene.poller.remembers, scene.poller
    counts, queries = [], []
    etag = ""
    for turn in range(8):  # the half minute in which an answer stays may end in between
        caplog.clear()
        before = redis.info("stats")["total_commands_processed"]
        with caplog.at_level(logging.DEBUG, "peewee"):
            status, etag = poller.ask(app, who, path, etag)
        counts.append(redis.info("stats")["total_commands_processed"] - before)
        queries.append(len([one for one in caplog.records if one.name == "peewee"]))
        if turn and status == 304 and queries[-1] <= MOST_QUERIES:
            break
    assert status == 304 and queries[-1] <= MOST_QUERIES, (status, queries)
    assert counts[-1] <= counts[0]


def test_polls_of_many_people_share_one_look_and_a_person_who_opens_a_page_looks_anew(
    callers: dict[str, Caller],
    settings: Settings,
    tokens: dict[str, str],
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    callers["léa"].upload()
    poller, looks = Poller(settings, tokens), count()
    seen_by, lines_of = workforce.list_workers, hand_over.handed_over
    monkeypatch.setattr(workforce, "list_workers", lambda *given: (next(looks), seen_by(*given))[1])
    monkeypatch.setattr(hand_over, "handed_over", lambda *given: (next(looks), lines_of(*given))[1])
    for memory, most in ((services, "SEEN_S"), (orders, "LINE_S")):
        monkeypatch.setattr(memory, most, 60.0)
    etags = {who: poller.ask(poller.remembers, who, "/team/tasks")[1] for who in ("tina", "ada")}
    first = next(looks)
    for _ in range(3):
        for who, etag in etags.items():
            assert poller.ask(poller.remembers, who, "/team/tasks", etag)[0] == 304
    assert next(looks) == first + 1, "polls looked again"
    headers = {"Authorization": f"Token {tokens['tina']}"}
    assert poller.remembers.test_client(use_cookies=False).get("/team/tasks", headers=headers).status_code == 200
    assert next(looks) > first + 2


def test_who_may_see_less_by_now_gets_another_answer(
    callers: dict[str, Caller], settings: Settings, tokens: dict[str, str], catalog: None, redis: Redis
) -> None:
    callers["léa"].upload()
    poller = Poller(settings, tokens)
    etag = poller.ask(poller.remembers, "tina", "/api/v1/tasks")[1]
    assert poller.ask(poller.remembers, "tina", "/api/v1/tasks", etag)[0] == 304
    User.update(role="lecturer").where(User.name == "tina").execute()
    assert poller.ask(poller.remembers, "tina", "/api/v1/tasks", etag)[0] == 200
    User.update(active=False).where(User.name == "tina").execute()
    assert poller.ask(poller.remembers, "tina", "/api/v1/tasks", etag)[0] == 401


def test_signs_of_life_that_say_nothing_new_make_no_page_anew(
    settings: Settings, tokens: dict[str, str], redis: Redis, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "SEEN_S", 0.0)
    monkeypatch.setattr(frame, "BEAT_S", 1e9)
    poller = Poller(settings, tokens)
    alive(redis, "encoding.host.1", "host")

    def says(ago_s: float, load: float, memory_free: float) -> None:
        sign(redis, "host", ago_s=ago_s, load=load, processors=4, memory=16e9, memory_free=memory_free)

    def poll() -> int:
        return poller.ask(poller.remembers, "tina", "/team/machines", etag)[0]

    says(LONG, load=1.51, memory_free=7_001_000_000)
    etag = poller.ask(poller.remembers, "tina", "/team/machines")[1]
    says(LONG + 300, load=1.49, memory_free=7_002_000_000)
    assert poll() == 304, "the page shows the same, but for the instant"
    monkeypatch.setattr(frame, "BEAT_S", 1e8)
    assert poll() == 200, "with each beat, the instant is told"
    monkeypatch.setattr(frame, "BEAT_S", 1e9)
    says(LONG, load=2.51, memory_free=7_001_000_000)
    assert poll() == 200, "more load is told at once"


def test_a_machine_that_falls_silent_is_told_without_any_change(
    settings: Settings, tokens: dict[str, str], redis: Redis, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "SEEN_S", 0.0)
    poller = Poller(settings, tokens)
    silent_after_s = 2.5 * settings.worker.heartbeat_s
    sign(redis, "host", ago_s=LONG)
    etag = poller.ask(poller.remembers, "tina", "/team/figures")[1]
    sign(redis, "host", ago_s=silent_after_s + 1)
    assert poller.ask(poller.remembers, "tina", "/team/figures", etag)[0] == 200
    assert Task.select().where(Task.created_at > now() - timedelta(days=1)).count() == 0
