"""What the parameters of an Esup-Pod mean."""

import json
from typing import Any

import pytest

from pod_jobs.errors import BadSource
from pod_jobs.jobs.pod import studio_plan
from pod_jobs.jobs.pod.parameters import PodDressing, base_of, read_parameters
from pod_jobs.jobs.pod.transcription import Spoken, is_to_be_normalized, read_languages, read_model
from pod_jobs.settings import load

LADDER = load().rendition
POD = {
    "360": {"resolution": "640x360", "video_bitrate": "750k", "audio_bitrate": "96k", "encode_mp4": True},
    "720": {"resolution": "1280x720", "video_bitrate": 2000, "audio_bitrate": "128", "encode_mp4": "false"},
}


def names(parameters: dict[str, Any]) -> dict[str, str]:
    return dict(read_parameters(parameters, LADDER).resolutions)


def test_a_list_with_sizes_is_complete() -> None:
    """A rendition that Pod's database does not have would make its import fail."""
    asked = read_parameters({"rendition": json.dumps(POD)}, LADDER)
    low, high = asked.renditions
    assert (low.name, low.maxrate_kbps, low.audio_kbps, low.mp4) == ("360p", 1125, 96, True)
    assert (high.name, high.maxrate_kbps, high.audio_kbps, high.mp4) == ("720p", 3000, 128, False)
    assert asked.resolutions == {"360p": "640x360", "720p": "1280x720"}
    assert names({"rendition": POD}) == names({"rendition": json.dumps(POD)})


def test_without_a_list_there_are_pods_own_three() -> None:
    usual = {"360p": "640x360", "720p": "1280x720", "1080p": "1920x1080"}
    nothings: tuple[dict[str, Any], ...] = (
        {},
        {"rendition": None},
        {"rendition": ""},
        {"rendition": "null"},
        {"rendition": {}},
    )
    for nothing in nothings:
        assert names(nothing) == usual


def test_what_has_no_sizes_changes_the_usual_ones() -> None:
    assert names({"rendition": {"1080": None}}) == {"360p": "640x360", "720p": "1280x720"}
    asked = read_parameters({"rendition": {"720": {"video_bitrate": "1M"}}}, LADDER)
    assert [one.maxrate_kbps for one in asked.renditions if one.name == "720p"] == [1500] and len(asked.renditions) == 3


def test_keys_that_are_no_heights_are_ignored() -> None:
    assert names({"rendition": {**POD, "hls": {"encode_hls": True}, "x": 1}}) == {"360p": "640x360", "720p": "1280x720"}
    assert names({"rendition": {"360": {**POD["360"], "from_a_newer_version": []}}}) == {"360p": "640x360"}


@pytest.mark.parametrize(
    "parameters",
    [
        {"rendition": {"4320": {"resolution": "7680x4320"}}},
        {"rendition": {"1": {"resolution": "2x1"}}},
        {"rendition": {"360": {"resolution": "wide"}}},
        {"rendition": {"360": "small"}},
        {"rendition": "{"},
        {"rendition": [1]},
        {"rendition": {str(n): {"resolution": "640x360"} for n in range(100, 110)}},
        {"rendition": dict.fromkeys(("360", "720", "1080"))},
        {"cut": {"start": "soon"}},
        {"cut": {"start": "00:00:10", "end": "00:00:05"}},
        {"cut": "[" * 10_000},
        {"dressing": {"watermark": 7}},
        {"dressing": {"watermark": "https://pod.univ.fr/a.png", "watermark_position": "middle"}},
        {"dressing": {"watermark": "https://pod.univ.fr/a.png", "watermark_opacity": "much"}},
    ],
)
def test_what_cannot_be_meant_is_said(parameters: dict[str, Any]) -> None:
    with pytest.raises(BadSource) as error:
        read_parameters(parameters, LADDER)
    assert error.value.code in ("source-order", "source-cut-empty") and error.value.reason


@pytest.mark.parametrize(
    ("cut", "keep"),
    [
        ({"start": "00:00:10", "end": "00:01:05", "initial_duration": "00:02:00"}, ((10.0, 65.0),)),
        ({"start": "00:00:00", "end": "00:02:00", "initial_duration": "00:02:00"}, ()),
        ({"start": "00:00:00", "end": "00:00:00", "initial_duration": "00:02:00"}, ()),
        ({"start": "01:00:00.5"}, ((3600.5, 1e6),)),
        ({"start": 5, "end": 7.5}, ((5.0, 7.5),)),
        ({}, ()),
    ],
)
def test_cuts(cut: dict[str, Any], keep: tuple[tuple[float, float], ...]) -> None:
    assert read_parameters({"cut": cut}, LADDER).keep == read_parameters({"cut": json.dumps(cut)}, LADDER).keep == keep


