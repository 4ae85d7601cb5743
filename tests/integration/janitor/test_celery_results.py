"""The end of a task reaches a Pod 4.1: files first, then the callback, until it answers 200."""

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Output, Task, User, Video
from pod_jobs.catalog.new_task import NewTask, Purpose
from pod_jobs.catalog.site_models import SiteOrder
from pod_jobs.catalog.store import instance, site_callbacks, site_orders, tasks, users
from pod_jobs.celery.shared_folder import MARK, give_mark, put_copy
from pod_jobs.janitor import celery_results
from pod_jobs.janitor.callbacks import Callbacks
from pod_jobs.janitor.celery_results import GIVEN, CelerySender
from pod_jobs.outside.exchange import Times
from pod_jobs.settings import Settings, load
from pod_jobs.system.sealing import Seal
from tests.integration.catalog.conftest import NOW, later
from tests.servers import wait_until
from tests.small_celery_pod import TOKEN, SmallCeleryPod, serve
from tests.small_celery_pod import Video as PodVideo

pytestmark = pytest.mark.usefixtures("catalog")

KEY, START = "site-key-of-the-tests", 200.0
FILES = {  # name -> kind, rendition
    "master.m3u8": ("hls", ""),
    "livestream.m3u8": ("playlist", ""),
    "360p.mp4": ("mp4", "360p"),
    "360p.m3u8": ("playlist", "360p"),
    "360p.ts": ("segments", "360p"),
    "audio_192k.mp3": ("mp3", ""),
    "thumbnail_0001.png": ("thumbnail", ""),
    "overview.png": ("sheet", ""),
    "overview.vtt": ("storyboard", ""),
    "subtitle_fr.vtt": ("captions", ""),
    "info_video.json": ("info", ""),
    "encoding.log": ("log", ""),
}


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[SmallCeleryPod]:
    (tmp_path / "média" / "videos" / "é").mkdir(parents=True)
    with serve(SmallCeleryPod(tmp_path / "média", "")) as made:
        yield made


@pytest.fixture
def settings(tmp_path: Path, pod: SmallCeleryPod, monkeypatch: pytest.MonkeyPatch) -> Settings:
    site = {"name": "univ", "kind": "celery", "private_networks": ["127.0.0.0/8"]}
    site |= {"shared_folder": str(pod.media), "callback_url": pod.url}
    monkeypatch.setenv("POD_JOBS_SITE", json.dumps([site]))
    (tmp_path / "instance" / "secrets").mkdir(parents=True)
    (tmp_path / "instance" / "secrets" / "site_key").write_text(KEY)
    (tmp_path / "instance" / "secrets" / "site_univ").write_text(TOKEN)
    return load(tmp_path / "instance")


@pytest.fixture
def catalog(empty_catalog: Path, settings: Settings) -> Iterator[None]:
    (settings.home / "catalog.sqlite3").write_bytes(empty_catalog.read_bytes())
    with catalog_database.connect(settings.database_url).connection_context():
        yield


def order(pod: SmallCeleryPod, number: int = 7) -> tuple[Task, PodVideo]:
    """An encoding of a video that lies in Pod's folder."""
    video = pod.videos[number] = PodVideo(number, pod.media / "videos" / "é" / "film.mp4")
    owner = User.get_or_none(User.name == "site-univ") or users.create("site-univ", "site", None, NOW)
    given = {"video_id": number, "video_path": str(video.source), "cut_start": 0, "cut_end": 0, "json_dressing": None}
    url = Seal(KEY).close(f"{pod.url}store_remote_encoded_video/?id={number}")
    document = {"task_type": "encoding", "arguments": given}
    asked = site_orders.ReceivedOrder("univ", document, f"{number}", url, "", True, "film", f"{number:036d}")
    row, task, _ = site_orders.create(
        owner, asked, NewTask("pod_encode", "", {}, Purpose.PLAY), 0, NOW, lambda video: None
    )
    site_orders.answered(row, NOW)
    return task, video


