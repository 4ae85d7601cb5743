"""Check that every published file exists and has the size that its run reported.

1. Storage compares each published folder with the result that its run left there: names and sizes.
2. Nothing is repaired. The task shows what was found, and a person orders a new encoding.
"""

from typing import Any

from pod_jobs.catalog.client import Order
from pod_jobs.jobs.context import Context
from pod_jobs.jobs.job_type import JobType, Text, Words

FAULTS_SHOWN = 50


def run_verify(context: Context, order: Order) -> dict[str, Any]:
    """{"infos": {"folders": n, "faulty": n, "faults": ["videos/000003/encode-7-g1/360p.mp4: missing", …]}}"""
    faults: list[str] = []
    folders = 0
    for share, folder_faults in context.storage.verify(order.media):
        context.tick(order, {"step": "verify", "fraction": share})
        folders += 1
        faults += map(str, folder_faults)
    return {"infos": {"folders": folders, "faulty": len(faults), "faults": faults[:FAULTS_SHOWN]}}


VERIFY = JobType(
    "verify",
    queue="transcripting",  # not `catalog`: that queue is for reports, which must not wait
    run=run_verify,
    words=Words(
        name=Text("Check of the published files", "Contrôle des fichiers publiés"),
        running=Text("Checking", "Contrôle en cours"),
        steps={
            "verify": Text("Comparing files with what was reported", "Comparaison des fichiers avec leurs annonces")
        },
    ),
    is_periodic=True,
)
