"""The team's page of captions: what nobody has reviewed, and an order for several videos."""

import json

from pod_jobs.catalog.models import Task
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


def test_only_the_team_sees_it(browser: Browser) -> None:
    browser.sign_in("léa")
    assert browser.get("/team/captions").status_code == 403
