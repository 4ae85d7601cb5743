"""The rules for captions. tests/javascript/captions/rules.test.js feeds the same table to the rules of the editor."""

import json
from typing import Any

import pytest

from pod_jobs.captions.cues import Cue, escape
from pod_jobs.captions.rules import CueRules, check
from pod_jobs.settings import ROOT

TABLE = json.loads((ROOT / "tests" / "caption_rules.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", TABLE["cases"], ids=[case["name"] for case in TABLE["cases"]])
def test_a_cue_breaks_these_rules(case: dict[str, Any]) -> None:
    rules = CueRules(**{**TABLE["usual"], **case["rules"]})
    cues = [Cue(start_s, end_s, text, speaker) for start_s, end_s, text, speaker in case["cues"]]
    found = [[one.cue, one.rule, one.is_warning] for one in check(cues, rules)]
    assert found == case["breaches"]


def test_an_ampersand_is_one_character() -> None:
    rules = CueRules(**TABLE["usual"])
    assert check([Cue(0, 4, escape("&" * 42))], rules) == []
    assert [one.rule for one in check([Cue(0, 4, escape("&" * 43))], rules)] == ["line-too-long"]
