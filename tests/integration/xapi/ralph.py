"""A real Ralph for the tests, in a virtual environment of its own: `python -m tests.integration.xapi.ralph` installs it.

Ralph is a development tool here, not a dependency: it and the 40 packages below it would have to agree with ours.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from pod_jobs.xapi.lrs import Endpoint
from tests.servers import REQUIRED, free_port, need, wait_until

VERSION = "5.1.0"
# "lrs" is the server, "cli" and "backend-lrs" are imported by it; so is requests, which it does not declare
PACKAGES = (f"ralph-malph[lrs,cli,backend-lrs]=={VERSION}", "requests")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
FOLDER = Path(os.environ.get("POD_JOBS_TEST_RALPH") or CACHE / "pod_jobs" / f"ralph-{VERSION}")
INSTALL_TIMEOUT_S = 300
START_TIMEOUT_S = 40
LOGIN, PASSWORD = "pod", "secret"


@dataclass(frozen=True)
class Ralph:
    """A running one; `store` is its SQLite file: the table statement (id, body)."""

    port: int
    store: Path

    def endpoint(self) -> Endpoint:
        return Endpoint(url=f"http://127.0.0.1:{self.port}/xAPI/statements", login=LOGIN, password=PASSWORD)


def install() -> None:
    """Make the environment anew with the pip of the Python that made ours."""
    python = sys._base_executable  # type: ignore[attr-defined]
    shutil.rmtree(FOLDER, ignore_errors=True)
    subprocess.run([python, "-m", "venv", "--without-pip", str(FOLDER)], check=True, timeout=60)
    pip = [python, "-m", "pip", "--python", str(FOLDER / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--root-user-action=ignore", *PACKAGES], check=True, timeout=INSTALL_TIMEOUT_S)
    (FOLDER / "complete").touch()


def is_installed() -> bool:
    return (FOLDER / "complete").exists()


@contextmanager
def running_ralph(folder: Path, *, partial: bool = False) -> Iterator[Ralph]:
    """Ralph on a free port with an empty store in `folder`. Skips where it is not installed, installs it in CI."""
    if REQUIRED and not is_installed():
        install()
    need(is_installed(), f"Ralph ({sys.executable} -m tests.integration.xapi.ralph installs it)")
    ralph = Ralph(free_port(), folder / "statements.db")
    process = subprocess.Popen(_command(ralph.port), cwd=folder, env=_environment(ralph, folder, partial))
    try:
        wait_until(lambda: _answers(ralph.port, process), START_TIMEOUT_S, "Ralph answers")
        yield ralph
    finally:
        process.terminate()
        process.wait(10)


def _command(port: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port)]
    return [str(FOLDER / "bin" / "uvicorn"), "ralph.api:app", *where, "--no-access-log", "--log-level", "critical"]


def _environment(ralph: Ralph, folder: Path, partial: bool) -> dict[str, str]:
    """Our store enters through Ralph's own entry-point group for stores, from a folder on its path."""
    about = folder / "plugin" / "pod_jobs_ralph_store-1.dist-info"
    about.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("ralph_store.py"), folder / "plugin")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pod-jobs-ralph-store\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[ralph.backends.lrs]\nsqlite_store = ralph_store:SqliteStore\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(folder / "plugin"),
        "RALPH_TEST_STORE": str(ralph.store),
        "RALPH_APP_DIR": str(folder),
        "RALPH_AUTH_FILE": str(_credentials(folder)),
        "RALPH_RUNSERVER_BACKEND": "sqlite_store",
        "RALPH_RUNSERVER_AUTH_BACKENDS": "basic",
        "RALPH_LRS_PARTIAL_SUCCESS_DEFAULT": str(partial).lower(),
    }


def _credentials(folder: Path) -> Path:
    """What `ralph auth` would write; 4 rounds of bcrypt, because there is nothing to protect."""
    script = (
        "import bcrypt, json, sys\n"
        "hashed = bcrypt.hashpw(sys.argv[2].encode(), bcrypt.gensalt(4)).decode()\n"
        "agent = {'mbox': 'mailto:pod@example.org'}\n"
        "print(json.dumps([{'username': sys.argv[1], 'hash': hashed, 'scopes': ['all'], 'agent': agent}]))\n"
    )
    command = [str(FOLDER / "bin" / "python"), "-c", script, LOGIN, PASSWORD]
    file = folder / "auth.json"
    file.write_text(subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout)
    return file


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "Ralph ended at once"
    try:
        return requests.get(f"http://127.0.0.1:{port}/__heartbeat__", timeout=2).ok
    except requests.ConnectionError:
        return False


if __name__ == "__main__":
    install()
