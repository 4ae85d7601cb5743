"""From the settings to what the speech library is asked for."""

from pathlib import Path
from typing import Any

import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.jobs.speech import plan
from pod_jobs.settings import load
from pod_jobs.speech import models


@pytest.mark.parametrize(
    ("accessible", "characters", "used"), [(False, 42, 42), (True, 42, plan.STRICT_LINE), (True, 30, 30)]
)
def test_lines_are_shorter_where_captions_are_accessible(
    tmp_path: Path, accessible: bool, characters: int, used: int
) -> None:
    settings = load(tmp_path, speech={"accessible": accessible, "line_characters": characters})
    assert (plan.cue_rules(settings).line_characters, plan.cue_rules(settings).accessible) == (used, accessible)


MODELS = [
    {"path": "usual", "language": "*"},
    {"path": "usual-fr", "language": "fr"},
    {"name": "large", "path": "large", "language": "*"},
]


@pytest.mark.parametrize(
    ("language", "name", "path"),
    [("fr", "", "usual-fr"), ("de", "", "usual"), ("fr", "large", "large"), ("", "", "usual")],
)
def test_a_model_is_chosen_by_its_name_or_by_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, name: str, path: str
) -> None:
    monkeypatch.setattr(models, "find_model", lambda choice, folder: Path(choice.path))
    settings: Any = load(tmp_path, speech={"model": MODELS})
    assert plan.model_folder(settings, language, name) == Path(path)


def test_a_model_that_nobody_has_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="none is called 'gone'"):
        plan.model_folder(load(tmp_path, speech={"model": MODELS}), "fr", "gone")


@pytest.mark.parametrize("installed", [True, False])
def test_without_the_extra_another_host_may_do_it(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    monkeypatch.setattr(models, "is_installed", lambda: installed)
    if installed:
        plan.demand_extra()
    else:
        with pytest.raises(SettingsError):
            plan.demand_extra()
