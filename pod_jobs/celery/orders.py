"""What an Esup-Pod 4.1 asks for by a message, in the words of the Runner Manager API: paths stand where addresses do. Pure.

Pod waits for a callback of each order. So an order that can be read becomes a task even if something is wrong with it: the task
finds that out, and Pod is told how it ended. Pod is told of an OrderFault at once. Only a message that names no recording of
Pod's is refused without telling Pod.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pod_jobs.celery.messages import Message
from pod_jobs.errors import Malformed
from pod_jobs.system.json_depth import MOST_DEPTH, depth_of

ENCODING, STUDIO, TRANSCRIPTION = "encoding", "studio", "transcription"  # as in the Runner Manager API
TASK_TYPES = {
    "start_encoding_task": ENCODING,
    "start_studio_task": STUDIO,
    "start_transcripting_task": TRANSCRIPTION,
}
CALLBACKS = {  # below POD_API_URL
    ENCODING: "store_remote_encoded_video/?id={}",
    STUDIO: "store_remote_encoded_video_studio/?recording_id={}",
    TRANSCRIPTION: "store_remote_transcripted_video/?id={}",
}
MOST_NUMBER = 10**12
MOST_BYTES = 30_000  # of the arguments as JSON
SECONDS = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,9})?s?")
CUT = re.compile(r"\s*-ss\s+(\S+)\s+-to\s+(\S+)\s*")
# what dresses a recording -> the keys of Pod's Dressing that may hold its path, and the one that tells whether there is any
DRESSING = {
    "watermark": ("watermark_path", "watermark"),
    "opening_credits_video": ("opening_credits_video", "opening_credits"),
    "ending_credits_video": ("ending_credits_video", "ending_credits"),
}


@dataclass(frozen=True)
class CeleryOrder:
    """`number`: Pod's id of the video or, of a studio session, of the recording. `source` and the paths in `parameters` are
    Pod's. `callback`: where to tell the end, below POD_API_URL."""

    task_type: str
    number: int
    source: str
    parameters: Mapping[str, Any]

    @property
    def callback(self) -> str:
        return CALLBACKS[self.task_type].format(self.number)

    @property
    def title(self) -> str:
        """What people call it: the name of its file, and Pod's number."""
        kind = "recording" if self.task_type == STUDIO else "video"
        return f"{PurePosixPath(self.source).name} ({kind} {self.number})"


class OrderFault(Malformed):
    """An order that cannot be carried out as it is. `arguments`: what the callback of its failure needs."""

    def __init__(
        self, reason: str, order: CeleryOrder, arguments: Mapping[str, Any], code: str = "source-order"
    ) -> None:
        super().__init__(reason, code=code)
        self.order, self.arguments = order, arguments


def read_order(message: Message, heights_px: Sequence[int]) -> CeleryOrder:
    """An order for a task. `heights_px`: of the renditions that Pod knows. Errors: Malformed; OrderFault when Pod can be told."""
    arguments, task_type = message.arguments, TASK_TYPES[message.task]
    number = _number(arguments["recording_id" if task_type == STUDIO else "video_id"])
    try:
        _check_storable(arguments)
        source, parameters = _read(task_type, arguments, heights_px)
    except Malformed as fault:
        about = {"video_id": number, "recording_id": number}
        paths = {
            "video_path": "",
            "cut_start": 0,
            "cut_end": 0,
            "video_output": _if_path(arguments.get("video_output")),
        }
        raise OrderFault(fault.reason, CeleryOrder(task_type, number, "", {}), about | paths) from fault
    return CeleryOrder(task_type, number, source, parameters)


