"""Captions in the catalog, on each database: versions, conflicts, drafts, search."""

from datetime import datetime

import pytest

from pod_jobs.captions.cues import Cue, NewCaptions, Word
from pod_jobs.captions.documents import cues_from
from pod_jobs.catalog.caption_models import CaptionPassage, CaptionTerm, CaptionText, CaptionTrack, CaptionVersion
from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import Task, User, Video
from pod_jobs.catalog.store import caption_index, caption_search, captions, inspections, retention, users, videos
from pod_jobs.catalog.store.captions import Change, Conflict
from pod_jobs.errors import NotFound, Refused
from tests.integration.catalog.conftest import NOW, SOURCE, later, placed_nowhere
from tests.orders import UPLOAD

SPOKEN = (
    Cue(1.0, 4.0, "L’élève a du cœur,", "", (Word(1.0, 2.0, "L’élève", 0.5),)),
    Cue(4.2, 6.0, "et il étudie l’osmose"),
    Cue(28.5, 31.0, "de la membrane"),
    Cue(31.5, 34.0, "semi-perméable &amp; <i>mince</i>."),
)


@pytest.fixture
def video(task: Task) -> Video:
    return videos.get(task.video_id or 0)


def recognise(video: Video, *cues: Cue, now: datetime = NOW) -> CaptionTrack:
    with transaction():
        return captions.take(
            video, NewCaptions("speech", "fr", cues or SPOKEN, model="base"), "recognised", None, now, keep=3
        )


def test_a_recognition_keeps_as_many_versions_as_a_correction(video: Video, lecturer: User) -> None:
    track = captions.save(recognise(video), Change(1, [Cue(0, 1, "Corrected")], 3), lecturer, NOW)
    for number in range(6):
        recognise(video, Cue(0, 1, f"Recognised {number}"))
    [track] = captions.tracks_of([video.id])[video.id]
    assert [one.number for one in captions.versions_of(track)] == [8, 7, 6, 2, 1], (
        "the newest, the shown one, the first"
    )
    assert captions.cues_of(track) == [Cue(0, 1, "Corrected")]


def test_people_cannot_bring_tracks_without_end(video: Video, lecturer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "MOST_TRACKS", 2)
    with transaction():
        for label in ("a", "b", "b"):
            captions.take(video, NewCaptions("upload", "fr", SPOKEN, label), "imported", lecturer, NOW, keep=3)
        with pytest.raises(Refused) as caught:
            captions.take(video, NewCaptions("upload", "fr", SPOKEN, "c"), "imported", lecturer, NOW, keep=3)
    assert caught.value.code == "captions-too-many-tracks"
    assert recognise(video).version == 1, "a machine is not refused"


def test_a_file_that_could_not_be_read_is_offered_no_captions(video: Video) -> None:
    assert captions.videos_without(9) == [video]
    inspections.refuse(video.id, "source-damaged", {}, "no frame", NOW)
    assert captions.videos_without(9) == []
    Video.update(published_folder="web").execute()  # an earlier version of it can be watched
    assert captions.videos_without(9) == [video]


def test_what_was_recognised_comes_back_as_it_was(video: Video) -> None:
    track = recognise(video)
    assert (track.state, track.version, track.origin) == ("automatic", 1, "speech")
    assert captions.cues_of(track) == list(SPOKEN)
    assert [one.id for one in captions.tracks_of([video.id])[video.id]] == [track.id]


def test_a_second_recognition_replaces_what_nobody_touched(video: Video) -> None:
    first = recognise(video)
    again = recognise(video, Cue(0, 1, "Neu"))
    assert (again.id, again.version, again.newer_automatic) == (first.id, 2, None)
    assert [cue.text for cue in captions.cues_of(again)] == ["Neu"]


