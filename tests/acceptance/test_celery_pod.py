"""An unmodified Pod 4.1 and the whole product: in place of Celery's workers, the bridge and our workers."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
import requests

from pod_jobs.speech.models import is_installed
from tests.acceptance.instance import Instance, running
from tests.acceptance.site import make_clip
from tests.clips import ffmpeg
from tests.integration.jobs.speech.test_transcribe import SENTENCE
from tests.servers import KeyValueServer, need, short_folder, wait_until
from tests.small_celery_pod import STUDIO, TOKEN, TRANSCRIPTING, XAPI, SmallCeleryPod, Video, serve

DATABASE = 5
SETTINGS = """
[[site]]
name = "univ"
kind = "celery"
private_networks = ["127.0.0.0/8"]
shared_folder = "{media}"
callback_url = "{url}"
"""


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCeleryPod]:
    with short_folder() as folder:
        server = KeyValueServer(folder)
        server.start()
        media = tmp_path_factory.mktemp("média de Pod")
        try:
            with serve(SmallCeleryPod(media, f"redis+socket://{server.socket}?virtual_host={DATABASE}")) as made:
                yield made
        finally:
            server.stop()


@pytest.fixture(scope="module")
def instance(pod: SmallCeleryPod) -> Iterator[Instance]:
    def prepare(home: Path) -> None:
        (home / "secrets").mkdir(parents=True, mode=0o700)
        (home / "settings.toml").write_text(SETTINGS.format(media=pod.media, url=pod.url), encoding="utf-8")
        (home / "secrets/site_univ").write_text(TOKEN)
        (home / "secrets/site_univ_broker").write_text(f"{pod.broker}\n")

    with running("un Pod 4.1", prepare) as made:
        yield made


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s in 720p."""
    return make_clip(tmp_path_factory.mktemp("clip") / "cours d'été.mp4", seconds=12, size="1280x720")


def wait_for_end(pod: SmallCeleryPod, video: Video) -> None:
    wait_until(lambda: not video.in_progress, 100, f"Pod knows how {video} ended; it heard {pod.callbacks}")


def test_a_recording_is_encoded_and_imported(instance: Instance, pod: SmallCeleryPod, recording: Path) -> None:
    video = pod.add(7, recording)
    pod.encode(video)
    wait_for_end(pod, video)
    assert video.imports == 1, pod.callbacks
    assert video.renditions == ["360 video/mp4", "720 video/mp4", "360 video/mp2t", "720 video/mp2t"]
    assert video.playlists == ["360p", "720p", "playlist"]
    names = {path.name for path in video.folder.iterdir()}
    whole = {"info_video.json", "livestream.m3u8", "audio_192k.mp3", "overview.png", "overview.vtt"}
    assert names == whole | {f"{h}p.{e}" for h in (360, 720) for e in ("mp4", "ts", "m3u8")} | {
        name for name in names if name.startswith("thumbnail_000")
    }
    assert "thumbnail_0001.png" in names and video.info["duration"] in (11, 12)
    assert (video.info["error_encoding"], video.info["id"]) == (False, 7)
    path, body = pod.callbacks[-1]
    assert path == "/rest/store_remote_encoded_video/"
    assert set(body) == {
        *("start", "stop", "video_id", "video_path", "cut_start", "cut_end", "json_dressing", "dressing_input")
    }


def test_a_cut_and_a_dressing(instance: Instance, pod: SmallCeleryPod, recording: Path) -> None:
    """D24: Pod 4.1 counted the cut from the start of the opening credits."""
    video, credits = pod.add(8, recording), pod.add(9, make_clip(recording.parent / "générique.mp4", seconds=3))
    dressing = {
        "id": 1,
        "title": "t",
        "watermark": None,
        "position": "Top right",
        "position_orig": "top_right",
        "opacity": 50,
        "opening_credits": 9,
        "opening_credits_video": str(credits.source),
        "ending_credits": None,
    }
    pod.encode(video, 2, 7, dressing)
    wait_for_end(pod, video)
    assert video.imports == 1 and video.info["duration"] in (7, 8), video.info


def test_a_failure_is_reported_as_one(instance: Instance, pod: SmallCeleryPod, recording: Path) -> None:
    """D9, D10, D11: in Pod 4.1 the video stayed "in progress", or counted as encoded."""
    (recording.parent / "text.mp4").write_text("this is no recording")
    video = pod.add(10, recording.parent / "text.mp4")
    pod.encode(video)
    wait_for_end(pod, video)
    assert video.info["error_encoding"] is True and video.renditions == []
    (failed,) = video.log.values()
    assert failed["result"] is False and "not a video" in failed["msg"]
    assert {path.name for path in video.folder.iterdir()} == {"info_video.json"}


