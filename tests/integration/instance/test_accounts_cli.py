"""`pod-jobs user role`, in this process."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pod_jobs.catalog import database
from pod_jobs.catalog.models import Audit
from pod_jobs.catalog.store import users
from pod_jobs.cli.accounts import user
from pod_jobs.settings import load
from tests.integration.catalog.conftest import NOW


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An instance with an administrator and a lecturer."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "cli_token").write_text("x")
    catalog = database.connect(load(tmp_path).database_url)
    with catalog.connection_context():
        database.migrate(catalog)
        users.create("ada", "admin", "a hash", NOW)
        users.create("léa", "lecturer", "a hash", NOW)
    return tmp_path


def role(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(user, ["role", *arguments, "--home", str(home)])


def test_a_person_gets_another_role_and_the_log_says_so(home: Path) -> None:
    done = role(home, "léa", "team")
    assert (done.exit_code, done.output) == (0, "léa was lecturer and is team now.\n")
    with database.connect(load(home).database_url).connection_context():
        assert users.find("léa").role == "team"
        noted = Audit.get(Audit.action == "user role")
        assert (noted.who, noted.subject, noted.details) == ("command-line", "léa", "lecturer -> team")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ada", "team"), "last administrator"),
        (("nobody", "team"), "The user nobody does not exist."),
        (("léa", "worker"), "Invalid value"),
        (("léa", "boss"), "Invalid value"),
        (("command-line", "team"), "command-line"),
    ],
)
def test_a_role_that_cannot_be_given_changes_nothing(home: Path, arguments: tuple[str, str], said: str) -> None:
    refused = role(home, *arguments)
    assert refused.exit_code != 0 and said in refused.output
    with database.connect(load(home).database_url).connection_context():
        assert (users.find("ada").role, users.find("léa").role) == ("admin", "lecturer")