def test_what_a_person_wrote_is_never_replaced_by_a_machine(video: Video, lecturer: User) -> None:
    track = captions.save(recognise(video), Change(1, [Cue(0, 1, "Corrigé")], 50), lecturer, later(1))
    assert (track.state, track.version, track.edited_by) == ("corrected", 2, lecturer)
    again = recognise(video, Cue(0, 1, "Machine"), now=later(2))
    assert (again.version, again.newer_automatic, again.state) == (2, 3, "corrected")
    assert [cue.text for cue in captions.cues_of(again)] == ["Corrigé"]
    taken = captions.restore(again, 3, 2, 50, lecturer, later(3))
    assert (taken.version, taken.newer_automatic) == (4, None)
    assert [cue.text for cue in captions.cues_of(taken)] == ["Machine"]
    assert [(one.number, one.note) for one in captions.versions_of(taken)] == [
        (4, "restored 3"),
        (3, "recognised"),
        (2, "edited"),
        (1, "recognised"),
    ]


def test_the_second_of_two_who_save_is_told(video: Video, lecturer: User) -> None:
    track = recognise(video)
    captions.save(track, Change(1, [Cue(0, 1, "A")], 50), lecturer, later(1))
    with pytest.raises(Conflict) as caught:
        captions.save(track, Change(1, [Cue(0, 1, "B")], 50), lecturer, later(2))
    assert caught.value.track.version == 2
    with pytest.raises(Conflict):
        captions.review(track, 1, lecturer, later(3))
    assert captions.review(track, 2, lecturer, later(3)).state == "reviewed"


def test_old_versions_go_but_never_the_first(video: Video, lecturer: User) -> None:
    track = recognise(video)
    for number in range(1, 6):
        track = captions.save(track, Change(number, [Cue(0, 1, str(number))], 2), lecturer, later(number))
    kept = CaptionVersion.select(CaptionVersion.number).where(CaptionVersion.track == track)
    assert sorted(row.number for row in kept) == [1, 5, 6]


def test_a_draft_waits_until_it_is_saved(video: Video, lecturer: User) -> None:
    track = recognise(video)
    captions.keep_draft(track, lecturer, 1, [Cue(0, 1, "Halb")], later(1))
    captions.keep_draft(track, lecturer, 1, [Cue(0, 1, "Halbfertig")], later(2))
    draft = captions.draft_of(track, lecturer)
    assert draft is not None and cues_from(draft.cues)[0].text == "Halbfertig"
    captions.save(track, Change(1, [Cue(0, 1, "Fertig")], 50), lecturer, later(3))
    assert captions.draft_of(track, lecturer) is None


def test_a_lecture_of_hours_fits(video: Video) -> None:
    word = Word(0.0, 0.5, "apprentissage", 0.987)
    cues = [Cue(n * 3.0, n * 3.0 + 2.9, "un apprentissage " * 4, "", (word,) * 12) for n in range(2500)]
    track = recognise(video, *cues)
    assert captions.cues_of(track) == cues


@pytest.mark.parametrize(
    ("asked", "at_s"),
    [
        ("eleve", [1.0]),
        ("ÉLÈVE", [1.0]),
        ("coeur", [1.0]),
        ("cœur", [1.0]),
        ("osmose", [4.2]),
        ("osm", [4.2]),
        ("smose", []),
        ("de", [28.5]),
        ("a", [1.0]),
        ("o", []),  # only words of three letters or more may go on
        ("de la", [28.5]),
        ('mince "de la membrane"', [28.5]),
        ('mince "la membrane de"', []),
        ("semi-perméable", [31.5]),
        ("perméable-semi", []),
        ("coeur osmose", [1.0]),
        ('"osmose de la membrane"', [4.2]),
        ('"membrane semi permeable"', [28.5]),
        ('"de membrane"', []),
        ("coeur absent", []),
        ("mince", [31.5]),
        ("!!!", []),
        ("owner1x", []),
        ("with OR (", []),
    ],
)
def test_what_is_found(video: Video, asked: str, at_s: list[float]) -> None:
    recognise(video)
    assert sorted({one.at_s for one in caption_search.search(asked, None)}) == at_s


def test_a_person_finds_only_what_he_may_see(video: Video, lecturer: User) -> None:
    other = users.create("bob", "lecturer", None, NOW)
    recognise(video)
    assert caption_search.search("osmose", other) == []
    (found,) = caption_search.search("osmose", lecturer)
    assert (found.video.id, found.snippet) == (video.id, "et il étudie l’osmose de la membrane semi-perméable & mince.")


