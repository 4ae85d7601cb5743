"""[[template]] of the settings: what fits together, what is said at once, what an encode is planned from."""

import re
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.jobs.encode import build_plan
from pod_jobs.media.planning.codecs import CONTAINERS, find_lacks
from pod_jobs.settings import ROOT, load

HEAD = 'title = {en = "x", fr = "x"}\nautomatic = false\n'
RUNG = '[[template.rendition]]\nname = "a"\nheight_px = 360\nmaxrate_kbps = 900\naudio_kbps = 96\n'


def template(name: str, lines: str) -> str:
    return f'[[template]]\nname = "{name}"\n{HEAD}{lines}\n'


def faults(home: Path, text: str) -> str:
    (home / "settings.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(home)
    return caught.value.reason


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('container = "mp4"\nladder = ["360p"]', "t: mp4 needs a codec"),
        ('container = "mp4"\ncodec = "h264"', "give either ladder"),
        ('container = "mp4"\ncodec = "av1"\nladder = ["360p"]', "av1 needs its own [[template.rendition]]"),
        ('container = "mp4"\ncodec = "h264"\nladder = ["400p"]', "template t: there is no rendition '400p'"),
        (f'container = "webm"\ncodec = "h264"\n{RUNG}crf = 20\npreset = "fast"', "webm holds av1 or vp9"),
        (f'container = "mp4"\ncodec = "h264"\n{RUNG}crf = 60\npreset = "fast"', "a: crf of h264 ends at 51"),
        (f'container = "webm"\ncodec = "vp9"\n{RUNG}crf = 60\npreset = "9"', "a: preset of vp9 is one of 0, 1"),
        ('container = "mp3"', "mp3 needs audio_kbps"),
        ('container = "m4a"\naudio_kbps = 96\ncodec = "h264"', "m4a holds sound alone"),
        ('container = "ogg"', "template.0.container"),
        ('container = "mp3"\naudio_kbps = 96\nbitrate = 9', "template.0.bitrate: no such setting"),
    ],
)
def test_what_does_not_fit_together_is_named(tmp_path: Path, lines: str, said: str) -> None:
    assert said in faults(tmp_path, template("t", lines))


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    text = template("one", 'container = "mp3"') + template("two", 'container = "mp4"') + "[web]\nport = 0\n"
    found = faults(tmp_path, text)
    assert "one: mp3 needs audio_kbps" in found
    assert "two: " in found and "mp4 needs a codec" in found and "give either ladder" in found
    assert "web.port" in found


@pytest.mark.parametrize(("name", "said"), [("web", "always there"), ("twice", "two entries have the same name")])
def test_names_that_are_taken(tmp_path: Path, name: str, said: str) -> None:
    sound = 'container = "mp3"\naudio_kbps = 96'
    assert said in faults(tmp_path, template("twice", sound) + template(name, sound))


def test_an_instance_replaces_the_shipped_templates_and_keeps_the_web(tmp_path: Path) -> None:
    shipped = load(tmp_path).templates
    assert [*shipped] == ["web", "archive", "audio", "av1", "vp9"]
    assert [one.name for one in shipped.values() if one.automatic] == ["web"]
    (tmp_path / "settings.toml").write_text(template("small", 'container = "mp4"\ncodec = "h264"\nladder = ["360p"]'))
    settings = load(tmp_path)
    assert [*settings.templates] == ["web", "small"]
    assert [one.name for one in build_plan(settings, None, "small").renditions] == ["360p"]
    (tmp_path / "settings.toml").write_text("template = []\n")
    assert [*load(tmp_path).templates] == ["web"]


def test_only_the_web_has_pictures_captions_and_an_mp3_beside(tmp_path: Path) -> None:
    settings = load(tmp_path)
    plans = {name: build_plan(settings, None, name) for name in settings.templates}
    assert [name for name, plan in plans.items() if plan.with_extras or plan.mp3_kbps] == ["web"]
    assert plans["web"].renditions == build_plan(settings).renditions
    with pytest.raises(SettingsError) as refused:
        build_plan(settings, None, "gone")
    assert refused.value.sentence == "The settings of this worker do not contain the template gone."


def test_what_a_build_of_ffmpeg_lacks() -> None:
    everything = ("libx264", "libsvtav1", "libvpx-vp9", "aac", "libopus")
    assert [find_lacks(*sort, everything) for sort in (("hls", "h264"), ("webm", "vp9"), ("mp3", ""))] == [[], [], []]
    assert find_lacks("webm", "av1", ("libx264", "aac")) == ["libsvtav1 or libaom-av1", "libopus"]
    assert find_lacks("mp4", "av1", ("libaom-av1", "aac")) == []


def test_the_settings_and_the_media_library_know_the_same_containers() -> None:
    accepted: Any = re.search(r"container: Literal\[(.*)\]", (ROOT / "pod_jobs" / "settings" / "encode.py").read_text())
    assert {*accepted[1].replace('"', "").split(", ")} == {*CONTAINERS}
