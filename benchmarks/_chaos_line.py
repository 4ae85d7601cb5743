"""One Procfile line of the chaos run: the real line, whose encodes are recorded, and three of four made by a stub.

The stub takes some seconds and writes small files; everything around it (queue, lock, folders, reports) is the real product.
Events go to the file in CHAOS_EVENTS, one JSON object per line: begin, end, publish, overlap.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pod_jobs.jobs import encode as encode_job
from pod_jobs.media.encode import Encoded, EncodePlan
from pod_jobs.media.planning.plan import Output
from pod_jobs.media.process.progress import Progress
from pod_jobs.media.process.tools import Tools
from pod_jobs.media.sharing.sharing import Team
from pod_jobs.processes import lines
from pod_jobs.storage.shared_folder import SharedWorkFolder
from pod_jobs.system import process_identity

REAL_EVERY = 4
real_encode = encode_job.encode  # type: ignore[attr-defined]
real_publish = SharedWorkFolder.publish


def record(event: str, work: Path, **more: Any) -> None:
    _, task, generation = work.name.removesuffix(".part").split("-")
    line = {"event": event, "at": real_time(), "video": work.parent.name, "task": int(task), "pid": os.getpid()}
    line |= {"generation": int(generation[1:]), **more}
    handle = os.open(os.environ["CHAOS_EVENTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (json.dumps(line) + "\n").encode())
    os.close(handle)


def real_time() -> float:
    """Seconds of a clock that no fault moves: the monotonic one, which all processes of a machine share."""
    return time.monotonic()


def stub(
    source: Path,
    folder: Path,
    plan: EncodePlan,
    tools: Tools,
    tick: Callable[[Progress], None],
    team: Team | None = None,
) -> Encoded:
    ends = time.monotonic() + float(os.environ.get("CHAOS_STUB_S") or random.uniform(1, 5))
    while time.monotonic() < ends:
        tick(Progress("encode", 0.5, 1.0, 3, False))
        time.sleep(0.05)
    outputs = []
    for name in ("master.m3u8", "360p.mp4"):
        (folder / name).write_bytes(os.urandom(100_000))
        outputs.append(Output("mp4", name, 100_000, "video/mp4", "360p", 640, 360))
    return Encoded(tuple(outputs), 1.0, True, {}, (), 1.0, 1.0, 1.0, 1.0, ())


def recorded_encode(source: Path, folder: Path, *more: Any, **named: Any) -> Encoded:
    for other in others_at_work(folder):
        record("overlap", folder, other=other)
    record("begin", folder, started=process_identity.start_ticks(os.getpid()))
    outcome = "killed"
    try:
        work = real_encode if int(folder.parent.name) % REAL_EVERY == 0 else stub
        encoded = work(source, folder, *more, **named)
        outcome = "ok"
        return encoded
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        record("end", folder, outcome=outcome)


def others_at_work(folder: Path) -> list[int]:
    """Other living processes that have begun to work on this video and have not ended."""
    begun: dict[int, int] = {}
    events = Path(os.environ["CHAOS_EVENTS"])
    for line in events.read_text().splitlines() if events.exists() else []:
        event = json.loads(line)
        if event["video"] == folder.parent.name and event["pid"] != os.getpid():
            if event["event"] == "begin":
                begun[event["pid"]] = event["started"]
            elif event["event"] == "end":
                begun.pop(event["pid"], None)
    return [pid for pid, started in begun.items() if process_identity.start_ticks(pid) == started]


def recorded_publish(work: SharedWorkFolder, result: dict[str, Any]) -> None:
    real_publish(work, result)
    record("publish", work.path)


if __name__ == "__main__":
    encode_job.encode = recorded_encode  # type: ignore[attr-defined]
    SharedWorkFolder.publish = recorded_publish  # type: ignore[method-assign,assignment]
    sys.exit(lines.main(sys.argv[1]))
