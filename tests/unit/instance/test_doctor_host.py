"""What the doctor makes of a host: its disk, its ffmpeg, its sandbox, its speech models."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.errors import ServiceUnavailable, SettingsError
from pod_jobs.instance import doctor
from pod_jobs.instance.doctor import CHECKS, checks_before_jobs, examine, faults, host
from pod_jobs.instance.doctor.finding import Finding
from pod_jobs.jobs import encode
from pod_jobs.media.planning.codecs import PROCESSOR
from pod_jobs.media.process.guard import Sandbox
from pod_jobs.settings import load
from pod_jobs.speech import models


def states(findings: Any) -> list[tuple[str, str]]:
    return [(finding.check, finding.state) for finding in findings]


@pytest.mark.parametrize(
    ("free_gb", "kind", "state", "words"),
    [
        (2.1, "shared", "ok", "2.1 GB on the media disk; upload.free_gb is 2"),
        (2.0, "shared", "fault", "2.0 GB on the media disk"),
        (1.9, "http", "fault", "1.9 GB on the disk for the files of jobs"),
    ],
)
def test_more_must_be_free_than_uploads_leave(free_gb: float, kind: str, state: str, words: str) -> None:
    settings: Any = SimpleNamespace(
        storage=SimpleNamespace(free_bytes=lambda: free_gb * host.GB),
        upload=SimpleNamespace(free_gb=2.0),
        worker=SimpleNamespace(storage=kind),
    )
    (found,) = host.check_space(settings)
    assert found.state == state and found.text.startswith(words)


@pytest.mark.parametrize(
    ("error", "state"), [(OSError(5, "broken", "/m"), "fault"), (ServiceUnavailable("x"), "warning")]
)
def test_a_disk_that_cannot_be_asked(error: Exception, state: str) -> None:
    def ask() -> float:
        raise error

    settings: Any = SimpleNamespace(storage=SimpleNamespace(free_bytes=ask))
    assert states(host.check_space(settings)) == [("free space", state)]


@pytest.mark.parametrize(
    ("sandbox", "begin", "end"),
    [
        (Sandbox("none"), "none, as set: an ffmpeg", "still protect"),
        (Sandbox("none", lacking="no bwrap"), "none: an ffmpeg", "still protect"),
        (Sandbox("landlock", lacking="no bwrap"), "Landlock: no network", "no other process"),
        (Sandbox("bwrap", filters=True), "bubblewrap: no network", "no other process"),
        (Sandbox("bwrap"), "bubblewrap: no network", "no system-call filter works here"),
    ],
)
def test_what_protects_this_host(sandbox: Sandbox, begin: str, end: str) -> None:
    assert host._holds(sandbox).startswith(begin) and host._holds(sandbox).endswith(end)


CARD: Any = SimpleNamespace(name="h264_nvenc")


@pytest.mark.parametrize(
    ("hardware", "sandbox", "expected"),
    [
        (PROCESSOR, Sandbox("bwrap"), [("ffmpeg", "ok"), ("sandbox", "ok")]),
        (PROCESSOR, Sandbox("none", lacking="x"), [("ffmpeg", "ok"), ("sandbox", "warning")]),
        (
            replace(PROCESSOR, lacking="x"),
            Sandbox("bwrap"),
            [("ffmpeg", "ok"), ("hardware", "warning"), ("sandbox", "ok")],
        ),
        (replace(PROCESSOR, encoder=CARD), Sandbox("bwrap"), [("ffmpeg", "ok"), ("hardware", "ok"), ("sandbox", "ok")]),
    ],
)
def test_what_encodes(monkeypatch: pytest.MonkeyPatch, hardware: Any, sandbox: Sandbox, expected: Any) -> None:
    tools = SimpleNamespace(ffmpeg="ffmpeg", version="7.1", hardware=hardware, sandbox=sandbox)
    monkeypatch.setattr(encode, "tools_of", lambda settings: tools)
    monkeypatch.setattr(encode, "check_templates", lambda settings, tools: None)
    settings: Any = None
    assert states(host.check_ffmpeg(settings)) == expected


@pytest.mark.parametrize(
    ("installed", "automatic", "expected"),
    [
        (False, True, [("speech", "warning", "not installed: nothing is transcribed")]),
        (False, False, [("speech", "ok", "not installed: nothing is transcribed")]),
        (
            True,
            True,
            [
                ("speech", "ok", "mine: base: captions"),
                ("speech", "ok", "other languages: odd: unknown quality: its folder's name tells nothing"),
                ("speech", "fault", "fr: there is no gone"),
            ],
        ),
    ],
)
def test_which_models_recognise_speech(
    monkeypatch: pytest.MonkeyPatch, installed: bool, automatic: bool, expected: list[tuple[str, str, str]]
) -> None:
    def name_of(choice: models.ModelChoice) -> str:
        if choice.path == "gone":
            raise SettingsError("there is no gone")
        return str(choice.path)

    monkeypatch.setattr(models, "is_installed", lambda: installed)
    monkeypatch.setattr(models, "name_of", name_of)
    monkeypatch.setattr(models, "good_for", {"base": "captions"}.get)
    listed = [("base", "mine", "fr"), ("odd", "", "*"), ("gone", "", "fr")]
    model = [SimpleNamespace(path=path, sha256="", name=name, language=code) for path, name, code in listed]
    settings: Any = SimpleNamespace(speech=SimpleNamespace(automatic=automatic, model=model))
    assert [(one.check, one.state, one.text) for one in host.check_speech(settings)] == expected


@pytest.mark.parametrize("missing", [True, False])
def test_packages_for_browsers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: bool) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"hls.js": "1", "other": "2"}}')
    for name in ("hls.js", *(() if missing else ("other",))):
        (tmp_path / "node_modules" / name).mkdir(parents=True)
    monkeypatch.setattr(host, "ROOT", tmp_path)
    settings: Any = None
    (found,) = host.check_browser_files(settings)
    assert (found.state, found.text) == (("fault", "not installed: other") if missing else ("ok", "2 packages"))


def test_only_faults_keep_a_worker_from_its_jobs() -> None:
    findings = [Finding("a", "ok", "x"), Finding("b", "warning", "y"), Finding("c", "fault", "z", "mend it")]
    assert list(map(str, faults(findings))) == ["c: z → mend it"] and str(findings[0]) == "a: x"


def test_checks_of_a_worker() -> None:
    assert ("ffmpeg" in checks_before_jobs(True), "ffmpeg" in checks_before_jobs(False)) == (True, False)
    assert set(checks_before_jobs(True)) < set(CHECKS) and "database" not in checks_before_jobs(True)


def test_without_an_instance_nothing_else_is_checked(tmp_path: Path) -> None:
    settings: Any = SimpleNamespace(home=tmp_path / "gone")
    assert states(examine(settings)) == [("folders", "fault")]


def test_a_worker_waits_and_tells_a_fault_that_lasts_once_in_its_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault that a common start brings by itself is not told."""
    clock, waits = SimpleNamespace(now=0.0), []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.now += doctor.QUIET_S / 2

    away, full = ([Finding("media", "fault", text)] for text in ("away", "full"))
    rounds = [away, away, away, [*away, Finding("clock", "warning", "x")], away, full, []]
    monkeypatch.setattr(doctor, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
    monkeypatch.setattr(doctor, "examine", lambda settings, names, queues: rounds.pop(0))
    said: list[str] = []
    settings: Any = None
    with caplog.at_level("INFO", doctor.__name__):
        doctor.wait_until_sound(settings, "encoding", say=said.append)
    assert said == ["media: away"] * 2 + ["media: full"] and rounds == []
    assert [record.message.rpartition(": ")[2] for record in caplog.records] == ["away", "full", "all is well now"]
    assert waits == sorted(waits) and waits[0] == doctor.FIRST_WAIT_S


def test_a_worker_that_is_sound_at_once_says_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda settings, names, queues: [])
    settings: Any = None
    with caplog.at_level("INFO", doctor.__name__):
        doctor.wait_until_sound(settings, "encoding")
    assert caplog.records == []


def test_the_check_that_stands_in_the_table_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Finding("catalog", "ok", "another check")
    monkeypatch.setitem(CHECKS, "catalog", lambda settings: [found])
    assert examine(load(tmp_path), ["catalog"], ["encoding"]) == [found]