def done(settings: Settings, task: Task) -> None:
    """The task has ended well, and its files are in our media folder."""
    folder = f"videos/{task.video_id:06d}/pod_encode-{task.id}-g1"
    place = settings.media.path_of(folder)
    place.mkdir(parents=True)
    for name, (kind, rendition) in FILES.items():
        (place / name).write_text(f"{name} of task {task.id}")
        about = {"kind": kind, "rendition": rendition, "language": "fr" if kind == "captions" else ""}
        Output.create(video=task.video_id, task=task, folder=folder, name=name, mime="x", bytes=1, **about)
    facts = {
        "video": {"display_size": [640, 360]},
        "audio": [{"sample_rate_hz": 48000, "channels": 2}],
        "subtitles": [{"language": "fre"}],
    }
    Video.update(duration_s=10.6, is_video=True, facts=facts).where(Video.id == task.video_id).execute()
    end(task, "done")


def end(task: Task, state: str, code: str | None = None) -> None:
    with transaction():
        row = tasks.get_locked(task.id)
        row.error_code, row.error_reason = code, "a reason" if code else None
        tasks.end(row, state, later(START))


def tend(settings: Settings, seconds: float = START, read_s: float = 5.0) -> SiteOrder:
    """Let the janitor do what is due at that time. Returns what the catalog knows then of the newest order."""
    sender = Callbacks(settings, transaction, hand=CelerySender(settings, Times(2.0, read_s)))
    sender.tend(later(seconds))
    wait_until(lambda: not sender._under_way or sender._ended, 20, "the tries have ended")
    while sender._under_way:
        sender.tend(later(seconds))
    row: SiteOrder = SiteOrder.select().order_by(SiteOrder.task.desc()).first()
    return row


def test_pod_finds_the_files_beside_the_source(settings: Settings, pod: SmallCeleryPod) -> None:
    task, video = order(pod)
    done(settings, task)
    assert tend(settings).callback == "delivered" and video.imports == 1, pod.callbacks
    names = {path.name for path in video.folder.iterdir()}
    assert names == FILES.keys() - {"master.m3u8", "encoding.log"}
    assert video.folder.name == "0007" and (video.folder / "360p.ts").read_text() == f"360p.ts of task {task.id}"
    info = video.info
    assert (info["duration"], info["error_encoding"], info["output_dir"]) == (10, False, str(video.folder))
    assert info["list_mp4_files"] == {"360": str(video.folder / "360p.mp4")}
    assert info["list_hls_files"] == {"360": str(video.folder / "360p.m3u8")}
    assert info["list_mp3_files"] == {"192k": str(video.folder / "audio_192k.mp3")} and not info["list_m4a_files"]
    assert info["list_thumbnail_files"] == {"1": str(video.folder / "thumbnail_0001.png")}
    assert list(info["list_overview_files"]) == ["0", "1"] and info["list_subtitle_files"]["0"][0] == "fr"
    assert info["list_video_track"] == {"0": {"width": 640, "height": 360}}
    assert info["list_audio_track"] == {"1": {"sample_rate": 48000, "channels": 2}}
    assert all(step["result"] for step in info["encoding_log"].values())


def test_only_200_settles_it(settings: Settings, pod: SmallCeleryPod) -> None:
    """D8: Pod 4.1's workers told it once, and never again."""
    task, video = order(pod)
    done(settings, task)
    pod.mood = [202, 404, 400, 500]
    seconds = START
    for status in pod.mood[:]:
        row = tend(settings, seconds)
        assert row.callback == "waiting" and str(status) in row.reason
        seconds += 7200
    inode = (video.folder / "360p.ts").stat().st_ino
    assert tend(settings, seconds).callback == "delivered"
    assert video.imports == 1 and (video.folder / "360p.ts").stat().st_ino == inode  # was not copied again


def test_a_pod_that_imported_and_could_not_say_so_is_not_asked_for_ever(
    settings: Settings, pod: SmallCeleryPod
) -> None:
    task, video = order(pod)
    done(settings, task)
    pod.mood = [0]
    row = tend(settings)
    assert (row.callback, row.is_unclear, video.imports) == ("waiting", True, 1)
    assert tend(settings, START + 600).tries == 1  # Pod may still be importing
    assert tend(settings, START + 1300).callback == "delivered" and video.imports == 1
    assert pod.answers[-1] == 400


