"""Passwords are asked for, or read; the program's own users stay as they are."""

import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from werkzeug import security

from pod_jobs.cli import accounts
from pod_jobs.cli.root import root
from pod_jobs.errors import PodJobsError, SettingsError
from pod_jobs.instance import prepare
from pod_jobs.settings import Settings

PASSWORD = "a long enough password"


class Stdin:
    """A line of it; `is_terminal` says whether somebody types it."""

    def __init__(self, line: str, *, is_terminal: bool) -> None:
        self.line, self.is_terminal = line, is_terminal

    def isatty(self) -> bool:
        return self.is_terminal

    def readline(self) -> str:
        return self.line


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_is_asked_twice(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    asked: list[dict[str, object]] = []

    def prompt(text: str, **how: object) -> str:
        asked.append(how)
        return PASSWORD

    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr(security, "generate_password_hash", lambda password: f"hash of {password}")
    monkeypatch.setattr(sys, "stdin", Stdin(f"{PASSWORD} \n", is_terminal=is_terminal))
    assert accounts._ask_password_hash() == f"hash of {PASSWORD}{'' if is_terminal else ' '}"
    assert asked == ([{"hide_input": True, "confirmation_prompt": True}] if is_terminal else [])


def test_a_short_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin("short\n", is_terminal=False))
    with pytest.raises(PodJobsError):
        accounts._ask_password_hash()


@pytest.mark.parametrize("words", [["off", "command-line"], ["role", "command-line", "team"]])
def test_the_programs_own_users_stay(words: list[str]) -> None:
    done = CliRunner().invoke(root, ["user", *words, "--home", "/nowhere"])
    assert done.exit_code == 2 and "the program's own user" in done.stderr


@pytest.mark.parametrize(("has_secrets", "said"), [(True, "call it again"), (False, "it is prepared")])
def test_an_interrupted_restore_is_refused_but_a_new_folder_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_secrets: bool, said: str
) -> None:
    def stop(settings: Settings) -> None:
        raise SettingsError("it is prepared")

    monkeypatch.setattr(prepare, "prepare", stop)
    if has_secrets:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "cli_token").write_text("x")
    done = CliRunner().invoke(root, ["user", "list", "--home", str(tmp_path)])
    assert done.exit_code == 1 and said in f"{done.output}{done.exception}"
