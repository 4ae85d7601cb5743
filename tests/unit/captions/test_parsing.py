"""Caption files of people: read whole, or refused with the line of each fault."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_jobs.captions import parsing
from pod_jobs.captions.cues import Cue, clean_text, plain_text
from pod_jobs.captions.documents import checked_cues
from pod_jobs.captions.parsing import MOST_BYTES, MOST_CUES, REMARKS_TOLD, read_captions
from pod_jobs.captions.writing import write_srt, write_vtt
from pod_jobs.errors import BadCaptions


def vtt(*blocks: str) -> bytes:
    return "\n\n".join(["WEBVTT", *blocks, ""]).encode()


def codes(content: bytes) -> list[tuple[str, int]]:
    return [(one.code, one.line) for one in read_captions(content).remarks]


def refusal(content: bytes) -> str:
    with pytest.raises(BadCaptions) as caught:
        read_captions(content)
    return caught.value.reason


def test_a_plain_file() -> None:
    read = read_captions(vtt("1\n00:01.000 --> 00:02.500\nHello\nworld", "01:00:00.000 --> 01:00:01.000\nBye"))
    assert read.cues == (Cue(1.0, 2.5, "Hello\nworld"), Cue(3600.0, 3601.0, "Bye"))
    assert (read.format, read.encoding, read.remarks) == ("vtt", "utf-8", ())


def test_subrip_as_people_write_it() -> None:
    first = "1\r\n00:00:01,000 --> 00:00:02,000\r\n{\\an8}<i>Un</i> <font color=red>rouge</font>\r\n\r\n"
    text = first + "2\r\n0:0:3,5 --> 0:0:4,250\r\nDeux"
    read = read_captions(text.encode())
    assert read.cues == (Cue(1.0, 2.0, "<i>Un</i> rouge"), Cue(3.5, 4.25, "Deux"))
    assert read.format == "srt"
    assert [(one.code, one.detail) for one in read.remarks] == [("captions-tags-left-out", "font")]


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "windows-1252"),
    ],
)
def test_encodings(encoding: str, told: str) -> None:
    read = read_captions("WEBVTT\n\n00:01.000 --> 00:02.000\nL’été, cœur de l’année\n".encode(encoding))
    assert read.cues[0].text == "L’été, cœur de l’année"
    assert read.encoding == told
    assert bool(read.remarks) is (encoding not in ("utf-8-sig", "utf-16"))


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ("00:02.000 --> 00:01.000\nBackward", "line 3: captions-backward"),
        ("00:01.000 --> 00:01.000\nNo time", "line 3: captions-backward"),
        ("00:01.000 -> 00:02.000\nOne dash", "line 3: captions-text-without-time"),
        ("00:01 --> 00:02\nNo fraction", "line 3: captions-timing"),
        ("00:61.000 --> 01:02.000\nSeconds", "line 3: captions-timing"),
        ("00:01.000 --> 00:02.000\nText --> more", "line 4: captions-timing"),
        ("a\nb\n00:01.000 --> 00:02.000\nText", "line 3: captions-text-without-time"),
        ("Lost text", "line 3: captions-text-without-time"),
        ("00:01.000 --> 00:02.000\n" + "x" * 6000, "line 4: captions-line-too-long"),
        ("00:01.000 --> 9999:00:00.000\nYears", "line 3: captions-timing"),
        ("00:01.000 --> " + "9" * 4500 + ":00:00.000\nA number that Python does not read", "line 3: captions-timing"),
        ("00:0١.000 --> 00:02.000\nOther digits", "line 3: captions-timing"),
    ],
)
def test_faults_are_named_with_their_line(block: str, fault: str) -> None:
    assert refusal(vtt(block)).startswith(fault)


def test_every_fault_is_told() -> None:
    reason = refusal(vtt("00:02.000 --> 00:01.000\nA", "00:01.000 --> 00:02.000\nGood", "Lost"))
    assert reason == "line 3: captions-backward (00:02.000 --> 00:01.000); line 9: captions-text-without-time (Lost)"


def test_what_is_changed_is_told() -> None:
    content = vtt(
        "STYLE\n::cue { background: url(http://evil.example/x) }",
        "NOTE a remark of the author",
        "00:05.000 --> 00:06.000 line:0 align:start\nSecond",
        "00:01.000 --> 00:05.500\n<v Ada>First</v> <c.loud>loud</c> <script>alert(1)</script>",
        "00:07.000 --> 00:08.000\n<b></b>",
    )
    read = read_captions(content)
    assert [cue.text for cue in read.cues] == ["First loud alert(1)", "Second"]
    assert [cue.speaker for cue in read.cues] == ["Ada", ""]
    assert codes(content) == [
        ("captions-block-left-out", 3),
        ("captions-block-left-out", 6),
        ("captions-position-left-out", 8),
        ("captions-order", 8),
        ("captions-overlap", 8),
        ("captions-tags-left-out", 11),
        ("captions-empty-cue", 14),
    ]


def test_small_things_are_not_lost_in_silence_either() -> None:
    content = vtt("00:01.000 --> 00:02.000\n<v Ada>a", "00:03.000 --> 00:04.000\n\u202bb&#x202c;")
    read = read_captions(content.replace(b"WEBVTT", b"WEBVTT - title\nKind: captions", 1))
    assert [(cue.speaker, cue.text) for cue in read.cues] == [("Ada", "a"), ("", "b")]
    assert list(map(str, read.remarks)) == [
        "line 1: captions-block-left-out (- title Kind: captions)",
        "line 7: captions-tags-left-out (U+202B, U+202C)",
    ]
    assert read_captions(vtt("00:01.000 --> 00:02.000\n<v " + "N" * 100 + ">a")).remarks == ()
    assert read_captions(vtt("00:01.000 --> 00:02.000\nA \ufffd")).encoding == "utf-8"
    long_name = vtt("00:01.000 --> 00:02.000\n<v " + "N" * 101 + ">a")
    assert refusal(long_name) == "line 3: captions-speaker-too-long (101 characters)"


def test_of_many_remarks_the_first_of_each_code_are_listed_and_the_others_counted() -> None:
    told = codes(vtt(*["NOTE"] * 500, "00:01.000 --> 00:02.000 line:0\nA"))
    assert told[:-2] == [("captions-block-left-out", 3 + 2 * number) for number in range(REMARKS_TOLD)]
    assert told[-2:] == [("captions-position-left-out", 1003), ("captions-more-remarks", 0)]
    assert read_captions(vtt(*["NOTE"] * 500)).remarks[-1].detail == str(500 - REMARKS_TOLD)
    assert len(codes(vtt(*["NOTE"] * REMARKS_TOLD))) == REMARKS_TOLD


def test_the_letters_of_a_file_in_utf_8_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "_is_mostly_utf_8", lambda _: pytest.fail("counted one by one"))
    assert read_captions(vtt("00:01.000 --> 00:02.000\nL’été")).cues[0].text == "L’été"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("WEBVTT\r\n\r\n00:01.000 --> 00:02.000\r\nÉté, cœur ".encode() + b"\xe9", 4),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\n\x81 \xe9t\xe9", 4),
        (b"\xef\xbb\xbfWEBVTT\n\xe9", 2),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\n\0", 4),
        ("WEBVTT\n\n00:01.000".encode("utf-16") + b"\x00\xd8", 3),
    ],
    ids=["one broken letter", "no letter of Windows-1252", "not what its mark says", "a zero", "half of a letter"],
)
def test_letters_that_cannot_be_read_are_refused_with_their_line(content: bytes, line: int) -> None:
    assert refusal(content).startswith(f"line {line}: captions-not-text")


def test_missing_empty_lines_glue_nothing_together() -> None:
    srt = b"1\n00:00:01,000 --> 00:00:02,000\nOne\n2\n00:00:03,000 --> 00:00:04,000\nTwo\n"
    assert [cue.text for cue in read_captions(srt).cues] == ["One", "Two"]
    assert codes(srt) == [("captions-no-empty-line", 5)]


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"\x7fELF\x00\x00", b"\xff\xfeW"])
def test_what_is_no_text(content: bytes) -> None:
    assert refusal(content)


def test_files_without_captions() -> None:
    assert read_captions(b"WEBVTT\n").cues == ()
    assert refusal(b"Hello, this is a letter") == "line 1: captions-text-without-time (Hello, this is a letter)"
    assert refusal(b"WEBVTTX\n\n00:01.000 --> 00:02.000\nA\n").startswith("line 1: captions-header")
    with pytest.raises(BadCaptions):
        read_captions(b"")


def test_limits() -> None:
    with pytest.raises(BadCaptions) as caught:
        read_captions(b" \n" * (MOST_BYTES // 2 + 1))
    assert caught.value.code == "captions-too-large"
    assert refusal(b"WEBVTT\n" + b" " * MOST_BYTES).startswith("line 2: captions-line-too-long")
    cues = "\n\n".join(["WEBVTT", *(["00:01.000 --> 00:02.000\nA"] * (MOST_CUES + 1))])
    assert "captions-too-many" in refusal(cues.encode())


@pytest.mark.parametrize(
    "content",
    [
        vtt(*["00:01.000 --> 00:02.000\n<v" + " " * 4900 + "\n" + " " * 4900] * 40),
        vtt(*["00:01.000 --> 00:02.000\n" + "<v." * 1600] * 100),
        vtt(*["00:01.000 --> 00:02.000\n" + "<v " * 1600] * 100),
        vtt("\n".join(["00:01.000 --> 00:02.000"] * 19_000)),
        vtt("\n".join(["00:01.000 --> "] * 19_000)),
    ],
    ids=["spaces", "classes", "tags", "one block", "one block of faults"],
)
def test_no_file_takes_long(content: bytes) -> None:
    started = time.process_time()
    try:
        read_captions(content)
    except BadCaptions:
        pass
    assert time.process_time() - started < 3


def test_different_words_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "MOST_DIFFERENT_WORDS", 3)
    assert read_captions(vtt("00:01.000 --> 00:02.000\none two three two")).cues
    assert refusal(vtt("00:01.000 --> 00:02.000\none two\n\n00:02.000 --> 00:03.000\nthree four"))
    with pytest.raises(BadCaptions) as caught:
        checked_cues([[0, 1, "one two three four", "", []]])
    assert caught.value.code == "captions-too-many-words"


@given(st.text(max_size=200))
def test_any_text_of_a_cue_survives_a_file(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    if plain_text(cleaned).strip():
        assert [cue.text for cue in read_captions(write_vtt([Cue(1.0, 2.0, cleaned)]).encode()).cues] == [cleaned]
        read_captions(write_srt([Cue(1.0, 2.0, cleaned)]).encode())


@given(st.binary(max_size=300))
def test_no_file_makes_it_fall_over(content: bytes) -> None:
    for start in (b"", b"WEBVTT\n\n", b"1\n00:00:01,000 --> 00:00:02,000\n"):
        try:
            read_captions(start + content)
        except BadCaptions:
            pass


def test_captions_may_touch() -> None:
    assert codes(vtt("00:01.000 --> 00:02.000\nA", "00:02.000 --> 00:03.000\nB")) == []
    assert codes(vtt("00:01.000 --> 00:02.001\nA", "00:02.000 --> 00:03.000\nB")) == [("captions-overlap", 6)]
