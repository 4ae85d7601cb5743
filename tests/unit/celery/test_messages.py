import base64
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.celery.messages import MOST_BYTES, read_message
from pod_jobs.errors import Malformed

ID = "0c0a9a4e-6f0e-4a0b-9d57-1f2f6f6f0b11"
ENCODING = "pod.video_encode_transcript.encoding_tasks.start_encoding_task"
ARGUMENTS = [7, "/media/videos/abc/film.mp4", 0, 0]


def message(body: Any = None, *, task: str = ENCODING, number: str = ID, **changes: Any) -> bytes:
    content = json.dumps([ARGUMENTS, {}, {}] if body is None else body).encode()
    document = {
        "body": base64.b64encode(content).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": task, "id": number},
        "properties": {"body_encoding": "base64"},
    }
    return json.dumps({**document, **changes}).encode()


def test_positional_and_named_arguments_are_read_alike() -> None:
    named = read_message(message([ARGUMENTS, {"json_dressing": None, "dressing_input": ""}, {}]))
    positional = read_message(message([[*ARGUMENTS, None, ""], {}, {}]))
    assert named == positional
    assert (named.id, named.task) == (ID, "start_encoding_task")
    assert named.arguments["video_path"] == "/media/videos/abc/film.mp4"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x80not json", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "an object is needed"),
        (b" " * (MOST_BYTES + 1), "at most"),
        (message(task="pod.main.tasks.task_start_encode"), "is unknown"),
        (message(number="../../etc"), "a UUID"),
        (message(headers=None), "headers"),
        (message(**{"content-type": "application/x-python-serialize"}), "only application/json"),
        (message(body=[ARGUMENTS, {}]), "options"),
        (message(body=[[*ARGUMENTS, 1, 2, 3], {}, {}]), "7 arguments"),
        (message(body=[ARGUMENTS, {"video_id": 8}, {}]), "given twice: video_id"),
        (message(body=[ARGUMENTS, {"shell": "x"}, {}]), "unknown arguments: 'shell'"),
        (message(body=[ARGUMENTS[:2], {}, {}]), "missing arguments: cut_start, cut_end"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_message(raw)
    assert reason in caught.value.reason


def test_a_pickle_that_calls_itself_json_is_not_loaded(tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "loaded",)

    raw = json.loads(message())
    raw["body"] = base64.b64encode(pickle.dumps(Touch())).decode()
    with pytest.raises(Malformed):
        read_message(json.dumps(raw).encode())
    assert not (tmp_path / "loaded").exists()
