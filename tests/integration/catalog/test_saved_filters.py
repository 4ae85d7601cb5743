"""Saved filters behave alike on every database, whatever their names are made of."""

import pytest
from peewee import Database

from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import saved_filters, users
from pod_jobs.catalog.team_models import SavedFilter
from pod_jobs.errors import Malformed, NotFound, Refused
from tests.integration.catalog.conftest import NOW

FIELDS = {"state": "error", "text": "Été 🎓 <b>"}


def test_names_are_told_apart_as_people_do(lecturer: User) -> None:
    names = ["🎓", "🎉", "Été", "Ete", "<b>x</b>", "محاضرة", "x" * 60, "a  b"]
    for name in names:
        saved_filters.save(lecturer, name, FIELDS)
    assert {one.name for one in saved_filters.list_of(lecturer)} == {*names[:-1], "a b"}
    for name in ("ÉTÉ", " a\tb\x00 "):
        with pytest.raises(Refused) as refusal:
            saved_filters.save(lecturer, name, FIELDS)
        assert refusal.value.code == "filter-exists"
    for name in ("", " \n", "\u200b\u202e", "x" * 61):
        with pytest.raises(Malformed):
            saved_filters.save(lecturer, name, FIELDS)
    with pytest.raises(Malformed):
        saved_filters.save(lecturer, "everything", {})


def test_a_filter_is_renamed_and_deleted_by_its_owner_alone(catalog: Database, lecturer: User) -> None:
    other = users.create("max", "team", None, NOW)
    first, second = (saved_filters.save(lecturer, name, FIELDS) for name in ("first", "second"))
    assert saved_filters.save(other, "first", FIELDS).id != first.id
    for change in (
        lambda: saved_filters.rename(other, first.id, "mine"),
        lambda: saved_filters.delete(other, first.id),
    ):
        with pytest.raises(NotFound):
            change()
    with pytest.raises(Refused):
        saved_filters.rename(lecturer, first.id, "Second")
    assert saved_filters.rename(lecturer, first.id, "FIRST").name == "FIRST"
    saved_filters.delete(lecturer, second.id)
    assert [(one.name, one.fields) for one in saved_filters.list_of(lecturer)] == [("FIRST", FIELDS)]
    User.delete().where(User.id == lecturer.id).execute()
    assert [one.user_id for one in SavedFilter.select()] == [other.id]


def test_one_person_saves_only_so_many(lecturer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_filters, "MOST", 2)
    for name in ("a", "b"):
        saved_filters.save(lecturer, name, FIELDS)
    with pytest.raises(Refused) as refusal:
        saved_filters.save(lecturer, "c", FIELDS)
    assert (refusal.value.code, refusal.value.facts) == ("filter-limit", {"most": "2"})
