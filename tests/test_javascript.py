"""The tests of the browser modules, tests/javascript/**/*.test.js: Node runs them, one test here for each file."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pod_jobs.settings import ROOT
from tests.servers import need

FOLDER = ROOT / "tests" / "javascript"
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.test.js"))
OLDEST_NODE = (20, 19)


@pytest.mark.parametrize("file", FILES)
def test_browser_modules(file: str) -> None:
    node = shutil.which("node")
    need(node is not None and _version(node) >= OLDEST_NODE, "Node 20.19 or newer (./run test brings it)")
    command = [node, "--import", "./setup.js", "--test", "--test-reporter=spec", file]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
    passed = re.search(r"^. pass (\d+)$", done.stdout, re.M)
    assert done.returncode == 0 and passed and int(passed[1]) > 0, done.stdout + done.stderr


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    return tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2])


def test_every_test_file_is_found() -> None:
    assert {Path(file).parts[0] for file in FILES} >= {"shared", "player", "xapi"}
