"""Captions as files: the text alone."""

from pod_jobs.captions.cues import Cue
from pod_jobs.captions.writing import write_text


def test_the_text_alone_has_a_paragraph_for_each_speaker_and_after_each_pause() -> None:
    cues = [
        Cue(0, 1, "Good morning.", "Ada"),
        Cue(1, 2, "Today we look\nat <i>loops</i>.", "Ada"),
        Cue(2, 3, "A question &amp; an answer.", "Bob"),
        Cue(5, 6, "After two seconds.", "Bob"),
        Cue(7.9, 9, "At once.", "Bob"),
        Cue(9, 10, "Nobody is named."),
    ]
    assert write_text(cues).split("\n\n") == [
        "Ada: Good morning. Today we look at loops.",
        "Bob: A question & an answer.",
        "After two seconds. At once.",
        "Nobody is named.\n",
    ]
    assert write_text([]) == ""
