"""/captions/corrections, from the word that people correct again and again to the order of the next transcription."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pod_jobs.catalog.store import users
from pod_jobs.settings.speech import CorrectionSettings
from pod_jobs.web.services import EXTENSION, install
from tests.integration.web.conftest import Caller, Worker

HEARD, RIGHT = "un cours sur moudle", "un cours sur Moodle"
OFFER = {"heard": "moudle", "right": "Moodle", "recordings": 3, "of_all": False}
ANSWER = {"heard": "moudle", "right": "Moodle", "language": "fr", "of_all": False}
CORRECTIONS = "/api/v1/captions/corrections"


class Room:
    """What a person does in the editor."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def recognise(self, caller: Caller, video: dict[str, Any], language: str = "fr", text: str = HEARD) -> str:
        """The address of the captions that a worker made."""
        order = self._worker.start(caller("POST", f"/api/v1/videos/{video['id']}/transcribe").get_json())
        spoken = {"language": language, "translated": False, "needs_check": False, "model": "base"}
        document = {**spoken, "cues": [[1.0, 3.0, text, "", []]]}
        self._worker.write(order, {"captions.json": json.dumps(document).encode(), "peaks.bin": b""})
        result = {"folder": self._worker.folder(order), "outputs": [], "captions": True, "infos": {"captions": 1}}
        self._worker.report(order, "done", result=result)
        (track,) = caller("GET", f"/api/v1/videos/{video['id']}/captions").get_json()["captions"]
        return str(track["url"].removeprefix("http://pod.test"))

    def correct(self, caller: Caller, language: str = "fr", text: str = RIGHT) -> list[dict[str, Any]]:
        """What is offered to whoever corrects the captions of another recording."""
        return self.save(caller, self.recognise(caller, caller.upload(), language), text)

    def save(self, caller: Caller, address: str, text: str) -> list[dict[str, Any]]:
        base = caller("GET", address).get_json()["version"]
        saved = caller("PUT", address, json={"base": base, "cues": [[1.0, 3.0, text, "", []]]})
        assert saved.status_code == 200, saved.text
        return list(saved.get_json()["offers"])

    def corrections(self, caller: Caller) -> list[list[str]]:
        """Those that the order of a transcription brings to a worker."""
        task = caller("POST", f"/api/v1/videos/{caller.upload()['id']}/transcribe").get_json()
        return list(self._worker.start(task)["speech"]["corrections"])


@pytest.fixture
def room(worker: Worker) -> Room:
    return Room(worker)


def used(caller: Caller) -> list[tuple[str, str, bool, bool]]:
    listed = caller("GET", CORRECTIONS).get_json()["corrections"]
    return [(one["heard"], one["right"], one["of_all"], one["removable"]) for one in listed]


def test_what_was_corrected_in_three_recordings_is_offered_and_used_once_somebody_agrees(
    room: Room, callers: dict[str, Caller], lea: Caller
) -> None:
    assert [room.correct(lea), room.correct(lea), room.correct(lea)] == [[], [], [OFFER]]
    assert room.corrections(lea) == [], "nothing happens by itself"
    assert room.correct(callers["max"]) == [], "another person's recordings do not count, nor are they told"
    assert lea("POST", CORRECTIONS, json={**ANSWER, "use": True}).status_code == 204
    assert room.corrections(lea) == [["moudle", "Moodle", "fr"]]
    assert used(lea) == [("moudle", "Moodle", False, True)]
    assert (room.corrections(callers["max"]), used(callers["max"])) == ([], []), "these are not his recordings"
    assert room.correct(lea) == []
    number = lea("GET", CORRECTIONS).get_json()["corrections"][0]["id"]
    assert callers["max"]("DELETE", f"{CORRECTIONS}/{number}").status_code == 404
    assert lea("DELETE", f"{CORRECTIONS}/{number}").status_code == 204
    assert (room.corrections(lea), used(lea)) == ([], [])


def test_the_team_corrects_all_recordings(room: Room, callers: dict[str, Caller], lea: Caller) -> None:
    tina = callers["tina"]
    for_all = {**ANSWER, "of_all": True, "use": True}
    assert lea("POST", CORRECTIONS, json=for_all).status_code == 403
    assert tina("POST", CORRECTIONS, json=for_all).status_code == 204
    assert lea("POST", CORRECTIONS, json={**ANSWER, "right": "moodle", "use": True}).status_code == 204
    assert used(lea) == [("moudle", "moodle", False, True), ("moudle", "Moodle", True, False)]
    assert room.corrections(lea) == [["moudle", "moodle", "fr"], ["moudle", "Moodle", "fr"]], "one's own comes first"
    assert used(callers["max"]) == [("moudle", "Moodle", True, False)]
    number = callers["max"]("GET", CORRECTIONS).get_json()["corrections"][0]["id"]
    assert lea("DELETE", f"{CORRECTIONS}/{number}").status_code == 403
    assert tina("DELETE", f"{CORRECTIONS}/{number}").status_code == 204
    assert used(callers["max"]) == []


