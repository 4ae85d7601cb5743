from datetime import UTC, datetime

import pytest

from pod_jobs.xapi import formats


@pytest.mark.parametrize(
    "text",
    ["http://a.example/b", "urn:uuid:1", "mailto:a@b.example", "course-v1:FUN+00002+s01", "https://é.example/ü?q=ç#x"],
)
def test_absolute_iris(text: str) -> None:
    assert formats.is_iri(text)


@pytest.mark.parametrize(
    "text", ["", "b/c", "//a.example", ":a", "a b:c", "http://a b", "http://a\x00", "1a:b", "a:", "é:b"]
)
def test_what_is_no_iri(text: str) -> None:
    assert not formats.is_iri(text)


def test_an_irl_has_an_authority() -> None:
    assert formats.is_irl("https://a.example")
    assert not formats.is_irl("urn:uuid:1")
    assert not formats.is_irl("http://[::1")


@pytest.mark.parametrize(
    "text",
    ["fr", "FR", "en-GB", "cmn", "zh-Hant-TW", "sl-rozaj-biske", "x-klingon", "i-klingon", "und"]
    + ["en-GB-oed", "sgn-BE-FR", "SGN-ch-DE", "art-lojban", "zh-min-nan"],
)
def test_language_tags(text: str) -> None:
    assert formats.is_language(text)


@pytest.mark.parametrize("text", ["", "f", "12", "en_GB", "en-", "a-really-long-languagetag", "i-french", "en-GB-oe"])
def test_what_is_no_language_tag(text: str) -> None:
    assert not formats.is_language(text)


@pytest.mark.parametrize("text", ["PT43S", "PT16559.14S", "P4W", "P3Y1M29DT4H35M59,14S", "P3Y", "PT0S", "P0.5D"])
def test_durations(text: str) -> None:
    assert formats.is_duration(text)


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "43", "P4W1D", "P1S", "PT1D", "PT1S1H", "pt1s"])
def test_what_is_no_duration(text: str) -> None:
    assert not formats.is_duration(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00.5+02:00", datetime(2026, 3, 1, 10, 0, 0, 500_000, UTC)),
        ("2026-03-01T12:00:00.123456789-0330", datetime(2026, 3, 1, 15, 30, 0, 123_456, UTC)),
        ("2026-03-01t12:00z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_timestamps(text: str, instant: datetime) -> None:
    assert formats.parse_timestamp(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-03-01",
        "2026-02-30T00:00:00Z",
        "2026-03-01T25:00:00Z",
        "2026-03-01T12:00:00-00:00",
        "2026-03-01T12:00:00-00",
        "2026-03-01T12:00:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "2026-03-01T12:00:00Z\n",
        "٢٠٢٦-03-01T12:00:00Z",
    ],
)
def test_what_is_no_timestamp(text: str) -> None:
    assert formats.parse_timestamp(text) is None


def test_an_instant_has_one_spelling() -> None:
    spellings = ["2026-03-01T12:00:00.0019Z", "2026-03-01T14:00:00.001+02:00"]
    assert {formats.format_timestamp(formats.parse_timestamp(text)) for text in spellings} == {
        "2026-03-01T12:00:00.001Z"
    }
