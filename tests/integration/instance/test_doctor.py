"""The doctor on real services with faults."""

import fcntl
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from redis import Redis

import pod_jobs
from pod_jobs.errors import SettingsError
from pod_jobs.instance import doctor
from pod_jobs.instance.doctor import Finding, services
from pod_jobs.instance.doctor.finding import State
from pod_jobs.instance.prepare import prepare
from pod_jobs.jobs.encode import prepare_encode
from pod_jobs.jobs.hosts import HostFacts, list_hosts
from pod_jobs.media.process.tools import find_tools
from pod_jobs.settings import Settings, load
from pod_jobs.speech.models import is_installed
from pod_jobs.system import landlock
from pod_jobs.web.app import create_app
from tests.servers import KeyValueServer, QuietHandler, answering, need, short_folder, wait_until

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server() -> Iterator[KeyValueServer]:
    with short_folder() as folder:
        made = KeyValueServer(folder)
        made.start()
        yield made
        made.stop()


@pytest.fixture
def settings(tmp_path: Path, server: KeyValueServer) -> Settings:
    made = load(tmp_path / "home", redis={"url": server.url})
    with Redis.from_url(server.url) as redis:
        redis.flushall()  # it was another instance's
    prepare(made)
    return made


def state(settings: Settings, name: str, line: str = "") -> Finding:
    """The finding named `line` (default: `name`) of the check `name`."""
    (found,) = [finding for finding in doctor.examine(settings, [name]) if finding.check == (line or name)]
    return found


def changed(settings: Settings, **sections: dict[str, Any]) -> Settings:
    return load(settings.home, **{"redis": {"url": settings.redis.url}, **sections})


def test_a_sound_instance_has_no_faults_but_the_web_app_that_is_not_up(settings: Settings) -> None:
    found = doctor.faults(doctor.examine(settings, [name for name in doctor.CHECKS if name != "browser files"]))
    assert [fault.check for fault in found] == ["catalog"]
    assert settings.catalog_url in found[0].text


