"""Faults of the settings, all at once; and of the front door's own words."""

import json
import re
import subprocess
import tomllib
from contextlib import nullcontext
from pathlib import Path

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.settings import ROOT, load
from pod_jobs.settings.dressing import DressingSettings
from pod_jobs.settings.encode import TemplateRenditionSettings, TemplateSettings
from pod_jobs.settings.periodic import PeriodicSettings
from pod_jobs.settings.section import Section
from pod_jobs.settings.xapi import LaneSettings

RUNG = """
[[rendition]]
name = "audio"
height_px = 360
crf = 20
preset = "fast"
maxrate_kbps = 900
audio_kbps = 96
mp4 = true
"""


def test_a_rendition_named_like_the_sound_is_told_with_all_other_faults(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[web]\nport = 0\n" + RUNG)
    with pytest.raises(SettingsError) as fault:
        load(tmp_path)
    first, second = sorted(fault.value.reason.splitlines())
    assert first.startswith("rendition.0.name:") and "audio is the name of the sound" in first
    assert second.startswith("web.port:")


def test_each_fault_names_what_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "settings.toml"
    own.write_text('[web]\nport = 0\nprot = 1\n[[periodic]]\nname = "x"\n[encode]\nsegment_s = 5\n')
    monkeypatch.setenv("POD_JOBS_RETRY__BASE_S", "-1")
    with pytest.raises(SettingsError) as fault:
        load(tmp_path, upload={"max_gb": -1})
    places = dict(re.findall(r"^(\S+): .*?(?: \(([^()]*)\))?$", fault.value.reason, re.MULTILINE))
    assert places == {
        "web.port": str(own),
        "web.prot": str(own),
        "periodic.0.kind": str(own),
        "periodic.0.missed": str(own),
        "encode": str(own),
        "retry.base_s": "POD_JOBS_RETRY__BASE_S",
        "upload.max_gb": "",
    }


def test_a_variable_goes_before_the_files_key_by_key_and_the_command_line_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.toml").write_text(
        '[web]\nport = 1\nthreads = 5\n[xapi]\nsalt = "x"\n[[xapi.lane]]\nname = "old"\n'
    )
    lanes = '[{"name": "one", "url": "https://lrs.example"}]'
    for name, text in (
        ("WEB__PORT", "2"),
        ("WEB__HOST", "[::1]"),
        ("XAPI__PASSWORDS__ONE", "{p"),
        ("XAPI__LANE", lanes),
    ):
        monkeypatch.setenv(f"POD_JOBS_{name}", text)
    settings = load(tmp_path, web={"processes": 7, "host": "::"})
    assert (settings.web.port, settings.web.threads, settings.web.processes, settings.web.host) == (2, 5, 7, "::")
    assert [lane.name for lane in settings.xapi.lane] == ["one"]
    assert (settings.xapi.salt, settings.lrs_password("one")) == ("x", "{p")


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("POD_JOBS_RENDITION", "[{]", "rendition: "),
        ("POD_JOBS_WEB", "9000", "web: "),
        ("POD_JOBS_WEB__PROT", "9000", "web.prot: no such setting (POD_JOBS_WEB__PROT)"),
        ("POD_JOBS_REDIS__ENCODING", "redis://h/5", "redis.encoding: no such setting; redis.url is that of all queues"),
        ("POD_JOBS_REDIS__ULR", "redis://h/5", "redis.ulr: no such setting (POD_JOBS_REDIS__ULR)"),
        ("POD_JOBS_WEBB__PORT", "9000", "POD_JOBS_WEBB__PORT: no such setting"),
        ("POD_JOBS_WORKERS__ENCODING", "4..1", "workers.encoding: Value error, a number is needed, or a range"),
        ("RQ_KEY_PREFIX", "team", "RQ_KEY_PREFIX: use redis.prefix instead"),
        ("POD_JOBS_REDIS__PREFIX", "a b", "redis.prefix: "),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, fault: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError) as raised:
        load(tmp_path)
    assert raised.value.reason.startswith(fault) and name in raised.value.reason
    assert "\n" not in raised.value.reason


