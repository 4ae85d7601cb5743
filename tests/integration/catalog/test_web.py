"""The web app where the three databases differ."""

from pathlib import Path

import pytest

from pod_jobs.instance.prepare import prepare
from pod_jobs.settings import load
from pod_jobs.web.app import create_app


def test_what_a_database_cannot_hold_is_the_requests_fault(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL refuses a NUL in a text; the others find nothing."""
    monkeypatch.setenv("POD_JOBS_DATABASE__URL", database_url)
    settings = load(tmp_path, redis={"url": "redis://127.0.0.1:1"})
    prepare(settings)
    app = create_app(settings)
    headers = {"Authorization": f"Token {settings.secret('cli_token')}"}
    answer = app.test_client().get("/api/v1/videos?text=%00", headers=headers)
    assert answer.status_code == (400 if database_url.startswith("postgresql") else 200), answer.text
