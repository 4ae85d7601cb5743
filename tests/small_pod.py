"""A small Esup-Pod on a thread, from the description of its interfaces: it orders encodings, is told of their ends, downloads
and imports the files in the way of its version, and keeps what it would have in its database.

4.2: `Bearer`, asks /manager/health, keeps the task's id and answers 404 to others. 4.4: asks /api/health first, compares
SHA-256. V5: `X-API-Token`, keeps no id, its callback has a secret and the video's id in its address; it orders encodings alone.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import requests

from tests.servers import QuietHandler, answering

RENDITIONS = {
    "360": {"resolution": "640x360", "video_bitrate": "750k", "audio_bitrate": "96k", "encode_mp4": True},
    "720": {"resolution": "1280x720", "video_bitrate": "2000k", "audio_bitrate": "128k", "encode_mp4": True},
    "1080": {"resolution": "1920x1080", "video_bitrate": "3000k", "audio_bitrate": "192k", "encode_mp4": False},
}
ENCODING_CHOICES = {"360": "360p", "480": "480p", "720": "720p", "108": "1080p"}  # first letters of a file's name
ENCODING, STUDIO, TRANSCRIPTION = "encoding", "studio", "transcription"
ACCEPTED_S = {"4.2": 30, "4.4": 30, "5": 10}  # Pod's own time limits
V5_SECRET = "webhook-secret"


@dataclass
class Video:
    """What Pod knows of a video, or of a studio recording. `step`: its number and text, as the page shows them."""

    id: int
    source: str
    task: str = ""
    status: str = "pending"
    in_progress: bool = True
    step: str = "0: start"
    error: str = ""
    folder: Path = Path()
    info: dict[str, Any] = field(default_factory=dict)
    renditions: list[str] = field(default_factory=list)  # "1280x720 video/mp2t" …
    imports: int = 0
    task_type: str = ENCODING
    thumbnail: str = ""
    overview: str = ""
    sounds: list[str] = field(default_factory=list)
    captions: str = ""  # what was imported of a transcription
    made: Path | None = None  # the source of the video that a studio recording became


class SmallPod:
    """`media` is the folder that /media/ serves; `manager` and `token` are what an administrator fills in."""

    def __init__(self, version: str, media: Path, manager: str, token: str) -> None:
        self.version, self.media, self.manager, self.token = version, media, manager.rstrip("/"), token
        self.url = ""
        self.videos: dict[int, Video] = {}
        self.callbacks: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.mood: list[int] = []  # statuses to answer callbacks by, before it does its work again
        self.lock = threading.Lock()

    @property
    def proof(self) -> dict[str, str]:
        return {"X-API-Token": self.token} if self.version == "5" else {"Authorization": f"Bearer {self.token}"}

    def test_connection(self) -> int:
        """The administration's button. The status of the first path that exists."""
        paths = ("/manager/health",) if self.version == "4.2" else ("/api/health", "/manager/health")
        for path in paths:
            answer = requests.get(self.manager + path, headers=self.proof, timeout=15)
            if answer.status_code != 404:
                break
        return answer.status_code

    def encode(self, name: str, **parameters: Any) -> Video:
        """Order an encoding of /media/`name`, as a person's "encode" does."""
        return self._order(ENCODING, name, parameters)

    def record(self, name: str) -> Video:
        """Order what the studio recorded: /media/`name` is its mediapackage. Pod sends nothing but its renditions."""
        return self._order(STUDIO, name, {})

    def transcribe(self, name: str, language: str) -> Video:
        """Order the captions of /media/`name`, as Pod does once a video is encoded."""
        asked = {"language": language, "source_language": "auto" if self.version == "4.4" else language}
        return self._order(TRANSCRIPTION, name, {**asked, "duration": 4, "normalize": False, "model_type": "WHISPER"})

    def _order(self, task_type: str, name: str, parameters: dict[str, Any]) -> Video:
        number = len(self.videos) + 1
        video = Video(number, name, folder=self.media / f"{number:04d}", task_type=task_type)
        self.videos[video.id] = video
        self.submit(video, **parameters)
        return video

    def submit(self, video: Video, **parameters: Any) -> None:
        is_v5 = self.version == "5"
        rendition = {**RENDITIONS, **({"hls": {"encode_hls": True}} if is_v5 else {})}
        callback = "/runner/notify_task_end/"
        if is_v5:
            callback = f"/api/encoding/webhook/?secret={V5_SECRET}&video_id={video.id}"
        about = {"video_id": video.id, "video_title": "Été"} if video.task_type != STUDIO else {}
        own = {"rendition": json.dumps(rendition)} if video.task_type != TRANSCRIPTION else {}
        order = {
            "etab_name": "Pod" if is_v5 else "Université / Pod",
            "app_name": "Pod" if is_v5 else "Esup-Pod",
            "app_version": "5.0.0" if is_v5 else f"{self.version}.0",
            "task_type": video.task_type,
            "source_url": f"{self.url}/media/{quote(video.source)}",
            "notify_url": self.url + callback,
            "parameters": {**own, **about, **parameters},
        }
        with self.lock:  # the callback must not find that the id is not saved yet
            answer = requests.post(
                f"{self.manager}/task/execute", json=order, headers=self.proof, timeout=ACCEPTED_S[self.version]
            )
            if answer.status_code != 200:
                return  # the task stays pending, and cron sends it again
            said = answer.json()
            video.task, video.status = ("", "running") if is_v5 else (said["task_id"], said["status"])

    def cron(self) -> None:
        """`process_tasks`: what is pending is sent again; of what runs for long, the status is asked."""
        for video in self.videos.values():
            if video.status == "pending":
                self.submit(video)
            elif video.status == "running" and video.task:
                answer = requests.get(f"{self.manager}/task/status/{video.task}", headers=self.proof, timeout=30)
                if answer.status_code == 200 and answer.json()["status"] in ("completed", "warning"):
                    self.import_result(video, video.task)

    def told(self, path: str, query: dict[str, list[str]], proof: str, body: dict[str, Any]) -> int:
        """A callback. The status of the answer, as the version gives it."""
        if self.mood:
            return self.mood.pop(0)
        if path == "/api/encoding/webhook/":
            if query.get("secret") != [V5_SECRET]:
                return 401
            video = self.videos.get(int(query.get("video_id", ["0"])[0]))
        else:
            with self.lock:
                video = next((one for one in self.videos.values() if one.task == body.get("task_id")), None)
        if video is None:
            return 404
        if self.version != "5" and proof != f"Bearer {self.token}":
            return 403
        if body["status"] in ("completed", "success"):
            self.import_result(video, body["task_id"])
            return 200
        video.status, video.in_progress, video.step = body["status"], False, "-1: error"
        video.error = body["error_message"] or body["script_output"]
        return 200

    def import_result(self, video: Video, task: str) -> None:
        """Download and import. Any failed file ends the import, and the video stays in progress."""
        base = f"{self.manager}/task/result/{task}"
        manifest = requests.get(base, headers=self.proof, timeout=30).json()["files"]
        assert manifest, "an empty manifest is a fault for Pod"
        video.folder.mkdir(exist_ok=True)
        names = []
        for entry in manifest:
            name = entry if isinstance(entry, str) else entry.get("file_path") or entry["path"]
            if video.task_type == TRANSCRIPTION and not name.endswith((".vtt", ".json")):
                continue
            names.append(name)
            assert self.version != "5" or isinstance(entry, str), "V5 answers 500 to objects"
            with requests.get(f"{base}/file/{name}", headers=self.proof, timeout=60, stream=True) as answer:
                answer.raise_for_status()
                content = answer.content
            if isinstance(entry, dict) and entry.get("sha256"):
                assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
            (video.folder / name).write_bytes(content)
        if video.task_type == TRANSCRIPTION:
            # the last one is imported, and an info_video.json would take the place of that of the encoding
            video.captions = (video.folder / [name for name in names if name.endswith(".vtt")][-1]).read_text()
            assert "info_video.json" not in names
        else:
            self._read(video)
        if video.task_type == STUDIO:
            video.made = video.folder / "studio_base.mp4"
            assert video.made.is_file(), "it becomes the source of the new video"
        video.imports += 1
        video.status, video.in_progress, video.step = "completed", False, "0: done"

    def _read(self, video: Video) -> None:
        info = video.info = json.loads((video.folder / "info_video.json").read_text())
        video.renditions = []
        if self.version == "5":
            for path in sorted(video.folder.glob("*.mp4")):
                video.renditions.append(f"{path.name.partition('_')[0]} video/mp4")
            return
        # read without a guard there: each must be present
        has_video, has_sound, _ = (info[f"has_stream_{what}"] for what in ("video", "audio", "thumbnail"))
        assert isinstance(info["duration"], int | float)
        for one in info.get("encode_video", ()) if has_video else ():
            path = video.folder / one["filename"]
            assert one["rendition"] in {each["resolution"] for each in RENDITIONS.values()}, (
                "VideoRendition.DoesNotExist"
            )
            assert path.is_file() and (one["encoding_format"] != "video/mp2t" or path.with_suffix(".ts").is_file())
            choice = ENCODING_CHOICES.get(one["filename"][:3], "360p")
            assert f"x{choice.removesuffix('p')}" in one["rendition"], f"{one['filename']} is taken for {choice}"
            video.renditions.append(f"{one['rendition']} {one['encoding_format']}")
        if has_sound != ("encode_audio" in info):
            video.step = "-1: error"
        for one in _listed(info.get("encode_audio", ())):
            ending = {"audio/mp3": ".mp3", "video/mp4": ".m4a"}[one["encoding_format"]]
            assert one["filename"].endswith(ending) and (video.folder / one["filename"]).is_file(), one
            video.sounds.append(one["filename"])
        if info["has_stream_thumbnail"] or "encode_thumbnail" in info:
            video.thumbnail = _listed(info["encode_thumbnail"])[0]["filename"]
            assert (video.folder / video.thumbnail).read_bytes().startswith(b"\x89PNG"), video.thumbnail
        if (overview := video.folder / "overview.vtt").is_file():
            video.overview = overview.read_text()
            assert "overview.png#xywh=" in video.overview and (video.folder / "overview.png").is_file()


def _listed(given: Any) -> list[dict[str, Any]]:
    """Pod takes one object, or a list of them."""
    return [given] if isinstance(given, dict) else list(given)


@contextmanager
def serve(pod: SmallPod) -> Iterator[SmallPod]:
    """Let `pod` serve its media and receive callbacks."""

    class Answering(QuietHandler):
        def do_GET(self) -> None:
            path = pod.media / unquote(urlsplit(self.path).path.removeprefix("/media/"))
            if not path.is_file():
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            self.wfile.write(path.read_bytes())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            pod.callbacks.append(body)
            parts = urlsplit(self.path)
            try:
                status = pod.told(parts.path, parse_qs(parts.query), self.headers.get("Authorization", ""), body)
            except (AssertionError, LookupError, OSError, ValueError) as error:  # requests' errors are OSErrors
                status = 500 if pod.version == "5" else 200  # 4.x says 200 also when the import failed
                pod.callbacks.append({"fault": repr(error)})
            pod.answers.append(status)
            self.reply(status)

    with answering(Answering) as port:
        pod.url = f"http://127.0.0.1:{port}"
        yield pod
