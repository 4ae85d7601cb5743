"""./run bench doors: requests of every kind to every address of the API, compared with what openapi.yaml says.

Each request is built from the description, and half of them are spoilt in one place: a field left out, of another type, beyond
its bounds, no JSON at all. They are asked by every role and by nobody. Counted are
    five_hundreds              answers of 500 and more;
    undocumented               a status, a kind of content or a document that the description does not have;
    looser_than_documented     requests that the description forbids, and that were answered by 2xx.
"""

import argparse
import json
import random
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from flask import Flask
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

SUMMARY = "requests of every kind to the API, compared with openapi.yaml; --requests N, --seed S"
METHODS = ("get", "post", "put", "patch", "delete")
ROLES = ("admin", "team", "lecturer", "worker", "application")
CLIP = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(200)
ODD = (
    "",
    "x",
    "-1",
    "0",
    "1",
    "2",
    "999",
    "9" * 30,
    "1e3",
    "٣",
    "%00",
    "../x",
    "é",
    "null",
    "true",
    "[]",
    "\u202e",
    "'--",
)
ODD_VALUES: tuple[Any, ...] = (None, True, -1, 2**70, 1e308, "", "x" * 5000, [], {}, [[[]]], "\ud800", "\0", 0.5, "1")
LANE = {"name": "bench", "url": "http://127.0.0.1:9/"}  # so that learning traces are taken
SHOWN = 20  # of the faults, on stderr


@dataclass
class Figures:
    """What was found; the faults as "METHOD path: what"."""

    requests: int = 0
    accepted: int = 0
    five_hundreds: list[str] = field(default_factory=list)
    undocumented: list[str] = field(default_factory=list)
    looser: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Operation:
    path: str
    method: str
    parameters: tuple[dict[str, Any], ...]
    body: Mapping[str, Any]  # content type -> schema
    body_needed: bool
    responses: Mapping[str, Any]

    @property
    def words(self) -> str:
        return f"{self.method.upper()} {self.path}"


