"""The door: what is let in, what is not, and what is said about it."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from pod_jobs.catalog import database
from pod_jobs.catalog.store import statements, videos
from pod_jobs.catalog.trace_models import Statement, Straggler
from pod_jobs.instance import learning_traces
from tests.integration.traces.conftest import HOME_PAGE, Site
from tests.orders import UPLOAD
from tests.unit.xapi.samples import ACTOR, corpus, numbered, plain, session


def kept(site: Site) -> list[dict[str, Any]]:
    with database.connect(site.settings.database_url).connection_context():
        return [json.loads(row.body) for row in Statement.select().order_by(Statement.number)]


def own(statement: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """`statement` as one of our pages sends it: without an actor."""
    return {name: value for name, value in (statement | changes).items() if name != "actor"}


def refused(site: Site, who: str, *raw: Any, **options: Any) -> dict[str, Any]:
    options = options or {"data": json.dumps(raw)}
    response = site.call(who, "POST", "/statements", **options)
    assert response.headers["Content-Type"] == "application/problem+json", response.text
    document: dict[str, Any] = response.json()
    assert response.status_code == document["status"] and 400 <= document["status"] < 500
    return document


def test_an_applications_statements_are_kept_as_they_are(site: Site) -> None:
    one, two = plain(), numbered(5)
    entries = site.send(one, two)
    assert entries == [{"accepted": True, "id": s["id"], "labels": []} for s in (one, two)]
    assert kept(site) == [one, two]


def test_a_person_writes_as_nobody_else(site: Site) -> None:
    entries = site.send(own(plain()), own(numbered(3)), who="léa")
    assert [entry["accepted"] for entry in entries] == [True, True]
    person = site.user("léa")
    for statement in kept(site):
        assert statement["actor"] == learning_traces.actor_of(site.settings, person)
        assert "léa" not in json.dumps(statement, ensure_ascii=False) and person.uuid not in json.dumps(statement)
    problem = refused(site, "léa", plain())
    assert (problem["status"], problem["path"], problem["rule"]) == (422, "$.actor", "actor")
    assert len(kept(site)) == 2


def test_a_session_of_the_player_is_kept_under_mapped_ids_and_again_when_sent_again(site: Site) -> None:
    sent = [own(statement) for statement in session()]
    first = site.send(*sent, who="léa")
    assert [entry["labels"] for entry in first] == [[]] * len(sent)
    assert site.send(*sent, who="léa") == first
    assert len(kept(site)) == len(sent)
    assert not {entry["id"] for entry in first} & {statement["id"] for statement in sent}
    assert len({entry["id"] for entry in site.send(*sent, who="max")} | {e["id"] for e in first}) == 2 * len(sent)


def test_an_id_in_use_is_refused_unless_it_is_the_same_again(site: Site) -> None:
    site.send(plain())
    site.send(plain())
    problem = refused(site, "moodle", plain(result={"success": True}))
    assert (problem["status"], problem["path"]) == (409, "$.id")
    [one, two] = site.send(numbered(1), numbered(1))
    assert (one["accepted"], two["problem"]["path"]) == (True, "$.id")
    assert len(kept(site)) == 2


DEEP: Any = []
for _ in range(40):
    DEEP = [DEEP]

SCRIPT = "<script>alert(1)</script>"
BAD = {
    "a date in 2099": (plain(timestamp="2099-01-01T00:00:00Z"), "$.timestamp"),
    "NUL": (plain(result={"response": "a\0b"}), "$.result.response"),
    "half a surrogate": (plain(result={"response": "\ud800"}), "$.result.response"),
    "deep": (plain(result={"extensions": {"https://a.b/c": DEEP}}), "$.result.extensions['https://a.b/c']"),
    "NaN": (plain(result={"score": {"raw": float("nan")}}), "$.result.score.raw"),
    "40 digits": (plain(result={"score": {"raw": 10**40}}), "$.result.score.raw"),
    "a script": (plain(verb={"id": "https://a.b/c", "display": {"en": SCRIPT}}), "$.verb.display.en"),
    "a script's source": (plain(actor={**ACTOR, "name": "<img src=x onerror=alert(1)>"}), "$.actor.name"),
    "no verb": (plain(verb=None), "$.verb"),
    "no UUID": (plain(id="7"), "$.id"),
    "no object": ("statement", "$"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_its_path_and_the_good_goes_on(site: Site, name: str) -> None:
    bad, path = BAD[name]
    problem = refused(site, "moodle", bad)
    assert problem["path"].startswith(path) and problem["code"] == "statement-refused"
    assert kept(site) == []
    entries = site.send(plain(id=str(uuid4())), bad, plain(id=str(uuid4())))
    assert [entry["accepted"] for entry in entries] == [True, False, True]
    assert entries[1]["problem"]["path"].startswith(path)
    assert len(kept(site)) == 2


def test_bodies_that_are_no_json_or_too_much(site: Site) -> None:
    for body, status in ((b"{", 400), (b"\xff", 400), (b"[" * 100_000, 422), (b"[1" + b"0" * 5000 + b"]", 422)):
        assert refused(site, "moodle", data=body)["status"] == status
    assert refused(site, "moodle", data=b'[{"result": {"score": {"raw": NaN}}}]')["rule"] == "number"
    assert refused(site, "moodle", data=b" " * 10_000_000)["status"] == 413
    chunked = site.call("moodle", "POST", "/statements", data=iter([b" " * 100_000] * 20))
    assert chunked.status_code == 411  # nobody knows when a body without a length is whole
    assert refused(site, "moodle", *[numbered(i) for i in range(201)])["status"] == 413
    assert refused(site, "moodle", plain(result={"response": "x" * 66_000}))["status"] == 413
    assert kept(site) == []


def test_a_script_in_an_answer_and_a_tag_in_a_name_stay_text(site: Site) -> None:
    sent = plain(
        verb={"id": "https://a.b/c", "display": {"en": "used <script> & <b>"}},
        result={"response": "<script>alert(1)</script>"},
    )
    site.send(sent)
    assert kept(site) == [sent]


def test_opting_out_keeps_nothing(site: Site) -> None:
    person = site.user("léa")
    with database.connect(site.settings.database_url).connection_context():
        statements.opt_out(person, True, person.created_at)
    assert site.call("léa", "POST", "/statements", json=own(plain())).status_code == 204
    assert kept(site) == []


def test_too_many_of_one_person(site: Site) -> None:
    for start in (0, 50):
        site.send(*[own(numbered(start + i)) for i in range(50)], who="léa")
    response = site.call("léa", "POST", "/statements", json=[own(numbered(200 + i)) for i in range(10)])
    assert (response.status_code, response.json()["code"]) == (429, "trace-limit")
    assert 1 <= int(response.headers["Retry-After"]) <= 10
    site.send(own(numbered(300)), who="max")
    site.send(*[numbered(1000 + i) for i in range(200)])


def test_who_may_what(site: Site) -> None:
    assert site.call("workers", "POST", "/statements", json=plain()).status_code == 403
    for path in ("/lanes", "/lanes/one/dead", "/labels"):
        assert [site.call(who, "GET", path).status_code for who in ("léa", "moodle", "tina")] == [403, 403, 200]
    assert site.call("tina", "POST", "/lanes/one/claim", json={}).status_code == 403
    assert site.call("tina", "GET", "/lanes/other/dead").status_code == 404


@pytest.mark.parametrize("who", ["moodle", "ada"])
def test_a_program_that_sends_for_many_people_names_the_actor(who: str, site: Site) -> None:
    """xAPI 1.0.3, part two, 2.2. Nobody can know whether it meant itself or somebody whom it forgot to name."""
    problem = refused(site, who, own(plain()))
    assert (problem["status"], problem["path"], problem["rule"]) == (422, "$.actor", "required")
    assert kept(site) == []


def test_every_statement_that_lrss_accept_is_accepted(site: Site) -> None:
    cases = corpus("valid.jsonl")
    entries: list[dict[str, Any]] = []
    for start in range(0, len(cases), 100):
        entries += site.send(*[case["statement"] | {"id": str(uuid4())} for case in cases[start : start + 100]])
    assert len(entries) == 363
    assert [entry for entry in entries if not entry["accepted"]] == []


@pytest.mark.parametrize("result", ["seen", [1], {"extensions": [1]}, {"extensions": None, "completion": 1}])
def test_an_attempt_whose_result_breaks_xapi_can_be_looked_at(result: object) -> None:
    from pod_jobs.web.api import trace_documents

    now = datetime.now(UTC)
    body = json.dumps({**plain(result=result), "timestamp": "2026-03-01T00:00:00.000Z"})
    row = Statement(number=1, body=body, video=3, received_at=now, labels=["type"])
    shown = trace_documents.session([row], now)
    assert shown["statements"][0]["result"] == {}


def test_names_are_hidden_where_statements_are_shown(site: Site) -> None:
    from pod_jobs.web.api.trace_documents import without_names

    member = {"objectType": "Agent", "name": "Zoé", "mbox": "mailto:zoe@univ.example"}
    statement = plain(
        actor={"objectType": "Group", "name": "Zoé", "member": [member]},
        object={
            "objectType": "SubStatement",
            "actor": ACTOR,
            "object": {"id": "https://a.b", "definition": {"name": {"en": "Film"}}},
        },
        context={"instructor": member},
    )
    shown = json.dumps(without_names(statement), ensure_ascii=False)
    assert "Zoé" not in shown and "zoe@" not in shown and ACTOR["account"]["name"] not in shown and "Film" in shown


def test_what_an_lrs_echoes_is_masked_too() -> None:
    from pod_jobs.web.api.trace_documents import names_in

    member = {"objectType": "Agent", "name": "Zoé", "mbox": "mailto:zoe@univ.example"}
    assert names_in(plain(context={"instructor": member})) == {"abcdef", "Zoé", "mailto:zoe@univ.example"}


@pytest.mark.parametrize(
    "actor",
    [
        {"account": {"homePage": "https://univ.example"}},
        {"account": {"homePage": "https://univ.example", "name": 5}},
        {"account": {"homePage": "https://univ.example", "name": ["a"]}},
        {"mbox": 5, "name": ""},
    ],
)
def test_a_dead_letter_whose_actor_breaks_xapi_can_be_looked_at(actor: dict[str, Any]) -> None:
    from pod_jobs.web.api.trace_documents import dead_letter

    now = datetime.now(UTC)
    row = Straggler(lane="ralph", number=1, code="rejected", reason="400: no such actor", at=now)
    shown = dead_letter(row, Statement(number=1, body=json.dumps(plain(actor=actor)), received_at=now))
    assert shown["reason"] == "400: no such actor"


def test_only_who_sees_a_video_writes_into_the_list_of_its_attempts(site: Site) -> None:
    """Twenty attempts of anybody's would hide the true ones."""
    person, registrations = site.user("max"), {"léa": str(uuid4()), "max": str(uuid4())}
    with database.connect(site.settings.database_url).connection_context():
        video, _ = videos.create(person, "t", videos.Source("a.mp4", 1), datetime.now(UTC), lambda path: None, UPLOAD)
    about = {"id": f"{HOME_PAGE}/xapi/activities/video/{video.id}"}
    for who, registration in registrations.items():
        statement = plain(object=about, context={"registration": registration})
        site.send({name: value for name, value in statement.items() if name != "actor"}, who=who)
    listed = site.call("max", "GET", f"/sessions?video={video.id}").json()["sessions"]
    assert [attempt["registration"] for attempt in listed] == [registrations["max"]]
