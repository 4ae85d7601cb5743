"""`pod-jobs broker …`: which sites and brokers are asked, and what is printed."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pod_jobs.celery import broker as celery_broker
from pod_jobs.celery.broker import QueueFigures
from pod_jobs.cli import broker
from pod_jobs.cli.root import root
from pod_jobs.errors import ServiceUnavailable

RESERVED = {"a1": 0, "a2": 3, "b1": 5}


@pytest.fixture(autouse=True)
def sites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sites that order by Celery, and one that does not."""

    def open_broker(address: str) -> Any:
        if address == "b1":
            raise ServiceUnavailable("refused")
        count = RESERVED[address]
        figures = [QueueFigures("encoding", 1, 2, 3)]
        answers = {"figures": figures, "count_reserved": count, "offer_reserved": count, "offer_refused": 1}
        return SimpleNamespace(**{name: (lambda answer=answer: answer) for name, answer in answers.items()})

    listed = [SimpleNamespace(name=name, is_celery=name != "other") for name in ("other", "a", "b")]
    addresses = {"a": ["a1", "a2"], "b": ["b1"]}
    settings = SimpleNamespace(site=listed, site_broker_urls=lambda site: addresses[site.name])
    monkeypatch.setattr(broker, "_settings", lambda: settings)
    monkeypatch.setattr(celery_broker, "Broker", open_broker)


def run(*words: str) -> Result:
    return CliRunner().invoke(root, ["broker", *words])


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("take-over", "a", "--yes"), "3 messages wait again.\n", 0),
        (("offer-refused", "a"), "2 messages wait again.\n", 0),
        (("offer-refused", "b"), "Broker 1 of b does not answer.", 1),
        (("offer-refused", "other"), "There is no such site.", 1),
        (("take-over", "a"), "Is no worker of Celery's running any more?", 1),
    ],
)
def test_messages_of_one_site_wait_again(words: tuple[str, ...], said: str, code: int) -> None:
    done = run(*words)
    assert said in done.output and done.exit_code == code


def test_what_is_on_the_brokers_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings: Any = broker._settings()
    settings.site.pop()  # whose broker is away
    head, first, second, reserved = run("show").stdout.splitlines()
    assert [line.split() for line in (first, second)] == [["a", n, "encoding", "1", "2", "3"] for n in ("1", "2")]
    assert head.split()[0] == "SITE" and reserved.startswith("3 messages on broker 2 of a were taken")
    lines = [json.loads(line) for line in run("show", "--json").stdout.splitlines()]
    assert lines[1]["waiting"] == 1 and lines[2:] == [
        {"site": "a", "broker": number, "reserved_by_celery": count} for number, count in ((1, 0), (2, 3))
    ]
