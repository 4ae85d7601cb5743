"""`pod-jobs xapi status`: what a script learns from its exit code."""

import pytest
from click.testing import CliRunner

from pod_jobs.cli import traces


@pytest.mark.parametrize(
    ("states", "exit_code"), [([], 0), (["open"], 0), (["hold", "open"], 0), (["open", "stopped"], 1), (["stopped"], 1)]
)
def test_a_lane_that_is_stopped_is_told(monkeypatch: pytest.MonkeyPatch, states: list[str], exit_code: int) -> None:
    class Api:
        def __init__(self, settings: object) -> None:
            pass

        def get(self, path: str) -> dict[str, list[dict[str, str]]]:
            assert path == "/xapi/lanes"
            return {"lanes": [{"state": state} for state in states]}

    monkeypatch.setattr(traces, "Api", Api)
    monkeypatch.setattr(traces, "load_settings", lambda: None)
    assert CliRunner().invoke(traces.status, ["--json"]).exit_code == exit_code
