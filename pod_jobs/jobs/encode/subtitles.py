"""The subtitles of a source, in its own times: what an encoding brings as captions that people edit (media/outputs/extras.py)."""

import logging
from collections.abc import Mapping
from typing import Any

from pod_jobs.captions.cues import NewCaptions
from pod_jobs.captions.parsing import MOST_BYTES, read_captions
from pod_jobs.errors import BadCaptions
from pod_jobs.jobs.job_type import ReadOutput
from pod_jobs.media_folder import SUBTITLES

log = logging.getLogger(__name__)


def read_subtitles(result: Mapping[str, Any], read: ReadOutput) -> list[NewCaptions]:
    """One of each track. What our reader refuses is left out: the player shows that track all the same, nobody can edit it.

    Errors: LookupError, TypeError for another result than an encoding's."""
    captions = []
    for name in (output["name"] for output in result["outputs"] if output["kind"] == "subtitles"):
        language, _, number = name.removeprefix(SUBTITLES).removesuffix(".vtt").partition("_")
        try:
            cues = read_captions(read(name, MOST_BYTES + 1)).cues
        except BadCaptions as error:
            log.warning("%s/%s: %s", result["folder"], name, error.reason)
            continue
        if cues:
            captions.append(NewCaptions("source", language, cues, number, output=name))
    return captions
