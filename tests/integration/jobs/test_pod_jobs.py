"""What a Pod orders beside plain encodings: studio sessions and transcriptions, fetched from a real web server."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby, product
from pathlib import Path
from typing import Any

import av
import pytest

from pod_jobs.catalog.client import Order
from pod_jobs.errors import BadSource, Interrupted, PermanentError
from pod_jobs.jobs.encode import run_of
from pod_jobs.jobs.pod import run_pod_encode
from pod_jobs.jobs.pod.transcription import _Lenders, run_pod_transcribe
from pod_jobs.settings import Settings
from pod_jobs.speech.models import is_installed
from tests.clips import AAC, H264, ffmpeg, pattern, tone
from tests.integration.jobs.speech.test_transcribe import SENTENCE, context_of, model  # noqa: F401  # a fixture
from tests.servers import need
from tests.small_pod import SmallPod, serve
from tests.unit.jobs.test_mediapackage import SMIL

SITE = {"name": "univ", "hosts": [], "networks": ["127.0.0.0/8"], "age_s": 1.0}
SMALL = {"rendition": {"180": {"resolution": "320x180"}}}


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[SmallPod]:
    (tmp_path / "media").mkdir()
    with serve(SmallPod("4.4", tmp_path / "media", "", "")) as made:
        yield made


@pytest.fixture(autouse=True)
def place(settings: Settings) -> Path:
    folder = settings.media_folder / "videos/000003"
    folder.mkdir(parents=True)
    return folder


def order(kind: str, url: str, parameters: dict[str, Any], task_type: str = "") -> Order:
    options = {"task_type": task_type, "source_url": url, "parameters": parameters}
    return Order(7, 1, 1, 0, kind, "", 3, "t", "", "videos/000003", options, site=SITE)


def ignore(order: Order, progress: dict[str, Any]) -> None:
    """A tick of which nobody wants to know."""


def package(pod: SmallPod, cuts: str = "") -> str:
    """A studio session of 4 s, with slides and a presenter; the address of its mediapackage."""
    ffmpeg(*pattern("320x180", seconds=4), *tone(4), "-c:v", "libx264", "-c:a", "aac", str(pod.media / "slides.mp4"))
    ffmpeg(*pattern("160x120", seconds=4), *tone(4), "-c:v", "libx264", "-c:a", "aac", str(pod.media / "camera.mp4"))
    (pod.media / "cut.smil").write_text(SMIL.format(cuts))
    (pod.media / "package.xml").write_text(
        f"""<mediapackage xmlns="http://mediapackage.opencastproject.org"><media>
        <track type="presenter/source"><url>{pod.url}/media/camera.mp4</url></track>
        <track type="presentation/source"><url>{pod.url}/media/slides.mp4</url></track></media>
        <metadata><catalog type="smil/cutting"><url>{pod.url}/media/cut.smil</url></catalog></metadata></mediapackage>"""
    )
    return f"{pod.url}/media/package.xml"


def test_a_studio_session_becomes_one_video_and_its_source(settings: Settings, pod: SmallPod) -> None:
    """D22: with FFmpeg 5 and newer, Pod 4.1 could not do it at all."""
    url = package(pod, '<video clipBegin="1s" clipEnd="3s"/>')
    wanted = order("pod_encode", url, {**SMALL, "presenter": "mid"}, "studio")
    result = run_pod_encode(context_of(settings, ignore), wanted)
    folder = settings.media_folder / result["folder"]
    names = {one["name"] for one in result["outputs"]}
    assert {"studio_base.mp4", "180p_studio_base.ts", "180p_studio_base.m3u8", "info_video.json"} <= names
    with av.open(str(folder / "studio_base.mp4")) as container:
        picture = container.streams.video[0].codec_context
        assert picture.width > 320 > picture.height and 1.5 < float(container.duration or 0) / av.time_base < 2.5
        assert len(container.streams.audio) == 1
    assert json.loads((folder / "info_video.json").read_text())["duration"] in (1, 2)
    assert not (settings.home / "work" / "fetched" / "task-7").exists()


def test_a_watermark_and_credits_of_a_pod_are_fetched_and_encoded(settings: Settings, pod: SmallPod) -> None:
    """Pod 4.2 and later send what dresses a video as addresses, in JSON as text."""
    clips = {"opening.mp4": ("red", 1), "film.mp4": ("blue", 2), "ending.mp4": ("lime", 1)}
    for name, (colour, seconds) in clips.items():
        picture = ("-f", "lavfi", "-i", f"color={colour}:s=320x180:r=25:d={seconds}")
        ffmpeg(*picture, *tone(seconds), *H264, *AAC, str(pod.media / name))
    ffmpeg("-f", "lavfi", "-i", "color=white:s=64x64", "-frames:v", "1", str(pod.media / "logo é.png"))
    dressing = {
        "watermark": f"{pod.url}/media/logo%20%C3%A9.png",
        "watermark_position_orig": "bottom_left",
        "watermark_opacity": "100",
        "opening_credits_video": f"{pod.url}/media/opening.mp4",
        "ending_credits_video": f"{pod.url}/media/ending.mp4",
    }
    sizes = {"180": {"resolution": "320x180", "encode_mp4": True}}
    parameters = {"rendition": json.dumps(sizes), "dressing": json.dumps(dressing)}
    result = run_pod_encode(context_of(settings, ignore), order("pod_encode", f"{pod.url}/media/film.mp4", parameters))
    folder = settings.media_folder / result["folder"]
    with av.open(str(folder / "180p_film.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert 98 <= len(frames) <= 102, "4 s: credits, recording, credits"
    seen = ["RGB"[frame[20, 300].argmax()] for frame in frames]
    assert "".join(colour for colour, _ in groupby(seen)) == "RBG"
    corners = {"top": slice(0, 90), "bottom": slice(90, 180)}, {"left": slice(0, 160), "right": slice(160, 320)}
    white = {
        f"{y} {x}"
        for (y, rows), (x, columns) in product(corners[0].items(), corners[1].items())
        if (frames[50][rows, columns].min(axis=2) > 180).sum() > 200
    }
    assert white == {"bottom left"}, "the logo is 32 pixels wide"
    assert not (settings.home / "work" / "fetched" / "task-7").exists()


def test_a_mediapackage_with_entities_is_refused(settings: Settings, pod: SmallPod) -> None:
    document = '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]><mediapackage>&x;</mediapackage>'
    (pod.media / "package.xml").write_text(document)
    with pytest.raises(BadSource, match="document type"):
        run_pod_encode(
            context_of(settings, ignore), order("pod_encode", f"{pod.url}/media/package.xml", SMALL, "studio")
        )
    assert not (settings.home / "work" / "fetched" / "task-7").exists()


def test_speech_becomes_one_vtt(settings: Settings, pod: SmallPod, model: str) -> None:  # noqa: F811
    need(shutil.which("espeak-ng"), "espeak-ng")
    need(is_installed(), "the extra `speech`")
    subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "140", "-w", str(pod.media / "talk.wav"), SENTENCE], check=True)
    speech = settings.speech.model_copy(
        update={"model": (settings.speech.model[0].model_copy(update={"path": model}),)}
    )
    own = settings.model_copy(update={"speech": speech})
    wanted = order("pod_transcribe", f"{pod.url}/media/talk.wav", {"language": "en", "duration": 4})
    result = run_pod_transcribe(context_of(own, ignore), wanted)
    assert [one["name"] for one in result["outputs"]] == ["talk.vtt"] and result["infos"]["language"] == "en"
    folder = own.media_folder / result["folder"]
    assert {path.name for path in folder.iterdir()} <= {"talk.vtt", "done.json", "encoding.log"}
    text = (folder / "talk.vtt").read_text()
    assert text.startswith("WEBVTT") and SENTENCE.split()[-1] in text
    assert run_pod_transcribe(context_of(own, ignore), wanted) == result  # published already: only reported again


def test_a_transcription_that_was_stopped_goes_on_with_the_pieces_that_it_had(
    settings: Settings,
    pod: SmallPod,
    model: str,  # noqa: F811
) -> None:
    """Of another sound, none is taken."""
    need(shutil.which("espeak-ng"), "espeak-ng")
    need(is_installed(), "the extra `speech`")
    subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "140", "-w", str(pod.media / "talk.wav"), SENTENCE], check=True)
    entry = settings.speech.model[0].model_copy(update={"path": model})
    own = settings.model_copy(update={"speech": settings.speech.model_copy(update={"model": (entry,)})})

    def stop(order: Order, progress: dict[str, Any]) -> None:
        if progress["fraction"] == 1.0:
            raise Interrupted("the worker stops")

    def said(changes: dict[str, Any]) -> str:
        wanted = order("pod_transcribe", f"{pod.url}/media/talk.wav", {"language": "en", **changes})
        result = run_pod_transcribe(context_of(own, ignore), wanted)
        text = (own.media_folder / result["folder"] / "talk.vtt").read_text()
        shutil.rmtree(own.media_folder / result["folder"])
        return text

    for changes in ({}, {"normalize": True}):
        with pytest.raises(Interrupted):
            run_pod_transcribe(
                context_of(own, stop), order("pod_transcribe", f"{pod.url}/media/talk.wav", {"language": "en"})
            )
        (piece,) = (own.media_folder / "videos/000003/pod_transcribe-7-g1.chunks").glob("[0-9]*[0-9]")
        found = json.loads(piece.read_text())
        found[0][2] = "Kept"
        piece.write_text(json.dumps(found))
        assert ("Kept" in said(changes)) is (not changes)


def test_where_the_recording_cannot_be_lent_nobody_is_called(settings: Settings, tmp_path: Path) -> None:
    """As on a full disk: the owner goes on alone."""
    wanted = order("pod_transcribe", "https://pod/talk.wav", {})
    team = _Lenders(context_of(settings, ignore), wanted, run_of(wanted), tmp_path / "gone", "", source=tmp_path / "a")
    team.call(2)
    (tmp_path / "gone").mkdir()
    (tmp_path / "a").touch()
    team.call(2)
    assert team.called == 0, "it is tried once"


def test_without_the_extra_a_transcription_fails_at_once(
    settings: Settings, pod: SmallPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its site is told; another host that nobody adds is not waited for."""
    monkeypatch.setattr("pod_jobs.speech.models.is_installed", lambda: False)
    with pytest.raises(PermanentError) as error:
        run_pod_transcribe(context_of(settings, ignore), order("pod_transcribe", f"{pod.url}/a.mp3", {}))
    assert error.value.code == "speech-not-installed"


def test_a_site_that_is_away_for_a_day_fails_the_task(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pod_jobs.outside.fetching.TRIES", 1)
    wanted = order("pod_encode", "http://127.0.0.1:9/a.mp4", SMALL)
    wanted = replace(wanted, site={**SITE, "age_s": 90_000.0})
    with pytest.raises(BadSource) as error:
        run_pod_encode(context_of(settings, ignore), wanted)
    assert error.value.code == "source-not-fetched"


def test_a_second_recording_that_is_no_path_is_refused_with_a_sentence(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    wanted = order("pod_encode", f"{tmp_path}/a.mp4", {**SMALL, "second": 3}, "studio")
    shared = replace(wanted, site={**SITE, "folder": str(tmp_path)})
    with pytest.raises(BadSource, match="second"):
        run_pod_encode(context_of(settings, ignore), shared)
