"""What captions an upload orders, and what a result brings."""

import json
from pathlib import Path
from typing import Any

import pytest

from pod_jobs.catalog.new_task import Purpose
from pod_jobs.errors import PodJobsError
from pod_jobs.jobs.speech.transcribe import AUTOMATIC, choices, order_at_upload, read_captions
from pod_jobs.settings import load


@pytest.mark.parametrize(
    ("by_settings", "wish", "templates"),
    [
        (True, {}, [""]),
        (False, {}, []),
        (True, {"automatic": None}, [""]),
        (True, {"automatic": False}, []),
        (False, {"automatic": True}, [""]),
        (False, {"translate": True}, ["translation"]),
        (True, {"translate": True}, ["", "translation"]),
        (True, {"automatic": False, "translate": False}, []),
    ],
)
def test_the_wish_of_an_upload_comes_before_the_settings(
    tmp_path: Path, by_settings: bool, wish: dict[str, Any], templates: list[str]
) -> None:
    settings = load(tmp_path, speech={"automatic": by_settings})
    for options in ({"speech": wish}, *([{}] if not wish else [])):
        tasks = order_at_upload(settings, options)
        assert [task.template for task in tasks] == templates
        assert [bool(task.options.get(AUTOMATIC)) for task in tasks] == [not name for name in templates]
        assert all(task.purpose is Purpose.ENRICH for task in tasks)


@pytest.mark.parametrize(("names", "options"), [([], ["translate"]), (["large"], ["translate", "model"])])
def test_a_model_is_a_choice_where_there_are_several(tmp_path: Path, names: list[str], options: list[str]) -> None:
    settings = load(tmp_path, speech={"model": [{"name": name, "path": name, "language": "*"} for name in names]})
    offered = choices(settings)
    assert [choice.option for choice in offered] == options
    assert offered[0].values[0][0] is True


SAID = {"language": "fr", "translated": False, "needs_check": True, "model": "base"}
CUE: list[Any] = [0.0, 2.0, "Bonjour", "", []]  # from, to, text, who speaks, words


def read(document: dict[str, Any]) -> list[Any]:
    return read_captions({"folder": "000003/x"}, lambda name, most: json.dumps(document).encode())


def test_captions_of_a_result() -> None:
    (captions,) = read({**SAID, "cues": [CUE]})
    assert (captions.origin, captions.language, captions.model) == ("speech", "fr", "base")
    assert (captions.translated, captions.needs_check) == (False, True)
    assert read({**SAID, "cues": []}) == [], "nobody speaks"


@pytest.mark.parametrize("document", [{}, {**SAID}, {**SAID, "cues": [[2.0, 1.0, *CUE[2:]]]}, {**SAID, "cues": [1]}])
def test_a_result_of_others_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises((PodJobsError, ValueError, LookupError, TypeError)):
        read(document)
