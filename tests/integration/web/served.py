"""The app as gunicorn serves it, for tests of what only a real server does: gunicorn 'tests.integration.web.served:app()'."""

from flask import Flask

from pod_jobs.settings import load
from pod_jobs.web import storage
from pod_jobs.web.app import create_app


def app() -> Flask:
    storage.READ_TIMEOUT_S = 1  # a test cannot wait as long as a lecturer's train stays in a tunnel
    return create_app(load())
