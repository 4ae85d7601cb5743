"""The playlists of one folder: a master with estimates, to watch during the encoding, and measured ones at its end."""

from collections.abc import Sequence
from pathlib import Path

from pod_jobs.media.facts.mp4_boxes import CODECS_OF_SOUND, read_tracks
from pod_jobs.media.hls.checks import Rendered
from pod_jobs.media.hls.playlists import (
    AudioRendition,
    MediaPlaylist,
    Variant,
    build_master,
    build_playlist,
    parse_playlist,
)
from pod_jobs.media.planning.streams import Picture, Sound
from pod_jobs.media_folder import MASTER_NAME
from pod_jobs.system import plain_files


class EarlyMaster:
    """Writes the master playlist as soon as each rendition has a first segment. The ceilings serve as bit rates."""

    def __init__(self, folder: Path, picture: Picture | None, sounds: Sequence[Sound]) -> None:
        self.written = False
        self._folder = folder
        self._picture = picture
        self._sounds = sounds

    def write_when_ready(self) -> bool:
        """True once the master exists. It costs little: a few short files are read, and none after that."""
        if not self.written:
            try:
                text = self._text()
            except ValueError:  # a file that is cut off, on a full disk: the pass itself will say so
                text = None
            if text:
                plain_files.write_text(self._folder / MASTER_NAME, text)
                self.written = True
        return self.written

    def _text(self) -> str | None:
        renditions = self._picture.renditions if self._picture else ()
        fps = self._picture.fps if self._picture else 0.0
        names = [*(rendition.name for rendition in renditions), *(sound.name for sound in self._sounds)]
        playlists = {name: playlist for name in names if (playlist := self._started(name))}
        if len(playlists) < len(names):
            return None
        variants = [
            Variant(
                name=rendition.name,
                width_px=rendition.width_px,
                height_px=rendition.height_px,
                fps=fps,
                codecs=self._codecs(rendition.name, playlists[rendition.name]),
                peak_bps=max(rendition.rung.maxrate_kbps * 1000, playlists[rendition.name].peak_bps),
                average_bps=playlists[rendition.name].average_bps,
            )
            for rendition in renditions
        ]
        return build_master(variants, [_audio(sound, playlists[sound.name]) for sound in self._sounds])

    def _started(self, name: str) -> MediaPlaylist | None:
        try:
            playlist = parse_playlist(plain_files.read_text(self._folder / f"{name}.m3u8"))
        except FileNotFoundError:
            return None
        return playlist if playlist.segments else None

    def _codecs(self, name: str, playlist: MediaPlaylist) -> str:
        return read_tracks(self._folder / f"{name}.m4s", playlist.init_bytes)[0].codecs


def write_measured(
    folder: Path, picture: Picture | None, sounds: Sequence[Sound], rendered: dict[str, Rendered], segment_s: int
) -> None:
    """Write the final playlists from the segments as measured; ffmpeg's own may end too early."""
    for name, stream in rendered.items():
        plain_files.write_text(folder / f"{name}.m3u8", build_playlist(name, stream.playlist, segment_s))
    variants = [
        Variant(
            name=rendition.name,
            width_px=rendition.width_px,
            height_px=rendition.height_px,
            fps=picture.fps if picture else 0.0,
            codecs=rendered[rendition.name].track.codecs,
            peak_bps=rendered[rendition.name].playlist.peak_bps,
            average_bps=rendered[rendition.name].playlist.average_bps,
        )
        for rendition in (picture.renditions if picture else ())
    ]
    plain_files.write_text(
        folder / MASTER_NAME, build_master(variants, [_audio(sound, rendered[sound.name].playlist) for sound in sounds])
    )


def _audio(sound: Sound, playlist: MediaPlaylist) -> AudioRendition:
    codecs = CODECS_OF_SOUND[sound.encoder.name]
    return AudioRendition(
        sound.name, sound.label, sound.language, codecs, sound.channels, playlist.peak_bps, playlist.average_bps
    )