def test_only_the_newest_version_is_found_and_nothing_of_what_is_gone(video: Video, lecturer: User) -> None:
    track = captions.save(recognise(video), Change(1, [Cue(0, 1, "Photosynthèse")], 50), lecturer, later(1))
    assert caption_search.search("osmose", None) == []
    assert len(caption_search.search("photosynthese", None)) == 1
    videos.delete(video.id, lecturer, later(2))
    assert caption_search.search("photosynthese", None) == []
    retention.forget_video(video.id)
    assert [table.select().count() for table in (CaptionText, CaptionTerm, CaptionPassage)] == [0, 0, 0]
    with pytest.raises(NotFound):
        captions.get(track.id, video.id)


def test_rows_of_deleted_tracks_are_no_ghosts_in_the_index(video: Video) -> None:
    captions.delete(recognise(video))
    second = videos.create(video.owner, "Zwei", SOURCE, NOW, placed_nowhere, UPLOAD)[0]
    recognise(second, Cue(0, 1, "Vulkan"))
    assert caption_search.search("osmose", None) == []
    assert [one.video.id for one in caption_search.search("vulkan", None)] == [second.id]


def test_all_words_are_near_each_other(video: Video) -> None:
    recognise(
        video, Cue(0, 9, "osmose"), *(Cue(n * 10, n * 10 + 9, "mot " * 20) for n in range(1, 11)), Cue(200, 201, "fin")
    )
    assert [caption_search.search(asked, None) != [] for asked in ("osmose mot", "mot fin", "osmose fin")] == [
        True,
        True,
        False,
    ]


def test_the_newest_recordings_come_first_and_none_fills_the_answer_alone(video: Video) -> None:
    cues = [Cue(n * 5, n * 5 + 4, "la cellule " + "mot " * 20) for n in range(200)]
    recognise(video, *cues)
    second = videos.create(video.owner, "Zwei", SOURCE, NOW, placed_nowhere, UPLOAD)[0]
    recognise(second, *cues)
    found = caption_search.search("cellule", None)
    assert [one.video.id for one in found] == [second.id] * 10 + [video.id] * 10
    assert len({(one.video.id, one.at_s) for one in found}) == 20
    assert [one.video.id for one in caption_search.search("cellule", None, 12)] == [second.id] * 10 + [video.id] * 2


def test_a_corrected_word_is_found_and_the_wrong_one_no_more(video: Video, lecturer: User) -> None:
    track = recognise(video)
    before = {row.term for row in CaptionTerm.select()}
    captions.save(track, Change(1, [Cue(4.2, 6.0, "et il étudie l’osmosis"), *SPOKEN[2:]], 50), lecturer, later(1))
    assert before ^ {row.term for row in CaptionTerm.select()} == {"eleve", "a", "du", "coeur", "osmose", "osmosis"}
    assert [len(caption_search.search(asked, None)) for asked in ("osmosis", "osmose")] == [1, 0]


def test_tracks_are_indexed_again_after_an_update(video: Video) -> None:
    recognise(video)
    for table in (CaptionText, CaptionTerm, CaptionPassage):
        table.delete().execute()  # as migration 0017 leaves it
    assert caption_search.search("osmose", None) == []
    assert [caption_index.index_some(5), caption_index.index_some(5)] == [1, 0]
    assert len(caption_search.search("osmose", None)) == 1
    CaptionText.update(form=0).execute()
    assert [caption_index.index_some(5), caption_index.index_some(5)] == [1, 0]


def test_the_team_sees_what_nobody_has_reviewed(video: Video, lecturer: User) -> None:
    track = recognise(video)
    assert [(one.id, one.video.owner.name) for one in captions.unreviewed()] == [(track.id, "léa")]
    captions.review(track, 1, lecturer, later(1))
    assert captions.unreviewed() == []


def test_wishes(video: Video) -> None:
    assert (captions.wish_of(video.id).language, captions.wish_of(video.id).automatic) == ("", None)
    captions.set_wish(video.id, {"language": "fr"})
    wish = captions.set_wish(video.id, {"language": "en", "glossary": ["Esup-Pod", "Opencast"]})
    assert captions.wish_of(video.id).glossary == wish.glossary == ["Esup-Pod", "Opencast"]
