"""Texts for a terminal: durations, sizes, instants, states of tasks."""

import unicodedata
from datetime import datetime
from typing import Any

from pod_jobs.media.facts import times


def harmless(text: str) -> str:
    """`text` without control characters, which a terminal would obey; people choose titles, labels and names."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text)


def clock(seconds: float | None) -> str:
    """93.9 -> "1:33", as on the pages; None -> "-"."""
    return "-" if seconds is None else times.clock(seconds)


def size(count: float) -> str:
    """A number of bytes in decimal units: 34500000 -> "34.5 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def local_time(instant: str | None) -> str:
    """An ISO instant in the time zone of this host, to the minute; None -> "-"."""
    return datetime.fromisoformat(instant).astimezone().strftime("%Y-%m-%d %H:%M") if instant else "-"


def describe_task(task: dict[str, Any]) -> str:
    """The state of a task (as the REST API gives it), with place, progress or error."""
    match task["state"]:
        case "waiting":
            return _waiting(task)
        case "running":
            return _running(task["progress"] or {})
        case "error" if task["error"]:
            return harmless(f"error: {task['error']['sentence']} ({task['error']['code']})")
        case state:
            return str(state)


def _waiting(task: dict[str, Any]) -> str:
    if task["retry_at"]:
        return f"waiting, next try {local_time(task['retry_at'])}"
    return f"waiting, place {task['queue_position']}" if task["queue_position"] else "waiting"


def _running(progress: dict[str, Any]) -> str:
    words = ["running"]
    if progress.get("step"):
        words.append(f"{progress['step']} {progress.get('fraction') or 0:.0%}")
    if progress.get("speed"):
        words.append(f"{progress['speed']:.1f}x")
    if progress.get("eta_s") is not None:
        words.append(f"{clock(progress['eta_s'])} left")
    return ", ".join(words)
