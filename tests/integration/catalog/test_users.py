"""What a change of one user's ways in leaves to the others, on all three databases."""

import pytest

from pod_jobs.catalog.models import Session, User
from pod_jobs.catalog.store import sessions, users
from pod_jobs.errors import NotFound, Refused
from tests.integration.catalog.conftest import NOW, later

HOUR = later(3600) - NOW


@pytest.fixture
def other(lecturer: User) -> User:
    return users.create("bob", "lecturer", None, NOW)


def test_who_is_switched_off_and_on_again_is_one_user(lecturer: User, other: User) -> None:
    tokens = {user.name: users.create_token(user, "curl", NOW) for user in (lecturer, other)}
    keys = {user.name: sessions.begin(user, HOUR, NOW) for user in (lecturer, other)}
    link = users.create_link(other, HOUR, NOW)
    row = users.find_token(tokens["léa"], NOW)
    users.switch_off("léa", later(1))
    assert users.find_by_token(tokens["bob"], later(2)) == sessions.user_of(keys["bob"], later(2)) == other
    assert users.peek_link(link, later(2)) == other
    with pytest.raises(NotFound):
        users.find_by_token(tokens["léa"], later(2))
    assert not users.is_valid(row.id) and [one.user.name for one in Session.select()] == ["bob"]
    users.switch_off("bob", later(3))
    users.switch_on("léa")
    assert {user.name: user.active for user in User.select()} == {"léa": True, "bob": False}
    with pytest.raises(NotFound):
        users.switch_on("lea")


def test_a_link_of_who_is_switched_off_and_one_that_has_just_expired_open_nothing(lecturer: User, other: User) -> None:
    kept, late = users.create_link(lecturer, HOUR, NOW), users.create_link(other, HOUR, NOW)
    User.update(active=False).where(User.id == lecturer.id).execute()
    for way_in in (users.peek_link, users.use_link):
        for link, at in ((kept, later(1)), (late, NOW + HOUR), ("unknown", later(1))):
            with pytest.raises(NotFound):
                way_in(link, at)


@pytest.mark.parametrize("others_end", [True, False])
def test_using_a_link_ends_the_other_links_of_its_user(lecturer: User, other: User, others_end: bool) -> None:
    used, second, of_other = (users.create_link(user, HOUR, NOW) for user in (lecturer, lecturer, other))
    assert users.use_link(used, later(1), others_end=others_end) == lecturer
    assert users.peek_link(of_other, later(2)) == other
    if others_end:
        with pytest.raises(NotFound):
            users.peek_link(second, later(2))
    else:
        assert users.peek_link(second, later(2)) == lecturer


def test_one_token_is_kept_and_those_of_others_too(lecturer: User, other: User) -> None:
    old, of_other = users.create_token(lecturer, "old", NOW), users.create_token(other, "curl", NOW)
    users.keep_one_token(lecturer, "worker", "the-one", later(1))
    users.keep_one_token(lecturer, "worker", "the-one", later(2))
    assert [token.label for token in users.list_valid_tokens(lecturer)] == ["worker"]
    assert users.find_by_token(of_other, later(3)) == other
    with pytest.raises(NotFound):
        users.find_by_token(old, later(3))
    (kept,) = users.list_valid_tokens(lecturer)
    users.revoke_token(kept.id, later(4))
    users.keep_one_token(lecturer, "worker", "the-one", later(5))
    assert users.find_by_token("the-one", later(6)) == lecturer
    with pytest.raises(Refused):
        users.keep_one_token(lecturer, "worker", of_other, later(7))


def test_a_person_revokes_their_own_tokens(lecturer: User, other: User) -> None:
    users.create_token(lecturer, "curl", NOW)
    (token,) = users.list_valid_tokens(lecturer)
    with pytest.raises(NotFound):
        users.revoke_token(token.id, later(1), other)
    assert users.is_valid(token.id) and users.list_valid_tokens(other) == []
    users.revoke_token(token.id, later(2), lecturer)
    with pytest.raises(NotFound):
        users.revoke_token(token.id, later(3), lecturer)
