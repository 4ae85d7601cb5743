"""Joins chunks, in playing order, into HLS files that can be watched while they grow. Nothing is encoded again."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from pod_jobs.errors import FfmpegFailed
from pod_jobs.media.hls.playlists import MediaPlaylist, build_playlist
from pod_jobs.media.sharing.chunks import FinishedChunk, Layout, check_chunk, name_of, read_finished
from pod_jobs.system import plain_files

NOTHING = MediaPlaylist(0, (), ended=False)


@dataclass
class Joiner:
    """Appends to NAME.m4s and NAME.m3u8 in `folder`. `joined`: how many chunks so far."""

    folder: Path
    shared: Path
    layout: Layout
    joined: int = 0
    _inits: dict[str, bytes] = field(default_factory=dict)
    _playlists: dict[str, MediaPlaylist] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.joined == len(self.layout.chunks)

    @property
    def frames(self) -> int:
        """How many frames, at the constant rate, lie before the next chunk."""
        return self.layout.frames if self.complete else self.layout.chunks[self.joined].first_frame

    def append_next(self) -> FinishedChunk | None:
        """Append the next chunk, if it is finished. Errors: FfmpegFailed when it is wrong; then nothing was appended."""
        folder = self.shared / name_of(self.joined)
        if self.complete or not folder.exists():
            return None
        finished = read_finished(folder)
        rendered = check_chunk(folder, self.layout, self.layout.chunks[self.joined])
        for name, stream in rendered.items():
            self._check_init(name, folder / f"{name}.m4s", stream.playlist.init_bytes)
        for name, stream in rendered.items():
            self._append(name, folder / f"{name}.m4s", self._lasting_to_the_next(stream.playlist))
        self.joined += 1
        for path in folder.iterdir():  # the empty folder stays, as a sign that the chunk is done
            path.unlink()
        return finished

    def _check_init(self, name: str, path: Path, size: int) -> None:
        """Check the init segment, which players read once: all chunks must have the same one."""
        with plain_files.open_plain(path) as file:
            init = file.read(size)
        if self._inits.setdefault(name, init) != init:
            raise FfmpegFailed(f"chunk {path.parent.name}: {name} begins with another init segment")

    def _lasting_to_the_next(self, part: MediaPlaylist) -> MediaPlaylist:
        """`part` with the duration of its last frame corrected by the grid: ffmpeg guesses it, and 5.1 guesses badly."""
        duration_s = self.layout.chunks[self.joined].duration_s
        last = part.segments[-1]
        missing_s = 0.0 if duration_s is None else duration_s - part.duration_s
        return replace(part, segments=(*part.segments[:-1], replace(last, duration_s=last.duration_s + missing_s)))

    def _append(self, name: str, path: Path, part: MediaPlaylist) -> None:
        playlist = self._playlists.get(name, NOTHING)
        skip = part.init_bytes if playlist.segments else 0
        whole_path = self.folder / f"{name}.m4s"
        with plain_files.open_plain(path) as source, plain_files.open_plain(whole_path, "ab") as whole:
            shift = whole.tell() - skip
            source.seek(skip)
            shutil.copyfileobj(source, whole, 1 << 20)
        moved = tuple(replace(segment, offset=segment.offset + shift) for segment in part.segments)
        self._playlists[name] = MediaPlaylist(part.init_bytes, playlist.segments + moved, ended=self._is_last)
        plain_files.write_text(
            self.folder / f"{name}.m3u8", build_playlist(name, self._playlists[name], self.layout.segment_s)
        )

    @property
    def _is_last(self) -> bool:
        return self.joined + 1 == len(self.layout.chunks)
