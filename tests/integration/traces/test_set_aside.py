"""A person lists what waits in a lane and sets the one aside that holds up the others, by the command line."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from pod_jobs.cli import traces
from tests.integration.traces.conftest import Deliver, Site, fill, has_all
from tests.integration.xapi.strict_lrs import StrictLrs


class TeamsApi:
    """What cli.api.Api does, as a person of the team."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = self._site.call("tina", method, path.removeprefix("/xapi"), **options)
        assert answer.status_code < 300, answer.text
        return answer

    def get(self, path: str) -> Any:
        return self.call("GET", path).json()


@pytest.fixture
def xapi(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(traces, "load_settings", lambda: None)
    monkeypatch.setattr(traces, "Api", lambda settings: TeamsApi(site))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(traces.xapi, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_what_waits_is_listed_and_set_aside(site: Site, deliver: Deliver, lrs: StrictLrs, xapi: Any) -> None:
    sent = fill(site, 5)
    found = [json.loads(line) for line in xapi("waiting", "one", "--json").splitlines()]
    assert [one["id"] for one in found] == [one["id"] for one in sent]
    first, second = (str(one["number"]) for one in found[:2])
    assert xapi("waiting", "one", "--limit", "2").splitlines()[1].split()[0] == first
    assert xapi("skip", "one", first) == "1 set aside.\n"
    assert xapi("skip", "one", second, "--drop") == "1 given up.\n"
    deliver()
    assert has_all(lrs, sent[2:])
    [letter] = site.call("tina", "GET", "/lanes/one/dead").json()["dead"]
    assert (str(letter["number"]), letter["code"]) == (first, "skipped")
