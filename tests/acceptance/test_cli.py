"""The command line against a real instance, as a script would use it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from pod_jobs.instance.home import FOLDERS, PRIVATE_FOLDERS
from pod_jobs.media_folder import IDENTITY
from pod_jobs.settings import load
from tests.acceptance import command_line
from tests.acceptance.instance import ROOT, Instance
from tests.acceptance.site import make_clip
from tests.servers import wait_until


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "a clip, très court.mp4", seconds=3, size="320x180")


def pod_jobs(instance: Instance, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """--home is enough, --port is known."""
    return command_line.pod_jobs(*arguments, "--home", str(instance.home), stdin=stdin)


def test_submit_wait_json(instance: Instance, clip: Path) -> None:
    done = pod_jobs(instance, "submit", str(clip), "--wait", "--json")
    assert done.returncode == 0, done.stderr
    video = json.loads(done.stdout)
    assert (video["state"], video["title"]) == ("ready", "a clip, très court")
    assert 0 <= video["queued_s"]
    assert 0 < video["first_playable_s"] <= video["encoded_s"]
    for output in video["outputs"]:
        assert Path(output["path"]).stat().st_size == output["bytes"]
    master = next(output for output in video["outputs"] if output["name"] == "master.m3u8")
    headers = {"Authorization": f"Token {(instance.home / 'secrets' / 'cli_token').read_text()}"}
    assert requests.get(master["url"], headers=headers, timeout=5).text == Path(master["path"]).read_text()


def test_templates_beside_the_web_are_made_of_the_same_parts(instance: Instance, clip: Path) -> None:
    done = pod_jobs(instance, "submit", str(clip), "--keep", "0-1", "--template", "audio", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    video = json.loads(done.stdout)
    assert {output["template"] for output in video["outputs"]} == {"web", "audio"}
    ordered = pod_jobs(instance, "requeue", str(video["id"]), "--template", "archive")
    assert ordered.stdout == "1 encoding is queued.\n", ordered.stderr
    shown = json.loads(pod_jobs(instance, "show", str(video["id"]), "--json").stdout)
    assert {task["template"] for task in shown["tasks"]} == {"web", "audio", "archive"}
    assert all(task["options"]["keep"] == [[0, 1]] for task in shown["tasks"])
    unknown = pod_jobs(instance, "requeue", str(video["id"]), "--template", "gone")
    assert unknown.returncode == 1 and "1 of 1 were refused" in unknown.stderr


def test_submit_keeps_only_what_it_is_told_to(instance: Instance, clip: Path) -> None:
    keep = ["--keep", "0-1", "--keep", "0:01.5-0:02.5"]
    done = pod_jobs(instance, "submit", str(clip), *keep, "--wait", "--json")
    assert done.returncode == 0, done.stderr
    video = json.loads(pod_jobs(instance, "show", str(json.loads(done.stdout)["id"]), "--json").stdout)
    assert video["task"]["options"] == {"keep": [[0.0, 1.0], [1.5, 2.5]]}
    assert abs(video["duration_s"] - 2) < 0.3
    wrong = pod_jobs(instance, "submit", str(clip), "--keep", "2-1")
    assert wrong.returncode == 2 and "2-1 ends before it begins" in wrong.stderr


def test_several_files_give_a_line_each_and_one_failure_fails_the_whole(instance: Instance, clip: Path) -> None:
    broken = clip.with_name("broken.mp4")
    broken.write_bytes(clip.read_bytes()[:2000])
    done = pod_jobs(instance, "submit", str(broken), str(clip), "--wait", "--json")
    assert done.returncode == 1
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["state"], second["state"]) == ("error", "ready")
    assert first["error"]["sentence"].endswith(".")
    listed = json.loads(pod_jobs(instance, "list", "--json").stdout)
    assert {first["id"], second["id"]} <= {video["id"] for video in listed}
    shown = pod_jobs(instance, "show", str(first["id"]))
    assert first["error"]["sentence"] in shown.stdout


def test_a_refused_file_stops_no_other(instance: Instance, clip: Path) -> None:
    text = clip.with_name("plain text é.mp4")
    text.write_text("this is no recording")
    done = pod_jobs(instance, "submit", str(text), str(clip), str(text))
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1 and done.stdout.endswith(f"  {clip}\n")
    assert done.stderr.count(f"{text}: This file is not a video or a sound recording.") == 2
    assert "1 of 3 were sent." in done.stderr and f"submit '{text}' '{text}'" in done.stderr
    done = pod_jobs(instance, "submit", str(text), str(clip), "--json")
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["file"], first["id"], second["file"]) == (str(text), None, str(clip))
    assert first["error"]["sentence"] == "This file is not a video or a sound recording."
    assert second["id"] > 0


def test_failed_tasks_run_again(instance: Instance, clip: Path) -> None:
    broken = clip.with_name("broken again.mp4")
    broken.write_bytes(clip.read_bytes()[:2000])
    video = json.loads(pod_jobs(instance, "submit", str(broken), "--wait", "--json").stdout)
    again = pod_jobs(instance, "requeue", str(video["id"]))
    assert again.stdout == "1 task runs again.\n", again.stderr
    wait_until(lambda: _task(instance, video["id"])["state"] == "error", what="the second run ended too")
    assert _task(instance, video["id"])["generation"] == 2
    assert "again." in pod_jobs(instance, "requeue", "--all-failed").stdout
    assert _task(instance, video["id"])["generation"] == 3


def test_a_running_instance_is_backed_up_and_restored(instance: Instance, clip: Path, tmp_path: Path) -> None:
    video = json.loads(pod_jobs(instance, "submit", str(clip), "--wait", "--json").stdout)
    made = pod_jobs(instance, "backup", str(tmp_path / "backups"), "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["videos"] >= 1
    assert pod_jobs(instance, "verify", str(tmp_path / "backups")).stdout.endswith(" is whole.\n")
    restored = Instance(tmp_path / "restored é", tmp_path / "words.txt")
    done = pod_jobs(restored, "restore", str(tmp_path / "backups"))
    assert done.returncode == 0, done.stderr
    output = next(output for output in video["outputs"] if output["name"] == "master.m3u8")
    assert (restored.home / Path(output["path"]).relative_to(instance.home)).read_bytes() == Path(
        output["path"]
    ).read_bytes()
    url = f"sqlite:///{restored.home / 'catalog.sqlite3'}"
    assert pod_jobs(restored, "db", "check", "--against", "-", stdin=url).stdout == "Both are equal.\n"
    refused = pod_jobs(instance, "db", "copy", "--to", url)
    assert refused.returncode == 1 and "is in use by process" in refused.stderr
    told = pod_jobs(restored, "db", "copy", "--to", "mysql://pod:secret@db/pod")
    assert told.returncode == 2 and "process" in told.stderr and "secret" not in told.stderr


def test_what_is_not_open_cannot_be_cancelled(instance: Instance, clip: Path) -> None:
    video = json.loads(pod_jobs(instance, "submit", str(clip), "--wait", "--json").stdout)
    refused = pod_jobs(instance, "cancel", str(video["id"]))
    assert refused.returncode == 1
    assert "There is no video 999." in pod_jobs(instance, "cancel", "999").stderr
    assert "has no waiting or running task" in refused.stderr
    finished = pod_jobs(instance, "requeue", str(video["id"]))
    assert f"t{_task(instance, video['id'])['id']} (" in finished.stderr and "done)" in finished.stderr
    assert pod_jobs(instance, *finished.stderr.split(": ")[-1].split()).stdout == "1 encoding is queued.\n"
    wait_until(lambda: _task(instance, video["id"])["state"] == "done", what="it is encoded again")
    assert json.loads(pod_jobs(instance, "active", "--json").stdout) == []
    assert json.loads(pod_jobs(instance, "waiting", "--json").stdout) == []


def test_a_refused_upload_says_why(instance: Instance, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a recording\n" * 1000)
    refused = pod_jobs(instance, "submit", str(text))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "This file is not a video or a sound recording." in refused.stderr
    assert "Traceback" not in refused.stderr


def test_doctor_finds_a_running_instance_sound(instance: Instance) -> None:
    done = pod_jobs(instance, "doctor", "--json")
    found = json.loads(done.stdout)
    assert {finding["state"] for finding in found if finding["check"] != "sandbox"} == {"ok"}, found
    assert done.returncode == 0


def test_doctor_of_a_host_that_has_only_workers(instance: Instance, tmp_path: Path) -> None:
    """Such a host has no database and no session key, and needs none."""
    for name in (*FOLDERS, *PRIVATE_FOLDERS):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "media").chmod(0o755)
    shutil.copy(instance.home / "secrets" / "worker_token", tmp_path / "secrets")
    shutil.copy(instance.home / "media" / IDENTITY, tmp_path / "media")  # as the shared folder has it
    redis = f'redis.url = "{load(instance.home).redis_url}"'
    (tmp_path / "settings.toml").write_text(f'{redis}\nworker.catalog_url = "http://127.0.0.1:{instance.port}"\n')
    command = [sys.executable, "-m", "pod_jobs.cli", "doctor", "--home", str(tmp_path), "--json", "--queue", "encoding"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    found = json.loads(done.stdout)
    assert [finding for finding in found if finding["state"] == "fault"] == []
    assert done.returncode == 0
    assert {"database", "secrets"}.isdisjoint(finding["check"] for finding in found)
    assert {"ffmpeg", "key-value server", "catalog"} <= {finding["check"] for finding in found}


def test_people_and_tokens(instance: Instance) -> None:
    assert pod_jobs(instance, "user", "add", "ada", "--role", "team", stdin="long enough\n").returncode == 0
    twice = pod_jobs(instance, "user", "add", "ada", stdin="long enough\n")
    assert (twice.returncode, "The user ada already exists." in twice.stderr) == (1, True)
    short = pod_jobs(instance, "user", "passwd", "ada", stdin="short\n")
    assert short.returncode == 1 and "A password needs at least 10 characters." in short.stderr
    token = pod_jobs(instance, "token", "add", "ada", "--label", "a script").stdout.strip()
    me = f"http://127.0.0.1:{instance.port}/api/v1/me"
    headers = {"Authorization": f"Token {token}"}
    assert requests.get(me, headers=headers, timeout=5).json()["name"] == "ada"
    listed = json.loads(pod_jobs(instance, "token", "list", "--json").stdout)
    (own,) = [one for one in listed if one["label"] == "a script"]
    assert pod_jobs(instance, "token", "revoke", str(own["id"])).returncode == 0
    assert requests.get(me, headers=headers, timeout=5).status_code == 401
    for command in (["token", "add"], ["user", "off"], ["user", "on"]):
        unknown = pod_jobs(instance, *command, "nobody")
        assert unknown.returncode == 1 and "The user nobody does not exist." in unknown.stderr


def test_switching_off_ends_tokens_at_once_but_not_the_program_itself(instance: Instance) -> None:
    assert pod_jobs(instance, "user", "add", "bob", stdin="long enough\n").returncode == 0
    headers = {"Authorization": f"Token {pod_jobs(instance, 'token', 'add', 'bob').stdout.strip()}"}
    me = f"http://127.0.0.1:{instance.port}/api/v1/me"
    assert requests.get(me, headers=headers, timeout=5).status_code == 200
    assert pod_jobs(instance, "user", "off", "bob").returncode == 0
    assert requests.get(me, headers=headers, timeout=5).status_code == 401
    people = {one["name"]: one["active"] for one in json.loads(pod_jobs(instance, "user", "list", "--json").stdout)}
    assert people["bob"] is False
    assert pod_jobs(instance, "user", "on", "bob").returncode == 0
    assert pod_jobs(instance, "user", "off", "command-line").returncode == 2


def test_rq_has_our_connection_and_classes(instance: Instance) -> None:
    command = [sys.executable, "-m", "pod_jobs.cli", "--home", str(instance.home), "rq", "info", "--raw"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "workers" in done.stdout or "worker" in done.stdout


@pytest.mark.parametrize("arguments", [["list"], ["rq", "info"], ["doctor"]])
def test_without_an_instance_there_is_a_sentence(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pod_jobs.cli", "--home", str(tmp_path / "no where"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (done.stdout + done.stderr).strip()


def test_encode_and_probe_need_no_instance(tmp_path: Path, clip: Path) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return command_line.pod_jobs("--home", str(tmp_path / "none"), *arguments)

    facts = json.loads(run("probe", str(clip), "--json").stdout)
    assert facts["video"]["height_px"] == 180
    assert [track["channels"] for track in facts["audio"]] == [1]
    assert ", mono, " in run("probe", str(clip)).stdout
    made = json.loads(run("encode", str(clip), str(tmp_path / "out"), "--json").stdout)
    assert made["wall_s"] > 0 and made["cpu_s"] > 0
    assert {Path(output["path"]) for output in made["outputs"]} == set((tmp_path / "out").iterdir())
    again = run("encode", str(clip), str(tmp_path / "out"))
    assert (again.returncode, again.stdout) == (1, "")
    assert not (tmp_path / "none").exists()


def _task(instance: Instance, video_id: int) -> dict[str, object]:
    task: dict[str, object] = json.loads(pod_jobs(instance, "show", str(video_id), "--json").stdout)["task"]
    return task


def test_captions_come_in_and_go_out(instance: Instance, clip: Path) -> None:
    video = json.loads(pod_jobs(instance, "submit", str(clip), "--json").stdout)
    file = clip.with_name("été.srt")
    file.write_bytes("1\n00:00:01,000 --> 00:00:02,500\n<font>L’été</font>\n".encode("cp1252"))
    number = str(video["id"])
    none = pod_jobs(instance, "captions", "export", number)
    assert none.returncode == 2 and "There are: none" in none.stderr
    done = pod_jobs(instance, "captions", "import", number, str(file), "--language", "fra")
    assert done.returncode == 0, done.stderr
    track, *remarks = done.stdout.splitlines()
    assert track.endswith(", fr, version 1") and any("windows-1252" in remark for remark in remarks)
    again = json.loads(pod_jobs(instance, "captions", "import", number, str(file), "--language", "fr", "--json").stdout)
    assert again["version"] == 2
    vtt = pod_jobs(instance, "captions", "export", number)
    assert vtt.stdout == "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nL’été\n", vtt.stderr
    srt = pod_jobs(instance, "captions", "export", number, "--format", "srt", "--source-times").stdout
    assert srt == "1\n00:00:01,000 --> 00:00:02,500\nL’été\n"
    assert pod_jobs(instance, "captions", "export", number, "--format", "text").stdout == "L’été\n"
    words = json.loads(pod_jobs(instance, "captions", "export", number, "--format", "json").stdout)
    assert (words["language"], words["cues"][0]["text"]) == ("fr", "L’été")
    other = ("--language", "fr", "--label", "other")
    assert pod_jobs(instance, "captions", "import", number, str(file), *other).returncode == 0
    several = pod_jobs(instance, "captions", "export", number, "--language", "fr")
    assert several.returncode == 2 and "choose one with --language or --track" in several.stderr
    file.write_text("1\n00:00:02,000 --> 00:00:01,000\nBackward\n")
    bad = pod_jobs(instance, "captions", "import", number, str(file), "--language", "fr")
    assert bad.returncode == 1 and "line 2: captions-backward" in bad.stderr


def _asked(instance: Instance, path: str) -> dict[str, Any]:
    """What the API says, without the time that a new process of the command line takes."""
    headers = {"Authorization": f"Token {(instance.home / 'secrets' / 'cli_token').read_text()}"}
    answer = requests.get(f"http://127.0.0.1:{instance.port}/api/v1{path}", headers=headers, timeout=5)
    document: dict[str, Any] = answer.json()
    return document


def _encoders(instance: Instance) -> dict[str, str]:
    """Name and state of each encoding worker."""
    return {one["name"]: one["state"] for one in _asked(instance, "/workers")["workers"] if one["queue"] == "encoding"}


def test_drained_workers_finish_their_job_and_take_no_other_until_they_are_resumed(
    instance: Instance, clip: Path
) -> None:
    first = json.loads(pod_jobs(instance, "submit", str(clip), "--json").stdout)["id"]
    wait_until(lambda: _asked(instance, f"/videos/{first}")["task"]["state"] != "waiting", what="a worker has it")
    try:
        drained = pod_jobs(instance, "drain", "--all", "--why", "new disks", "--wait")
        assert drained.returncode == 0 and "Drained: all workers." in drained.stderr
        task = _asked(instance, f"/videos/{first}")["task"]
        assert (task["state"], task["generation"]) == ("done", 1)
        assert set(_encoders(instance).values()) == {"suspended"}, "idle ones know it"
        second = json.loads(pod_jobs(instance, "submit", str(clip), "--json").stdout)["id"]
        assert pod_jobs(instance, "workers").stdout.rstrip().endswith(": new disks")
        assert _asked(instance, f"/videos/{second}")["task"]["state"] == "waiting"
    finally:
        assert pod_jobs(instance, "resume", "--all").stdout == "All workers take jobs again.\n"
    wait_until(lambda: _asked(instance, f"/videos/{second}")["task"]["state"] == "done", what="they take jobs again")


def test_new_settings_interrupt_neither_the_pages_nor_an_encoding(instance: Instance, clip: Path) -> None:
    settings, before = instance.home / "settings.toml", _encoders(instance)
    settings.write_text("[workers]\nencoding = -1\n")
    refused = pod_jobs(instance, "reload")
    assert refused.returncode == 1 and "workers.encoding: " in refused.stderr
    settings.write_text(f"[workers]\nencoding = {len(before) + 1}\n[upload]\nmax_gb = 0.00001\n")
    try:
        video = json.loads(pod_jobs(instance, "submit", str(clip), "--json").stdout)["id"]
        wait_until(lambda: _asked(instance, f"/videos/{video}")["task"]["state"] != "waiting", what="a worker has it")
        assert pod_jobs(instance, "reload").returncode == 0
        # each look also shows that the web app is never away
        wait_until(lambda: len(_encoders(instance).keys() - before.keys()) == len(before) + 1, what="new workers")
        assert "larger than the limit" in pod_jobs(instance, "submit", str(clip)).stderr
        task = _asked(instance, f"/videos/{video}")["task"]
        assert (task["state"], task["generation"]) == ("done", 1), "the worker finished it"
        assert len(_asked(instance, f"/tasks/{task['id']}")["attempts"]) == 1, "at its first attempt"
    finally:
        settings.unlink()
        assert pod_jobs(instance, "reload").returncode == 0
    wait_until(lambda: len(_encoders(instance)) == len(before), what="as it was")
