"""/videos/…/captions and /search, as a page and a program use them."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from pod_jobs.catalog import models
from pod_jobs.catalog.models import Video
from pod_jobs.web.services import EXTENSION, install
from tests.integration.web.conftest import CLIP, Caller, Worker

VTT = "WEBVTT\n\n00:01.000 --> 00:03.000\n<v Léa>L’osmose <script>x</script>\n\n00:04.000 --> 00:05.000 line:0\nMembrane\n"
CUES = [[1.0, 3.0, "Corrigé", "", []]]


@pytest.fixture
def video(lea: Caller) -> int:
    return int(lea.upload()["id"])


@pytest.fixture
def track(lea: Caller, video: int) -> dict[str, Any]:
    response = lea("POST", f"/api/v1/videos/{video}/captions?language=fra", data=VTT.encode())
    assert response.status_code == 201, response.text
    return response.get_json()


def path(track: dict[str, Any]) -> str:
    return str(track["url"].removeprefix("http://pod.test"))


def test_an_upload_is_read_and_told(track: dict[str, Any]) -> None:
    assert (track["language"], track["origin"], track["state"], track["version"]) == ("fr", "upload", "corrected", 1)
    assert [(one["code"], one["line"]) for one in track["remarks"]] == [
        ("captions-tags-left-out", 3),
        ("captions-position-left-out", 6),
    ]


def test_a_faulty_file_is_refused_with_its_lines(lea: Caller, video: int) -> None:
    bad = b"WEBVTT\n\n00:03.000 --> 00:01.000\nBackward\n\nLost\n"
    response = lea("POST", f"/api/v1/videos/{video}/captions?language=fr", data=bad)
    assert response.status_code == 422
    assert "line 3: captions-backward" in response.get_json()["detail"]
    assert "line 6: captions-text-without-time" in response.get_json()["detail"]
    assert [(one["line"], one["code"]) for one in response.get_json()["faults"]] == [
        (3, "captions-backward"),
        (6, "captions-text-without-time"),
    ]
    assert "line 6" in response.get_json()["faults"][1]["sentence"]
    assert lea("GET", f"/api/v1/videos/{video}/captions").get_json()["captions"] == []


ONE = "WEBVTT\n\n00:01.000 --> 00:02.000\n{}\n"
ACCENTS = ONE.format("L’été, cœur <script>alert(1)</script>")


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b"x" * 100_000_000, 413, ""),
        (b"WEBVTT\n\n" + b"x" * 24_000_000, 422, "24000008 bytes"),
        (ONE.format("x" * 10_000_000).encode(), 422, "line 4: captions-line-too-long"),
        (ACCENTS.encode("utf-16"), 201, "captions-tags-left-out"),
        (ACCENTS.encode("utf-8-sig"), 201, "captions-tags-left-out"),
        (ACCENTS.encode("cp1252"), 201, "captions-encoding-guessed"),
        (
            ONE.format("A\n\nSTYLE\n::cue{color:red}\n\n00:02.000 --> 00:01.000\nB").encode(),
            422,
            "line 9: captions-backward",
        ),
        (ONE.format("A\n\n00:03.00 --> 00:04.000\nB").encode(), 422, "line 6: captions-timing"),
        (b"", 422, "captions-unknown-format"),
        (b"%PDF-1.4\n\x00\x01", 422, "line 2: captions-not-text"),
    ],
    ids=["100 MB", "24 MB", "10 MB line", "UTF-16", "BOM", "Windows-1252", "backward", "broken", "empty", "PDF"],
)
def test_bad_files_are_read_or_refused_with_the_line(
    lea: Caller, video: int, content: bytes, status: int, told: str
) -> None:
    response = lea("POST", f"/api/v1/videos/{video}/captions?language=fr", data=content)
    assert response.status_code == status, response.text
    said = response.get_json()
    if status == 201:
        assert told in [one["code"] for one in said["remarks"]] and said["remarks"][0]["sentence"]
        text = lea("GET", f"{path(said)}/file.vtt").text
        assert "L’été, cœur alert(1)" in text and "<script" not in text
    else:
        assert told in said["detail"] and said["title"]
        assert lea("GET", f"/api/v1/videos/{video}/captions").get_json()["captions"] == []


@pytest.mark.parametrize("language", ["", "xx", "klingon", "../"])
def test_a_language_is_needed(lea: Caller, video: int, language: str) -> None:
    response = lea("POST", f"/api/v1/videos/{video}/captions", query_string={"language": language}, data=VTT.encode())
    assert response.status_code == 400


def test_files_of_every_kind(lea: Caller, track: dict[str, Any]) -> None:
    vtt = lea("GET", f"{path(track)}/file.vtt")
    assert vtt.mimetype == "text/vtt"
    assert vtt.text.startswith("WEBVTT\n\n00:00:01.000 --> 00:00:03.000\n<v Léa>L’osmose x\n")
    assert "00:00:04,000 --> 00:00:05,000\nMembrane" in lea("GET", f"{path(track)}/file.srt").text
    assert lea("GET", f"{path(track)}/file.txt").text == "Léa: L’osmose x\n\nMembrane\n"
    assert lea("GET", f"{path(track)}/file.json").get_json()["cues"][0]["speaker"] == "Léa"
    assert lea("GET", f"{path(track)}/file.exe").status_code == 404
    assert lea("GET", f"{path(track)}/file.vtt", headers={"If-None-Match": vtt.headers["ETag"]}).status_code == 304


def test_the_editor_offers_a_file_of_every_kind(lea: Caller, track: dict[str, Any], video: int) -> None:
    page = lea("GET", f"/videos/{video}/captions/{track['id']}").text
    links = re.findall(r'<a download href="([^"]+)"', page)
    assert [link.rpartition(".")[2] for link in links] == ["vtt", "srt", "txt", "json"]
    for link in links:
        file = lea("GET", link)
        assert file.status_code == 200 and "osmose" in file.text
        assert file.headers["Content-Disposition"].endswith(f'filename="captions-{video}-fr.{link.rpartition(".")[2]}"')


def test_an_edit_a_conflict_a_review_and_a_restore(lea: Caller, track: dict[str, Any]) -> None:
    saved = lea("PUT", path(track), json={"base": 1, "cues": CUES})
    assert (saved.status_code, saved.get_json()["version"], saved.get_json()["edited_by"]) == (200, 2, "léa")
    late = lea("PUT", path(track), json={"base": 1, "cues": []})
    assert (late.status_code, late.mimetype) == (409, "application/problem+json")
    assert (late.get_json()["code"], late.get_json()["current"]["version"]) == ("captions-conflict", 2)
    assert lea("POST", f"{path(track)}/review", json={"base": 1}).status_code == 409
    assert lea("POST", f"{path(track)}/review", json={"base": 2}).get_json()["state"] == "reviewed"
    assert lea("POST", f"{path(track)}/restore", json={"version": 1, "base": 2}).get_json()["version"] == 3
    assert lea("POST", f"{path(track)}/restore", json={"version": 9, "base": 3}).status_code == 404
    listed = lea("GET", f"{path(track)}/versions").get_json()["versions"]
    assert [(one["number"], one["note"], one["author"]) for one in listed] == [
        (3, "restored 1", "léa"),
        (2, "edited", "léa"),
        (1, "imported", "léa"),
    ]
    assert lea("GET", f"{path(track)}/versions/2").get_json()["cues"] == CUES


def test_a_draft_is_its_writer_s_own(callers: dict[str, Caller], lea: Caller, track: dict[str, Any]) -> None:
    kept = lea("PUT", f"{path(track)}/draft", json={"base": 1, "cues": CUES})
    assert kept.status_code == 200
    assert lea("GET", path(track)).get_json()["draft"] == {"base": 1, "cues": CUES, **kept.get_json()}
    assert callers["tina"]("GET", path(track)).get_json()["draft"] is None
    assert lea("DELETE", f"{path(track)}/draft").status_code == 204
    assert lea("GET", path(track)).get_json()["draft"] is None


def test_breaches_are_told_and_block_nothing(lea: Caller, track: dict[str, Any]) -> None:
    cues = [[1.0, 1.2, "x" * 60, "", []]]
    assert lea("PUT", path(track), json={"base": 1, "cues": cues}).status_code == 200
    rules = [one["rule"] for one in lea("GET", path(track)).get_json()["breaches"]]
    assert rules == ["line-too-long", "too-short", "too-fast"]


WORDS = (
    [[0, 1e7, "x", 1]],
    [[0, 1, "x"]],
    3,
)


@pytest.mark.parametrize(
    "cues",
    [
        None,
        {},
        [[1, 0, "x", "", []]],
        [[0, 1]],
        [[0, 1e9, "x", "", []]],
        *([[0, 1, "x", "", words]] for words in WORDS),
    ],
)
def test_bad_cues_are_refused(lea: Caller, track: dict[str, Any], cues: Any) -> None:
    assert lea("PUT", path(track), json={"base": 1, "cues": cues}).status_code == 422
    assert lea("GET", path(track)).get_json()["version"] == 1


def test_another_s_captions_do_not_exist(callers: dict[str, Caller], track: dict[str, Any]) -> None:
    max_ = callers["max"]
    for method, end in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/file.vtt"), ("POST", "/review")):
        assert max_(method, path(track) + end, json={"base": 1, "cues": []}).status_code == 404
    assert max_("GET", "/api/v1/search?q=osmose").get_json()["found"] == []
    assert max_("GET", "/api/v1/captions/unreviewed?owner=léa").get_json() == {
        "captions": [],
        "owners": [],
        "next": None,
    }


def test_what_is_said_is_found(callers: dict[str, Caller], lea: Caller, track: dict[str, Any], video: int) -> None:
    (found,) = lea("GET", "/api/v1/search?q=OSMOSE").get_json()["found"]
    assert (found["video"]["id"], found["at_s"], found["snippet"]) == (video, 1.0, "L’osmose x Membrane")
    assert found["page_url"] == f"http://pod.test/videos/{video}?t=1&play=1"
    assert len(callers["tina"]("GET", "/api/v1/search?q=membr").get_json()["found"]) == 1
    assert lea("DELETE", path(track)).status_code == 204
    assert lea("GET", "/api/v1/search?q=osmose").get_json()["found"] == []


def test_the_team_sees_what_waits_for_a_review(callers: dict[str, Caller], lea: Caller, track: dict[str, Any]) -> None:
    (waiting,) = callers["tina"]("GET", "/api/v1/captions/unreviewed").get_json()["captions"]
    assert (waiting["id"], waiting["video"]["owner"]) == (track["id"], "léa")


def test_unreviewed_captions_by_owner(callers: dict[str, Caller], lea: Caller, track: dict[str, Any]) -> None:
    for name, languages in (("max", ("fr", "en")), ("léa", ("en",))):
        video = callers[name].upload()["id"] if name == "max" else track["url"].split("/")[-3]
        for language in languages:
            callers[name]("POST", f"/api/v1/videos/{video}/captions?language={language}", data=VTT.encode())
    team = callers["tina"]
    listed = team("GET", "/api/v1/captions/unreviewed").get_json()
    assert listed["owners"] == [{"owner": "léa", "videos": 1}, {"owner": "max", "videos": 1}]
    assert (len(listed["captions"]), listed["next"]) == (4, None)
    of_max = team("GET", "/api/v1/captions/unreviewed?owner=max").get_json()["captions"]
    assert [one["language"] for one in of_max] == ["fr", "en"]
    assert len(lea("GET", "/api/v1/captions/unreviewed").get_json()["captions"]) == 2
    first = team("GET", "/api/v1/captions/unreviewed?limit=3").get_json()
    rest = team("GET", f"/api/v1/captions/unreviewed?limit=3&after={first['next']}").get_json()
    assert [one["id"] for one in first["captions"] + rest["captions"]] == [one["id"] for one in listed["captions"]]
    (mine,) = [one for one in of_max if one["language"] == "fr"]
    assert team("POST", f"{path(mine)}/review", json={"base": 1}).status_code == 200
    assert len(team("GET", "/api/v1/captions/unreviewed?owner=max").get_json()["captions"]) == 1


def test_captions_of_a_selection(callers: dict[str, Caller], lea: Caller, worker: Worker) -> None:
    """What one video refuses does not keep the others."""
    plain, unwanted, busy, made = (lea.upload() for _ in range(4))
    foreign = callers["max"].upload()
    lea("PUT", f"/api/v1/videos/{unwanted['id']}/speech", json={"automatic": False})
    assert lea("POST", f"/api/v1/videos/{busy['id']}/transcribe").status_code == 202
    recognised(worker, lea("POST", f"/api/v1/videos/{made['id']}/transcribe").get_json())
    numbers = [one["id"] for one in (plain, unwanted, busy, made, foreign, plain)]

    def ordered(caller: Caller, **more: Any) -> tuple[list[int], dict[int, str]]:
        response = caller("POST", "/api/v1/captions/orders", json={"videos": numbers, **more})
        assert response.status_code == 202, response.text
        said = response.get_json()
        assert all(one["error"]["sentence"] for one in said["refused"])
        assert all(one["error"].keys() == {"code", "sentence", "reason", "needs_file"} for one in said["refused"])
        return [one["video"] for one in said["ordered"]], {
            one["video"]: one["error"]["code"] for one in said["refused"]
        }

    assert ordered(lea, language="fr") == (
        [plain["id"]],
        {
            unwanted["id"]: "speech-not-wanted",
            busy["id"]: "task-under-way",
            made["id"]: "speech-made",
            foreign["id"]: "not-found",
        },
    )
    (task,) = transcriptions(lea, plain)
    assert task["options"] == {"language": "fr"}
    assert ordered(callers["tina"], again=True)[0] == [made["id"], foreign["id"]]


@pytest.mark.parametrize(
    "said", [{}, {"videos": []}, {"videos": ["1"]}, {"videos": [1] * 201}, {"videos": [1], "again": 1}]
)
def test_a_bad_selection(lea: Caller, said: dict[str, Any]) -> None:
    assert lea("POST", "/api/v1/captions/orders", json=said).status_code == 400


def test_bad_options_refuse_a_whole_selection(lea: Caller, video: int) -> None:
    response = lea("POST", "/api/v1/captions/orders", json={"videos": [video], "language": "xx"})
    assert response.status_code == 400
    assert transcriptions(lea, {"id": video}) == []


def test_wishes(lea: Caller, video: int) -> None:
    wish = {"language": "en", "glossary": ["Esup-Pod"], "automatic": False}
    assert lea("GET", f"/api/v1/videos/{video}/speech").get_json() == {
        "language": "",
        "glossary": [],
        "automatic": None,
    }
    assert lea("PUT", f"/api/v1/videos/{video}/speech", json=wish).get_json() == wish
    assert lea("GET", f"/api/v1/videos/{video}/speech").get_json() == wish
    for bad in ({"language": "xx"}, {"glossary": ["x" * 61]}, {"automatic": "no"}, {"automatic": 0}, {"tongue": "fr"}):
        assert lea("PUT", f"/api/v1/videos/{video}/speech", json=bad).status_code == 400
    most = [f"{n:02}" + "x" * 48 for n in range(11)] + ["x" * 28]  # 600 characters with commas between them
    assert lea("PUT", f"/api/v1/videos/{video}/speech", json={"glossary": most}).status_code == 200
    refused = lea("PUT", f"/api/v1/videos/{video}/speech", json={"glossary": [*most[:-1], "x" * 29]})
    assert (refused.status_code, refused.get_json()["code"]) == (400, "glossary-long")
    assert lea("PUT", f"/api/v1/videos/{video}/speech", json=wish).get_json() == wish
    changed = lea("PUT", f"/api/v1/videos/{video}/speech", json={"language": "fra", "automatic": None})
    assert changed.get_json() == {"language": "fr", "glossary": ["Esup-Pod"], "automatic": None}


def transcriptions(lea: Caller, video: dict[str, Any]) -> list[dict[str, Any]]:
    shown = lea("GET", f"/api/v1/videos/{video['id']}").get_json()
    return [task for task in shown["tasks"] if task["kind"] == "transcribe"]


@pytest.mark.parametrize("site_does_it", [True, False])
@pytest.mark.parametrize("wish", [True, False, None])
def test_an_uploader_decides_about_captions_or_else_the_site(
    lea: Caller, *, wish: bool | None, site_does_it: bool
) -> None:
    app = lea.client.application
    site = app.extensions[EXTENSION]
    speech = site.settings.speech.model_copy(update={"automatic": site_does_it})
    install(app, replace(site, settings=site.settings.model_copy(update={"speech": speech})))
    options = {"keep": [[0, 5]], "speech": {"language": "fra", "automatic": wish}}
    video = lea.upload(options=json.dumps(options))
    tasks = transcriptions(lea, video)
    assert [task["options"] for task in tasks] == (
        [{"automatic": True}] if wish or (wish is None and site_does_it) else []
    )
    assert video["task"]["options"] == {"keep": [[0, 5]]}
    kept = lea("GET", f"/api/v1/videos/{video['id']}/speech").get_json()
    assert kept == {"language": "fr", "glossary": [], "automatic": wish}


@pytest.mark.parametrize(
    "speech", ["fr", {"language": "xx"}, {"automatic": 1}, {"translate": "en"}, {"glossary": "Pod"}]
)
def test_a_bad_wish_refuses_the_upload(lea: Caller, speech: Any) -> None:
    query = {"name": "a.mp4", "options": json.dumps({"speech": speech})}
    assert lea("POST", "/api/v1/videos", query_string=query, data=CLIP).status_code == 400
    assert lea("GET", "/api/v1/videos").get_json()["videos"] == []


def test_an_upload_orders_a_translation_too(lea: Caller) -> None:
    wish = {"language": "fr", "automatic": True, "translate": True}
    video = lea.upload(options=json.dumps({"speech": wish}))
    assert {task["template"]: task["options"] for task in transcriptions(lea, video)} == {
        "": {"automatic": True},
        "translation": {"translate": True},
    }
    kept = lea("GET", f"/api/v1/videos/{video['id']}/speech").get_json()
    assert kept == {"language": "fr", "glossary": [], "automatic": True}
    assert lea("PUT", f"/api/v1/videos/{video['id']}/speech", json={"translate": True}).status_code == 400


def test_a_run_learns_what_is_wanted_now(lea: Caller, worker: Worker) -> None:
    """Not what was wanted when it was ordered: a language that was corrected meanwhile counts."""
    video = lea.upload(options=json.dumps({"speech": {"language": "fr", "automatic": True}}))
    (task,) = transcriptions(lea, video)
    lea("PUT", f"/api/v1/videos/{video['id']}/speech", json={"language": "en", "glossary": ["Pod"]})
    order = worker.start(task)
    assert order["options"] == {"automatic": True}
    assert order["speech"] == {"language": "en", "glossary": ["Pod"], "automatic": True, "corrections": []}


def test_without_automatic_captions_only_what_nobody_ordered_ends(lea: Caller) -> None:
    video = lea.upload(options=json.dumps({"speech": {"automatic": True}}))
    assert lea("POST", f"/api/v1/videos/{video['id']}/transcribe", json={"translate": True}).status_code == 202
    assert lea("PUT", f"/api/v1/videos/{video['id']}/speech", json={"automatic": False}).status_code == 200
    states = {task["template"]: task["state"] for task in transcriptions(lea, video)}
    assert states == {"": "cancelled", "translation": "waiting"}
    assert lea("POST", f"/api/v1/videos/{video['id']}/transcribe").status_code == 202  # on demand, always


def test_captions_follow_a_cut_and_credits(lea: Caller, track: dict[str, Any], video: int) -> None:
    timeline = {"offset_s": 10.0, "ranges": [[2.0, 4.5], [60.0, 70.0]]}
    with models.database.obj.connection_context():
        Video.update(facts={"timeline": timeline}).where(Video.id == video).execute()
    cut = lea("GET", f"{path(track)}/file.vtt").text
    assert "00:00:10.000 --> 00:00:11.000\n<v Léa>L’osmose x" in cut
    assert "00:00:12.000 --> 00:00:12.500\nMembrane" in cut
    assert "00:00:01.000 --> 00:00:03.000" in lea("GET", f"{path(track)}/file.vtt?as=source").text
    assert lea("GET", f"{path(track)}/file.vtt?as=published").status_code == 400
    (found,) = lea("GET", "/api/v1/search?q=osmose").get_json()["found"]
    assert (found["at_s"], found["page_url"]) == (10.0, f"http://pod.test/videos/{video}?t=10&play=1")
    (found,) = lea("GET", "/api/v1/search?q=membrane").get_json()["found"]
    assert found["at_s"] == 12.0
    timeline["ranges"] = [[60.0, 70.0]]
    with models.database.obj.connection_context():
        Video.update(facts={"timeline": timeline}).where(Video.id == video).execute()
    assert lea("GET", "/api/v1/search?q=osmose").get_json()["found"] == [], "what was cut out cannot be played"


def recognised(worker: Worker, task: dict[str, Any]) -> dict[str, Any]:
    """The order of a transcription that a worker has done and reported."""
    order = worker.start(task)
    spoken = {"language": "fr", "translated": False, "needs_check": True, "model": "base", "cues": CUES}
    worker.write(order, {"captions.json": json.dumps(spoken).encode(), "peaks.bin": b"abc"})
    result = {"folder": worker.folder(order), "outputs": [], "captions": True, "infos": {"captions": 1}}
    worker.report(order, "done", result=result)
    return order


def test_what_was_recognised_is_taken_in_with_the_report(lea: Caller, worker: Worker, video: int) -> None:
    task = lea("POST", f"/api/v1/videos/{video}/transcribe", json={"language": "fr"}).get_json()
    order = recognised(worker, task)
    (found,) = lea("GET", f"/api/v1/videos/{video}/captions").get_json()["captions"]
    assert (found["state"], found["origin"], found["needs_check"], found["model"]) == (
        "automatic",
        "speech",
        True,
        "base",
    )
    assert lea("GET", f"{path(found)}/peaks").data == b"abc"
    (shown,) = lea("GET", f"/api/v1/videos/{video}").get_json()["play"]["captions"]
    assert (shown["language"], shown["state"]) == ("fr", "automatic")
    assert shown["url"] == f"http://pod.test{path(found)}/file.vtt?version=1"
    assert shown["page_url"] == f"http://pod.test/videos/{video}/captions/{found['id']}"
    assert lea("GET", f"/api/v1/tasks/{order['task']}").get_json()["state"] == "done"


def test_a_report_without_its_captions_is_refused(lea: Caller, worker: Worker, video: int) -> None:
    order = worker.start(lea("POST", f"/api/v1/videos/{video}/transcribe").get_json())
    folder = f"{order['folder']}/transcribe-{order['task']}-g1"
    result = {"folder": folder, "outputs": [], "captions": True}
    assert worker.report(order, "done", 422, result=result)["code"] == "result-rejected"