def test_a_pod_that_imported_and_failed_afterwards_is_not_asked_for_ever(
    settings: Settings, pod: SmallCeleryPod
) -> None:
    """As when its mail server is away: the encoding is imported by then."""
    task, video = order(pod)
    done(settings, task)
    pod.mood = [-500]
    row = tend(settings)
    assert (row.callback, video.imports) == ("waiting", 1) and row.due_at <= later(START + 20), "it is no busy Pod"
    assert tend(settings, START + 60).callback == "delivered" and pod.answers == [500, 400]


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ("error", "encode-too-slow", "time limit"),
        ("error", "worker-died", "crashed its worker"),
        ("cancelled", None, "Cancelled"),
    ],
)
def test_each_end_is_told_and_a_failure_is_one(
    settings: Settings, pod: SmallCeleryPod, state: str, code: str | None, words: str
) -> None:
    """D9: Pod 4.1 took a failure of a remote encoder for a success."""
    task, video = order(pod)
    end(task, state, code)
    assert tend(settings).callback == "delivered"
    (step,) = video.log.values()
    assert video.info["error_encoding"] is True and step["result"] is False and words in step["msg"]
    assert not video.in_progress and [path.name for path in video.folder.iterdir()] == ["info_video.json"]


def test_nothing_is_written_where_a_link_leads_out(settings: Settings, pod: SmallCeleryPod, tmp_path: Path) -> None:
    """D14: Pod 4.1 trusts paths."""
    task, video = order(pod)
    done(settings, task)
    (tmp_path / "elsewhere").mkdir()
    video.folder.symlink_to(tmp_path / "elsewhere")
    row = tend(settings)
    assert row.callback == "waiting" and "outside the media folder" in row.reason
    assert not pod.callbacks and not list((tmp_path / "elsewhere").iterdir())
    video.folder.unlink()
    assert tend(settings, START + 60).callback == "delivered"


@pytest.mark.parametrize("source", ["/etc/passwd", "", "videos/a.mp4", "videos/gone/film.mp4"])
def test_a_failure_of_a_recording_that_is_not_in_pods_media_folder_is_told(
    settings: Settings, pod: SmallCeleryPod, source: str
) -> None:
    """D11: in Pod 4.1 a wrong path leaves the video "in progress". Pod reads why in its own folder for temporary files."""
    task, video = order(pod)
    path = f"{pod.media}/{source}" if "gone" in source else source
    row = SiteOrder.get()
    row.asked["arguments"]["video_path"] = path
    row.save()
    end(task, "error", "source-outside")
    assert tend(settings).callback == "delivered" and not video.in_progress and video.info["error_encoding"]
    assert "outside the media folder" in video.log["mp4_command"]["msg"]
    assert (pod.media / "temp" / "0007" / "info_video.json").is_file() and not Path("/etc/0007").exists()


def test_a_failed_studio_session_whose_result_has_no_place_is_told(settings: Settings, pod: SmallCeleryPod) -> None:
    task, video = session(pod, "/etc/7.mp4")
    end(task, "error", "source-outside")
    assert tend(settings).callback == "delivered" and "outside the media folder" in video.comment and not video.imports


def test_a_media_folder_that_is_away_is_waited_for(settings: Settings, pod: SmallCeleryPod) -> None:
    task, video = order(pod)
    done(settings, task)
    pod.media.rename(pod.media.with_name("away"))
    row = tend(settings)
    assert row.callback == "waiting" and str(pod.media) in row.reason and not pod.callbacks
    pod.media.with_name("away").rename(pod.media)
    assert tend(settings, START + 60).callback == "delivered" and video.imports == 1


def test_a_new_token_counts_for_what_is_told_again(settings: Settings, pod: SmallCeleryPod) -> None:
    task, video = order(pod)
    done(settings, task)
    (settings.home / "secrets" / "site_univ").write_text("an old one")
    assert "403" in tend(settings).reason
    (settings.home / "secrets" / "site_univ").write_text(TOKEN)
    assert tend(settings, START + 60).callback == "delivered"


