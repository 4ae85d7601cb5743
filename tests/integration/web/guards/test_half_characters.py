"""JSON can spell half a character (a lone surrogate), and Python reads NaN, which nothing of ours can hold: a clear 400."""

import json
from typing import Any

import pytest

from tests.integration.web.conftest import Caller, problem

HALF = "a\ud800"


@pytest.mark.parametrize(
    ("who", "method", "address", "said"),
    [
        ("léa", "PATCH", "/api/v1/videos/{video}", {"poster": HALF}),
        ("tina", "POST", "/api/v1/tasks/requeue", {"filter": {"owner": HALF}}),
        ("tina", "POST", "/api/v1/drains", {"scope": "all", "name": "", "why": HALF}),
        ("workers", "POST", "/api/v1/tasks/{task}/start", {"generation": 1, "worker": HALF, "host": "h", "pid": 1}),
    ],
)
def test_half_a_character_is_refused(
    callers: dict[str, Caller], who: str, method: str, address: str, said: dict[str, Any]
) -> None:
    made = callers["léa"].upload(name="a.mp4")
    path = address.format(video=made["id"], task=made["task"]["id"])
    response = callers[who](method, path, data=json.dumps(said), content_type="application/json")
    assert response.status_code == 400 and response.mimetype == "application/problem+json", response.text
    problem(response, 400, response.get_json()["code"])


@pytest.mark.parametrize("body", ['{"site": "", "a": NaN}', '{"a": [-Infinity]}', '{"a": 1', "[]", "\ufeff{}x"])
def test_what_is_no_json_object_is_refused(callers: dict[str, Caller], body: str) -> None:
    response = callers["tina"]("POST", "/api/v1/callbacks/send", data=body.encode(), content_type="application/json")
    problem(response, 400, "malformed")
