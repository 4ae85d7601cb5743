"""Learning traces through the whole product, as `./run up` starts it, and the commands that look after them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance import command_line
from tests.acceptance.instance import Instance, running
from tests.integration.xapi.strict_lrs import LOGIN, PASSWORD, StrictLrs, running_lrs
from tests.servers import wait_until
from tests.unit.xapi.samples import numbered, session

REFUSED = "https://univ.example/refused"


@pytest.fixture(scope="module")
def lrs() -> Iterator[StrictLrs]:
    with running_lrs(refuses=lambda statement: statement["object"]["id"] == REFUSED) as server:
        yield server


@pytest.fixture(scope="module")
def instance(lrs: StrictLrs) -> Iterator[Instance]:
    def prepare(home: Path) -> None:
        (home / "secrets").mkdir(parents=True)
        lane = f'[[xapi.lane]]\nname = "strict"\nurl = "{lrs.url}"\nlogin = "{LOGIN}"\n'
        (home / "settings.toml").write_text(f"[xapi]\nflush_s = 0.5\n{lane}")
        (home / "secrets" / "lrs_strict").write_text(PASSWORD)

    with running("home", prepare) as made:
        yield made


def hand_in(instance: Instance, *statements: dict[str, Any]) -> list[dict[str, Any]]:
    token = (instance.home / "secrets" / "cli_token").read_text()
    headers = {"Authorization": f"Token {token}"}
    url = f"http://127.0.0.1:{instance.port}/api/v1/xapi/statements"
    response = requests.post(url, json=statements, headers=headers, timeout=20)
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()["statements"]
    return entries


def pod_jobs(*arguments: str, code: int = 0) -> str:
    done = command_line.pod_jobs("xapi", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_statements_go_through_the_whole_product_and_are_looked_after(instance: Instance, lrs: StrictLrs) -> None:
    home = ("--home", str(instance.home))
    sent = [numbered(i, **({"object": {"id": REFUSED}} if i == 7 else {})) for i in range(50)]
    assert all(entry["accepted"] for entry in hand_in(instance, *sent))
    wait_until(lambda: len(lrs.statements) == 49, 30, "49 are delivered")

    def status() -> dict[str, Any]:
        [lane] = json.loads(pod_jobs("status", "--json", *home))
        return dict(lane)

    wait_until(lambda: status()["waiting"] == 0, 10, "the outcome is known")
    lane = status()
    assert (lane["name"], lane["state"], lane["dead"], lane["stored"]) == ("strict", "open", 1, 49)
    assert "strict" in pod_jobs("status", *home)
    [letter] = [json.loads(line) for line in pod_jobs("dead", "strict", "--json", *home).splitlines()]
    assert (letter["code"], letter["id"]) == ("rejected", sent[7]["id"])
    assert "rejected" in pod_jobs("dead", "strict", *home)
    lrs.refuses = lambda statement: False
    assert "1 sent again." in pod_jobs("resend", "strict", str(letter["number"]), *home)
    wait_until(lambda: len(lrs.statements) == 50, 15, "the dead letter arrived")
    assert pod_jobs("resend", "strict", "--all", *home) == "Lane strict has no dead letters.\n"
    lrs.password = "another"
    hand_in(instance, numbered(100))
    wait_until(lambda: json.loads(pod_jobs_any("status", "--json", *home))[0]["state"] == "stopped", 15, "it stops")
    pod_jobs("status", *home, code=1)
    lrs.password = PASSWORD
    assert "strict is tried now." in pod_jobs("flush", *home)
    wait_until(lambda: len(lrs.statements) == 51, 15, "it recovered")


def pod_jobs_any(*arguments: str) -> str:
    """Run a command, and accept any exit code."""
    return command_line.pod_jobs("xapi", *arguments).stdout


def test_the_checker_needs_no_instance(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.jsonl"
    good.write_text(json.dumps(session()))
    assert "8 statements, 0 broken rules" in pod_jobs("check", str(good))
    assert "completed-once" in pod_jobs("check", str(good), "--all")
    statements = [numbered(1), numbered(2, verb={"id": "no iri"})]
    bad.write_text("\n".join(map(json.dumps, statements)))
    said = pod_jobs("check", str(bad), code=1)
    assert "$.verb.id" in said and "2 statements, 1 broken rule\n" in said
    bad.write_text("no json")
    pod_jobs("check", str(bad), code=1)