def test_a_sandbox_that_lacks_unwanted_is_a_warning_with_its_remedy(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no bwrap
    own = tmp_path / "ffmpeg"
    own.symlink_to(find_tools("", "none").ffmpeg)  # a process asks each ffmpeg once
    found = state(changed(settings, ffmpeg={"path": str(own)}), "ffmpeg", "sandbox")
    assert found.state == "warning" and "bwrap is not installed" in found.text
    assert found.text.startswith("Landlock: no network, no file but " if landlock.version() else "none: ")
    assert "apt install bubblewrap" in found.remedy
    as_set = state(changed(settings, ffmpeg={"sandbox": "none"}), "ffmpeg", "sandbox")
    assert as_set.state == "ok" and as_set.text.startswith("none, as set: ")


def test_an_unsafe_server_is_refused_with_the_lines_to_change(settings: Settings, server: KeyValueServer) -> None:
    with Redis.from_url(server.url) as redis:
        redis.config_set("appendonly", "no")
        redis.config_set("maxmemory-policy", "allkeys-lru")
        try:
            persistence = state(settings, "key-value server", "persistence")
            eviction = state(settings, "key-value server", "eviction")
            assert (persistence.state, eviction.state) == ("fault", "fault")
            assert persistence.remedy.startswith("appendonly yes")
            assert eviction.remedy.startswith("maxmemory-policy noeviction")
            accepted = changed(settings, redis={"url": server.url, "accept_unsafe": True})
            assert doctor.faults(doctor.examine(accepted, ["key-value server"])) == []
            assert state(accepted, "key-value server", "eviction").state == "warning"
        finally:
            redis.config_set("maxmemory-policy", "noeviction")
            redis.config_set("appendonly", "yes")


def test_a_server_that_is_away(settings: Settings) -> None:
    away = changed(settings, redis={"url": "redis://127.0.0.1:1"})
    began = time.monotonic()
    assert state(away, "key-value server").state == "fault"
    assert state(away, "clock").state == "warning"
    assert time.monotonic() - began < 5


def test_a_clock_that_is_wrong(settings: Settings) -> None:
    faketime = which("faketime")
    need(faketime, "faketime")
    script = (
        "from pod_jobs import settings; from pod_jobs.instance import doctor;"
        f"s = settings.load({str(settings.home)!r}, redis={{'url': {settings.redis.url!r}}});"
        "print(doctor.examine(s, ['clock']))"
    )
    command = [str(faketime), "-f", "+5m", sys.executable, "-c", script]
    words = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout
    assert "state='fault'" in words


def test_a_database_without_its_tables_or_away(settings: Settings) -> None:
    file = settings.home / "catalog.sqlite3"
    file.unlink()
    assert "is not there" in state(settings, "database").text and not file.exists()
    file.touch()
    assert "0001_initial" in state(settings, "database").text
    away = changed(settings, database={"url": "postgresql://nobody@127.0.0.1:1/none"})
    assert state(away, "database").state == "fault"
    wrong = changed(settings, database={"url": "oracle://x"})
    assert "postgresql://" in state(wrong, "database").text


def test_the_check_of_the_database_leaves_nothing(settings: Settings) -> None:
    from pod_jobs.catalog.models import Audit, database

    assert state(settings, "database").state == "ok"
    with database.obj.connection_context():
        assert Audit.select().count() == 0


def test_secrets_that_others_may_read(settings: Settings) -> None:
    path = settings.home / "secrets" / "cli_token"
    path.chmod(0o644)
    assert state(settings, "secrets").remedy == f"chmod 600 '{path}'"
    path.unlink()
    assert "cli_token" in state(settings, "secrets").text


def test_the_key_of_the_pseudonyms_is_a_secret_too(settings: Settings) -> None:
    path = settings.home / "secrets" / "xapi_key"
    path.chmod(0o644)
    assert state(settings, "secrets").remedy == f"chmod 600 '{path}'"


def test_too_little_space_and_a_missing_ffmpeg(settings: Settings) -> None:
    poor = changed(settings, upload={"free_gb": 1e9}, ffmpeg={"path": "/no/such/ffmpeg"})
    assert state(poor, "free space").state == "fault"
    assert "/no/such/ffmpeg" in state(poor, "ffmpeg").text


def test_a_template_whose_encoder_this_ffmpeg_lacks(settings: Settings, tmp_path: Path) -> None:
    real = find_tools("", "none").ffmpeg
    poor = tmp_path / "ffmpeg"
    poor.write_text(f'#!/bin/sh\n{shlex.quote(real)} "$@" | grep -v -e svtav1 -e libaom\n')
    poor.chmod(0o755)
    found = state(changed(settings, ffmpeg={"path": str(poor), "sandbox": "none"}), "ffmpeg")
    assert (found.state, found.text) == ("fault", f"template av1: {poor} has no libsvtav1 or libaom-av1")
    assert "[[template]]" in found.remedy
    with pytest.raises(SettingsError, match="template av1"):
        prepare_encode(load(settings.home, ffmpeg={"path": str(poor), "sandbox": "none"}))


def test_a_worker_asks_ffmpeg_and_tries_a_card_once(settings: Settings, tmp_path: Path) -> None:
    """The checks ask before the worker takes jobs; its first job finds the answers in memory."""
    counting, calls = tmp_path / "ffmpeg", tmp_path / "calls"
    real = shlex.quote(find_tools("", "none").ffmpeg)
    counting.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {real} "$@"\n')
    counting.chmod(0o755)
    ffmpeg: dict[str, Any] = {"path": str(counting), "sandbox": "none"}
    own = changed(settings, ffmpeg=ffmpeg, encode={"hardware": "vaapi", "vaapi_device": "/dev/dri/none"})
    assert state(own, "ffmpeg").state == "ok"
    asked = calls.read_text()
    assert asked.count("/dev/dri/none") == 1
    prepare_encode(own)
    assert calls.read_text() == asked


def test_a_card_that_is_not_there(settings: Settings) -> None:
    found = state(
        changed(settings, encode={"hardware": "vaapi", "vaapi_device": "/dev/dri/none"}), "ffmpeg", "hardware"
    )
    assert (found.state, "No VA display found" in found.text) == ("warning", True)
    assert 'hardware = "none"' in found.remedy


def test_a_home_that_nobody_started(tmp_path: Path) -> None:
    (found,) = doctor.examine(load(tmp_path / "a new one"))
    assert (found.check, found.state) == ("folders", "fault")
    assert not (tmp_path / "a new one").exists()


@pytest.mark.parametrize(("quiet_s", "words"), [(doctor.QUIET_S, []), (0.0, ["takes no job", "all is well now"])])
def test_a_worker_says_nothing_of_what_a_common_start_brings_by_itself(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    quiet_s: float,
    words: list[str],
) -> None:
    states: list[State] = ["ok", "fault", "fault"]
    monkeypatch.setattr(doctor, "QUIET_S", quiet_s)
    monkeypatch.setattr(doctor, "BEFORE_JOBS", ("late",))
    monkeypatch.setitem(doctor.CHECKS, "late", lambda _: [Finding("late", states.pop(), "as yet")])
    caplog.set_level("INFO", "pod_jobs.instance.doctor")
    doctor.wait_until_sound(settings, "catalog")
    assert states == []
    assert len(caplog.messages) == len(words)
    assert all(word in message for word, message in zip(words, caplog.messages, strict=True))


def test_a_worker_waits_until_all_is_well_and_says_what_is_not(tmp_path: Path) -> None:
    """Without a catalog it waits. It says so only after a while, so that starting everything together stays quiet."""
    script = (
        "import logging; logging.basicConfig(); from pod_jobs import settings; from pod_jobs.instance import doctor;"
        f"doctor.QUIET_S = 0.2; doctor.wait_until_sound(settings.load({str(tmp_path)!r}), 'catalog')"
    )
    with (tmp_path / "words.txt").open("wb") as words:
        worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=words)
    try:
        wait_until(lambda: "takes no job while this is so: " in (tmp_path / "words.txt").read_text())
        assert "key-value server: does not answer" in (tmp_path / "words.txt").read_text()
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()


