"""./run bench doors: requests of every kind to every address of the API, compared with what openapi.yaml says.

Schemathesis makes them from the description: values at each bound and beyond it, of other types, too many and too few, then
random ones. Bodies that are no JSON, which it does not send, are added here. Every role asks all of it, and nobody. Counted are
    five_hundreds              answers of 500 and more, but a 503 where the description names it;
    undocumented               a status, a kind of content, a header or a document that the description does not have;
    looser_than_documented     requests that the description forbids, and that were not refused.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import schemathesis
import yaml
from flask import Flask
from schemathesis import engine
from schemathesis.engine import events

SUMMARY = "requests of every kind to the API, compared with openapi.yaml; --random N, --seed S"
JSON = "application/json"
ROLES = ("admin", "team", "lecturer", "worker", "application")
CLIP = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(200)
LANE = {"name": "bench", "url": "http://127.0.0.1:9/"}  # so that learning traces are taken
SHOWN = 20  # of the faults, on stderr
NO_JSON = (b"{", b"\xff", b"[" * 20_000, b'{"a": NaN}', b'{"a": 1', b"\xef\xbb\xbf{}x")
ANOTHER_HEADER = "in header - object with unexpected properties"  # Schemathesis takes it for a fault; HTTP allows any
COUNTED = {  # check of Schemathesis -> what it counts as
    "not_a_server_error": "five_hundreds",
    "status_code_conformance": "undocumented",
    "content_type_conformance": "undocumented",
    "response_headers_conformance": "undocumented",
    "response_schema_conformance": "undocumented",
    "negative_data_rejection": "looser",
    "missing_required_header": "looser",
}

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")  # of resumable uploads


@dataclass
class Figures:
    """What was found; the faults as "METHOD path: what"."""

    requests: int = 0
    accepted: int = 0
    five_hundreds: list[str] = field(default_factory=list)
    undocumented: list[str] = field(default_factory=list)
    looser: list[str] = field(default_factory=list)

    def count(self, status: int) -> None:
        self.requests += 1
        self.accepted += 200 <= status < 300


@dataclass(frozen=True)
class Series:
    """Which requests are made: those at and beyond each bound, then so many random ones to each operation, by each role ("":
    nobody). `paths`: of the operations, a regular expression."""

    seed: int
    random: int
    roles: Sequence[str] = (*ROLES, "")
    paths: str = "."


def fuzz(app: Flask, tokens: Mapping[str, str], series: Series) -> Figures:
    """`tokens`: role -> token."""
    figures = Figures()
    client = app.test_client(use_cookies=False)
    for _ in range(3):
        client.post("/api/v1/videos?name=a.mp4", data=CLIP, headers=_sign(tokens["admin"]))
    document = yaml.safe_load((Path(app.root_path) / "openapi.yaml").read_text("utf-8"))
    for role in series.roles:
        _ask(app, document, series, _sign(tokens[role]) if role else {}, figures)
    for method, path, responses in _with_json(document):
        for body in NO_JSON:
            response = client.open(path, method=method, headers=_sign(tokens["admin"]), data=body, content_type=JSON)
            _judge(
                response.status_code, responses, f"{method} {path}: {response.status_code} to {body[:20]!r}", figures
            )
    return figures


def _sign(token: str) -> dict[str, str]:
    return {"Authorization": f"Token {token}"}


def _ask(app: Flask, document: dict[str, Any], series: Series, headers: dict[str, str], figures: Figures) -> None:
    checks: dict[str, Any] = {"enabled": False, **{name: {"enabled": True} for name in COUNTED}}
    for name in ("negative_data_rejection", "missing_required_header"):
        checks[name]["expected-statuses"] = ["4xx", "5xx"]  # 5xx is counted by itself
    phases = {"examples": False, "coverage": True, "fuzzing": series.random > 0, "stateful": False}
    options = {
        "seed": series.seed,
        "headers": headers,
        "continue-on-failure": True,
        "warnings": False,
        "generation": {"max-examples": max(series.random, 1), "database": "none", "no-shrink": True},
        "phases": {name: {"enabled": enabled} for name, enabled in phases.items()},
        "checks": checks,
    }
    schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config.from_dict(options))
    schema.app = app
    for event in engine.from_schema(schema.include(path_regex=series.paths)).execute():
        if isinstance(event, events.NonFatalError):
            if not event.related_to_operation:
                raise event.value
            # Schemathesis gets the exception instead of the answer
            figures.five_hundreds.append(f"{event.label}: {event.value!r}")
        if isinstance(event, events.ScenarioFinished):
            _note(event, figures)


def _note(event: events.ScenarioFinished, figures: Figures) -> None:
    seen = event.recorder.interactions
    for interaction in seen.values():
        figures.count(interaction.response.status_code if interaction.response else 0)
    for case, checks in event.recorder.checks.items():
        for check in (check for check in checks if check.failure_info is not None):
            request, response = seen[case].request, seen[case].response
            status, failure = response.status_code if response else 0, str(check.failure_info.failure)
            described = event.recorder.cases[case].value.operation.responses.status_codes
            if ANOTHER_HEADER in failure or (status == 503 and "503" in described):
                continue
            asked = f"{request.uri} {(request.body or b'')[:300]!r}"
            told = f"{event.recorder.label}: {status} to {asked}: {' '.join(failure.split())[:300]}"
            getattr(figures, COUNTED[check.name]).append(told)


def _judge(status: int, responses: Mapping[str, Any], told: str, figures: Figures) -> None:
    """The answer to a body that is no JSON. `responses`: as they are described."""
    figures.count(status)
    if status >= 500:
        figures.five_hundreds.append(told)
    if status < 400:
        figures.looser.append(told)
    if not {str(status), "default"} & responses.keys():
        figures.undocumented.append(told)


def _with_json(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and described answers of the operations that take JSON."""
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            if method != "parameters" and JSON in operation.get("requestBody", {}).get("content", ()):
                yield method.upper(), re.sub(r"{\w+}", "1", path), operation["responses"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--random", type=int, default=5, help="random requests to each operation by each role (5)")
    parser.add_argument("--seed", type=int, default=1, help="of the random ones (1)")


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
            figures = fuzz(create_app(settings), tokens, Series(options.seed, options.random))
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
