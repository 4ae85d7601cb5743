"""The numbers of new videos, when the media folder knows more of them than the database. Needs an open database."""

import logging
from collections.abc import Callable
from typing import TypeVar

from pod_jobs.catalog.store import instance
from pod_jobs.errors import NumberTaken
from pod_jobs.storage.web_host_folder import WebHostFolder

log = logging.getLogger(__name__)

T = TypeVar("T")


def with_free_number(media: WebHostFolder, create: Callable[[], T]) -> T:
    """What `create` makes. If the media folder has recordings of higher numbers than the database, it is made after those."""
    try:
        return create()
    except NumberTaken as error:
        number_range = instance.notice_recordings(max(media.videos(), default=0))
        log.warning("%s; new recordings get higher numbers than %s", error, number_range[1] if number_range else "it")
        return create()
