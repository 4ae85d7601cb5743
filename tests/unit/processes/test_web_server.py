"""What gunicorn is told: how many connections a web process may have, by the limit of open files, and no door of its own."""

import resource

import pytest

from pod_jobs.processes import web_server
from pod_jobs.processes.web_server import MOST_CONNECTIONS, OTHER_FILES
from pod_jobs.settings import load

ALL = resource.RLIM_INFINITY
NEEDED = 2 * MOST_CONNECTIONS + OTHER_FILES


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to", "connections"),
    [
        (ALL, ALL, None, MOST_CONNECTIONS),
        (NEEDED, NEEDED, None, MOST_CONNECTIONS),
        (NEEDED - 2, ALL, NEEDED, MOST_CONNECTIONS),
        (NEEDED - 2, NEEDED - 2, NEEDED - 2, MOST_CONNECTIONS - 1),
        (OTHER_FILES + 2, NEEDED + 2, NEEDED, MOST_CONNECTIONS),
    ],
)
def test_room_for_connections(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised_to: int | None, connections: int
) -> None:
    said: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: said.append(limits))
    assert web_server._room_for_connections() == connections
    assert said == ([] if raised_to is None else [(raised_to, hard)])


def test_nobody_steers_gunicorn_by_a_socket_of_its_own() -> None:
    assert web_server.WebServer(load()).cfg.control_socket_disable