def test_a_studio_session_becomes_one_mp4(instance: Instance, pod: SmallCeleryPod, recording: Path) -> None:
    """D22: with FFmpeg 5 and newer, Pod 4.1 could not do it at all."""
    slides = pod.add(11, recording)
    camera = pod.add(12, make_clip(recording.parent / "caméra.mp4", seconds=12, size="640x360"))
    output = pod.media / "opencast-files" / "11.mp4"
    output.parent.mkdir()
    tracks = [
        {"type": "presenter/source", "src": str(camera.source)},
        {"type": "presentation/source", "src": str(slides.source)},
    ]
    pod.send(STUDIO, 11, str(output), tracks, "-ss 1.5 -to 6.5 ", "mid")
    wait_for_end(pod, slides)
    assert slides.imports == 1 and "done" in slides.comment
    assert [path.name for path in output.parent.iterdir()] == ["11.log"]
    with av.open(str(slides.made)) as container:
        picture = container.streams.video[0].codec_context
        assert picture.width > 2 * picture.height and 4.5 < float(container.duration or 0) / av.time_base < 5.5
        assert len(container.streams.audio) == 1


def test_a_transcription_that_cannot_be_made_is_told_with_its_reason(
    instance: Instance, pod: SmallCeleryPod, recording: Path
) -> None:
    """D30: in Pod 4.1 nobody heard of it. That there is no sound is known without the extra `speech` too."""
    video = pod.add(13, recording)
    pod.send(TRANSCRIPTING, 13, str(pod.media / "videos" / "none.mp3"), 12, "fr")
    (pod.media / "videos" / "none.mp3").write_text("no sound")
    wait_for_end(pod, video)
    assert (
        len(video.captions) == 1 and video.captions[0].startswith("WEBVTT\n\nNOTE ") and "-->" not in video.captions[0]
    )
    assert video.comment and "done" not in video.comment
    assert [path.name for path in (pod.media / "temp").iterdir()] == []


def test_speech_becomes_the_captions_that_pod_imports(instance: Instance, pod: SmallCeleryPod, tmp_path: Path) -> None:
    """D29, D30: with the real engine. Pod answers 500 first: its own workers said it once, and the captions were lost."""
    need(shutil.which("espeak-ng"), "espeak-ng")
    need(is_installed(), "the extra `speech`")
    talk, sound = tmp_path / "exposé.wav", tmp_path / "exposé.mp3"
    subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "140", "-w", str(talk), SENTENCE], check=True)
    ffmpeg("-i", str(talk), str(sound))
    video = pod.add(15, sound)
    pod.mood = [500]
    pod.send(TRANSCRIPTING, 15, str(video.source), 4, "en")
    wait_for_end(pod, video)
    heard = [body for path, body in pod.callbacks if path == "/rest/store_remote_transcripted_video/"][-2:]
    assert heard[0] == heard[1] and pod.answers[-2:] == [500, 200], "told until Pod has it, and then no more"
    assert heard[0].keys() == {"video_id", "msg", "temp_vtt_file"} and heard[0]["video_id"] == 15
    assert Path(heard[0]["temp_vtt_file"]).parent == pod.media / "temp"
    (captions,) = video.captions
    spoken = [line for line in captions.splitlines()[1:] if line and "-->" not in line]
    assert captions.startswith("WEBVTT\n\n00:0") and " ".join(spoken) == SENTENCE
    assert "done" in video.comment and list((pod.media / "temp").iterdir()) == []


def test_what_cannot_be_carried_out_is_on_the_errors_page(
    instance: Instance, pod: SmallCeleryPod, recording: Path
) -> None:
    outside = pod.videos[14] = Video(14, recording)
    pod.encode(outside)
    pod.send(XAPI, {"verb": "nonsense"})
    token = (instance.home / "secrets/cli_token").read_text().strip()
    address = f"http://127.0.0.1:{instance.port}/api/v1/tasks?state=error&limit=50"

    def reasons() -> str:
        return requests.get(address, headers={"Authorization": f"Token {token}"}, timeout=10).text

    wait_until(lambda: "lies outside the media folder" in reasons(), 60, "the path outside is a failed task")
    wait_until(lambda: "statement" in reasons() or "actor" in reasons(), 60, "so is the learning trace that is none")
    wait_until(lambda: not outside.in_progress, 60, "Pod is told of the path outside")
    assert "lies outside the media folder" in outside.log["mp4_command"]["msg"] and not outside.folder.exists()
    command = [sys.executable, "-m", "pod_jobs.cli", "--home", str(instance.home), "broker", "show", "--json"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    rows = [(one.get("queue"), one.get("refused")) for one in map(json.loads, shown)]
    assert rows == [("encoding", 0), ("transcripting", 0), ("xapi", 1), (None, None)]
