"""From the settings to plain values of the speech library. Reads nothing but the settings; needs no extra to be installed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pod_jobs.captions.rules import CueRules
from pod_jobs.errors import SettingsError
from pod_jobs.settings import Settings

if TYPE_CHECKING:
    from pod_jobs.speech.engine import Engine
    from pod_jobs.speech.transcribe import SpeechRequest

STRICT_LINE = 37  # characters, in the accessible mode


def cue_rules(settings: Settings) -> CueRules:
    """The rules of [speech] for captions."""
    speech = settings.speech
    rules = CueRules(
        line_characters=speech.line_characters,
        lines=speech.lines,
        slow_down_cps=speech.slow_down_cps,
        most_cps=speech.most_cps,
        least_s=speech.least_s,
        most_s=speech.most_s,
        gap_s=speech.gap_ms / 1000,
        linger_s=speech.linger_ms / 1000,
        accessible=speech.accessible,
    )
    return replace(rules, line_characters=min(rules.line_characters, STRICT_LINE)) if speech.accessible else rules


def speech_order(
    settings: Settings,
    language: str,
    glossary: Sequence[str] = (),
    corrections: Sequence[Sequence[str]] = (),
    *,
    translate: bool = False,
) -> "SpeechRequest":
    """What the speech library is asked for. `language` "": it is to be recognised. `corrections`: (heard, right, language), which
    come before those of the settings."""
    from pod_jobs.speech.transcribe import SpeechRequest

    by_settings = ((correction.heard, correction.right, "") for correction in settings.speech.correction)
    return SpeechRequest(
        language=language,
        default_language=settings.speech.language,
        glossary=tuple(glossary),
        corrections=(*((heard, right, of) for heard, right, of in corrections), *by_settings),
        translate=translate,
        rules=cue_rules(settings),
    )


def demand_extra() -> None:
    """Errors: SettingsError when the extra `speech` is not installed: another host may have it."""
    from pod_jobs.speech.models import is_installed

    if not is_installed():
        raise SettingsError("./run up --with-speech installs it", code="speech-not-installed")


def engine_for(settings: Settings, language: str, name: str = "") -> "Engine":
    """The loaded model of this `name`; if that is "", the usual one for `language`, where "" stands for all languages that
    have no model of their own. Errors: SettingsError; OutOfResources when there is no memory for it."""
    from pod_jobs.speech.models import open_engine

    return open_engine(model_folder(settings, language, name), settings.speech.threads)


def model_folder(settings: Settings, language: str, name: str = "") -> Path:
    """Where that model is; the bundled one is unpacked if need be. Errors: SettingsError."""
    from pod_jobs.speech.models import ModelChoice, choose, find_model

    entries = [entry for entry in settings.speech.model if entry.name == name]
    if name and not entries:
        raise SettingsError(f"speech.model: none is called {name!r}", code="speech-no-such-model", name=name)
    models = {entry.language: ModelChoice(entry.path, entry.sha256) for entry in entries}
    return find_model(choose(models, language), settings.home / "models")


def model_names(settings: Settings) -> tuple[str, ...]:
    """The models that people may choose, beside the usual ones."""
    return tuple(entry.name for entry in settings.speech.model if entry.name)
