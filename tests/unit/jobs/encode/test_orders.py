"""What people may order of an encoding, and what the settings make of it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pod_jobs.catalog.new_task import NewTask, Purpose
from pod_jobs.errors import BadSource, Malformed, OutOfResources, SettingsError, Superseded
from pod_jobs.jobs import encode
from pod_jobs.jobs.encode import (
    MOST_RANGES_OF_TWO,
    build_plan,
    check_order,
    check_templates,
    order_at_upload,
    read_options,
    read_order,
    run_of,
)
from pod_jobs.jobs.job_type import Recording
from pod_jobs.media_folder import MOST_RANGES
from pod_jobs.settings import Settings, load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path)


RANGES = [[2.0 * n, 2.0 * n + 1] for n in range(MOST_RANGES)]


@pytest.mark.parametrize(
    ("document", "options"),
    [
        (None, {}),
        ({}, {}),
        ({"keep": []}, {}),
        ({"keep": [[0, 1]]}, {"keep": [[0.0, 1.0]]}),
        ({"keep": RANGES}, {"keep": RANGES}),
        ({"keep": [[0, 9_999_999.5]]}, {"keep": [[0.0, 9_999_999.5]]}),
        ({"dressing": "mark"}, {"dressing": "mark"}),
        ({"dressing": ""}, {"dressing": ""}),
        ({"opening": 1, "ending": 2**31 - 1}, {"opening": 1, "ending": 2**31 - 1}),
        ({"second": 4}, {"second": 4, "layout": "side"}),
        ({"second": 4, "layout": "pip-top-left"}, {"second": 4, "layout": "pip-top-left"}),
        (
            {"second": 4, "keep": RANGES[:MOST_RANGES_OF_TWO]},
            {"second": 4, "layout": "side", "keep": RANGES[:MOST_RANGES_OF_TWO]},
        ),
    ],
)
def test_options_that_are_understood(document: Any, options: dict[str, Any]) -> None:
    assert read_options(document, ["mark"]) == options


@pytest.mark.parametrize(
    "document",
    [
        [],
        "x",
        {"more": 1},
        {"keep": {}},
        {"keep": [*RANGES, [900, 901]]},
        {"keep": [[1, 1]]},
        {"keep": [[2, 1]]},
        {"keep": [[1]]},
        {"keep": [[1, 2, 3]]},
        {"keep": ["12"]},
        {"keep": [(1, 2)]},
        {"keep": [[-1, 2]]},
        {"keep": [[0, 1e7]]},
        {"keep": [[False, True]]},
        {"keep": [["0", "1"]]},
        {"keep": [[0, float("nan")]]},
        {"dressing": "gone"},
        {"dressing": None},
        {"opening": 0},
        {"opening": 2**31},
        {"opening": True},
        {"opening": "1"},
        {"layout": "side"},
        {"second": 4, "layout": "gone"},
        {"second": 4, "layout": 1},
        {"second": 4, "keep": RANGES[: MOST_RANGES_OF_TWO + 1]},
    ],
)
def test_options_that_are_not(document: Any) -> None:
    with pytest.raises(Malformed):
        read_options(document, ["mark"])


def test_an_order_is_by_a_template_of_the_settings(settings: Settings) -> None:
    assert read_order(settings, "", None) == NewTask("encode", "web", {}, Purpose.PLAY)
    assert read_order(settings, "audio", {}) == NewTask("encode", "audio", {}, Purpose.OFFER)
    with pytest.raises(Malformed, match="'gone' is none of"):
        read_order(settings, "gone", None)


def test_an_upload_orders_what_is_automatic_with_the_options_of_an_encoding(settings: Settings) -> None:
    automatic = [template.name for template in settings.templates.values() if template.automatic]
    ordered = order_at_upload(settings, {"keep": [[0, 1]], "speech": {}})
    assert [task.template for task in ordered] == automatic and automatic[0] == "web"
    assert all(task.options == {"keep": [[0, 1]]} for task in ordered)


FILM, SOUND, UNKNOWN = Recording(True, 10.0), Recording(False, 10.0), Recording(None, None)


@pytest.mark.parametrize(
    ("template", "options", "recording", "others", "code"),
    [
        ("web", {}, SOUND, {}, None),
        ("audio", {}, SOUND, {}, None),
        ("archive", {}, SOUND, {}, "source-no-picture"),
        ("archive", {}, FILM, {}, None),
        ("archive", {}, UNKNOWN, {}, None),
        ("archive", {}, None, {}, None),
        ("web", {"opening": 3}, FILM, {"opening": SOUND}, "source-opening"),
        ("web", {"opening": 3}, None, {"opening": SOUND}, "source-opening"),
        ("web", {"opening": 3}, FILM, {"opening": UNKNOWN}, None),
        ("web", {"keep": [[9.9, 20]]}, FILM, {}, None),
        ("web", {"keep": [[10, 20]]}, FILM, {}, "source-cut-empty"),
        ("web", {"keep": [[10, 20], [0, 1]]}, FILM, {}, None),
        ("web", {"keep": [[10, 20]]}, UNKNOWN, {}, None),
        ("web", {"keep": [[10, 20]], "second": 4}, FILM, {"second": Recording(True, 15.0)}, None),
        ("web", {"keep": [[15, 20]], "second": 4}, FILM, {"second": Recording(True, 15.0)}, "source-cut-empty"),
        ("web", {"keep": [[10, 20]], "second": 4}, FILM, {"second": UNKNOWN}, None),
        ("web", {"keep": [[10, 20]], "opening": 4}, FILM, {"opening": Recording(True, 15.0)}, "source-cut-empty"),
    ],
)
def test_what_nothing_could_come_of_is_refused_when_it_is_ordered(
    settings: Settings,
    template: str,
    options: dict[str, Any],
    recording: Recording | None,
    others: dict[str, Recording],
    code: str | None,
) -> None:
    new = NewTask("encode", template, options)
    if code is None:
        check_order(settings, new, recording, others)
    else:
        with pytest.raises(BadSource) as told:
            check_order(settings, new, recording, others)
        assert told.value.code == code


def test_templates_whose_encoder_is_missing_are_named_all_or_the_one_that_is_used(settings: Settings) -> None:
    tools: Any = SimpleNamespace(ffmpeg="ffmpeg", encoders=("libx264", "aac", "libmp3lame"))
    with pytest.raises(SettingsError, match="template av1") as told:
        check_templates(settings, tools)
    assert "template web" not in told.value.reason
    check_templates(settings, tools, only="web")
    with pytest.raises(SettingsError, match="template av1"):
        check_templates(settings, tools, only="av1")


def test_a_plan_follows_its_template(settings: Settings) -> None:
    web, audio = build_plan(settings), build_plan(settings, {"keep": [[1, 2]]}, "audio")
    assert (web.with_extras, audio.with_extras) == (True, False)
    assert web.keep == () and audio.keep == ((1, 2),)
    assert [rung.name for rung in web.renditions] == [rung.name for rung in settings.rendition]
    assert audio.renditions == () and web.mp3_kbps == settings.encode.mp3_kbps
    assert (audio.audio_kbps, web.audio_kbps) == (settings.templates["audio"].audio_kbps, 0)
    with pytest.raises(SettingsError, match="there is no .*gone"):
        build_plan(settings, None, "gone")


@pytest.mark.parametrize(("level_lufs", "wanted"), [(0, None), (-16, -16)])
def test_the_level_of_sound_may_stay_as_it_is(tmp_path: Path, level_lufs: float, wanted: float | None) -> None:
    assert build_plan(load(tmp_path, encode={"audio_level_lufs": level_lufs})).level_lufs == wanted


def test_an_order_without_a_video_is_over() -> None:
    order: Any = SimpleNamespace(task=7, video=None)
    with pytest.raises(Superseded):
        run_of(order)


def test_an_ffmpeg_that_does_not_answer_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: object) -> Any:
        raise OutOfResources("killed")

    settings: Any = None
    monkeypatch.setattr(encode, "tools_of", fail)
    assert encode.ffmpeg_version(settings) == ""
    monkeypatch.setattr(encode, "tools_of", lambda settings: SimpleNamespace(version="7.1"))
    assert encode.ffmpeg_version(settings) == "7.1"
