"""An unmodified Pod and the whole product: 4.2, 4.4 and V5 have recordings encoded here."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
import requests

from pod_jobs.speech.models import is_installed
from tests.acceptance.instance import Instance, running
from tests.acceptance.site import make_clip
from tests.integration.jobs.speech.test_transcribe import SENTENCE
from tests.integration.jobs.test_pod_jobs import package as studio_package
from tests.servers import need, wait_until
from tests.small_pod import SmallPod, Video, serve

TOKEN = "token-of-the-small-pod-0123456789"
SETTINGS = """
[[site]]
name = "univ"
private_networks = ["127.0.0.0/8"]

[[site]]
name = "strict"
"""


CUT = '<video clipBegin="1s" clipEnd="3s"/>'


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    def prepare(home: Path) -> None:
        (home / "secrets").mkdir(parents=True, mode=0o700)
        (home / "settings.toml").write_text(SETTINGS)
        (home / "secrets" / "site_univ").write_text(TOKEN)

    with running("un Pod é", prepare) as made:
        yield made


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Pod, with a recording of 12 s in 720p."""
    folder = tmp_path_factory.mktemp("media")
    make_clip(folder / "Cours d'été n° 1.mp4", seconds=12, size="1280x720")
    (folder / "text.mp4").write_text("this is no recording")
    return folder


@pytest.fixture
def pod(request: pytest.FixtureRequest, instance: Instance, media: Path) -> Iterator[SmallPod]:
    version = getattr(request, "param", "4.4")
    with serve(SmallPod(version, media, f"http://127.0.0.1:{instance.port}", TOKEN)) as made:
        yield made


def wait_for_end(pod: SmallPod, video: Video) -> None:
    wait_until(lambda: not video.in_progress, 100, f"Pod knows how {video} ended; it heard {pod.callbacks}")


@pytest.mark.parametrize("pod", ["4.2", "4.4", "5"], indirect=True)
def test_a_recording_is_encoded_and_imported(pod: SmallPod) -> None:
    assert pod.test_connection() == 200
    video = pod.encode("Cours d'été n° 1.mp4")
    assert video.status == "running"
    pod.cron()  # the status of what runs is not asked for in vain, and nothing is sent twice
    wait_for_end(pod, video)
    assert (video.status, video.step, video.imports) == ("completed", "0: done", 1), pod.callbacks
    assert {one["status"] for one in pod.callbacks} == {"completed"}  # V5 takes anything else for an error
    names = {path.name for path in video.folder.iterdir()}
    assert {"overview.png", "overview.vtt", "info_video.json", "encoding.log", "master.m3u8"} <= names
    if pod.version == "5":
        assert video.renditions == ["360p video/mp4", "720p video/mp4"]
    else:
        assert video.renditions == [
            f"{size} video/{kind}" for size in ("640x360", "1280x720") for kind in ("mp2t", "mp4")
        ]
        assert video.info["duration"] in (11, 12) and video.thumbnail and video.overview.startswith("WEBVTT")
        assert [name.rpartition(".")[2] for name in video.sounds] == ["mp3"]


def test_a_studio_session_becomes_a_video_and_its_renditions(pod: SmallPod) -> None:
    video = pod.record(studio_package(pod, CUT).rpartition("/")[2])
    wait_for_end(pod, video)
    assert (video.status, video.step, video.imports) == ("completed", "0: done", 1), pod.callbacks
    assert video.made and video.renditions == ["640x360 video/mp2t", "640x360 video/mp4"] and video.thumbnail
    with av.open(str(video.made)) as container:
        assert 1.5 < float(container.duration or 0) / av.time_base < 2.5, "the session is cut"


def test_speech_becomes_the_captions_that_pod_imports(pod: SmallPod) -> None:
    need(shutil.which("espeak-ng"), "espeak-ng")
    need(is_installed(), "the extra `speech`")
    talk = pod.media / "exposé.wav"
    subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "140", "-w", str(talk), SENTENCE], check=True)
    video = pod.transcribe(talk.name, "en")
    wait_for_end(pod, video)
    assert (video.status, video.imports) == ("completed", 1), pod.callbacks
    spoken = [line for line in video.captions.splitlines()[1:] if line and "-->" not in line]
    assert video.captions.startswith("WEBVTT\n\n00:0") and " ".join(spoken) == SENTENCE


def tell_now(instance: Instance, video: Video) -> None:
    """What the button of the team's page of the task does."""
    token = (instance.home / "secrets" / "cli_token").read_text().strip()
    here, proof = f"http://127.0.0.1:{instance.port}", {"Authorization": f"Token {token}"}
    newest = requests.get(f"{here}/api/v1/tasks?limit=1", headers=proof, timeout=10).json()["tasks"][0]["id"]
    answer = requests.post(f"{here}/team/tasks/{newest}/tell-site", headers=proof, timeout=10, allow_redirects=False)
    assert answer.status_code == 303


def test_a_pod_in_a_bad_mood_gets_its_result_and_once(pod: SmallPod, instance: Instance) -> None:
    """D8: Pod 4.1's workers told it once, and never again."""
    pod.mood = [404]
    video = pod.encode("Cours d'été n° 1.mp4", cut='{"start": "00:00:02", "end": "00:00:06"}')
    wait_until(lambda: pod.answers == [404], 60, "Pod has refused the first callback")
    tell_now(instance, video)
    wait_for_end(pod, video)
    assert video.info["duration"] in (3, 4) and video.imports == 1 and len(pod.callbacks) == 2


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("gone.mp4", {}, "could not be fetched from 127.0.0.1"),
        ("text.mp4", {}, "not a video"),
        ("Cours d'été n° 1.mp4", {"rendition": '{"4320": {"resolution": "7680x4320"}}'}, "from 90 to 2160"),
        ("Cours d'été n° 1.mp4", {"cut": '{"start": "00:10:00", "end": "00:11:00"}'}, "leaves nothing"),
        ("Cours d'été n° 1.mp4", {"dressing": '{"opening_credits_video": "http://127.0.0.1:9/x.mp4"}'}, "cannot be"),
    ],
)
def test_what_cannot_be_encoded_ends_with_a_sentence(
    pod: SmallPod, name: str, parameters: dict[str, str], words: str
) -> None:
    """D10, D30: in Pod 4.1 the video stayed "in progress"."""
    if "dressing" in parameters:
        parameters = {"dressing": '{"opening_credits_video": "%s/media/none.mp4"}' % pod.url}  # noqa: UP031
        words = "answers 404"
    video = pod.encode(name, **parameters)
    wait_for_end(pod, video)
    assert (video.status, video.step) == ("failed", "-1: error") and words in video.error, video.error


def test_a_site_without_private_networks_fetches_nothing_here(instance: Instance, media: Path) -> None:
    token = (instance.home / "secrets" / "site_strict").read_text().strip()
    assert len(token) <= 50
    with serve(SmallPod("4.4", media, f"http://127.0.0.1:{instance.port}", token)) as pod:
        assert pod.test_connection() == 200
        assert pod.encode("Cours d'été n° 1.mp4").status == "pending"
        url = f"http://127.0.0.1:{instance.port}/task/execute"
        answer = requests.post(url, json={}, headers={"Authorization": f"Bearer {TOKEN[::-1]}"}, timeout=10)
        assert answer.status_code == 401
