"""What starts often starts light: each line's supervisor, and each command."""

import subprocess
import sys

import pytest

HEAVY = {"asyncio", "flask", "rq", "redis", "valkey", "peewee", "psycopg", "av"}


@pytest.mark.parametrize("module", ["pod_jobs.processes.lines", "pod_jobs.cli.root"])
def test_only_those_who_use_a_large_library_import_it(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert HEAVY.isdisjoint(done.stdout.split())
