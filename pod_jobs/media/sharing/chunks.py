"""One chunk of a long picture, which any worker encodes into the folder that all workers of this encoding share:

layout.json               what every worker must know
0007.lock                 locked (flock) by the worker that encodes chunk 7; the kernel unlocks it when its process dies
0007.frames               how far that worker is
0007-host-place-123.part/ work under way, the only folder that the encoder can write to
0007/                     finished: 360p.m4s, 360p.m3u8 …, finished.json; appears by one rename
"""

import fcntl
import json
import math
import os
import re
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

import pod_jobs
from pod_jobs.errors import FfmpegFailed
from pod_jobs.media.command.ffmpeg import build_encode
from pod_jobs.media.hls import checks
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.codecs import ENCODERS
from pod_jobs.media.planning.limits import Limits, Source, decoder_options
from pod_jobs.media.planning.streams import Picture
from pod_jobs.media.process.journal import Journal
from pod_jobs.media.process.progress import Position
from pod_jobs.media.process.tools import Tools
from pod_jobs.media.work import pass_bounds
from pod_jobs.media_folder import PART
from pod_jobs.system import plain_files, process_identity

LAYOUT = "layout.json"
FINISHED = "finished.json"
NOTE = re.compile(r"[0-9]+ \S+")
# Encoders that every processor has
PROCESSOR_ENCODERS = {encoder.name: encoder for of_codec in ENCODERS.values() for encoder in of_codec}
LAST_FRAME_S = 1.0  # tolerance for the last frame, whose duration is a guess when the rate is not constant
NOTE_S = 1.0  # between two notes of how far a chunk is
HELPERS_END_S = 10.0  # time in which a helper notices that its folder is gone, ends its ffmpeg and unlocks


@dataclass(frozen=True)
class Layout:
    """`program`, `ffmpeg`: our version and ffmpeg's; with others a chunk would look different. `picture`: of the renditions
    that are encoded; its encoder travels as a name."""

    demuxer: str
    program: str
    ffmpeg: str
    picture: Picture
    encoder: str
    limits: Limits
    segment_s: int
    duration_s: float
    chunks: tuple[Chunk, ...]
    start_s: float | None = None  # of the source: see MediaInfo.disputed_start_s

    @property
    def frames(self) -> int:
        """How many frames the whole picture is expected to have."""
        return max(1, round(self.duration_s * self.chunks[0].rate))


@dataclass(frozen=True)
class FinishedChunk:
    """What a chunk cost, who made it, and what its files must contain. `checksums`: file name -> CRC-32."""

    worker: str
    wall_s: float
    cpu_s: float
    peak_mb: float
    command: str
    damaged: bool
    checksums: dict[str, int]


_LAYOUT = TypeAdapter(Layout)
_FINISHED = TypeAdapter(FinishedChunk)


def write_layout(shared: Path, layout: Layout) -> None:
    shared.mkdir()
    text = _LAYOUT.dump_json(layout, exclude={"picture": {"encoder", "scene"}}).decode()
    plain_files.write_text(shared / LAYOUT, text)


def read_layout(shared: Path) -> Layout | None:
    """The layout; None when there is nothing left to help with, or when another version of pod_jobs wrote it. It may come from
    another host, which has no say in the files and options of this one's ffmpeg: a shared picture has no scene."""
    try:
        layout = _LAYOUT.validate_json(plain_files.read_bytes(shared / LAYOUT))
    except (FileNotFoundError, ValidationError):
        return None
    if layout.program != pod_jobs.__version__ or layout.encoder not in PROCESSOR_ENCODERS:
        return None
    return replace(layout, picture=replace(layout.picture, encoder=PROCESSOR_ENCODERS[layout.encoder], scene=None))


def this_worker() -> str:
    """A name for this worker among all that share the folder: containers may share host name and process id."""
    return f"{socket.gethostname()}-{process_identity.place_id()}-{os.getpid()}"


def read_note(path: Path) -> str:
    """The note of a worker, "<frames> <worker>"; "" while it is being written."""
    try:
        text = plain_files.read_text(path)
    except FileNotFoundError:
        return ""
    return text if NOTE.fullmatch(text) else ""


def name_of(number: int) -> str:
    return f"{number:04}"


@contextmanager
def claimed(shared: Path, numbers: Iterable[int]) -> Iterator[int | None]:
    """The first of `numbers` that is neither finished nor under way; it is locked until the end of the block. Or None."""
    for number in numbers:
        lock = None if (shared / name_of(number)).exists() else _lock(shared / f"{name_of(number)}.lock")
        if lock is None:
            continue
        try:
            if not (shared / name_of(number)).exists():
                yield number
                return
        finally:
            os.close(lock)
    yield None


def _lock(path: Path) -> int | None:
    """A file descriptor that holds the lock; None when somebody else holds it, or the owner has removed the folder."""
    try:
        lock = plain_files.open_beneath(path.parent, path.name, os.O_RDWR | os.O_CREAT)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def clear(shared: Path) -> None:
    """Remove the shared folder, if it exists. Helpers notice that nothing is left to do, and get the time to end."""
    if not shared.exists():
        return
    gone = shared.rename(shared.with_name(f"{shared.name}.gone"))
    deadline = time.monotonic() + HELPERS_END_S
    for path in gone.glob("*.lock"):
        while (lock := _lock(path)) is None and time.monotonic() < deadline:
            time.sleep(0.1)
        if lock is not None:
            os.close(lock)
    plain_files.remove(gone)


