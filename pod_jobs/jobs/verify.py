"""Verify the published folders: is every file that a run announced there, in its size?

1. Walk the media folder; each published folder holds done.json, what its run reported.
2. Compare names and sizes. Nothing is repaired: what is found shows in the task, and a person encodes again.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pod_jobs.catalog.client import Order
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.job_type import JobType
from pod_jobs.jobs.work_folder import DONE_MARKER, translated_os_errors

FAULTS_SHOWN = 50


def run_verify(context: Context, order: Order) -> dict[str, Any]:
    """{"infos": {"folders": n, "faulty": n, "faults": ["videos/000003/encode-7-g1/360p.mp4: missing", …]}}"""
    media = context.settings.media_folder
    faults: list[str] = []
    with translated_os_errors():
        markers = sorted(media.glob(f"videos/[0-9]*/*/{DONE_MARKER}"))
    for number, marker in enumerate(markers):
        context.tick(order, {"step": "verify", "fraction": number / len(markers)})
        try:
            faults += [f"{marker.parent.relative_to(media)}/{fault}" for fault in _faults_beside(marker)]
        except FileNotFoundError:
            continue  # the janitor took the folder meanwhile
        except (OSError, ValueError, LookupError, TypeError) as error:
            faults.append(f"{marker.relative_to(media)}: {type(error).__name__}: {error}")
    return {"infos": {"folders": len(markers), "faulty": len(faults), "faults": faults[:FAULTS_SHOWN]}}


def _faults_beside(marker: Path) -> Iterator[str]:
    for output in json.loads(marker.read_text())["outputs"]:
        path = marker.with_name(output["name"])
        size = path.stat().st_size if path.is_file() else None
        if size != output["bytes"]:
            found = "missing" if size is None else f"{size} bytes instead of {output['bytes']}"
            yield f"{path.name}: {found}"


VERIFY = JobType(
    "verify", queue="transcripting", run=run_verify
)  # the queue `catalog` is for reports, which must not wait
