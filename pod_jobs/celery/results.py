"""What an Esup-Pod 4.1 expects when its order has ended: the description of the files, and the body of the callback. Pure."""

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from pod_jobs.celery.orders import ENCODING, STUDIO

INFO = "info_video.json"
STEPS = (
    "probe_cmd",
    "duration",
    "mp4_command",
    "hls_command",
    "mp3_command",
    "create_thumbnail_command",
    "create_overview",
)
FAILED_STEP = "mp4_command"  # the step whose failure Pod shows


@dataclass(frozen=True)
class ResultFile:
    """A file of a finished task. `rendition`: "360p", or "" for what belongs to none."""

    name: str
    kind: str
    rendition: str = ""
    language: str = ""


@dataclass(frozen=True)
class End:
    """How an order ended. `arguments`: of its message. `error`: a sentence and the reason, "" when it went well. `facts`: of the
    source, as probed (media/probing/probe.py)."""

    task_type: str
    arguments: Mapping[str, Any]
    started_at: datetime
    ended_at: datetime
    error: str = ""
    files: tuple[ResultFile, ...] = ()
    duration_s: float = 0.0
    is_video: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


def output_folder(end: End) -> str:
    """Where Pod looks for the files of an encoding: beside the source, in a folder named by the video's number."""
    number = int(end.arguments["video_id"])
    return str(PurePosixPath(end.arguments["video_path"]).parent / f"{number:04d}")


def wanted_files(end: End) -> list[ResultFile]:
    """The files that go to Pod with an encoding. Not our own master playlist, nor the log."""
    return [file for file in end.files if file.kind not in ("hls", "log", "info")]


def describe(end: End) -> str:
    """The content of info_video.json, for the files in `output_folder`."""
    folder, files = PurePosixPath(output_folder(end)), wanted_files(end)

    def of(kind: str, ending: str = "") -> Iterable[ResultFile]:
        return (file for file in files if file.kind == kind and file.name.endswith(ending))

    def paths(selection: Iterable[ResultFile], key: str = "") -> dict[str, str]:
        return {key or file.rendition.removesuffix("p"): str(folder / file.name) for file in selection}

    thumbnails = enumerate(of("thumbnail"), 1)
    overview = [*of("sheet", ".png"), *of("storyboard", ".vtt")]
    captions = enumerate(of("captions", ".vtt"))
    arguments = end.arguments
    info = {
        "id": int(arguments["video_id"]),
        "video_file": arguments["video_path"],
        "duration": int(end.duration_s),
        **_tracks(end.facts),
        "list_mp4_files": paths(file for file in of("mp4") if file.rendition),
        "list_hls_files": paths(file for file in of("playlist") if file.rendition),
        "list_mp3_files": paths(of("mp3"), "192k"),
        "list_m4a_files": {} if end.is_video else paths(of("m4a"), "192k"),
        "list_thumbnail_files": {str(n): str(folder / file.name) for n, file in thumbnails},
        "list_overview_files": {str(n): str(folder / file.name) for n, file in enumerate(overview)},
        "list_subtitle_files": {str(n): [file.language, str(folder / file.name)] for n, file in captions},
        "encoding_log": _log(end),
        "output_dir": str(folder),
        "start": _clock(end.started_at),
        "stop": _clock(end.ended_at),
        "error_encoding": bool(end.error),
        "cutting_start": arguments["cut_start"],
        "cutting_stop": arguments["cut_end"],
        "json_dressing": arguments.get("json_dressing"),
        "dressing_input": arguments.get("dressing_input", ""),
    }
    return json.dumps(info, indent=1, ensure_ascii=False)


def callback_body(end: End, captions: str = "") -> dict[str, Any]:
    """What the callback says. `captions`: the path of the file of a transcription."""
    arguments = end.arguments
    if end.task_type == ENCODING:
        echoed = {
            name: arguments.get(name) for name in ("video_id", "video_path", "cut_start", "cut_end", "json_dressing")
        }
        times = {"start": _clock(end.started_at), "stop": _clock(end.ended_at)}
        return {**echoed, **times, "dressing_input": arguments.get("dressing_input", "")}
    message = end.error or "pod_jobs is done."
    if end.task_type == STUDIO:
        return {"video_output": arguments["video_output"], "msg": message}
    return {"video_id": arguments["video_id"], "msg": message, "temp_vtt_file": captions}


def captions_of_failure(end: End) -> str:
    """WebVTT without a caption, which says why. Pod takes a transcription as ended only with a file."""
    reason = re.sub("-+>", "->", " ".join(end.error.split()))
    return f"WEBVTT\n\nNOTE {reason}\n"


def _tracks(facts: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    video, sounds, texts = facts.get("video"), facts.get("audio") or (), facts.get("subtitles") or ()
    width, height = (video.get("display_size") or (0, 0)) if video else (0, 0)
    audio = [{"sample_rate": track.get("sample_rate_hz"), "channels": track.get("channels")} for track in sounds]
    return {
        "list_video_track": {"0": {"width": width, "height": height}} if video else {},
        "list_audio_track": {str(n): track for n, track in enumerate(audio, 1)},
        "list_subtitle_track": {str(n): {"language": track.get("language") or ""} for n, track in enumerate(texts)},
        "list_image_track": {},
    }


def _log(end: End) -> dict[str, dict[str, Any]]:
    done = {step: {"command": "pod_jobs", "result": True, "msg": ""} for step in STEPS}
    return {FAILED_STEP: {"command": "pod_jobs", "result": False, "msg": end.error}} if end.error else done


def _clock(at: datetime) -> str:
    return time.ctime(at.timestamp())
