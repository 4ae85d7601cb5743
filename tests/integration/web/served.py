"""The app as gunicorn serves it, for tests of what only a real server does: gunicorn 'tests.integration.web.served:app()'."""

from flask import Flask

from pod_jobs.settings import load
from pod_jobs.web import pace
from pod_jobs.web.app import create_app
from pod_jobs.web.pace import Pace


def app() -> Flask:
    # a test cannot wait as long as a lecturer's train stays in a tunnel
    pace.HEAD = Pace(1, 1, float("inf"))
    pace.SMALL_BODY = Pace(1, 1, 20_000)
    pace.UPLOAD = Pace(1, 2, 50_000)
    return create_app(load())


def app_at_real_pace() -> Flask:
    return create_app(load())