def test_the_recordings_of_one_person_lead_to_no_correction_of_everybodys(
    room: Room, callers: dict[str, Caller], lea: Caller
) -> None:
    tina, of_lea = callers["tina"], room.recognise(lea, lea.upload())
    assert [room.correct(lea), room.correct(lea)] == [[], []]
    assert room.save(tina, of_lea, RIGHT) == [], "what one lecturer wrote, whoever saves it"
    assert room.correct(tina) == [{**OFFER, "recordings": 4, "of_all": True}]


def test_what_the_command_line_brought_may_be_anybodys(
    room: Room, callers: dict[str, Caller], catalog: None, lea: Caller
) -> None:
    user = users.create("command-line", "admin", None, datetime.now(UTC))
    program = Caller(lea.client, users.create_token(user, "tests", datetime.now(UTC)))
    tracks = [room.recognise(program, program.upload()) for _ in range(3)]
    assert [room.save(callers["tina"], track, RIGHT) for track in tracks] == [[], [], [{**OFFER, "of_all": True}]]


def test_what_the_team_agrees_to_for_its_own_recordings_holds_there_only(
    room: Room, callers: dict[str, Caller], lea: Caller
) -> None:
    tina = callers["tina"]
    assert [room.correct(tina) for _ in range(3)][2] == [OFFER]
    assert tina("POST", CORRECTIONS, json={**ANSWER, "use": True}).status_code == 204
    assert used(tina) == [("moudle", "Moodle", False, True)] and used(lea) == []


def test_who_declines_is_not_asked_again(room: Room, callers: dict[str, Caller], lea: Caller) -> None:
    assert [room.correct(lea) for _ in range(3)][2] == [OFFER]
    assert lea("POST", CORRECTIONS, json={**ANSWER, "use": False}).status_code == 204
    assert (room.correct(lea), used(lea), room.corrections(lea)) == ([], [], [])
    assert [room.correct(callers["max"]) for _ in range(3)][2] == [OFFER]


def test_only_what_is_still_written_so_counts(room: Room, lea: Caller) -> None:
    first, second = (room.recognise(lea, lea.upload()) for _ in range(2))
    room.save(lea, first, RIGHT)
    room.save(lea, first, HEARD)
    room.save(lea, second, RIGHT)
    assert room.correct(lea, "en") == [], "another language"
    assert room.correct(lea, text="un cours sur MOODLE") == [], "another spelling"
    gone = lea.upload()
    room.save(lea, room.recognise(lea, gone), RIGHT)
    assert lea("DELETE", f"/api/v1/videos/{gone['id']}").status_code == 204
    assert room.correct(lea) == []
    assert room.save(lea, first, RIGHT) == [OFFER]


def test_what_the_settings_correct_is_not_offered(room: Room, lea: Caller) -> None:
    app = lea.client.application
    site = app.extensions[EXTENSION]
    speech = site.settings.speech.model_copy(update={"correction": (CorrectionSettings(heard="Moudle", right="x"),)})
    install(app, replace(site, settings=site.settings.model_copy(update={"speech": speech})))
    assert [room.correct(lea) for _ in range(3)] == [[], [], []]


def test_a_file_that_a_person_brought_teaches_nothing(room: Room, lea: Caller) -> None:
    for _ in range(3):
        vtt = f"WEBVTT\n\n00:01.000 --> 00:03.000\n{HEARD}\n"
        track = lea("POST", f"/api/v1/videos/{lea.upload()['id']}/captions?language=fr", data=vtt.encode()).get_json()
        assert room.save(lea, track["url"].removeprefix("http://pod.test"), RIGHT) == []


@pytest.mark.parametrize(
    "change",
    [
        {"heard": ""},
        {"heard": "ab"},
        {"heard": "« — »"},
        {"heard": "x" * 61},
        {"right": " "},
        {"right": "—"},
        {"right": "a\u202eb"},
        {"right": "x" * 61},
        {"right": 3},
        {"language": "xx"},
        {"use": 1},
        {"use": None},
        {"of_all": 1},
    ],
)
def test_bad_answers(lea: Caller, change: dict[str, Any]) -> None:
    assert lea("POST", CORRECTIONS, json={**ANSWER, "use": True, **change}).status_code == 400
    assert used(lea) == []


def test_they_have_a_limit_and_a_second_answer_replaces_the_first(
    lea: Caller, callers: dict[str, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_jobs.catalog.store.caption_corrections.MOST_OF_AN_OWNER", 2)
    for right in ("Moodle", "MOODLE"):
        assert lea("POST", CORRECTIONS, json={**ANSWER, "right": right, "use": True}).status_code == 204
    assert used(lea) == [("moudle", "MOODLE", False, True)]
    assert lea("POST", CORRECTIONS, json={**ANSWER, "heard": "Pode", "use": True}).status_code == 204
    refused = lea("POST", CORRECTIONS, json={**ANSWER, "heard": "podes", "use": True})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "refused")
    assert callers["max"]("POST", CORRECTIONS, json={**ANSWER, "use": True}).status_code == 204
