"""What the options of a command become in an order."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from pod_jobs.cli.order_options import FILE, OF_FILES, OF_SPEECH, OF_VIDEOS, as_order, as_wish, with_options


@click.command()
@with_options(OF_VIDEOS)
@with_options(OF_SPEECH)
def command(**values: Any) -> None:
    click.echo(repr({**as_order(values), **as_wish(values)}))


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ("", {}),
        ("--dressing=", {"dressing": ""}),
        ("--opening 3 --ending 0", {"opening": 3, "ending": 0}),
        ("--second 4", {"second": 4, "layout": "side"}),
        ("--keep 1:30-12:00 --keep 720.5-1:00:00", {"keep": [(90.0, 720.0), (720.5, 3600.0)]}),
        ("--language fr", {"speech": {"language": "fr"}}),
        ("--no-captions", {"speech": {"automatic": False}}),
        ("--captions --translate", {"speech": {"automatic": True, "translate": True}}),
        ("--term Pod --term RQ", {"speech": {"glossary": ["Pod", "RQ"]}}),
        *((f"--keep {range_}", None) for range_ in ("9-9", "9-8", "9", "a-b", "9-")),
    ],
)
def test_an_order(words: str, order: dict[str, Any] | None) -> None:
    done = CliRunner().invoke(command, words.split())
    if order is None:
        assert done.exit_code == 2
    else:
        assert done.output == f"{order!r}\n"


@click.command()
@click.argument("file", type=FILE)
@with_options(OF_FILES)
def command_on_files(**values: Any) -> None:
    click.echo(f"{values['file'].name} {values['opacity']}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("a.mp4", "a.mp4 80.0\n"),
        ("a.mp4 --opacity 100", "a.mp4 100.0\n"),
        ("a.mp4 --opacity 0", "not in the range"),
        ("a.mp4 --opacity 100.1", "not in the range"),
        ("b.mp4", "does not exist"),
        (".", "is a directory"),
        ("a.mp4 --watermark b.png", "does not exist"),
    ],
)
def test_files_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").touch()
    done = CliRunner().invoke(command_on_files, words.split())
    assert said in done.output and done.exit_code == (0 if said.startswith("a.mp4") else 2)
