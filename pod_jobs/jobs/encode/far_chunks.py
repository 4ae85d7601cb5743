"""Chunks of a long encoding that travel between hosts: what jobs/far_owner.py and jobs/far_helper.py have to know of them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from pod_jobs.errors import ResultRejected
from pod_jobs.jobs.far_helper import Making
from pod_jobs.jobs.far_owner import Called
from pod_jobs.media.planning.places import SEEKABLE
from pod_jobs.media.process.tools import Tools
from pod_jobs.media.sharing import chunks
from pod_jobs.storage.received_run import Announced
from pod_jobs.system import plain_files

NOTE = ".frames"
NOTE_BYTES = 64 * 1024  # most that a helper may say of what its chunk cost
# A chunk may be ROOM times as large as its renditions' highest rates allow, and ROOM_BYTES larger than that
ROOM, ROOM_BYTES = 4, 64_000_000


def called(shared: Path) -> Called | None:
    """What the owner of an encoding shares."""
    layout = chunks.read_layout(shared)
    if layout is None:
        return None
    instructions = plain_files.read_bytes(shared / chunks.LAYOUT)
    return Called(len(layout.chunks), instructions, partial(_check_files, layout), partial(_take_in, shared, layout))


def prepare(tools: Tools, memory_mb: int, place: Path, instructions: str) -> Making | None:
    """What a helper makes in the folder `place`; None when its ffmpeg is another one, or the source cannot be shared."""
    plain_files.write_text(place / chunks.LAYOUT, instructions)
    layout = chunks.read_layout(place)
    if layout is None or layout.ffmpeg != tools.version or layout.demuxer not in SEEKABLE:
        return None
    own_layout = replace(layout, limits=replace(layout.limits, memory_mb=memory_mb))

    def make(source: Path, number: int, watch: Callable[[int], None]) -> Path:
        chunks.encode_chunk(place, source, own_layout, own_layout.chunks[number], tools, watch)
        return place / chunks.name_of(number)

    return Making(len(own_layout.chunks), chunks.files_of_chunk(own_layout), make)


def _check_files(layout: chunks.Layout, number: int, files: Mapping[str, Announced]) -> None:
    """Errors: ResultRejected for other files than those of a chunk, and for far too large ones."""
    if files.keys() != chunks.files_of_chunk(layout) or files[chunks.FINISHED].bytes > NOTE_BYTES:
        raise ResultRejected("these are not the files of a chunk")
    lasts_s = layout.chunks[number].duration_s or layout.duration_s - layout.chunks[number].start_s
    usual = sum(rendition.rung.maxrate_kbps for rendition in layout.picture.renditions) * 125 * max(lasts_s, 1.0)
    if sum(file.bytes for file in files.values()) > ROOM * usual + ROOM_BYTES:
        raise ResultRejected("the files of the chunk are too large")


def _take_in(shared: Path, layout: chunks.Layout, folder: Path, number: int) -> None:
    cost = chunks.read_finished(folder)
    if not all(math.isfinite(value) and value >= 0 for value in (cost.wall_s, cost.cpu_s, cost.peak_mb)):
        raise ResultRejected("what the chunk cost is no number")
    chunks.check_chunk(folder, layout, layout.chunks[number])
    if not (shared / chunks.name_of(number)).exists():
        folder.rename(shared / chunks.name_of(number))
