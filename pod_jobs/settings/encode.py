"""[encode], [[rendition]] and [[template]] of settings.toml."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from pod_jobs.media_folder import RUNG, WEB
from pod_jobs.settings.section import PositiveFloat, PositiveInt, Section

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
SCALES = {  # codec -> highest crf, presets
    "h264": (51, get_args(Preset)),
    "av1": (63, tuple(str(n) for n in range(14))),
    "vp9": (63, tuple(str(n) for n in range(9))),
}
SOUND_ALONE = ("m4a", "mp3")
Kbps = Annotated[int, Field(ge=32, le=512)]


def _is_rung(name: str) -> str:
    if not RUNG.fullmatch(name):
        raise ValueError("1 to 16 of a-z 0-9 are needed, and audio is the name of the sound's own files")
    return name


class EncodeSettings(Section):
    segment_s: PositiveInt
    keyframe_s: PositiveInt
    mp3_kbps: PositiveInt
    copy_top: bool
    audio_level_lufs: Annotated[float, Field(ge=-40, le=0)]
    share_from_min: Annotated[float, Field(ge=0)]
    chunk_s: PositiveInt
    max_duration_h: PositiveFloat
    max_megapixels: PositiveFloat
    wall_factor: PositiveFloat
    stall_s: PositiveInt
    memory_mb: PositiveInt
    hardware: Literal["none", "auto", "nvenc", "vaapi", "qsv"]
    vaapi_device: Annotated[str, Field(pattern=r"^/dev/dri/[A-Za-z0-9_-]+$")]

    @model_validator(mode="after")
    def _grid(self) -> "EncodeSettings":
        if self.segment_s % self.keyframe_s:
            raise ValueError("segment_s must be a multiple of keyframe_s, or segments could not start on key frames")
        return self


class Rung(Section):
    name: Annotated[str, AfterValidator(_is_rung)]
    height_px: Annotated[int, Field(ge=90, le=4320)]
    maxrate_kbps: PositiveInt
    audio_kbps: Kbps


class RenditionSettings(Rung):
    crf: Annotated[int, Field(ge=0, le=51)]
    preset: Preset
    mp4: bool


class TemplateRenditionSettings(Rung):
    """`crf` and `preset` are on the scale of the template's codec. `mp4` matters only for HLS, where it adds a download."""

    crf: Annotated[int, Field(ge=0, le=63)]
    preset: str
    mp4: bool = False


class TitleSettings(Section):
    en: str
    fr: str


class TemplateSettings(Section):
    """A recipe for one kind of outputs. Encoding a video by it is a task of its own."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,19}$")]
    title: TitleSettings
    automatic: bool
    container: Literal["hls", "mp4", "webm", "m4a", "mp3"]
    codec: Literal["", "h264", "av1", "vp9"] = ""
    ladder: tuple[str, ...] = ()
    rendition: tuple[TemplateRenditionSettings, ...] = ()
    audio_kbps: Kbps | None = None

    @property
    def is_web(self) -> bool:
        """Does an encoding by this template make what the player shows? Other templates make files to download."""
        return self.name == WEB

    @property
    def is_sound(self) -> bool:
        return self.container in SOUND_ALONE

    @property
    def mp3_kbps(self) -> int:
        """kb/s of the MP3; 0 = no MP3."""
        return (self.audio_kbps or 0) if self.container == "mp3" else 0

    @model_validator(mode="after")
    def _fits_together(self) -> "TemplateSettings":
        faults = [*self._sound_faults()] if self.is_sound else [*self._picture_faults(), *self._rung_faults()]
        if faults:
            raise ValueError(f"{self.name}: {'; '.join(faults)}")
        return self

    def _sound_faults(self) -> Iterator[str]:
        if self.codec or self.ladder or self.rendition:
            yield f"{self.container} holds sound alone: no codec, ladder or rendition"
        if self.audio_kbps is None:
            yield f"{self.container} needs audio_kbps"

    def _picture_faults(self) -> Iterator[str]:
        if self.audio_kbps is not None:
            yield "audio_kbps stands in each rendition"
        if bool(self.ladder) == bool(self.rendition):
            yield "give either ladder, names of [[rendition]], or [[template.rendition]]"
        if not self.codec:
            yield f"{self.container} needs a codec"
        if self.container == "webm" and self.codec == "h264":
            yield "webm holds av1 or vp9"
        if self.ladder and self.codec not in ("", "h264"):
            yield f"{self.codec} needs its own [[template.rendition]]: crf and preset of [[rendition]] are H.264's"

    def _rung_faults(self) -> Iterator[str]:
        highest_crf, presets = SCALES[self.codec or "h264"]
        for rendition in self.rendition:
            if rendition.crf > highest_crf:
                yield f"{rendition.name}: crf of {self.codec} ends at {highest_crf}"
            if rendition.preset not in presets:
                yield f"{rendition.name}: preset of {self.codec} is one of {', '.join(presets)}"
        for key in ("name", "height_px"):
            if len({getattr(rendition, key) for rendition in self.rendition}) < len(self.rendition):
                yield f"two renditions have the same {key}"


def web_template(renditions: tuple[RenditionSettings, ...]) -> TemplateSettings:
    """The template "web", which always exists; it has all `renditions`."""
    return TemplateSettings(
        name=WEB,
        title=TitleSettings(en="Web player", fr="Lecteur web"),
        automatic=True,
        container="hls",
        codec="h264",
        ladder=tuple(rendition.name for rendition in renditions),
    )


def template_faults(templates: Sequence[TemplateSettings], renditions: Sequence[RenditionSettings]) -> Iterator[str]:
    """One line for each fault that only shows when templates and renditions are compared."""
    rungs = {rendition.name for rendition in renditions}
    for template in templates:
        yield from (
            f"template {template.name}: there is no rendition {name!r}" for name in template.ladder if name not in rungs
        )
        if template.is_web:
            yield f"template {WEB} is always there: change it by [[rendition]] and [encode]"