def order_again(task: Task, seconds: float) -> Task:
    """Pod orders the same video again."""
    row = SiteOrder.get(SiteOrder.task == task.id)
    asked = site_orders.ReceivedOrder("univ", row.asked, row.fingerprint, row.notify_url, "", True, "film", "f" * 36)
    new, owner = NewTask("pod_encode", "", {}, Purpose.PLAY), User.get(User.name == "site-univ")
    new_row, newer, _ = site_orders.create(owner, asked, new, 0, later(seconds), lambda video: None)
    site_orders.answered(new_row, NOW + timedelta(seconds=1))
    return newer


def test_a_stale_end_is_not_told_over_a_newer_order(settings: Settings, pod: SmallCeleryPod) -> None:
    """D13."""
    task, video = order(pod)
    done(settings, task)
    pod.mood = [500]
    assert tend(settings).callback == "waiting"
    newer = order_again(task, 300)
    assert tend(settings, START + 7200).callback == "none" and len(pod.callbacks) == 1
    done(settings, newer)
    assert tend(settings, START + 7300).callback == "delivered" and video.imports == 1
    assert (video.folder / "360p.ts").read_text() == f"360p.ts of task {newer.id}"


def test_an_end_that_a_newer_order_replaces_while_its_files_are_copied_is_not_told(
    settings: Settings, pod: SmallCeleryPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D13: Pod would import it for the newer order, and then refuse that one's result."""
    task, video = order(pod)
    done(settings, task)
    copying, go_on = threading.Event(), threading.Event()

    def slow_copy(*what: Any) -> None:
        copying.set()
        assert go_on.wait(20)
        put_copy(*what)

    monkeypatch.setattr(celery_results, "put_copy", slow_copy)
    sender = Callbacks(settings, transaction, hand=CelerySender(settings, Times(2.0, 5.0)))
    sender.tend(later(START))
    assert copying.wait(20)
    newer = order_again(task, 300)
    sender.tend(later(START + 1))
    go_on.set()
    wait_until(lambda: sender._ended, 20, "the try has ended")
    sender.tend(later(START + 2))
    assert not pod.callbacks and not sender._under_way
    done(settings, newer)
    assert tend(settings, START + 7300).callback == "delivered" and video.imports == 1
    assert (video.folder / "360p.ts").read_text() == f"360p.ts of task {newer.id}"


def transcription(pod: SmallCeleryPod) -> tuple[Task, PodVideo]:
    """A transcription of a sound that lies in Pod's folder."""
    task, video = order(pod)
    given = {"video_id": 7, "mp3filepath": str(video.source), "duration": 12, "lang": "fr"}
    url = Seal(KEY).close(f"{pod.url}store_remote_transcripted_video/?id=7")
    SiteOrder.update(asked={"task_type": "transcription", "arguments": given}, notify_url=url).execute()
    return task, video


TEXT = "WEBVTT\n\n00:01.000 --> 00:02.000\nBonjour é\n"


def heard(settings: Settings, task: Task) -> None:
    """A transcription has ended well."""
    folder = f"videos/{task.video_id:06d}/pod_transcribe-{task.id}-g1"
    settings.media.path_of(folder).mkdir(parents=True)
    (settings.media.path_of(folder) / "film.vtt").write_text(TEXT)
    about = {"folder": folder, "name": "film.vtt", "mime": "text/vtt", "bytes": 9, "kind": "captions"}
    Output.create(video=task.video_id, task=task, **about)
    end(task, "done")


def session(pod: SmallCeleryPod, output: str = "") -> tuple[Task, PodVideo]:
    """A studio session whose result is to be in Pod's folder."""
    task, video = order(pod)
    row = SiteOrder.get()
    given = {"recording_id": 7, "video_output": output or str(pod.media / "opencast-files" / "7.mp4")}
    row.asked = {"task_type": "studio", "arguments": given}
    row.notify_url = Seal(KEY).close(f"{pod.url}store_remote_encoded_video_studio/?recording_id=7")
    row.save()
    return task, video


def test_captions_reach_pod_by_its_temporary_folder(settings: Settings, pod: SmallCeleryPod) -> None:
    task, video = transcription(pod)
    heard(settings, task)
    assert tend(settings).callback == "delivered"
    assert video.captions == [TEXT] and not video.in_progress and list((pod.media / "temp").iterdir()) == []
    assert pod.callbacks[-1][1].keys() == {"video_id", "msg", "temp_vtt_file"}


def test_what_pod_took_without_an_answer_is_not_given_to_it_again(settings: Settings, pod: SmallCeleryPod) -> None:
    """D13: it would make a second video of a studio session, and import the captions a second time."""
    task, video = session(pod)
    target = Path(SiteOrder.get().asked["arguments"]["video_output"])
    target.parent.mkdir()
    done(settings, task)
    pod.mood = [503, 0]
    tend(settings)
    assert target.read_text() == f"360p.mp4 of task {task.id}" and video.imports == 0
    assert tend(settings, START + 60).is_unclear and not target.exists()
    assert tend(settings, START + 1400).callback == "delivered"
    assert [path.name for path in target.parent.iterdir()] == ["7.log"]
    assert len(pod.callbacks) == 2, "it made one video, and was not asked to make another one"

    mark = target.with_name(f".{target.name}{GIVEN}")
    mark.write_text(f"{SiteOrder.get().public_id} 1")  # as a janitor leaves it that dies before it removes it
    with transaction():
        site_callbacks.forget([task.id])  # the team has it made again: that is another video for Pod
    end(task, "done")
    assert tend(settings, START + 1500).callback == "delivered" and video.imports == 2


def test_captions_that_pod_took_without_an_answer_are_not_given_to_it_again(
    settings: Settings, pod: SmallCeleryPod
) -> None:
    task, video = transcription(pod)
    heard(settings, task)
    pod.mood = [0]
    assert tend(settings).is_unclear and video.captions == [TEXT]
    assert tend(settings, START + 1300).callback == "delivered"
    assert video.captions == [TEXT] and list((pod.media / "temp").iterdir()) == []


def test_who_tells_pod_at_once_after_no_answer_learns_that_it_knew(settings: Settings, pod: SmallCeleryPod) -> None:
    task, video = order(pod)
    done(settings, task)
    pod.mood = [0]
    assert tend(settings).is_unclear and video.imports == 1
    assert site_callbacks.push(task.id, later(START + 30))
    assert tend(settings, START + 30).callback == "delivered" and video.imports == 1


def test_a_transcription_without_the_extra_is_told_with_its_reason(settings: Settings, pod: SmallCeleryPod) -> None:
    """D30: an error of the engine is told, and whatever it is, Pod's video is not "in progress" for ever."""
    task, video = transcription(pod)
    end(task, "error", "speech-not-installed")
    pod.mood = [503]
    assert tend(settings).callback == "waiting"
    assert tend(settings, START + 60).callback == "delivered"
    sentence = "Speech recognition is not installed here. The video team can install it: ./run up --with-speech"
    assert not video.in_progress and sentence in video.comment and sentence in video.captions[0]
    assert video.captions[0].startswith("WEBVTT\n\nNOTE ") and "-->" not in video.captions[0]


def test_while_pods_media_folder_is_not_mounted_its_files_wait(settings: Settings, pod: SmallCeleryPod) -> None:
    """Nothing is written to the mount point, and Pod is told when the folder is back."""
    task, video = order(pod)
    done(settings, task)
    instance.remember_shared_folder_mark("univ", give_mark(pod.media))
    away = pod.media.rename(pod.media.parent / "away")
    (pod.media / "videos" / "é").mkdir(parents=True)
    row = tend(settings)
    assert row.callback == "waiting" and MARK in row.reason and not pod.callbacks
    assert not list((pod.media / "videos" / "é").iterdir())
    shutil.rmtree(pod.media)
    pod.media.mkdir()
    row = tend(settings, START + 7200)
    assert row.callback == "waiting" and "empty" in row.reason and not list(pod.media.iterdir())
    pod.media.rmdir()
    away.rename(pod.media)
    assert tend(settings, START + 14400).callback == "delivered" and video.imports == 1
