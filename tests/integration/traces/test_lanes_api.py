"""What may be said of a lane: above all by its workers, who may be on another host, of another version, or mad."""

import json
import math
from typing import Any

import pytest

from tests.integration.traces.conftest import Site, fill

LEFT = {"number": 2, "fate": "later", "code": "conflict", "reason": "409"}


@pytest.fixture
def fence(site: Site) -> int:
    """The fence of the lane "one", which is claimed and has the statements 1, 2, 3."""
    fill(site, 3)
    answer = site.call("workers", "POST", "/lanes/one/claim", json={"holder": "w", "limit": 3}).json()
    assert [statement["number"] for statement in answer["statements"]] == [1, 2, 3]
    return int(answer["fence"])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"fence": True}, "malformed"),
        ({"fence": 2**70}, "malformed"),
        ({"through": "3"}, "malformed"),
        ({"through": 4}, "result-rejected"),
        ({"stored": -1}, "malformed"),
        ({"gone": 5}, "malformed"),
        ({"gone": ["x"]}, "malformed"),
        ({"leftovers": {}}, "malformed"),
        ({"leftovers": ["x"]}, "malformed"),
        ({"leftovers": [{"number": 2}]}, "malformed"),
        ({"leftovers": [{**LEFT, "fate": ["dead"]}]}, "malformed"),
        ({"leftovers": [{**LEFT, "fate": "lost"}]}, "malformed"),
        ({"leftovers": [{**LEFT, "reason": 409}]}, "malformed"),
        ({"leftovers": [{**LEFT, "number": 77}]}, "result-rejected"),
        ({"leftovers": [{**LEFT, "number": 3}], "through": 2}, "result-rejected"),
        ({"leftovers": [LEFT, LEFT]}, "result-rejected"),
        ({"state": ["open"]}, "malformed"),
        ({"state": "shut"}, "malformed"),
        ({"reason": None}, "malformed"),
        ({"wait_s": "soon"}, "malformed"),
        ({"wait_s": 1e300}, "malformed"),
        ({"wait_s": math.nan}, "malformed"),
        ({"server_error": "no"}, "malformed"),
        ({"limit": -1}, "malformed"),
        ({"in_hand": [True]}, "malformed"),
        ({"in_hand": [2**70]}, "malformed"),
    ],
)
def test_a_settlement_that_cannot_be_is_refused_and_changes_nothing(
    site: Site, fence: int, wrong: dict[str, Any], code: str
) -> None:
    before = site.lanes()["one"]
    said = {"fence": fence, "through": 3, "stored": 3, "state": "hold"}
    answer = site.call("workers", "POST", "/lanes/one/outcomes", data=json.dumps({**said, **wrong}))
    assert (answer.status_code, answer.json()["code"]) == (422 if code == "result-rejected" else 400, code), answer.text
    after = site.lanes()["one"]
    assert (after.lane.__data__, after.dead) == (before.lane.__data__, 0)
    assert site.call("tina", "GET", "/lanes/one/dead").json()["dead"] == []
    said = {"fence": fence, "through": 3, "stored": 2, "leftovers": [LEFT], "more": "a newer worker says more"}
    assert site.call("workers", "POST", "/lanes/one/outcomes", json=said).status_code == 200
    assert site.lanes()["one"].waiting == 1


@pytest.mark.parametrize("wrong", [{"limit": -1}, {"limit": "3"}, {"limit": 2**70}, {"holder": 5}])
def test_a_claim_that_cannot_be_is_refused(site: Site, wrong: dict[str, Any]) -> None:
    fill(site, 3)
    answer = site.call("workers", "POST", "/lanes/one/claim", json={"holder": "w", "limit": 3, **wrong})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert site.lanes()["one"].lane.holder == ""


@pytest.mark.parametrize("numbers", [["x"], [True], [-1], [2**70], 5])
def test_dead_letters_are_named_by_numbers(site: Site, numbers: Any) -> None:
    answer = site.call("tina", "POST", "/lanes/one/dead/resend", json={"numbers": numbers})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