def _read(task_type: str, arguments: Mapping[str, Any], heights_px: Sequence[int]) -> tuple[str, dict[str, Any]]:
    """The source, and the parameters. Errors: Malformed."""
    if task_type == ENCODING:
        return _path(arguments["video_path"]), _encoding(arguments, heights_px)
    if task_type == TRANSCRIPTION:
        return _path(arguments["mp3filepath"]), {"language": arguments["lang"], "duration": arguments["duration"]}
    videos = arguments["videos"] if isinstance(arguments["videos"], list) else []
    tracks = [
        (str(video.get("type")), video["src"]) for video in videos if isinstance(video, dict) and video.get("src")
    ]
    if not tracks:
        raise Malformed("videos: a list of recordings is needed")
    of_kind = {kind.partition("/")[0]: path for kind, path in reversed(tracks)}
    main = of_kind.get("presentation") or tracks[0][1]
    second = of_kind.get("presenter") if main != of_kind.get("presenter") else None
    parameters = {
        "presenter": arguments["presenter"] or "",
        "second": second or "",
        "cut": _cut_of(arguments["subtime"]),
    }
    _path(arguments["video_output"])
    return _path(main), parameters


def _encoding(arguments: Mapping[str, Any], heights_px: Sequence[int]) -> dict[str, Any]:
    parameters: dict[str, Any] = {"rendition": {str(height): {} for height in heights_px}}
    parameters["rendition"] |= {height: None for height in ("360", "720", "1080") if int(height) not in heights_px}
    if arguments["cut_start"] or arguments["cut_end"]:
        parameters["cut"] = {"start": arguments["cut_start"] or 0, "end": arguments["cut_end"] or ""}
    if arguments.get("json_dressing"):
        parameters["dressing"] = _dressing(arguments["json_dressing"], arguments.get("dressing_input"))
    return parameters


def _dressing(dressing: Any, inputs: Any) -> Any:
    """Pod says twice which files dress a recording: in its Dressing, where a path may be missing or relative, and as the
    inputs of a command, in the order of DRESSING."""
    if not isinstance(dressing, dict):
        return dressing  # its task fails, and says so
    paths = _inputs(inputs)
    names = [name for name, (_, is_there) in DRESSING.items() if dressing.get(is_there)]
    by_order = dict(zip(names, paths, strict=True)) if len(names) == len(paths) else {}
    files = {}
    for name in names:
        value = dressing.get(DRESSING[name][0])
        is_absolute = isinstance(value, str) and value.startswith("/")
        files[name] = value if is_absolute else by_order.get(name, value)
    position = dressing.get("position_orig") or dressing.get("position") or ""
    return {
        **files,
        "watermark_position": str(position).lower().replace(" ", "_"),
        "watermark_opacity": dressing.get("opacity"),
    }


def _inputs(text: Any) -> list[str]:
    """The paths in ` -i "path"` repeated."""
    try:
        words = shlex.split(text) if isinstance(text, str) else []
    except ValueError:
        return []
    return [path for option, path in zip(words[::2], words[1::2], strict=False) if option == "-i"]


def _cut_of(subtime: Any) -> dict[str, float | str]:
    """`-ss b -to e` as a cut; {} for none."""
    match = CUT.fullmatch(subtime) if isinstance(subtime, str) else None
    return {"start": _time(match[1]), "end": _time(match[2])} if match else {}


def _time(text: str) -> float | str:
    """Seconds as a number; a clock's text stays."""
    return float(text.rstrip("s")) if SECONDS.fullmatch(text) else text


def _check_storable(arguments: Mapping[str, Any]) -> None:
    """Check that every database can hold them: none holds NaN or half a character (a lone surrogate). Errors: Malformed."""
    try:
        size = len(json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode())
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the arguments: {error}") from error
    if depth_of(arguments) > MOST_DEPTH:
        raise Malformed(f"the arguments have more than {MOST_DEPTH} levels")
    if size > MOST_BYTES:
        raise Malformed(f"the arguments have {size} bytes; at most {MOST_BYTES} are taken")


def _number(value: Any) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20):
        shown = str(value)[:40] if isinstance(value, str | int | float) else type(value).__name__
        raise Malformed(f"{shown!r} is no number of a video")
    if not 0 < int(value) < MOST_NUMBER:
        raise Malformed(f"{str(value)[:40]!r} is no number of a video")
    return int(value)


def _path(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value or len(value) > 4000:
        raise Malformed("an absolute path is needed")
    return value


def _if_path(value: Any) -> str:
    """The path; "" for what is none, or cannot be kept."""
    try:
        _check_storable({"path": _path(value)})
    except Malformed:
        return ""
    return str(value)
