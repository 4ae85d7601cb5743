"""Captions and chapters: untrusted text becomes plain WebVTT."""

import time

import pytest

from pod_jobs.media.facts.media_info import Chapter
from pod_jobs.media.outputs.captions import build_chapters, clean, file_name, language_of


def words(text: str) -> str:
    """What becomes of one cue's text; "" when the cue goes."""
    vtt = clean(f"WEBVTT\n\n00:01.000 --> 00:02.500 position:10%\n{text}\n", duration_s=60)
    return vtt.removeprefix("WEBVTT\n\n00:00:01.000 --> 00:00:02.500\n").removesuffix("\n")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Hello", "Hello"),
        ("two\nlines", "two\nlines"),
        ("<i>Hello</i> <b>you</b>", "<i>Hello</i> <b>you</b>"),
        ("<v Ada Lovelace>Hello</v>", "<v Ada Lovelace>Hello</v>"),
        ("<v.loud Ada>Hello", "<v Ada>Hello</v>"),
        ("<i>never closed", "<i>never closed</i>"),
        ("<i><b>crossed</i></b>", "<i><b>crossed</b></i>"),
        ("</i>closed only", "closed only"),
        ("<u>a</u><c.red>b</c><00:00:01.500>c<font color=red>d</font>", "abcd"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("<img src=x onerror=alert(1)>x", "x"),
        ("<<script>script>x", "&lt;script&gt;x"),
        ("a < b & c --> d", "a &lt; b &amp; c --&gt; d"),
        ("a &lt;b&gt; &amp; c", "a &lt;b&gt; &amp; c"),
        ("{\\an8}top {kept}", "top {kept}"),
        ("tu\u202ern\x1b[2J", "turn[2J"),
        ("tu&#x202e;rn&#13;&#13;NOTE", "turnNOTE"),
        ("<v A&quot; onclick=x>y</v>", '<v A" onclick=x>y</v>'),
        ("<i></i>", ""),
    ],
)
def test_only_three_tags_remain(given: str, expected: str) -> None:
    assert words(given) == expected


def test_cues_in_order_within_the_duration() -> None:
    vtt = "WEBVTT - x\n\nNOTE x\n\nSTYLE\n::cue{}\n\n7\n01:00.000 --> 02:00.000\nlate\n\n1\n00:01.000 --> 99:00:00.000\nlong\n"
    assert clean(vtt, 30) == "WEBVTT\n\n00:00:01.000 --> 00:00:30.000\nlong\n"
    assert "late" not in clean(vtt, 60), "it would begin at the end"
    assert clean(vtt, 90).index("long") < clean(vtt, 90).index("late")


def test_words_that_look_like_a_time_are_no_time() -> None:
    hours = "9" * 400
    assert (
        clean(f"WEBVTT\n\n{hours}:00:00.000 --> {hours}1:00:00.000\nx\n\n00:01.000 --> 00:02.000\ny\n", 60).count("-->")
        == 1
    )


def test_a_tag_that_never_ends_takes_no_time() -> None:
    cue = "00:01.000 --> 00:02.000\n<" + "a" * 999
    started = time.process_time()
    clean("WEBVTT\n\n" + "\n\n".join([cue] * 1000), 60)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "vtt", ["", "WEBVTT\n", "WEBVTT\n\n00:02.000 --> 00:01.000\nback\n", "nonsense --> nonsense\nx"]
)
def test_nothing_is_nothing(vtt: str) -> None:
    assert clean(vtt, 60) == ""


def test_two_tracks_of_one_language_do_not_meet() -> None:
    taken: set[str] = set()
    names = [file_name(language, taken) for language in ("fre", "fra", "und", "../../x", "eng")]
    assert names == [
        "captions_fr.vtt",
        "captions_fr_2.vtt",
        "captions_und.vtt",
        "captions_und_2.vtt",
        "captions_en.vtt",
    ]
    assert [language_of(name) for name in names] == ["fr", "fr", "", "", "en"]


def test_chapters() -> None:
    chapters = [Chapter(0, 5, "Intro <b>\n\n00:00 --> 1"), Chapter(5, 500, ""), Chapter(700, 800, "after the end")]
    assert build_chapters(chapters, 60) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:05.000\nIntro &lt;b&gt; 00:00 --&gt; 1\n\n00:00:05.000 --> 00:01:00.000\n2\n"
    )
    assert build_chapters([], 60) == ""
    nowhere = [Chapter(60, 70, "begins at the end"), Chapter(9, 9, "of no length"), Chapter(9, 8, "backwards")]
    assert build_chapters(nowhere, 60) == ""
