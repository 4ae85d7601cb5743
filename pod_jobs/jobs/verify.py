"""Verify the published folders: is every file that a run announced there, in its size?

1. Walk the media folder; each published folder holds done.json, what its run reported.
2. Compare names and sizes. Nothing is repaired: what is found shows in the task, and a person encodes again.
"""

import json
from typing import Any

from pod_jobs.catalog.client import Order
from pod_jobs.jobs.job_type import Context
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
            outputs = json.loads(marker.read_text())["outputs"]
        except (OSError, ValueError, KeyError) as error:
            faults.append(f"{marker.relative_to(media)}: {error}")
            continue
        for output in outputs:
            path = marker.parent / output["name"]
            size = path.stat().st_size if path.is_file() else None
            if size != output["bytes"]:
                found = "missing" if size is None else f"{size} bytes instead of {output['bytes']}"
                faults.append(f"{path.relative_to(media)}: {found}")
    return {"infos": {"folders": len(markers), "faulty": len(faults), "faults": faults[:FAULTS_SHOWN]}}
