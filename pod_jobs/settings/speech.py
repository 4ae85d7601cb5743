"""[speech] and [[speech.model]] of settings.toml."""

from typing import Annotated

from pydantic import Field, model_validator

from pod_jobs.settings.section import Count, PositiveFloat, PositiveInt, Section

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class ModelSettings(Section):
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3}|[*])$")]
    name: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=40)] = ""
    path: str = ""
    sha256: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{64})?$")] = ""


class CorrectionSettings(Section):
    heard: Annotated[str, Field(min_length=1, max_length=100)]
    right: Annotated[str, Field(min_length=1, max_length=100)]


class SpeechSettings(Section):
    automatic: bool
    language: Language
    threads: Count
    line_characters: Annotated[int, Field(ge=20, le=80)]
    lines: Annotated[int, Field(ge=1, le=4)]
    slow_down_cps: PositiveFloat
    most_cps: PositiveFloat
    least_s: PositiveFloat
    most_s: PositiveFloat
    gap_ms: Count
    linger_ms: Count
    accessible: bool
    keep_versions: PositiveInt
    model: tuple[ModelSettings, ...]
    correction: tuple[CorrectionSettings, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> "SpeechSettings":
        languages = [entry.language for entry in self.model if not entry.name]
        if len(set(languages)) < len(languages):
            raise ValueError("model: two entries without a name are for the same language")
        names = [entry.name for entry in self.model if entry.name]
        if len(set(names)) < len(names):
            raise ValueError("model: two entries have the same name")
        if any(entry.name and entry.language != "*" for entry in self.model):
            raise ValueError('model: an entry with a name is for all languages: language = "*"')
        if self.most_cps < self.slow_down_cps:
            raise ValueError("most_cps must not be lower than slow_down_cps")
        return self
