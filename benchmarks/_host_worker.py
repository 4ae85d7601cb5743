"""What one recording costs a worker, in a process of its own that has loaded no more than a worker has.

    python -m benchmarks._host_worker HOME [FILE] < RUN

RUN has the fields of a Run, as JSON. The worker encodes its recording, or with FILE only publishes that one. Prints as JSON:
fetch_s     seconds until it has the recording
publish_s   seconds for publishing what it made of it
all_s       seconds in all
before_mb   its highest memory before it began, without ffmpeg
peak_mb     the same at the end
"""

import json
import os
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks._memory import peak_kib
from pod_jobs.jobs.encode import build_plan, tools_of
from pod_jobs.media.encode import encode
from pod_jobs.settings import load
from pod_jobs.storage import Run


def main(home: Path, file: Path | None) -> dict[str, float]:
    settings, run = load(home), Run(**json.load(sys.stdin))
    storage, before_mb, times = settings.storage, peak_mb(), [time.monotonic()]
    with storage.work_on(run, lambda: None, lambda chunks: None) as work:
        folder, result = work.begin(), dict[str, Any](outputs=[])
        if file is None:
            source = storage.source(run, run.source)
            times.append(time.monotonic())
            result = asdict(encode(source, folder, build_plan(settings), tools_of(settings), lambda _: work.show()))
        else:
            shutil.copy(file, folder / "90p.mp4")
            times.append(time.monotonic())
        times.append(time.monotonic())
        work.publish({**result, "folder": run.folder})
    began, fetched, encoded, ended = *times, time.monotonic()
    seconds = {"fetch_s": fetched - began, "publish_s": ended - encoded, "all_s": ended - began}
    return {**seconds, "before_mb": before_mb, "peak_mb": peak_mb()}


def peak_mb() -> float:
    return peak_kib(os.getpid()) / 1024


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None)))
