"""What one pass makes: a picture in several renditions, and sounds. Plain values."""

from dataclasses import dataclass
from fractions import Fraction

from pod_jobs import media_folder
from pod_jobs.media.facts.media_info import AudioTrack, VideoTrack
from pod_jobs.media.planning.chunk_grid import Chunk
from pod_jobs.media.planning.codecs import AAC, LIBX264, Encoder, SoundEncoder
from pod_jobs.media.planning.ladder import PlannedRendition
from pod_jobs.media.planning.scene import Scene

AUDIO = media_folder.AUDIO  # names the first sound's files: audio.m3u8, audio.m4s, audio.mp3, audio.m4a


@dataclass(frozen=True)
class Picture:
    """The picture part of a pass. `rate` None keeps the time stamps of the source. Renditions lowest first."""

    track: VideoTrack
    renditions: tuple[PlannedRendition, ...]
    rate: Fraction | None
    keyframe_s: int
    copies_top: bool = False  # the last rendition is the source's picture as it is
    encoder: Encoder = LIBX264
    # how the picture is put together from several files, on a canvas of the last rendition's size
    scene: Scene | None = None
    decoded_elsewhere: bool = False  # another process decodes it, and so finds damage that a copy would carry along
    chunk: Chunk | None = None  # only this part of it
    still_until_s: float | None = None  # where it ends, if it mostly stands still: then stillness.py leaves frames out
    # at a constant rate its last frame is held until then; without one it is where a cut picture ends
    lasts_s: float | None = None
    most_held_s: float | None = None  # it is not held if that would take longer than this; None: however long

    @property
    def encoded(self) -> tuple[PlannedRendition, ...]:
        return self.renditions[:-1] if self.copies_top else self.renditions

    @property
    def fps(self) -> float:
        return float(self.rate) if self.rate else self.track.fps


@dataclass(frozen=True)
class Sound:
    """One sound of a pass, for all renditions; of the first sound also an MP3, if `mp3_kbps` is not 0. `name` becomes file
    names, `label` is for people, `language` a code of languages.py or "". `gain_db` None leaves the level."""

    track: AudioTrack
    kbps: int
    mp3_kbps: int
    name: str = AUDIO
    label: str = "1"
    language: str = ""
    gain_db: float | None = None
    encoder: SoundEncoder = AAC

    @property
    def channels(self) -> int:
        return min(self.track.channels, 2)

    @property
    def layout(self) -> str:
        """ffmpeg's name for the channels."""
        return "mono" if self.channels == 1 else "stereo"

    @property
    def sample_rate_hz(self) -> int:
        return self.track.sample_rate_hz if self.track.sample_rate_hz in self.encoder.rates_hz else 48_000
