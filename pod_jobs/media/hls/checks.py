"""Checks that the files of an encoding are what they should be. An exit code of 0 does not prove it: ffmpeg "succeeds" on
a full disk, after a flipped bit, and with an absurd duration.

This compares our own files with each other; encode.py compares them with the source.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pod_jobs.errors import FfmpegFailed
from pod_jobs.media.facts.media_info import MediaInfo
from pod_jobs.media.facts.mp4_boxes import Track, read_tracks
from pod_jobs.media.hls.playlists import MediaPlaylist, parse_playlist
from pod_jobs.media.planning.ladder import PlannedRendition
from pod_jobs.media.planning.streams import AUDIO, Picture, Sound
from pod_jobs.system import plain_files

# A copied picture may have this many frames more than the others: at its ends it may hold some that no decoder shows
COPY_FRAMES = 3


@dataclass(frozen=True)
class Rendered:
    """One HLS rendition as found on disk."""

    playlist: MediaPlaylist
    track: Track


def tolerance_s(duration_s: float) -> float:
    """Seconds by which two durations of the same thing may differ: 1 s or 1 %, whichever is more."""
    return max(1.0, duration_s / 100)


def check_hls(folder: Path, picture: Picture | None, sounds: Sequence[Sound]) -> dict[str, Rendered]:
    """The HLS files of a pass by name (`AUDIO` for the first sound). Errors: FfmpegFailed names the file that is wrong."""
    renditions = picture.renditions if picture else ()
    names = [*(rendition.name for rendition in renditions), *(sound.name for sound in sounds)]
    rendered = {name: _rendered(folder, name) for name in names}
    for rendition in renditions:
        track = rendered[rendition.name].track
        _expect(track.kind == "vide", f"{rendition.name} holds no picture")
        size, width_px, height_px = (track.width_px, track.height_px), rendition.width_px, rendition.height_px
        _expect(size == (width_px, height_px), f"{rendition.name} is {size}, not {width_px} x {height_px}")
        lowest = rendered[renditions[0].name].track
        is_copy = picture is not None and picture.copies_top and rendition == renditions[-1]
        if is_copy and picture and picture.still_until_s:  # the others have fewer frames
            _expect(_near(track.duration_s, lowest.duration_s), f"{rendition.name}: duration")
        else:
            allowed = COPY_FRAMES if is_copy else 0
            counts = f"{rendition.name} has {track.samples} frames, {renditions[0].name} {lowest.samples}"
            _expect(abs(track.samples - lowest.samples) <= allowed, counts)
    return rendered


def _rendered(folder: Path, name: str) -> Rendered:
    try:
        playlist = parse_playlist(plain_files.read_text(folder / f"{name}.m3u8"))
        tracks = read_tracks(folder / f"{name}.m4s")
    except (OSError, ValueError) as error:
        raise FfmpegFailed(f"result check: {name}: {error}") from error
    size = plain_files.size_of(folder / f"{name}.m4s") or 0
    _expect(len(tracks) == 1, f"{name}.m4s has {len(tracks)} tracks")
    _expect(playlist.ended and bool(playlist.segments), f"{name}.m3u8 is not complete")
    _expect(playlist.end <= size, f"{name}.m4s has {size} bytes, its playlist speaks of {playlist.end}")
    if playlist.end == size:
        playlist = _measured(name, playlist, tracks[0])
    _expect(_near(playlist.duration_s, tracks[0].duration_s), f"{name}: playlist and track differ in duration")
    return Rendered(playlist, tracks[0])


def _measured(name: str, playlist: MediaPlaylist, track: Track) -> MediaPlaylist:
    """The playlist with measured durations: a segment lasts until the next one begins, the last one until its last sample ends.
    Some of the durations that ffmpeg writes follow from the nominal rate, or from decoding times."""
    begins, end_ticks, fragments = [], 0, list(track.fragments)
    for segment in playlist.segments:
        end = segment.offset + segment.bytes
        inside = [fragment for fragment in fragments if segment.offset <= fragment.offset < end]
        _expect(bool(inside), f"{name}: nothing at {segment.offset}, where a segment begins")
        begins.append(inside[0].begin_ticks)
        end_ticks = max(fragment.end_ticks for fragment in inside)
        fragments = fragments[len(inside) :]
    ticks = [after - begin for begin, after in zip(begins, [*begins[1:], end_ticks], strict=True)]
    _expect(all(duration > 0 for duration in ticks), f"{name}: its segments are not in order")
    lasting = zip(playlist.segments, ticks, strict=True)
    segments = (replace(segment, duration_s=duration / track.timescale) for segment, duration in lasting)
    return replace(playlist, segments=tuple(segments))


def check_mp4(path: Path, rendition: PlannedRendition | None, rendered: dict[str, Rendered]) -> None:
    """Compare an MP4 with the HLS that it was copied from: size, frames, sound. `rendition` None: sound alone."""
    try:
        tracks = {track.kind: track for track in read_tracks(path)}
    except (OSError, ValueError) as error:
        raise FfmpegFailed(f"result check: {path.name}: {error}") from error
    expected = {"vide": rendered[rendition.name].track} if rendition else {}
    if AUDIO in rendered:
        expected["soun"] = rendered[AUDIO].track
    _expect(tracks.keys() == expected.keys(), f"{path.name} has the tracks {sorted(tracks)}")
    for kind, track in expected.items():
        copy = tracks[kind]
        _expect(copy.samples == track.samples, f"{path.name} has {copy.samples} of {track.samples} {kind} samples")
        _expect((copy.width_px, copy.height_px) == (track.width_px, track.height_px), f"{path.name}: size")
        _expect(_near(copy.duration_s, track.duration_s), f"{path.name}: duration")


def check_download(
    name: str, media: MediaInfo, rendition: PlannedRendition | None, rendered: dict[str, Rendered]
) -> None:
    """Compare another download, as the probe saw it, with the HLS that it was copied from. `rendition` None: sound alone."""
    size = media.video.display_size if media.video else None
    _expect(size == (rendition and (rendition.width_px, rendition.height_px)), f"{name} has a picture of {size}")
    _expect(len(media.audio) == (AUDIO in rendered), f"{name} has {len(media.audio)} sounds")
    whole_s = max(stream.playlist.duration_s for stream in rendered.values())
    _expect(_near(media.duration_s, whole_s), f"{name} lasts {media.duration_s:.1f} of {whole_s:.1f} s")


def check_mp3(path: Path, kbps: int, duration_s: float) -> None:
    """Compare the duration that follows from size and constant bit rate with `duration_s`."""
    size = plain_files.size_of(path) or 0
    _expect(
        size > 0 and _near(size * 8 / kbps / 1000, duration_s), f"{path.name} has {size} bytes for {duration_s:.1f} s"
    )


def check_pictures(folder: Path, names: Sequence[str]) -> None:
    """Check that the JPEG files begin and end as JPEG files do."""
    for name in names:
        jpeg = plain_files.read_bytes(folder / name) if plain_files.size_of(folder / name) else b""
        _expect(jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9", f"{name} is no complete JPEG")


def _near(measured_s: float, expected_s: float) -> bool:
    return abs(measured_s - expected_s) <= tolerance_s(expected_s)


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise FfmpegFailed(f"result check: {otherwise}")
