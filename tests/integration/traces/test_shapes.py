"""The answers about traces are what openapi.yaml says."""

import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from pod_jobs.settings import ROOT
from pod_jobs.xapi.profile import EXTENSION
from tests.integration.traces.conftest import Deliver, Site
from tests.integration.xapi.strict_lrs import StrictLrs
from tests.unit.xapi.samples import numbered, session

DESCRIPTION = yaml.safe_load((ROOT / "pod_jobs/web/openapi.yaml").read_text(encoding="utf-8"))
REFUSED = "https://univ.example/refused"


def fits(site: Site, who: str, method: str, path: str, status: int, **options: Any) -> Any:
    response = site.call(who, method, path, **options)
    assert response.status_code == status, response.text
    whole = f"/api/v1/xapi{path}".partition("?")[0]
    exact = DESCRIPTION["paths"].get(whole)
    item = exact or next(
        item
        for template, item in DESCRIPTION["paths"].items()
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), whole)
    )
    said = item[method.lower()]["responses"][str(status)]
    if "$ref" in said:
        said = DESCRIPTION["components"]["responses"][said["$ref"].rpartition("/")[2]]
    if "content" in said:
        schema = said["content"][response.headers["Content-Type"].partition(";")[0]]["schema"]
        Draft202012Validator({**schema, "components": DESCRIPTION["components"]}).validate(response.json())
        return response.json()
    return None


@pytest.fixture
def watched(site: Site) -> str:
    """A conforming session at video 3 of nobody's; its registration."""
    iri = "https://univ.example/xapi/activities/video/3"
    statements = session()
    assert all(statement["object"]["id"] == iri for statement in statements)
    site.send(*statements)
    registration: str = statements[0]["context"]["registration"]
    return registration


def test_answers_fit_their_schemas(site: Site, deliver: Deliver, lrs: StrictLrs, watched: str) -> None:
    lrs.refuses = lambda statement: statement["object"]["id"] == REFUSED
    mixed = [
        numbered(1001),
        numbered(1002, object={"id": REFUSED}),
        numbered(1003, verb=None),
        numbered(1004, result={"success": "x"}),
    ]
    entries = fits(site, "moodle", "POST", "/statements", 200, json=mixed)["statements"]
    assert [entry["accepted"] for entry in entries] == [True, True, False, True]
    fits(site, "moodle", "POST", "/statements", 422, json=mixed[2])
    fits(site, "moodle", "POST", "/statements", 400, data=b"{")
    fits(site, "tina", "GET", "/lanes", 200)
    claim = fits(site, "workers", "POST", "/lanes/two/claim", 200, json={"holder": "w", "limit": 5})
    assert len(claim["statements"]) == 5
    fits(site, "workers", "POST", "/lanes/two/claim", 409, json={"holder": "w", "limit": 5})
    fits(site, "workers", "POST", "/lanes/two/renew", 200, json={"fence": claim["fence"]})
    fits(site, "workers", "POST", "/lanes/two/renew", 409, json={"fence": 77})
    outcomes = {"fence": claim["fence"], "through": claim["statements"][-1]["number"], "stored": 5, "limit": 2}
    assert len(fits(site, "workers", "POST", "/lanes/two/outcomes", 200, json=outcomes)["statements"]) == 2
    assert site.call("workers", "POST", "/lanes/two/outcomes", json={"fence": 1, "no": 1}).status_code == 400
    deliver()
    assert len(fits(site, "tina", "GET", "/lanes/one/dead", 200)["dead"]) == 2
    fits(site, "tina", "GET", "/lanes", 200)
    fits(site, "tina", "POST", "/lanes/one/dead/resend", 200, json={"all": True})
    fits(site, "tina", "POST", "/lanes/two/flush", 202)
    fits(site, "tina", "GET", "/lanes/two/waiting", 200)
    assert site.call("tina", "POST", "/lanes/one/waiting/skip", json={"numbers": [99]}).status_code == 404
    assert site.call("tina", "POST", "/lanes/two/waiting/skip", json={"all": True}).status_code == 400
    labels = fits(site, "tina", "GET", "/labels", 200)
    assert labels["statements"] == 11 and labels["conform"] == 10
    assert labels["rules"] == {"type": "every property has the JSON type that xAPI gives it"}
    assert fits(site, "tina", "GET", "/sessions?video=3", 200)["sessions"][0]["registration"] == watched
    shown = fits(site, "tina", "GET", f"/sessions/{watched}", 200)
    assert [verdict["faults"] for verdict in shown["verdicts"]] == [[]] * len(shown["verdicts"])
    assert shown["rules"] == {}
    assert "abcdef" not in str(shown), "no names"


def test_what_is_wrong_with_a_session_is_said_in_french(site: Site) -> None:
    statements = session()[:-2]
    statements[2]["result"]["extensions"][EXTENSION + "played-segments"] = "0[.]25.5"
    site.send(*statements)
    registration = statements[0]["context"]["registration"]
    shown = site.call("tina", "GET", f"/sessions/{registration}", headers={"Accept-Language": "fr"}).json()
    assert [fault for verdict in shown["verdicts"] for fault in verdict["faults"]] == [
        "Signalement 6\u00a0: le segment 1 n’est pas tel qu’il a été déclaré avant",
        "Signalement 3\u00a0: aucune trace ne dit 25,5\u00a0s",
        "Signalement 3\u00a0: dans les segments sans avoir été lu\u00a0: 15,5\u00a0s",
    ]
    assert shown["rules"] == {"progress": "progress est la part vue\u00a0: l’union des segments, divisée par la durée"}
    unended = [verdict for verdict in shown["verdicts"] if verdict["word"] == "open"]
    assert [(one["rule"], one["note"]) for one in unended] == [
        ("terminated-last", "La session est encore ouverte."),
        ("paused-first", "La session est encore ouverte."),
    ]


def test_sessions_are_their_owners(site: Site, watched: str) -> None:
    for path in ("/sessions?video=3", f"/sessions/{watched}"):
        assert site.call("léa", "GET", path).status_code == 404
    assert site.call("tina", "GET", "/sessions?video=x").status_code == 400
    assert site.call("tina", "GET", "/sessions/7").status_code == 404
