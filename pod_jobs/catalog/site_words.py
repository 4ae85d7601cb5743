"""The state of a task in the words of the Runner Manager API, for its answers and its callbacks. Pure."""

from collections.abc import Mapping

from pod_jobs.errors import sentence

STATUS = {"waiting": "running", "running": "running", "done": "completed", "error": "failed", "cancelled": "failed"}
TOO_SLOW = "-too-slow"  # ends the error codes of what Pod calls a timeout
CANCELLED = "Cancelled by user."


def status_word(state: str, error_code: str | None) -> str:
    """running, completed, failed or timeout. A waiting task is "running": Pod sends a "pending" one again every few minutes,
    and removes the renditions that it has each time."""
    return "timeout" if state == "error" and (error_code or "").endswith(TOO_SLOW) else STATUS[state]


def error_words(state: str, code: str | None, facts: Mapping[str, str], reason: str | None) -> str | None:
    """Why a task failed, for Pod's log: the sentence, and the technical reason below it; None when it has not."""
    if state == "cancelled":
        return CANCELLED
    return f"{sentence(code or '', dict(facts))}\n{reason or ''}".strip() if state == "error" else None