WAITING = """
import os
print(os.getpid(), flush=True)
from pod_jobs import settings
from pod_jobs.instance import doctor
from pod_jobs.jobs.hosts import waiting_to_begin
doctor.QUIET_S = 0.2
made = settings.load({home!r}, redis={{"url": {url!r}}})
with waiting_to_begin(made.redis_url, "encoding") as say:
    doctor.wait_until_sound(made, "encoding", say=say)
"""


@pytest.mark.parametrize("wrong_by", ["-2d", "+2d"])
def test_a_worker_that_waits_says_why_on_the_page_of_machines_whatever_its_clock_says(
    settings: Settings, wrong_by: str
) -> None:
    faketime = which("faketime")
    need(faketime, "faketime")
    script = WAITING.format(home=str(settings.home), url=settings.redis.url)
    with Redis.from_url(settings.redis.url) as redis:
        command = [str(faketime), "-f", wrong_by, sys.executable, "-c", script]
        worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())  # faketime itself is its parent

        def entries() -> list[HostFacts]:
            return list_hosts(redis, datetime.now(UTC))

        try:
            wait_until(entries, 30, "it says something")
            (entry,) = entries()
            assert "clock: 172" in entry.held and "catalog: " in entry.held
            assert abs(datetime.now(UTC) - entry.at) < timedelta(seconds=10)
            os.kill(pid, signal.SIGTERM)
            assert worker.wait(10) == 0 and entries() == [], "a worker that was stopped is not missed"
        finally:
            if worker.poll() is None:
                os.kill(pid, signal.SIGKILL)
            worker.communicate()


# What the web app says to a worker with a token for all queues
WORKERS = {"name": "workers", "permissions": ["run-tasks"], "version": pod_jobs.__version__, "queues": []}


