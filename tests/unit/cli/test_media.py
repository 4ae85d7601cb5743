"""Which files the commands of the media library take, and what they leave in a folder."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from pod_jobs.cli.order_options import as_plan
from pod_jobs.cli.root import root
from pod_jobs.media.planning.plan import EncodePlan
from pod_jobs.settings import load
from tests.unit.media.samples import LADDER, LIMITS

PLAN = EncodePlan(LADDER, LIMITS)


@pytest.mark.parametrize("command", [["submit"], ["probe"], ["encode"]])
def test_a_pipe_is_refused_before_anybody_waits_for_it(tmp_path: Path, command: list[str]) -> None:
    os.mkfifo(pipe := tmp_path / "pipe.mp4")
    rest = [str(tmp_path / "out")] if command == ["encode"] else []
    result = CliRunner().invoke(root, [*command, str(pipe), *rest])
    assert result.exit_code == 2
    assert "pipe.mp4 is not a regular file" in result.output


def test_an_encoding_without_a_server_keeps_no_subtitles_of_what_was_cut_out(tmp_path: Path) -> None:
    values = dict.fromkeys(("opening", "ending", "second", "dressing", "watermark"))
    plan = as_plan(PLAN, load(tmp_path), "web", {**values, "layout": "side", "keep": ("1:30-2:00",)})
    assert (plan.keep, plan.with_uncut) == (((90.0, 120.0),), False)
