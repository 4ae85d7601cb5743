"""What starts often starts light: each line's supervisor, and each command."""

import runpy
import subprocess
import sys

import pytest

from pod_jobs.processes import lines

HEAVY = {"asyncio", "flask", "rq", "redis", "valkey", "peewee", "psycopg", "av"}


@pytest.mark.parametrize("module", ["pod_jobs.processes.lines", "pod_jobs.cli.root"])
def test_only_those_who_use_a_large_library_import_it(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert HEAVY.isdisjoint(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "run", "code"),
    [
        (["janitor"], ["janitor"], 3),
        ([], [], "usage"),
        (["janitor", "web"], [], "usage"),
        (["none"], [], "usage"),
    ],
)
def test_a_line_is_run_by_its_name(
    monkeypatch: pytest.MonkeyPatch, words: list[str], run: list[str], code: int | str
) -> None:
    told: list[str] = []
    monkeypatch.setattr(sys, "argv", ["processes", *words])

    def main(name: str) -> int:
        told.append(name)
        return 3

    monkeypatch.setattr(lines, "main", main)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("pod_jobs.processes", run_name="__main__")
    assert told == run
    assert ended.value.code == code or str(ended.value.code).startswith(str(code))
