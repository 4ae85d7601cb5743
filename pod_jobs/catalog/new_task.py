"""An order for a task, as plain values: the catalog stores them without knowing what any kind of task means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

OTHERS = ("opening", "ending", "second")  # options of any kind of task that name another video


class Purpose(StrEnum):
    """What becomes of a finished task's result."""

    PLAY = "play"  # it makes the video ready: what the player shows, the duration, the facts of the source
    ENRICH = "enrich"  # its outputs join what the player shows: captions, chapters
    OFFER = "offer"  # its outputs are files to download; its job makes way for all others of its queue
    NONE = ""  # only its figures are kept (`infos` of the result)


@dataclass(frozen=True)
class NewTask:
    """An order for a task. A video has at most one open task of the same `kind` and `template`, and the outputs of a newer task
    replace those of an older one. What `options` mean depends on the kind.

    `priority`, `party` and `is_short` decide when it begins (waiting_order.py). `party` "" is the owner of the video."""

    kind: str
    template: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    purpose: Purpose = Purpose.NONE
    priority: int = 0
    party: str = ""
    is_short: bool = False