class Description:
    """openapi.yaml, and whether a value fits one of its schemas."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def resolved(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def fits(self, value: Any, schema: Any) -> bool:
        whole = {**self.resolved(schema), "components": self.document["components"]}
        return bool(Draft202012Validator(whole).is_valid(value))

    def operations(self) -> Iterator[Operation]:
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method not in item:
                    continue
                said = item[method]
                parameters = [*item.get("parameters", ()), *said.get("parameters", ())]
                body = self.resolved(said.get("requestBody", {}))
                yield Operation(
                    path,
                    method,
                    tuple(self.resolved(one) for one in parameters),
                    {kind: content.get("schema", {}) for kind, content in body.get("content", {}).items()},
                    body.get("required", False),
                    said["responses"],
                )


class Maker:
    """Values for schemas."""

    def __init__(self, description: Description, chance: random.Random) -> None:
        self._description, self._chance = description, chance

    def value(self, schema: Any, depth: int = 0) -> Any:
        """One that fits, as far as this knows the schema's words."""
        schema, chance = self._description.resolved(schema), self._chance
        for words in ("oneOf", "anyOf"):
            if words in schema:
                return self.value(chance.choice(schema[words]), depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return chance.choice(schema["enum"])
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = chance.choice(kind) if isinstance(kind, list) else kind
        if kind == "object":
            wanted = schema.get("required", ())
            named = schema.get("properties", {}).items()
            return {
                name: self.value(one, depth + 1)
                for name, one in named
                if name in wanted or (depth < 4 and chance.random() < 0.5)
            }
        if kind == "array":
            least = schema.get("minItems", 0)
            return [self.value(schema.get("items", {}), depth + 1) for _ in range(least + chance.randint(0, 2))]
        return self._plain(kind, schema)

    def _plain(self, kind: str, schema: dict[str, Any]) -> Any:
        chance = self._chance
        low, high = schema.get("minimum", 0), schema.get("maximum", schema.get("minimum", 0) + 3)
        match kind:
            case "integer":
                return chance.randint(int(low), int(high))
            case "number":
                return round(chance.uniform(low, high), 3)
            case "boolean":
                return chance.random() < 0.5
            case "null":
                return None
            case _:
                text = chance.choice(["web", "fr", "a title", "été 🎓", "encode", "audio", "2026-01-01T00:00:00Z"])
                return text[: schema.get("maxLength", 100)].ljust(schema.get("minLength", 0), "x")

    def spoilt(self, value: Any) -> Any:
        """The same with one place changed."""
        chance = self._chance
        if isinstance(value, dict) and value and chance.random() < 0.8:
            name = chance.choice(list(value))
            if chance.random() < 0.3:
                return {key: one for key, one in value.items() if key != name}
            return {**value, name: self.spoilt(value[name])}
        if isinstance(value, list) and value and chance.random() < 0.6:
            return [self.spoilt(value[0]), *value[1:]] if chance.random() < 0.7 else value * 400
        return chance.choice(ODD_VALUES)


class Doors:
    """Asks an app. `tokens`: role -> token."""

    def __init__(self, app: Flask, description: Description, tokens: Mapping[str, str], chance: random.Random) -> None:
        self.client = app.test_client(use_cookies=False)
        self.description, self.tokens, self.chance = description, tokens, chance
        self.make = Maker(description, chance)
        self.figures = Figures()

    def knock(self, operation: Operation) -> None:
        path, query, headers, allowed = self._parameters(operation)
        body, kind, body_allowed = self._body(operation)
        role = self.chance.choice((*ROLES, "admin", "admin", "lecturer", ""))
        if role:
            headers["Authorization"] = f"Token {self.tokens[role]}"
        if kind:
            headers["Content-Type"] = kind
        method = operation.method.upper()
        response = self.client.open(path, method=method, query_string=query, headers=headers, data=body, buffered=True)
        self.figures.requests += 1
        self._judge(operation, response, allowed and body_allowed, f"{path} {query} {kind} {body[:300]!r}")

    def _parameters(self, operation: Operation) -> tuple[str, dict[str, str], dict[str, str], bool]:
        path, query, headers, allowed = operation.path, dict[str, str](), dict[str, str](), True
        for one in operation.parameters:
            schema = one.get("schema") or next(iter(one["content"].values()))["schema"]
            is_json = "content" in one
            made = self.make.value(schema)
            text = json.dumps(made) if is_json else str(made)
            if self.chance.random() < 0.15:
                text = self.chance.choice(ODD)
            elif one["in"] == "query" and not one.get("required") and self.chance.random() < 0.5:
                continue
            if not text and one["in"] == "query" and not one.get("required"):
                query[one["name"]] = text  # the same as to leave it out
                continue
            allowed = allowed and self._text_fits(text, schema, is_json=is_json)
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", text.replace("/", "%2F").replace("?", "%3F") or "%20")
            else:
                (query if one["in"] == "query" else headers)[one["name"]] = (
                    _header(text) if one["in"] == "header" else text
                )
        return re.sub(r"{\w+}", "1", path), query, headers, allowed

    def _text_fits(self, text: str, schema: Any, *, is_json: bool) -> bool:
        kind = self.description.resolved(schema).get("type")
        if is_json or kind in ("integer", "number", "boolean"):
            try:
                return self.description.fits(json.loads(text), schema)
            except ValueError:
                return False
        return self.description.fits(text, schema)

    def _body(self, operation: Operation) -> tuple[bytes, str, bool]:
        if not operation.body:
            return b"", "", True
        kind = self.chance.choice(list(operation.body))
        if "json" not in kind:
            return (CLIP if "text" not in kind else b"WEBVTT\n\n00:01.000 --> 00:02.000\nhello\n"), kind, True
        value = self.make.value(operation.body[kind])
        if self.chance.random() < 0.5:
            value = self.make.spoilt(value)
        elif self.chance.random() < 0.1:
            raw = self.chance.choice([b"", b"{", b"\xff", b"[" * 20_000, b'{"a": NaN}', b"null"])
            return raw, kind, not raw and not operation.body_needed
        allowed = self.description.fits(value, operation.body[kind])
        return json.dumps(value).encode(), kind, allowed

    def _judge(self, operation: Operation, response: TestResponse, allowed: bool, request: str) -> None:
        figures, told = self.figures, f"{operation.words}: {response.status_code} to {request}"
        if response.status_code >= 500:
            figures.five_hundreds.append(told)
        if response.status_code < 300:
            figures.accepted += 1
            if not allowed:
                figures.looser.append(told)
        said = operation.responses.get(str(response.status_code), operation.responses.get("default"))
        if said is None or not self._is_documented(self.description.resolved(said), response):
            figures.undocumented.append(told)

    def _is_documented(self, said: dict[str, Any], response: TestResponse) -> bool:
        if "content" not in said:
            return True
        content = said["content"].get(response.mimetype)
        if content is None:
            return False
        return "json" not in response.mimetype or self.description.fits(response.get_json(), content["schema"])


def fuzz(app: Flask, tokens: Mapping[str, str], count: int, seed: int) -> Figures:
    """`count` requests, every operation in turn."""
    document = yaml.safe_load((Path(app.root_path) / "openapi.yaml").read_text("utf-8"))
    description = Description(document)
    doors = Doors(app, description, tokens, random.Random(seed))  # noqa: S311  # a series that can be repeated
    operations = list(description.operations())
    for _ in range(3):
        doors.client.post("/api/v1/videos?name=a.mp4", data=CLIP, headers={"Authorization": f"Token {tokens['admin']}"})
    for number in range(count):
        doors.knock(operations[number % len(operations)])
    return doors.figures


def _header(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=20_000, help="how many (default: 20,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the series (default: 1)")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    from pod_jobs.catalog import database
    from pod_jobs.catalog.store import users
    from pod_jobs.instance.prepare import prepare
    from pod_jobs.settings import load
    from pod_jobs.web.app import create_app
    from tests.servers import KeyValueServer, short_folder

    with tempfile.TemporaryDirectory() as home, short_folder() as folder:
        server = KeyValueServer(folder)
        server.start()
        try:
            settings = load(
                Path(home) / "home", redis={"url": server.url}, upload={"free_gb": 0}, xapi={"lane": [LANE]}
            )
            prepare(settings)
            with database.connect(settings.database_url).connection_context():
                now = datetime.now(UTC)
                tokens = {role: users.create_token(users.create(role, role, None, now), "bench", now) for role in ROLES}
            figures = fuzz(create_app(settings), tokens, options.requests, options.seed)
        finally:
            server.stop()
    for fault in [*figures.five_hundreds, *figures.undocumented, *figures.looser][:SHOWN]:
        print(fault, file=sys.stderr)
    return {
        "requests": figures.requests,
        "accepted": figures.accepted,
        "five_hundreds": len(figures.five_hundreds),
        "undocumented": len(figures.undocumented),
        "looser_than_documented": len(figures.looser),
    }


def table(figures: dict[str, Any]) -> str:
    return "\n".join(f"{name.replace('_', ' '):24}{value:>8}" for name, value in figures.items())


def failed(figures: dict[str, Any]) -> bool:
    return any(figures[name] for name in ("five_hundreds", "undocumented", "looser_than_documented"))
