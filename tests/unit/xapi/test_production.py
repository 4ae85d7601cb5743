from collections.abc import Callable
from uuid import UUID

import pytest

from pod_jobs.xapi import actors, production
from pod_jobs.xapi.production import Statement, VideoActivity
from pod_jobs.xapi.statement import Application, Frozen, accept
from tests.unit.xapi.samples import ACTOR, NOW

KEY = b"0" * 32
VIDEO = VideoActivity("https://univ.example", 3, "Cours n° 1 <b>", "fr")
USER = UUID("6d1c7f0e-51c3-4a0f-8a2b-6a6a4df5c0aa")
RUN = "7-g1"

EVENTS: dict[str, Callable[[str], Statement]] = {
    "uploaded": lambda run: production.build_uploaded(VIDEO, ACTOR, NOW),
    "encoded": lambda run: production.build_encoded(VIDEO, run, True, 75.5, NOW),
    "failed": lambda run: production.build_encoded(VIDEO, run, False, 0, NOW),
    "transcribed": lambda run: production.build_transcribed(VIDEO, run, "fr", NOW),
    "published": lambda run: production.build_published(VIDEO, run, NOW),
}


@pytest.mark.parametrize("event", EVENTS)
def test_events_are_accepted_as_they_are(event: str) -> None:
    statement = EVENTS[event](RUN)
    accepted = accept(statement, Application(), NOW)
    assert isinstance(accepted, Frozen)
    assert (accepted.id, accepted.labels, accepted.of_profile) == (statement["id"], (), False)


def test_a_run_again_is_the_same_event_and_a_new_generation_another() -> None:
    again = {name: build(RUN)["id"] for name, build in EVENTS.items()}
    assert again == {name: build(RUN)["id"] for name, build in EVENTS.items()}
    assert len(set(again.values())) == 4, "a generation ends once: done or failed share an id"
    assert EVENTS["encoded"]("7-g2")["id"] != again["encoded"]
    other_site = VideoActivity("https://other.example", 3, "")
    assert production.build_published(other_site, RUN, NOW)["id"] != again["published"]


def test_the_encode_says_how_it_went() -> None:
    assert EVENTS["encoded"](RUN)["result"] == {"success": True, "duration": "PT75.5S"}
    assert EVENTS["failed"](RUN)["result"] == {"success": False, "duration": "PT0S"}
    assert EVENTS["encoded"](RUN)["actor"]["account"]["name"] == "system:encode"


def test_the_video_is_known_by_an_iri_without_its_title() -> None:
    assert VIDEO.iri == "https://univ.example/xapi/activities/video/3"
    assert VIDEO.build()["definition"]["name"] == {"fr": "Cours n° 1 <b>"}


def test_pseudonyms() -> None:
    name = actors.pseudonym(KEY, USER)
    assert name == actors.pseudonym(KEY, USER)
    assert len(name) == 52 and name.isalnum()
    others = {
        actors.pseudonym(b"1" * 32, USER),
        actors.pseudonym(KEY, UUID(int=1)),
        actors.pseudonym(KEY, USER, "2026-autumn"),
    }
    assert len(others | {name}) == 4


def test_a_pseudonym_is_the_hmac_that_an_analyst_can_compute_again() -> None:
    # printf 'v1|6d1c7f0e-51c3-4a0f-8a2b-6a6a4df5c0aa' | openssl dgst -sha256 -hmac 000… -binary | base32
    assert actors.pseudonym(KEY, USER) == "moymnkkceh7qrnol7uvom2fs6wg2zens6tajgj4leghu6s2qlqca"
