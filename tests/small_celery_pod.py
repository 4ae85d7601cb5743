"""A small Esup-Pod 4.1 on a thread, from the description of its interfaces: it orders by a real Celery client, shares its media
folder, is called back, and imports what it finds beside the source, as Pod does."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery

from tests.servers import QuietHandler, answering

TOKEN = "0123456789abcdef0123456789abcdef01234567"  # of a staff user, as Django REST framework makes them
PACKAGE = "pod.video_encode_transcript"
TASKS = {  # name of the task -> its queue
    f"{PACKAGE}.encoding_tasks.start_encoding_task": "encoding",
    f"{PACKAGE}.encoding_tasks.start_studio_task": "encoding",
    f"{PACKAGE}.transcripting_tasks.start_transcripting_task": "transcripting",
    "pod.xapi.xapi_tasks.send_xapi_statement_task": "xapi",
}
ENCODING, STUDIO, TRANSCRIPTING, XAPI = TASKS
HEIGHTS = ("360", "720", "1080")  # of Pod's video renditions; another one is VideoRendition.DoesNotExist


@dataclass
class Video:
    """What Pod knows of a video, or of a studio recording."""

    id: int
    source: Path
    in_progress: bool = True
    imports: int = 0
    step: str = "0: start"
    comment: str = ""
    log: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    playlists: list[str] = field(default_factory=list)
    renditions: list[str] = field(default_factory=list)  # "360 video/mp4" …
    captions: list[str] = field(default_factory=list)
    made: Path = Path()  # the source of the video that a studio recording became

    @property
    def folder(self) -> Path:
        return self.source.parent / f"{self.id:04d}"


class SmallCeleryPod:
    """`media` is MEDIA_ROOT; `broker` is a Celery address."""

    def __init__(self, media: Path, broker: str) -> None:
        self.media, self.broker = media, broker
        self.url = ""
        self.videos: dict[int, Video] = {}
        self.callbacks: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[int] = []
        # statuses to answer callbacks by, before it does its work again. It does it also for 0, and then breaks the connection,
        # and for a negative one, which it answers without its sign
        self.mood: list[int] = []

    def send(self, name: str, *arguments: Any, **named: Any) -> str:
        """What `.delay` of this task does. The id that Celery gave the message."""

        def never_run_here(*arguments: Any, **named: Any) -> None:
            """Only a worker of Celery's would."""

        with Celery(broker=self.broker, set_as_current=False) as app:
            task = app.task(never_run_here, name=name, ignore_result=True)
            return str(task.apply_async(arguments, named, queue=TASKS[name]).id)

    def add(self, number: int, recording: Path) -> Video:
        """A video whose source is uploaded."""
        place = self.media / "videos" / "hash d'été"
        place.mkdir(parents=True, exist_ok=True)
        video = self.videos[number] = Video(number, place / f"{number} {recording.name}")
        shutil.copyfile(recording, video.source)
        return video

    def encode(self, video: Video, start_s: int = 0, end_s: int = 0, dressing: dict[str, Any] | None = None) -> str:
        """As a save of the video with `launch_encode` does."""
        video.in_progress = True
        shutil.rmtree(video.folder, ignore_errors=True)  # remove_old_data
        inputs = [value for name, value in (dressing or {}).items() if name.endswith(("_path", "_video"))]
        given = "".join(f' -i "{path}"' for path in inputs)
        return self.send(
            ENCODING, video.id, str(video.source), start_s, end_s, json_dressing=dressing, dressing_input=given
        )

    def told(self, path: str, query: dict[str, list[str]], proof: str, body: dict[str, Any]) -> int:
        """A callback. The status of the answer."""
        if proof != f"Token {TOKEN}":
            return 403
        number = int(next(iter(query.values()))[0])
        video = self.videos.get(number)
        if video is None:
            return 404
        if path.endswith("/store_remote_encoded_video/"):
            if not video.in_progress or int(body["video_id"]) != number:
                return 400
            self._import(video, Path(body["video_path"]).parent / f"{number:04d}")
        elif path.endswith("/store_remote_encoded_video_studio/"):
            video.comment += body["msg"]
            if (session := Path(body["video_output"])).is_file():  # it becomes the source of a new video
                video.imports += 1
                video.made = session.rename(self.media / "videos" / f"{video.imports}-{session.name}")
            video.in_progress = False
        elif path.endswith("/store_remote_transcripted_video/"):
            temporary = self.media / "temp" / Path(body["temp_vtt_file"]).name
            video.captions.append(temporary.read_text())
            temporary.unlink()
            video.comment, video.in_progress = body["msg"], False
        else:
            return 404
        return 200

    def _import(self, video: Video, folder: Path) -> None:
        info = video.info = json.loads((folder / "info_video.json").read_text())
        video.log, video.renditions, video.playlists = info["encoding_log"], [], []
        for key, kind in (("list_mp4_files", "video/mp4"), ("list_hls_files", "video/mp2t")):
            for height, name in info[key].items():
                assert height in HEIGHTS, "VideoRendition.DoesNotExist"
                path = Path(name)
                assert path.parent == folder and path.is_file(), path
                if kind == "video/mp2t":
                    assert path.with_suffix(".ts").is_file()
                    video.playlists.append(path.stem)
                video.renditions.append(f"{height} {kind}")
        if info["list_hls_files"] and (folder / "livestream.m3u8").stat().st_size:
            video.playlists.append("playlist")
        listed = ("list_mp3_files", "list_m4a_files", "list_thumbnail_files", "list_overview_files")
        assert all(Path(name).is_file() for key in listed for name in info[key].values())
        assert all(Path(name).is_file() for _, name in info["list_subtitle_files"].values())
        video.in_progress, video.imports, video.step = False, video.imports + 1, "0: end of encoding"


@contextmanager
def serve(pod: SmallCeleryPod) -> Iterator[SmallCeleryPod]:
    """Let `pod` receive callbacks."""

    class Answering(QuietHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            parts = urlsplit(self.path)
            pod.callbacks.append((parts.path, body))
            proof, query = self.headers.get("Authorization", ""), parse_qs(parts.query)
            mood = pod.mood.pop(0) if pod.mood else None
            try:
                status = mood if mood and mood > 0 else pod.told(parts.path, query, proof, body)
                status = -mood if mood and mood < 0 else status
            except (AssertionError, LookupError, OSError, ValueError) as error:
                pod.callbacks.append(("fault", {"fault": repr(error)}))
                status = 500
            pod.answers.append(status)
            if mood == 0:
                self.close_connection = True
                return
            self.reply(status)

    with answering(Answering) as port:
        pod.url = f"http://127.0.0.1:{port}/rest/"
        yield pod
