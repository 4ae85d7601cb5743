"""Makes a random source, encodes it with its random cut, and holds the result against what is known of the source."""

from dataclasses import replace
from pathlib import Path

from pod_jobs.errors import BadSource
from pod_jobs.media.encode import EncodePlan, encode
from pod_jobs.media.planning.ladder import Rendition
from pod_jobs.media.process.tools import Tools
from tests.sources import invent, make
from tests.truth import faults
from tests.unit.media.samples import LIMITS

LOW = Rendition("96p", 96, crf=18, preset="ultrafast", maxrate_kbps=3000, audio_kbps=96, mp4=True)
PLAN = EncodePlan((LOW,), mp3_kbps=0, copy_top=True, with_extras=False, limits=LIMITS)


class Refused(Exception):
    """A source that people may have was not encoded."""


def attempt(number: int, folder: Path, tools: Tools) -> list[str]:
    """What is wrong with the result of source `number`, made in the empty `folder`; Refused where there is none."""
    recording = invent(number)
    source, out = make(recording, folder), folder / "out"
    out.mkdir()
    try:
        result = encode(source, out, replace(PLAN, keep=recording.keep), tools, lambda progress: None)
    except BadSource as error:
        raise Refused(f"{source.name}: {error.code} {error.reason}") from error
    right = {"warning-more-pictures"} if recording.more_tracks else set()
    remarks = [f"a remark: {one.code}" for one in result.warnings if one.code not in right]
    return [*remarks, *faults(recording, source, out / f"{LOW.name}.mp4")]