def encode_chunk(
    shared: Path, source: Path, layout: Layout, chunk: Chunk, tools: Tools, tick: Callable[[int], None]
) -> None:
    """Encode and check one chunk of `source`. `tick(frames so far)` is called at least twice a second; what it raises ends
    the work.

    If somebody else has finished the chunk meanwhile, this work is thrown away. Errors: those of media.encode;
    FileNotFoundError when the folder is gone.
    """
    worker = this_worker()
    folder = shared / f"{name_of(chunk.number)}-{worker}{PART}"
    plain_files.remove(folder)
    folder.mkdir()
    try:
        finished = _run(
            folder, source, layout, chunk, tools, _noting(shared / f"{name_of(chunk.number)}.frames", worker, tick)
        )
        plain_files.write_text(folder / FINISHED, json.dumps(asdict(finished)))
        plain_files.check_folder(folder)
        try:
            folder.rename(shared / name_of(chunk.number))
        except OSError:
            if not (shared / name_of(chunk.number)).exists():
                raise
    finally:
        with suppress(OSError):  # the owner is removing the folder
            plain_files.remove(folder)


def help_out(
    shared: Path, source: Path, tools: Tools, tick: Callable[[int], None], may_go_on: Callable[[], bool]
) -> int:
    """Encode free chunks of `source` in `shared`, as a helper; returns how many. `tick` is that of encode_chunk.

    Ends when no chunk is free, when the encoding is over, or when `may_go_on` returns False after a chunk.
    """
    count = 0
    while (layout := read_layout(shared)) is not None and layout.ffmpeg == tools.version:
        with claimed(shared, range(len(layout.chunks))) as number:
            if number is None:
                break
            encode_chunk(shared, source, layout, layout.chunks[number], tools, tick)
        count += 1
        if not may_go_on():
            break
    return count


def _run(
    folder: Path, source: Path, layout: Layout, chunk: Chunk, tools: Tools, tick: Callable[[int], None]
) -> FinishedChunk:
    began = time.monotonic()
    picture = replace(layout.picture, chunk=chunk)
    opened_source = Source(str(source), layout.demuxer, decoder=decoder_options(picture.track), start_s=layout.start_s)
    argv = build_encode(tools, layout.limits, opened_source, picture, (), layout.segment_s)
    journal, position = Journal(folder, tools), Position(layout.limits.stall_s)

    def watch() -> None:
        position.check()
        tick(position.frames)

    bounds = pass_bounds(layout.limits, chunk.duration_s or layout.duration_s - chunk.start_s, picture)
    journal.run(f"chunk {chunk.number}", argv, bounds, position, watch, (source,))
    check_chunk(folder, layout, chunk)
    names = [f"{rendition.name}.m4s" for rendition in picture.renditions]
    return FinishedChunk(
        worker=folder.name.partition("-")[2].removesuffix(PART),
        wall_s=round(time.monotonic() - began, 2),
        cpu_s=round(journal.cpu_s, 2),
        peak_mb=round(journal.peak_mb, 1),
        command=journal.commands[0],
        damaged=position.heard_of_damage,
        checksums={name: checksum(folder / name) for name in names},
    )


def _noting(path: Path, worker: str, tick: Callable[[int], None]) -> Callable[[int], None]:
    next_at = 0.0

    def note(frames: int) -> None:
        nonlocal next_at
        tick(frames)
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + NOTE_S
            with plain_files.open_plain(path, "wb") as file:
                file.write(f"{frames} {worker}".encode())

    return note


def files_of_chunk(layout: Layout) -> set[str]:
    """The files of a finished chunk that its owner reads; there is a log beside them."""
    names = [rendition.name for rendition in layout.picture.renditions]
    return {FINISHED, *(f"{name}.{ending}" for name in names for ending in ("m4s", "m3u8"))}


def check_chunk(folder: Path, layout: Layout, chunk: Chunk) -> dict[str, checks.Rendered]:
    """Check the files of a chunk: complete, of equal length, with all frames, and fitting to the chunks beside it.

    Errors: FfmpegFailed.
    """
    rendered = checks.check_hls(folder, layout.picture, ())
    steady = layout.picture.rate is not None
    after_s = chunk.start_s + (chunk.duration_s or math.inf) + (chunk.half_frame_s if steady else LAST_FRAME_S)
    for name, stream in rendered.items():
        begin_s = (stream.track.first_ticks or 0) / stream.track.timescale
        end_s = begin_s + stream.track.duration_s
        if steady and chunk.frames not in (None, stream.track.samples):
            raise FfmpegFailed(f"chunk {chunk.number}: {name} has {stream.track.samples} frames, not {chunk.frames}")
        if begin_s < chunk.start_s - chunk.half_frame_s or end_s > after_s:
            raise FfmpegFailed(f"chunk {chunk.number}: {name} goes from {begin_s:.3f} s to {end_s:.3f} s")
    return rendered


def read_finished(folder: Path) -> FinishedChunk:
    """Errors: FfmpegFailed when it is damaged on disk."""
    try:
        finished = _FINISHED.validate_json(plain_files.read_bytes(folder / FINISHED))
        wrong = [name for name, crc in finished.checksums.items() if checksum(folder / name) != crc]
    except (OSError, ValidationError) as error:
        raise FfmpegFailed(f"chunk {folder.name}: {error}") from error
    if wrong:
        raise FfmpegFailed(f"chunk {folder.name}: {', '.join(wrong)} is not what was written")
    return finished


def checksum(path: Path) -> int:
    """CRC-32: about 1 GB/s."""
    crc = 0
    with plain_files.open_plain(path) as file:
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return crc