@contextmanager
def web_app(said: Any) -> Iterator[str]:
    """The address of one that answers each GET with `said`, as JSON."""

    class Answering(QuietHandler):
        def do_GET(self) -> None:
            raw = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    with answering(Answering) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_media_folder_that_is_not_the_catalogs_is_a_fault_with_its_remedy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state(settings, "media").state == "warning", "no web app answers here"

    with web_app({"media": "the-right-one"}) as url:
        there = changed(settings, worker={"catalog_url": url})
        found = state(there, "media")
        assert found.state == "fault" and "is another one" in found.text
        subprocess.run(["sh", "-c", found.remedy.partition(".identity: ")[2]], check=True)  # the line, as it is shown
        assert state(there, "media").state == "ok"
        assert state(there, "media", "locks").state == "ok"
        monkeypatch.setattr(fcntl, "flock", lambda *_: None)
        (fault,) = doctor.faults(doctor.examine(there, ["media"]))
        assert (fault.check, "keep nobody out" in fault.text) == ("locks", True)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({**WORKERS, "version": "9.9.0"}, "9.9.0"),
        ({**WORKERS, "queues": ["xapi"]}, "encoding"),
        ({**WORKERS, "queues": ["xapi", "encoding"]}, ""),
        (WORKERS, ""),
        ({"name": "lea", "permissions": ["have-account"], "media": "x"}, "a token of lea"),
        ({"status": "up"}, "something else than a web app of pod_jobs"),
        (["up"], "something else than a web app of pod_jobs"),
    ],
)
def test_a_worker_that_would_get_no_task_takes_no_job(settings: Settings, said: Any, words: str) -> None:
    with web_app(said) as url:
        there = changed(settings, worker={"catalog_url": url})
        findings = doctor.faults(doctor.examine(there, ["catalog"], ["xapi", "encoding"]))
        assert len(findings) == bool(words) and all(words in one.text for one in findings)
        assert (words in doctor.complaint(there, "encoding")) is True


def test_an_address_of_the_catalog_that_redirects_is_a_fault_as_workers_follow_none(settings: Settings) -> None:
    with web_app({"version": pod_jobs.__version__, "media": "x"}) as url:

        class Redirecting(QuietHandler):
            def do_GET(self) -> None:
                self.send_response(301)
                self.send_header("Location", f"{url}{self.path}")
                self.end_headers()

        with answering(Redirecting) as port:
            there = changed(settings, worker={"catalog_url": f"http://127.0.0.1:{port}"})
            found = state(there, "catalog")
            assert found.state == "fault" and f"redirects to {url}" in found.text
            assert "does not answer" in state(there, "media").text


def test_folders_that_every_user_can_write_to_are_a_fault_and_those_of_a_share_a_warning(settings: Settings) -> None:
    assert state(settings, "folders").state == "ok"
    settings.media_folder.chmod(0o777)
    assert state(settings, "folders").state == "warning"
    (settings.home / "logs").chmod(0o777)
    found = state(settings, "folders")
    assert found.state == "fault" and str(settings.home / "logs") in found.text
    subprocess.run(shlex.split(found.remedy), check=True)
    assert state(settings, "folders").state == "ok"


@pytest.mark.parametrize(
    ("url", "lacks"),
    [
        ("unix:///tmp/redis.sock", None),
        ("redis://127.0.0.1:6379/0", None),
        ("redis://localhost/0", None),
        ("redis://[::1]/0", None),
        ("redis://10.0.0.7/0", ("no password", "plain text")),
        ("redis+sentinel://127.0.0.1,10.0.0.7/jobs/0", ("no password", "plain text")),
        ("redis+sentinel://127.0.0.1,[::1]:26380/jobs/0", None),
        ("redis://user:word@redis.test/0", ("plain text",)),
        ("redis://redis.test/0?password=word", ("plain text",)),
        ("rediss://redis.test/0", ("no password",)),
        ("rediss://user:word@redis.test/0?ssl_cert_reqs=none", ("certificate",)),
        ("rediss://user:word@redis.test/0", None),
        ("redis+sentinel://user:word@one.test,two.test/pod/0", ("plain text",)),
        ("rediss+sentinel://one.test,two.test/pod/0", ("no password",)),
        ("rediss+sentinel://user:word@one.test:26379,two.test:26379/pod/0", None),
    ],
)
def test_a_key_value_server_that_others_may_write_to_is_a_warning(url: str, lacks: tuple[str, ...] | None) -> None:
    (finding,) = services.check_way_to_key_value_server(url)
    assert (finding.state == "warning") is (lacks is not None)
    assert all(word in finding.text for word in lacks or ())
    for word in ("no password", "plain text", "certificate"):
        assert (word in finding.text) is (word in (lacks or ()))
    assert ":word" not in str(finding)  # the password itself


