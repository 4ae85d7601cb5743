"""What an upload and a person order, as the web app would."""

from typing import Any

from pod_jobs.catalog.new_task import NewTask, Purpose


def encode(template: str = "web", options: dict[str, Any] | None = None) -> NewTask:
    return NewTask("encode", template, options or {}, Purpose.PLAY if template == "web" else Purpose.OFFER)


UPLOAD = (encode(),)
