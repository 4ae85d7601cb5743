"""Corrections learnt from captions, on each database: they compare letters exactly, each in its own way."""

from collections.abc import Sequence

import pytest

from pod_jobs.captions.cues import Cue, NewCaptions
from pod_jobs.captions.respelling import respellings
from pod_jobs.catalog.caption_models import CaptionRespelling, CaptionTrack
from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Task, User, Video, database
from pod_jobs.catalog.store import caption_corrections, captions, videos
from pod_jobs.catalog.store.caption_corrections import Offer
from pod_jobs.catalog.store.captions import Change
from tests.integration.catalog.conftest import NOW, SOURCE, placed_nowhere
from tests.orders import UPLOAD


def corrected(owner: User, heard: str, right: str) -> CaptionTrack:
    """Captions of another recording, which their owner has corrected."""
    video = videos.create(owner, "Cours", SOURCE, NOW, placed_nowhere, UPLOAD)[0]
    with transaction():
        found = NewCaptions("speech", "fr", [Cue(0, 2, heard)])
        track = captions.take(video, found, "recognised", None, NOW, keep=3)
    return captions.save(track, Change(1, [Cue(0, 2, right)], 3), owner, NOW)


def offers(track: CaptionTrack, owner: User) -> list[Offer]:
    return caption_corrections.offers(track, owner, (), ())


def test_letters_are_compared_exactly(lecturer: User) -> None:
    """Neither capitals nor accents make two spellings one, nor do they collide in a table."""
    for right in ("le Pod est", "le POD est", "le Pöd est"):
        for _ in range(2):
            track = corrected(lecturer, "le pode est", right)
    assert offers(track, lecturer) == []
    both = corrected(lecturer, "le pode et le podé là, une eleve", "le Pod et le POD là, une Élève")
    rows = CaptionRespelling.select().where(CaptionRespelling.track == both)
    assert {(row.heard, row.spelling) for row in rows} == {("pode", "Pod"), ("podé", "POD"), ("eleve", "Élève")}
    assert offers(both, lecturer) == [Offer("pode", "Pod", 3, of_all=False)]


def test_a_recording_counts_once_and_a_later_recognition_is_what_was_heard(lecturer: User) -> None:
    tracks = [corrected(lecturer, "le pode est", "le Pod est") for _ in range(2)]
    video: Video = tracks[0].video
    with transaction():
        found = NewCaptions("speech", "fr", [Cue(0, 2, "le pode est")], label="again")
        again = captions.take(video, found, "recognised", None, NOW, keep=3)
    again = captions.save(again, Change(1, [Cue(0, 2, "le Pod est")], 3), lecturer, NOW)
    assert offers(again, lecturer) == [], "two tracks of one recording"
    with transaction():
        captions.take(video, NewCaptions("speech", "fr", [Cue(0, 2, "le pote est")]), "recognised", None, NOW, keep=3)
    first = captions.save(captions.get(tracks[0].id, video.id), Change(2, [Cue(0, 2, "le Pod est")], 3), lecturer, NOW)
    assert [row.heard for row in CaptionRespelling.select().where(CaptionRespelling.track == first)] == ["pote"]


def test_versions_are_compared_while_nobody_waits_for_the_track(
    lecturer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(*versions: Sequence[Cue]) -> list[tuple[str, str]]:
        assert not database.in_transaction()
        return respellings(*versions)

    monkeypatch.setattr(caption_corrections, "respellings", compare)
    track = corrected(lecturer, "le pode est", "le Pod est")
    assert CaptionRespelling.select().where(CaptionRespelling.track == track).count() == 1


@pytest.mark.parametrize("everywhere", [True, False])
def test_what_is_corrected_already_is_not_offered(lecturer: User, task: Task, everywhere: bool) -> None:
    tracks = [corrected(lecturer, "le pode est", "le Pod est") for _ in range(3)]
    assert offers(tracks[2], lecturer) == [Offer("pode", "Pod", 3, of_all=False)]
    owner = None if everywhere else lecturer
    for right in ("pod", "Pod"):
        caption_corrections.decide(owner, "fr", ("pode", right), NOW, is_used=True)
    assert offers(tracks[2], lecturer) == []
    assert [(one.heard, one.spelling) for one in caption_corrections.used_for(lecturer.id)] == [("pode", "Pod")]
    caption_corrections.decide(owner, "de", ("pode", "Pod"), NOW, is_used=False)
    assert len(caption_corrections.used_for(lecturer.id)) == 1


def test_no_more_are_offered_at_once_than_a_person_reads(lecturer: User) -> None:
    heard = "aaaa un bbbb un cccc un dddd"
    tracks = [corrected(lecturer, heard, heard.title().replace("Un", "un")) for _ in range(3)]
    found = offers(tracks[2], lecturer)
    assert [one.heard for one in found] == ["bbbb", "cccc", "dddd"], "the first word may only begin a sentence"