def test_dressing_of_4_x_and_of_v5() -> None:
    given = {"watermark": "https://p/w.png", "opening_credits": "slug", "opening_credits_video": "https://p/o.mp4"}
    wanted = PodDressing("https://p/w.png", "bottom-left", 0.8, "https://p/o.mp4", "")
    for position in ("watermark_position", "watermark_position_orig"):
        document = {**given, position: "bottom_left", "watermark_opacity": "80"}
        assert read_parameters({"dressing": json.dumps(document)}, LADDER).dressing == wanted
    labelled = {**given, "watermark_position": "En bas à gauche", "watermark_position_orig": "bottom_left"}
    assert read_parameters({"dressing": {**labelled, "watermark_opacity": 80}}, LADDER).dressing == wanted
    label = {**given, "watermark_position": "Bottom left", "watermark_opacity": 80}
    assert read_parameters({"dressing": label}, LADDER).dressing == wanted
    assert read_parameters({"dressing": {"watermark": "", "opening_credits": "slug"}}, LADDER).dressing is None


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://p/media/videos/ab/Cours%20n%C2%B0%201_b.mp4?x=1", "Cours-n-1-b"),
        ("https://p/", "video"),
        ("https://p/%2e%2e%2f%2e%2e", "video"),
        (f"https://p/{'a' * 300}.mp4", "a" * 60),
    ],
)
def test_names_of_files(url: str, base: str) -> None:
    assert base_of(url) == base


@pytest.mark.parametrize(
    ("parameters", "spoken"),
    [
        ({"language": "fr"}, Spoken("fr", False)),
        ({"lang": "fr"}, Spoken("fr", False)),
        ({}, Spoken("", False)),
        ({"language": "fr", "source_language": "auto"}, Spoken("", False)),
        ({"language": "Auto"}, Spoken("", False)),
        ({"language": "pt-br", "source_language": "pt"}, Spoken("pt", False)),
        ({"language": "en", "source_language": "auto"}, Spoken("", True)),
        ({"language": "en", "source_language": "fr"}, Spoken("fr", True)),
        ({"language": "fr", "source_language": "fr"}, Spoken("fr", False)),
    ],
)
def test_languages(parameters: dict[str, str], spoken: Spoken) -> None:
    assert read_languages(parameters) == spoken


@pytest.mark.parametrize(
    "parameters", [{"language": "xx"}, {"language": 7}, {"language": "de", "source_language": "fr"}]
)
def test_languages_that_nobody_can_make(parameters: dict[str, Any]) -> None:
    with pytest.raises(BadSource):
        read_languages(parameters)


@pytest.mark.parametrize(
    ("asked", "model"), [({"model": "large"}, "Large"), ({"model": "Turbo"}, ""), ({"model": 7}, ""), ({}, "")]
)
def test_a_model_is_found_by_its_name_and_else_it_is_the_usual_one(asked: dict[str, Any], model: str) -> None:
    assert read_model(asked, ("Precise", "Large")) == model


@pytest.mark.parametrize(
    ("value", "wanted"), [(True, True), ("true", True), ("True", True), (False, False), ("false", False), (None, False)]
)
def test_whether_the_loudness_is_made_even(value: object, wanted: bool) -> None:
    assert is_to_be_normalized({"normalize": value}) is wanted


@pytest.mark.parametrize(
    ("said", "has_mp4"),
    [(True, True), ("true", True), ("1", True), (1, True), (False, False), ("false", False), ("", False), (0, False)],
)
def test_whether_a_rendition_is_to_be_downloaded_is_what_pod_says_or_as_ours(said: Any, has_mp4: bool) -> None:
    def mp4(document: dict[str, Any]) -> list[bool]:
        heights = [str(rung.height_px) for rung in LADDER]
        asked = {height: {"video_bitrate": "750k", "audio_bitrate": "96k", **document} for height in heights}
        return [one.mp4 for one in read_parameters({"rendition": asked}, LADDER).renditions]

    assert mp4({"encode_mp4": said}) == [has_mp4] * len(LADDER)
    assert mp4({}) == mp4({"encode_mp4": None}) == [rung.mp4 for rung in LADDER]


def test_a_studio_session_for_a_pod_4_1_is_one_film_and_nothing_beside_it() -> None:
    plan = studio_plan(load(), read_parameters({"rendition": POD}, LADDER))
    (whole,) = plan.renditions
    assert whole.mp4 and whole.height_px > 1080, "at its own size, whatever the renditions are"
    assert (plan.mp3_kbps, plan.with_extras, plan.copy_top, plan.share_from_s) == (0, False, False, 0.0)