def test_a_full_key_value_server_is_named(settings: Settings, server: KeyValueServer) -> None:
    with Redis.from_url(server.url) as redis:
        redis.config_set("maxmemory", 1000)
        try:
            assert state(settings, "key-value server", "memory").state == "fault"
            document = create_app(settings).test_client().get("/healthz").get_json()
            assert document["parts"]["redis"] == {"ok": False, "full": True}
        finally:
            redis.config_set("maxmemory", 0)
    assert all(found.check != "memory" for found in doctor.examine(settings, ["key-value server"]))


@pytest.mark.parametrize("lacking", ["-eval", "-lmove -blmove", "-zadd", "resetchannels", "resetkeys ~pod_jobs:*"])
def test_a_user_with_too_few_rights_is_named(settings: Settings, server: KeyValueServer, lacking: str) -> None:
    with Redis.from_url(server.url) as redis:
        rights = [*"on >word ~rq:* ~pod_jobs:* &rq:* +@all -@admin -@dangerous +info +client|list".split()]
        redis.execute_command("ACL", "SETUSER", "weak", "reset", *rights)
        url = server.url.replace("unix://", "unix://weak:word@")
        own = load(settings.home, redis={"url": url})
        assert all(found.check != "rights" for found in doctor.examine(own, ["key-value server"]))
        assert state(own, "workers").state != "fault"
        redis.execute_command("ACL", "SETUSER", "weak", *lacking.split())
        where = ("workers",) if lacking == "resetchannels" else ("key-value server", "rights")
        assert state(own, *where).state == "fault"


def test_a_cluster_is_refused(settings: Settings) -> None:
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start("--cluster-enabled", "yes")
        try:
            found = doctor.examine(load(settings.home, redis={"url": server.url}), ["key-value server"])
        finally:
            server.stop()
    assert ["is a cluster" in one.text for one in doctor.faults(found)].count(True) == 1


def test_workers_that_lack_are_counted_over_all_hosts(settings: Settings) -> None:
    found = state(changed(settings, workers={"encoding": 0}, fleet={"encoding": 3}), "workers")
    assert found.state == "warning" and "encoding: 0 of 3" in found.text


def test_a_key_value_server_of_another_instance_is_refused(
    settings: Settings, server: KeyValueServer, tmp_path: Path
) -> None:
    second = load(tmp_path / "second", redis={"url": server.url})
    with pytest.raises(SettingsError, match="belongs to another instance"):
        prepare(second)
    assert create_app(settings).test_client().get("/healthz").get_json()["parts"]["redis"] == {"ok": True}
    assert create_app(second).test_client().get("/healthz").get_json()["parts"]["redis"] == {"ok": False}
    with Redis.from_url(server.url) as redis:
        redis.delete("pod_jobs:owner")
    prepare(second)
    with pytest.raises(SettingsError, match="belongs to another instance"):
        prepare(settings)


def test_which_speech_models_run_and_what_they_are_good_for(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(is_installed(), "the extra `speech` (./run up --with-speech)")
    base = state(settings, "speech")
    assert (base.state, base.text[:45]) == ("ok", "other languages: whisper-base: a first draft ")
    folder = tmp_path / "whisper-large-v3"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"weights")
    right = hashlib.sha256(b"weights").hexdigest()

    def told(**model: str) -> Finding:
        return state(changed(settings, speech={"model": [{"language": "fr", **model}]}), "speech")

    assert (told(path=str(folder)).state, "tokenizer.json" in told(path=str(folder)).text) == ("fault", True)
    (folder / "tokenizer.json").write_bytes(b"{}")
    assert (told(path=str(folder), sha256=right).state, "best" in told(path=str(folder)).text) == ("ok", True)
    wrong, gone = told(path=str(folder), sha256="0" * 64), told(path=str(tmp_path / "gone"))
    assert (wrong.state, gone.state) == ("fault", "fault")
    assert f"sha256 {right}" in wrong.text and "there is no model.bin" in gone.text
    assert gone.remedy == "[[speech.model]] in settings.toml"
    monkeypatch.setattr("pod_jobs.speech.models.find_spec", lambda name: None)
    assert (state(settings, "speech").state, state(settings, "speech").remedy) == ("ok", "./run up --with-speech")
    assert state(changed(settings, speech={"automatic": True}), "speech").state == "warning"
