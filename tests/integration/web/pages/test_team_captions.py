"""The team's page of captions: what nobody has reviewed, and an order for several videos."""

import json

import pytest
from redis import Redis

from pod_jobs.catalog.models import Task
from pod_jobs.jobs import hosts
from pod_jobs.web import alive
from pod_jobs.web.pages.team import captions as team_captions
from tests.integration.web.conftest import Browser, Caller

VTT = b"WEBVTT\n\n00:01.000 --> 00:03.000\nBonjour\n"


def test_unreviewed_captions_are_listed_by_owner(browser: Browser, lea: Caller) -> None:
    video = lea.upload(title="Cours <1>")["id"]
    made = lea("POST", f"/api/v1/videos/{video}/captions?language=fr", data=VTT).get_json()
    browser.sign_in("tina")
    page = browser.get("/team/captions").text
    assert f"/videos/{video}/captions/{made['id']}" in page and "Cours &lt;1&gt;" in page and "léa</span> (1)" in page
    assert f"/videos/{video}/captions/" not in browser.get("/team/captions?owner=max").text
    lea("POST", f"/api/v1/videos/{video}/captions/{made['id']}/review", json={"base": 1})
    assert "All captions are reviewed." in browser.get("/team/captions").text


def test_captions_are_ordered_for_the_chosen_videos(browser: Browser, lea: Caller, catalog: None) -> None:
    first, second = (lea.upload(title=title)["id"] for title in ("Eins", "Zwei"))
    unwanted = lea.upload(title="Keine", options=json.dumps({"speech": {"automatic": False}}))["id"]
    browser.sign_in("tina")
    page = browser.get("/team/captions").text
    assert "Eins" in page and "Zwei" in page and "Keine" not in page
    sent = browser.send("POST", "/team/captions/orders", data={"video": [str(first), str(unwanted)]})
    assert (sent.status_code, sent.location) == (303, "/team/captions")
    assert [task.video_id for task in Task.select().where(Task.kind == "transcribe")] == [first]
    page = browser.get("/team/captions").text
    assert "Ordered: 1" in page and f"Video {unwanted}: " in page
    assert "Eins" not in page and "Zwei" in page, f"video {second} can still be chosen"
    assert browser.send("POST", "/team/captions/orders", data={}).status_code == 400


def test_lists_go_on_and_all_of_a_page_are_ordered_at_once(
    browser: Browser, lea: Caller, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team_captions, "SHOWN", 2)
    videos = [lea.upload(title=f"Video {number}")["id"] for number in range(3)]
    made = [lea("POST", f"/api/v1/videos/{number}/captions?language=fr", data=VTT).get_json() for number in videos]
    browser.sign_in("tina")
    page = browser.get("/team/captions").text
    assert f"/captions/{made[2]['id']}" not in page and f"/team/captions?after={made[1]['id']}" in page
    assert f'id="video-{videos[0]}"' not in page and f"/team/captions?before={videos[1]}" in page
    page = browser.get(f"/team/captions?after={made[1]['id']}&before={videos[1]}").text
    assert f"/captions/{made[2]['id']}" in page and f"/captions/{made[1]['id']}" not in page
    assert f'id="video-{videos[0]}"' in page and f'id="video-{videos[1]}"' not in page
    assert browser.get(f"/team/captions?after={10**30}&before={10**30}").status_code == 200
    browser.send("POST", "/team/captions/orders", data={"all": "1", "shown": [str(one) for one in videos[1:]]})
    assert [task.video_id for task in Task.select().where(Task.kind == "transcribe")] == videos[1:]


def test_only_the_team_sees_it(browser: Browser) -> None:
    browser.sign_in("léa")
    assert browser.get("/team/captions").status_code == 403


def test_where_no_host_recognises_speech_every_place_of_orders_says_how_to_install_it(
    browser: Browser, lea: Caller, redis: Redis, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alive, "is_installed", lambda: False)
    video = lea.upload(title="Eins")["id"]
    pages = ("/team/captions", f"/videos/{video}", "/")
    offers = ('name="all"', "&#34;kind&#34;: &#34;transcribe&#34;", 'id="upload-translate"')
    command = "./run up --with-speech"
    browser.sign_in("tina")
    for page, offer in zip(pages, offers, strict=True):
        shown = browser.get(page).text
        assert command in shown and offer not in shown, f"{page} offers nothing that cannot be done"
    assert "Eins" in browser.get(pages[0]).text
    assert browser.send("POST", "/team/captions/orders", data={"video": [str(video)]}).status_code == 409
    for path, body in ((f"/api/v1/videos/{video}/transcribe", {}), ("/api/v1/captions/orders", {"videos": [video]})):
        refused = lea("POST", path, json=body)
        assert (refused.status_code, refused.get_json()["code"]) == (409, "speech-not-installed")
        assert command in refused.get_json()["title"]
    assert not Task.select().where(Task.kind == "transcribe")

    browser.sign_in("léa")
    for page in pages[1:]:
        shown = browser.get(page).text
        assert command not in shown and "The video team can turn it on." in shown
    monkeypatch.setattr(hosts, "is_installed", lambda: True)
    hosts.SignOfLife(redis, "far", "transcripting", str, int).give()
    for page, offer in zip(pages[1:], offers[1:], strict=True):
        shown = browser.get(page).text
        assert offer in shown and "The video team can turn it on." not in shown, "a host somewhere can do it"


def test_an_upload_that_orders_captions_where_none_can_be_made_is_taken_with_a_warning(
    lea: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = [
        json.dumps({"speech": speech}) for speech in ({"automatic": True}, {"translate": True}, {"language": "fr"})
    ]
    assert not lea.upload(options=wishes[0])["warnings"]
    monkeypatch.setattr(alive, "is_installed", lambda: False)
    found = [lea.upload(options=wish) for wish in wishes]
    told = [[warning["code"] for warning in one["warnings"]] for one in found]
    assert told == [["speech-not-installed"], ["speech-not-installed"], []]
    assert "./run up --with-speech" in found[0]["warnings"][0]["sentence"]
    assert [task["state"] for task in found[0]["tasks"] if task["kind"] == "transcribe"] == ["waiting"]
