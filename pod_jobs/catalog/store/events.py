"""Production events: what the platform did with a video. An event commits with the change; the janitor makes a statement of
it."""

from datetime import datetime
from typing import Any

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Task, Video
from pod_jobs.catalog.new_task import Purpose
from pod_jobs.catalog.store import statements
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.catalog.trace_models import ProductionEvent

FINAL = {"done": True, "error": False}  # final states of a task that make an event -> was it a success?


def uploaded(video: Video, now: datetime) -> None:
    """Enter an upload. Call inside the transaction that makes the video."""
    _enter("uploaded", video, "", now, person=video.owner_id)


def ended(task: Task, result: dict[str, Any], now: datetime) -> None:
    """Enter the end of a task: an encoding that succeeded or failed, or new captions. Call inside its transaction."""
    video: Video | None = task.video
    if video is None or not video.source_path or task.state not in FINAL:
        return  # what belongs to another site is not ours to tell about
    success = FINAL[task.state]
    run = f"{task.id}-g{task.generation}"
    if task.purpose == Purpose.PLAY:
        started = task.started_at or now
        took_s = max(0.0, (now - started).total_seconds())
        _enter("encoded", video, run, now, success=success, duration_s=took_s)
        if success:
            _enter("published", video, run, now)
    elif success and task.purpose == Purpose.ENRICH:
        languages = {output.get("language") for output in result["outputs"] if output.get("kind") == "captions"}
        for language in sorted(filter(None, languages)):
            _enter("transcribed", video, run, now, language=language)


def pending(limit: int = 500) -> list[ProductionEvent]:
    """Oldest first."""
    return list(ProductionEvent.select().order_by(ProductionEvent.id).limit(limit))


def replace(events: list[ProductionEvent], by: list[NewStatement], lane_names: list[str], now: datetime) -> None:
    """Replace `events` by the statements `by`, in one transaction. Without statements, the events are only deleted."""
    with transaction():
        if by:
            statements.add(by, lane_names, now)
        ids = [event.id for event in events]
        ProductionEvent.delete().where(ProductionEvent.id.in_(ids)).execute()


def _enter(kind: str, video: Video, run: str, now: datetime, **facts: Any) -> None:
    facts = {"title": video.title, **facts}
    ProductionEvent.create(kind=kind, video=video.id, run=run, facts=facts, at=now)
