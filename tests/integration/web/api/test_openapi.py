"""openapi.yaml says what the API does: the same routes, and answers that fit its schemas."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from flask import Flask
from jsonschema import Draft202012Validator
from redis import Redis
from werkzeug.test import TestResponse

from pod_jobs.jobs import queue
from tests.integration.web.conftest import Caller, Worker

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}


@pytest.fixture
def description(app: Flask) -> dict[str, Any]:
    response = app.test_client().get("/api/v1/openapi.yaml", buffered=True)
    assert response.mimetype == "application/yaml"
    document: dict[str, Any] = yaml.safe_load(response.text)
    return document


def test_its_routes_are_the_apps_routes(app: Flask, description: dict[str, Any]) -> None:
    described = {
        (re.sub(r"{\w+}", "{}", path), method.upper())
        for path, item in description["paths"].items()
        for method in item
        if method.upper() in METHODS
    }
    served = {
        (re.sub(r"<[\w:]+>", "{}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/api/", "/task/", "/manager/"))
        for method in rule.methods
        if method not in ("HEAD", "OPTIONS") or rule.methods <= {"HEAD", "OPTIONS"}
    }
    served.discard(("/api/v1/uploads/{}", "OPTIONS"))  # Flask's own
    assert served == described


def test_no_comma_cuts_a_description_off(description: dict[str, Any]) -> None:
    """In {description: one, two} YAML takes "two" for another key, without a value."""

    def cut_off(node: Any) -> Iterator[str]:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            if isinstance(key, str) and value is None:
                yield key
            yield from cut_off(value)

    assert list(cut_off(description)) == []


def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            if key == "$ref":
                yield value
            yield from references(value)

    found = list(references(description))
    assert len(found) > 50
    for reference in found:
        target: Any = description
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


class Checked:
    """A caller whose every answer must fit what the description says of that path, method and status."""

    def __init__(self, description: dict[str, Any], caller: Caller) -> None:
        self.description, self.caller, self.client = description, caller, caller.client
        self.fitted: list[str] = []

    def __call__(self, method: str, path: str, **options: Any) -> TestResponse:
        response = self.caller(method, path, **options)
        item = next(
            item
            for template, item in self.description["paths"].items()
            if re.fullmatch(re.sub(r"{\w+}", r"[^/]+", template), path.partition("?")[0])
        )
        responses = item[method.lower()]["responses"]
        said = responses.get(str(response.status_code), responses["default"])
        if "$ref" in said:
            said = self.description["components"]["responses"][said["$ref"].rpartition("/")[2]]
        if "content" in said:
            schema = said["content"][response.mimetype]["schema"]
            whole = {**schema, "components": self.description["components"]}
            Draft202012Validator(whole).validate(response.get_json())
            self.fitted.append(f"{method} {response.status_code}")
        return response


def test_answers_fit_their_schemas(
    description: dict[str, Any], callers: dict[str, Caller], worker: Worker, redis: Redis
) -> None:
    lea = Checked(description, callers["léa"])
    worker.caller = Checked(description, worker.caller)  # type: ignore[assignment]
    video = lea("POST", "/api/v1/videos?name=a.mp4", data=b"\x00\x00\x00\x20ftypisom" + bytes(100)).get_json()
    here = f"/api/v1/videos/{video['id']}"

    def look() -> None:
        for path in (here, "/api/v1/videos", "/api/v1/tasks", f"/api/v1/tasks/{video['task']['id']}", "/api/v1/me"):
            assert lea("GET", path).status_code == 200
        lea("GET", f"{here}/watching")

    look()
    order = worker.start(video["task"])
    said = {"step": "encode", "fraction": 0.5, "speed": 3.1, "eta_s": 12.0, "first_playable": True, "detail": ""}
    queue.write_progress(redis, order["task"], {**said, "folder": worker.folder(order), "worker": "w", "attempt": 1})
    look()
    worker.report(order, "retry", retry_in_s=5, error_code="disk-full", reason="x", exit_code=1)
    look()
    worker.finish(worker.start(video["task"]))
    look()
    again = lea("POST", f"{here}/encode").get_json()
    worker.report(worker.start(again), "error", error_code="source-too-long", error_facts={"limit": "1 h"}, reason="x")
    look()
    lea("POST", f"/api/v1/tasks/{again['id']}/requeue")
    lea("POST", f"/api/v1/tasks/{again['id']}/cancel")
    lea("POST", "/api/v1/tasks/requeue", json={"tasks": [again["id"], 999]})
    lea("POST", f"/api/v1/tasks/{again['id']}/cancel")
    lea("PATCH", here, json={"title": "b"})
    for method, path, status in (
        ("GET", "/api/v1/videos/99", 404),
        ("GET", "/api/v1/tasks?state=x", 400),
        ("POST", f"/api/v1/tasks/{again['id']}/cancel", 409),
        ("POST", "/api/v1/tasks/1/start", 403),
        ("POST", "/api/v1/videos", 422),
        ("PATCH", here, 400),
        ("DELETE", here, 204),
    ):
        assert lea(method, path).status_code == status
    assert len(lea.fitted) > 30 and len(worker.caller.fitted) >= 6  # type: ignore[attr-defined]
