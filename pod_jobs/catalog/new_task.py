"""What a task is ordered as. Plain values: the catalog stores them, and asks nobody what a kind of task means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

OTHERS = ("opening", "ending", "second")  # options of any kind of task that name another video


class Purpose(StrEnum):
    """What becomes of a finished task's result."""

    PLAY = "play"  # it makes the video: what the player shows, its length, the facts of its source
    ENRICH = "enrich"  # its outputs join what the player shows: captions, chapters
    OFFER = "offer"  # its outputs are offered as files; it waits while others of its queue have work
    NONE = ""  # only its figures are kept (`infos` of the result)


@dataclass(frozen=True)
class NewTask:
    """An order. Of a video, at most one task of the same `kind` and `template` is open, and a newer one's outputs replace
    an older one's. `options` are the kind's own."""

    kind: str
    template: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    purpose: Purpose = Purpose.NONE