def test_who_gives_a_table_of_queues_reads_what_to_do_instead(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[redis.queues]\nxapi = 'redis://h/5'\n")
    with pytest.raises(SettingsError, match=r"redis\.queues: no such setting; redis\.url is that of all queues"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"[web\n", b"[web]\nhost = '\xff'\n"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "settings.toml").write_bytes(content)
    with pytest.raises(SettingsError) as fault:
        load(tmp_path)
    assert fault.value.reason.startswith(f"{tmp_path / 'settings.toml'}: ") and "\n" not in fault.value.reason


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """For instance one of another user. Root reads those too, but not the first byte of its own memory."""
    (tmp_path / "settings.toml").symlink_to("/proc/self/mem")
    with pytest.raises(SettingsError, match=f"{tmp_path}/settings.toml: Input/output error"):
        load(tmp_path)


def test_a_folder_named_as_the_settings_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(SettingsError, match=r"^web.port: [^()]*$"):
        load(tmp_path, web={"port": 0})


@pytest.mark.parametrize(
    ("section", "model"),
    [
        ("template", TemplateSettings),
        ("template.rendition", TemplateRenditionSettings),
        ("periodic", PeriodicSettings),
        ("dressing", DressingSettings),
        ("xapi.lane", LaneSettings),
    ],
)
def test_settings_toml_shows_the_defaults_of_sections_that_repeat(section: str, model: type[Section]) -> None:
    """As the value of the example or in its comment. TOML cannot express None, nor an empty list of sections."""
    text = (ROOT / "settings.toml").read_text("utf-8")
    example = re.split(rf"^(?:# )?\[\[{re.escape(section)}\]\]", text, flags=re.MULTILINE)[1]
    shown = dict(reversed(re.findall(r"^(?:# )?(\w+) = (.*)", example, re.MULTILINE)))  # the first of a name counts
    for key, field in model.model_fields.items():
        if not field.is_required() and field.default is not None and key != "rendition":
            default = json.dumps(field.default)
            is_example = tomllib.loads(f"value = {shown[key]}")["value"] == json.loads(default)
            assert is_example or f"efault {default}" in shown[key], key


def test_a_template_that_the_profile_lacks_is_refused_with_those_that_it_has(tmp_path: Path) -> None:
    wrong = {"name": "one", "url": "https://lrs.example", "templates": ["played", "Watched"]}
    with pytest.raises(SettingsError, match=r"xapi\.lane\.0\.templates\.1: .*no template 'Watched'; .*seeked"):
        load(tmp_path, xapi={"lane": [wrong]})


def test_run_names_a_command_that_it_does_not_have() -> None:
    done = subprocess.run([ROOT / "run", "blah"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'blah'" in done.stderr and "./run up" in done.stderr
    assert subprocess.run([ROOT / "run"], capture_output=True, timeout=20).returncode == 0


@pytest.mark.parametrize(
    ("mail", "fault"),
    [
        ({"server": "smtp.univ.example"}, "a server needs a sender and recipients"),
        ({"sender": "Pod <pod@univ.example>"}, "sender"),
        ({"recipients": ["a@univ.example\r\nBcc: b@univ.example"]}, "recipients"),
        ({"user": "pod", "encryption": "none"}, "in plain text"),
        ({"port": 65536}, "port"),
    ],
)
def test_mail_that_could_not_be_sent_is_refused_at_the_start(
    tmp_path: Path, mail: dict[str, object], fault: str
) -> None:
    with pytest.raises(SettingsError, match=fault):
        load(tmp_path, mail=mail)


def test_the_password_of_the_mail_server_comes_from_its_file_or_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "mail_password").write_text("of the file\n")
    assert load(tmp_path, mail={"user": "pod"}).mail_account().password == "of the file"
    monkeypatch.setenv("POD_JOBS_MAIL__PASSWORD", "of the variable")
    assert load(tmp_path, mail={"user": "pod"}).mail_account().password == "of the variable"
    assert load(tmp_path).mail_account().password == ""


def test_a_number_of_workers_may_be_a_range(tmp_path: Path) -> None:
    own = load(tmp_path, workers={"encoding": "2..4", "xapi": 3, "catalog": "0"}, fleet={"encoding": 1})
    assert own.workers.encoding == (2, 4) and own.workers.xapi == (3, 3) and own.workers.catalog == (0, 0)
    assert own.expected_workers("encoding") == 2
    for wrong in ("0..2", "3..2", "..2", "1..300", "", "-1", "1.5", True):
        with pytest.raises(SettingsError, match=r"workers\.xapi: .*range"):
            load(tmp_path, workers={"xapi": wrong})


def test_a_shared_folder_holds_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site may name any file in its folder: recordings of others must not lie there."""
    home, disk = tmp_path / "instance", tmp_path / "disk"
    home.mkdir()
    disk.mkdir()
    (home / "media").symlink_to(disk)
    site = {"name": "univ", "kind": "celery", "callback_url": "https://pod.univ.fr/rest"}
    for folder in ("/", f"{home}/x/..", tmp_path, home / "media" / "videos", disk, disk / "x"):
        monkeypatch.setenv("POD_JOBS_SITE", json.dumps([{**site, "shared_folder": str(folder)}]))
        with pytest.raises(SettingsError, match="univ.*shared_folder"):
            load(home)
    monkeypatch.setenv("POD_JOBS_SITE", json.dumps([{**site, "shared_folder": str(tmp_path / "instance of Pod")}]))
    load(home)


ANY = {"language": "*", "path": "/models/any"}


@pytest.mark.parametrize(
    ("models", "fault"),
    [
        ([ANY, {"language": "fr", "path": "/models/fr"}, ANY | {"name": "Precise"}], ""),
        ([ANY, ANY], "for the same language"),
        ([ANY, ANY | {"name": "Precise"}, ANY | {"name": "Precise"}], "the same name"),
        ([ANY, {"language": "fr", "name": "Precise"}], "is for all languages"),
    ],
)
def test_each_model_of_speech_is_for_a_language_or_has_a_name(
    tmp_path: Path, models: list[dict[str, str]], fault: str
) -> None:
    lines = [
        f"{name} = {value!r}" if name else "[[speech.model]]"
        for model in models
        for name, value in [("", ""), *model.items()]
    ]
    (tmp_path / "settings.toml").write_text("\n".join(lines))
    with pytest.raises(SettingsError, match=fault) if fault else nullcontext():
        assert len(load(tmp_path).speech.model) == len(models)


@pytest.mark.parametrize(
    ("url", "is_lacking"),
    [
        ("", True),
        ("SQLite:///{home}/none", True),
        ("sqlite+pool:///{home}/none", True),
        (f"sqlite:///{{home}}/{'x' * 300}", True),  # the system refuses to look for such a name
        ("sqlite:///{home}/there", False),
        ("postgresql:///{home}/none", False),
    ],
)
def test_a_database_that_is_not_there(tmp_path: Path, url: str, is_lacking: bool) -> None:
    (tmp_path / "there").touch()
    assert load(tmp_path, database={"url": url.format(home=tmp_path)}).lacks_database is is_lacking
