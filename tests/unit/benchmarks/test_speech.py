"""Which figures of ./run bench speech count as met."""

from typing import Any

import pytest

from benchmarks.speech import POD_CORRECTED, failed, table, unmet

CLIPS = {
    "jfk": ("en", 0.0),
    "pod": ("fr", 0.0769),
    POD_CORRECTED: ("fr", 0.0),
    "two speakers": ("en", 0.0),
    "French prompts": ("fr", 0.1),
}
MET = {
    "overhead_vs_bare": 0.05,
    "invented_words_on_silence": 0,
    "rule_breaks_per_100_cues": 0.0,
    "peak_mb": 699.9,
    "redone_s": 210.6,
}


def figures(clip: tuple[str, str, float] | None = None, **more: Any) -> dict[str, Any]:
    clips = {**CLIPS, **({clip[0]: clip[1:]} if clip else {})}
    rows = [{"name": name, "language": of, "wer": wer, "cpu_s_per_s": 0.2} for name, (of, wer) in clips.items()]
    return {"clips": rows, **MET, **more}


def test_figures_that_are_met() -> None:
    assert not failed(figures())
    assert unmet(figures(overhead_vs_bare=None, redone_s=None)) == [], "the long recording was left out"


@pytest.mark.parametrize(
    ("worse", "told"),
    [
        (figures(("jfk", "en", 0.0455)), "jfk: wrong words"),
        (figures(("pod", "fr", 0.1538)), "pod: wrong words"),
        (figures(("pod", "en", 0.0)), "pod: language"),
        (figures((POD_CORRECTED, "fr", 0.1538)), f"{POD_CORRECTED}: wrong words"),
        (figures(("two speakers", "en", 0.01)), "two speakers: wrong words"),
        (figures(("French prompts", "fr", 0.11)), "French prompts: wrong words"),
        (figures(invented_words_on_silence=1), "invented_words_on_silence"),
        (figures(rule_breaks_per_100_cues=0.01), "rule_breaks_per_100_cues"),
        (figures(overhead_vs_bare=0.0501), "overhead_vs_bare"),
        (figures(peak_mb=700.0), "peak_mb"),
        (figures(redone_s=211.0), "redone_s"),
    ],
)
def test_a_figure_that_is_not_met_fails_the_bench(worse: dict[str, Any], told: str) -> None:
    assert unmet(worse) == [told] and failed(worse)
    assert table(worse).endswith(f"not met: {told}")
