"""[encode] and [[rendition]] of settings.toml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pod_jobs.section import PositiveFloat, PositiveInt, Section

Crf = Annotated[int, Field(ge=0, le=51)]
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]


class EncodeSettings(Section):
    segment_s: PositiveInt
    keyframe_s: PositiveInt
    mp3_kbps: PositiveInt
    copy_top: bool
    audio_level_lufs: Annotated[float, Field(ge=-40, le=0)]
    max_duration_h: PositiveFloat
    max_megapixels: PositiveFloat
    wall_factor: PositiveFloat
    stall_s: PositiveInt
    memory_mb: PositiveInt

    @model_validator(mode="after")
    def _grid(self) -> "EncodeSettings":
        if self.segment_s % self.keyframe_s:
            raise ValueError("segment_s must be a multiple of keyframe_s, or segments could not start on key frames")
        return self


class RenditionSettings(Section):
    name: Annotated[str, Field(pattern=r"^[a-z0-9]{1,16}$")]
    height_px: Annotated[int, Field(ge=90, le=4320)]
    crf: Crf
    preset: Preset
    maxrate_kbps: PositiveInt
    audio_kbps: Annotated[int, Field(ge=32, le=512)]
    mp4: bool
