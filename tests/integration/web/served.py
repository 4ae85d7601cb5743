"""The app as gunicorn serves it, for tests of what only a real server does: gunicorn 'tests.integration.web.served:app()'."""

from flask import Flask

from pod_jobs.settings import load
from pod_jobs.web.app import create_app
from pod_jobs.web.guards import slow_clients
from pod_jobs.web.guards.slow_clients import Pace


def app() -> Flask:
    # a test cannot wait as long as a lecturer's train stays in a tunnel
    slow_clients.HEAD = Pace(1, 1, float("inf"))
    slow_clients.SMALL_BODY = Pace(1, 1, 20_000)
    slow_clients.UPLOAD = Pace(1, 2, 50_000)
    return create_app(load())


def app_at_real_pace() -> Flask:
    return create_app(load())
