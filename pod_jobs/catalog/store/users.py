"""Users, their passwords, sign-in links and API tokens, and the audit, which lists what they did."""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from peewee import fn

from pod_jobs.catalog.database import OneByText, locked, transaction
from pod_jobs.catalog.models import ApiToken, Audit, Session, SignInLink, User
from pod_jobs.catalog.permissions import ROLES, may, roles_that_may
from pod_jobs.errors import NotFound, Refused

SHORTEST_PASSWORD = 10  # characters
SIGN_IN, ROLE_CHANGE = "sign-in", "user role"  # actions in the audit
TOUCH_EVERY = timedelta(minutes=5)  # a token's last use is written at most this often


def _unknown(name: str) -> NotFound:
    return NotFound("none of that name, or switched off", code="user-unknown", name=name)


def hash_token(token: str) -> str:
    """The hash under which a token is stored. Tokens are long and random, so that one round of SHA-256 is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def create(name: str, role: str, password_hash: str | None, now: datetime) -> User:
    """Create a user. Errors: Refused for a name that exists (user-exists) or is empty, or for an unknown role."""
    if role not in ROLES:
        raise Refused(f"role {role!r} is none of {', '.join(ROLES)}")
    with transaction():
        if not name.strip():
            raise Refused("the user name is empty")
        if User.select().where(User.name == name).exists():
            raise Refused("perhaps switched off", code="user-exists", name=name)
        return User.create(uuid=str(uuid.uuid4()), name=name, role=role, password_hash=password_hash, created_at=now)


def find(name: str) -> User:
    """The active user of this name. Errors: NotFound (user-unknown)."""
    user = _spelt(name)
    if not user.active:
        raise _unknown(name)
    return user


def _spelt(name: str) -> User:
    """The user of exactly this name, active or not. MariaDB takes LÉA for lea. Errors: NotFound (user-unknown)."""
    user = User.get_or_none(User.name == name)
    if user is None or user.name != name:
        raise _unknown(name)
    return user


def lock(user: User) -> None:
    """Lock the user until the transaction ends, so that nobody inserts between a count and the insert that follows."""
    locked(User.select(User.id).where(User.id == user.id)).get()


def list_users() -> list[User]:
    """All users, sorted by name."""
    return list(User.select().order_by(User.name))


def people(text: str, limit: int, *, without: Collection[str]) -> tuple[list[User], int]:
    """Those with an account whose name contains `text`, sorted by name: the first ones, and how many there are. `without`: names
    that are left out."""
    found = User.select().where(User.role.in_(roles_that_may("have-account")), User.name.not_in(list(without)))
    if text:
        found = found.where(User.name.contains(text))
    return list(found.order_by(User.name).limit(limit)), found.count()


def last_sign_ins(names: Collection[str]) -> dict[str, datetime]:
    """Name -> the latest sign-in that the audit still has."""
    latest = Audit.select(Audit.who, fn.MAX(Audit.at).alias("at")).group_by(Audit.who)
    return {line.who: line.at for line in latest.where(Audit.action == SIGN_IN, Audit.who.in_(list(names)))}


def role_changes(limit: int) -> list[Audit]:
    """The latest changes of roles in the audit, the newest first. `details` is "before -> after"."""
    return list(Audit.select().where(Audit.action == ROLE_CHANGE).order_by(Audit.id.desc()).limit(limit))


def check_password_length(password: str) -> None:
    """Errors: Refused (password-short) for a password with fewer than SHORTEST_PASSWORD characters."""
    if len(password) < SHORTEST_PASSWORD:
        raise Refused(f"its length is {len(password)}", code="password-short", count=str(SHORTEST_PASSWORD))


def set_password(user: User, password_hash: str) -> None:
    """Set the password and end all sessions and links, because the reason for a change may be a stranger who has one.

    API tokens stay valid: programs use them, and a regular change of a password must not stop them. See `revoke_all`.
    """
    with transaction():
        user.password_hash = password_hash
        user.save(only=[User.password_hash])
        sign_out_everywhere(user)


def switch_off(name: str, now: datetime) -> None:
    """Switch a user off: password, sessions, links and tokens stop working. Videos and tasks of the user stay.

    Errors: NotFound; Refused for the last administrator who can sign in.
    """
    with transaction():
        _lock_administrators()
        user = find(name)
        User.update(active=False).where(User.id == user.id).execute()
        sign_out_everywhere(user)
        revoke_all(user, now)
        if may(user.role, "administer") and not administrator_has_access():
            raise Refused(f"{name} is the last administrator who can sign in", code="last-administrator")


def change_role(name: str, role: str, by: str, now: datetime) -> str:
    """Give a user another role, and note that `by` did it. It counts at once, also in open sessions and for tokens. Returns the
    role that the user had.

    Errors: NotFound; Refused for an unknown role, and for the last administrator who can sign in.
    """
    if role not in ROLES:
        raise Refused(f"role {role!r} is none of {', '.join(ROLES)}")
    with transaction():
        _lock_administrators()
        user = find(name)
        before = user.role
        user.role = role
        user.save(only=[User.role])
        if may(before, "administer") and not administrator_has_access():
            raise Refused(f"{name} is the last administrator who can sign in", code="last-administrator")
        if role != before:
            note(by, ROLE_CHANGE, name, now, f"{before} -> {role}")
    return before


def _lock_administrators() -> None:
    """Lock them until the transaction ends, so that two changes at once do not each leave it to the other to keep one. To be
    called first: a transaction of MariaDB goes on seeing what it saw at its first read."""
    list(locked(User.select(User.id).where(User.role.in_(roles_that_may("administer"))).order_by(User.id)))


def switch_on(name: str) -> None:
    """Switch a user on again: the password works again; links and tokens must be created anew. Errors: NotFound."""
    User.update(active=True).where(User.id == _spelt(name).id).execute()


def sign_out_everywhere(user: User) -> None:
    """End all sessions and delete all links of a user."""
    Session.delete().where(Session.user == user).execute()
    SignInLink.delete().where(SignInLink.user == user).execute()


def set_language(user: User, language: str) -> None:
    user.language = language
    user.save(only=[User.language])


def any_administrator() -> bool:
    return User.select().where(User.role.in_(roles_that_may("administer")), User.active == True).exists()  # noqa: E712


def administrator_has_access() -> bool:
    """Is there an administrator who has a password, or who has signed in by a link? System users have done neither."""
    entered = SignInLink.select(SignInLink.user).where(SignInLink.used_at.is_null(False))
    way_in = User.password_hash.is_null(False) | User.id.in_(entered)
    return User.select().where(User.role.in_(roles_that_may("administer")), User.active == True, way_in).exists()  # noqa: E712


def create_link(user: User, valid_for: timedelta, now: datetime, says: str = "") -> str:
    """The secret part of a new one-time sign-in link. It ends with `says`, which nobody can change without making the link
    unknown."""
    token = secrets.token_urlsafe(24) + says
    SignInLink.create(user=user, token_hash=hash_token(token), expires_at=now + valid_for)
    return token


def peek_link(token: str, now: datetime) -> User:
    """The user of a link, which stays unused. Errors: NotFound when it is unknown, used or expired."""
    link = SignInLink.get_or_none(
        SignInLink.token_hash == hash_token(token), SignInLink.used_at.is_null(), SignInLink.expires_at > now
    )
    if link is None or not link.user.active:
        raise NotFound("a sign-in link that is valid")
    user: User = link.user
    return user


def use_link(token: str, now: datetime, *, others_end: bool = True) -> User:
    """Use a link, and return its user. With `others_end` the user's other links end too.

    Errors: NotFound when it is unknown, used or expired."""
    with transaction():
        used = (
            SignInLink.update(used_at=now)
            .where(
                SignInLink.token_hash == hash_token(token), SignInLink.used_at.is_null(), SignInLink.expires_at > now
            )
            .execute()
        )
        link = SignInLink.get_or_none(SignInLink.token_hash == hash_token(token)) if used else None
        if link is None or not link.user.active:
            raise NotFound("a sign-in link that is valid")
        if others_end:
            SignInLink.delete().where(SignInLink.user == link.user, SignInLink.used_at.is_null()).execute()
    return link.user


def create_token(user: User, label: str, now: datetime, token: str | None = None, queues: Sequence[str] = ()) -> str:
    """Create an API token, and return its text, of which only a hash is stored. `token` is used instead of a random text.
    `queues`: the only ones whose tasks a worker with this token may run; none = all."""
    token = token or secrets.token_urlsafe(32)
    ApiToken.create(user=user, label=label[:100], token_hash=hash_token(token), created_at=now, queues=",".join(queues))
    return token


def keep_one_token(user: User, label: str, token: str, now: datetime) -> None:
    """Make `token` the only valid one of `user`, who is switched on. Errors: Refused when it is somebody else's."""
    with transaction():
        User.update(active=True).where(User.id == user.id).execute()
        row = ApiToken.get_or_none(ApiToken.token_hash == hash_token(token))
        if row is not None and row.user_id != user.id:
            raise Refused(f"the token of {user.name} is that of another user")
        others = (ApiToken.user == user, ApiToken.token_hash != hash_token(token), ApiToken.revoked_at.is_null())
        ApiToken.update(revoked_at=now).where(*others).execute()
        if row is None:
            create_token(user, label, now, token)
        elif row.revoked_at is not None:
            ApiToken.update(revoked_at=None).where(ApiToken.id == row.id).execute()


_TOKEN = OneByText(
    lambda hashed: (
        ApiToken.select(ApiToken, User)
        .join(User)
        .where(ApiToken.token_hash == hashed, ApiToken.revoked_at.is_null(), User.active == True)  # noqa: E712
    )
)


def find_by_token(token: str, now: datetime) -> User:
    """The user of a token. Errors: NotFound when it is unknown or revoked, or its user is switched off."""
    user: User = find_token(token, now).user
    return user


def find_token(token: str, now: datetime) -> ApiToken:
    """The row of a token, with its user. Errors: NotFound when it is unknown or revoked, or its user is switched off."""
    row = _TOKEN.find(hash_token(token))
    if row is None:
        raise NotFound("such a token")
    if row.last_used_at is None or now - row.last_used_at > TOUCH_EVERY:
        ApiToken.update(last_used_at=now).where(ApiToken.id == row.id).execute()
    api_token: ApiToken = row
    return api_token


def is_valid(token_id: int) -> bool:
    """Is this token not revoked, and its user active?"""
    active = User.active == True  # noqa: E712
    return ApiToken.select().join(User).where(ApiToken.id == token_id, ApiToken.revoked_at.is_null(), active).exists()


def list_tokens() -> list[ApiToken]:
    """All tokens with their users, newest first."""
    return list(ApiToken.select(ApiToken, User).join(User).order_by(ApiToken.id.desc()))


def list_valid_tokens(user: User) -> list[ApiToken]:
    """The tokens of `user` that are not revoked, newest first."""
    valid = ApiToken.select().where(ApiToken.user == user, ApiToken.revoked_at.is_null())
    return list(valid.order_by(ApiToken.id.desc()))


def revoke_token(token_id: int, now: datetime, user: User | None = None) -> None:
    """Revoke a token; with `user`, only one of this user. Errors: NotFound."""
    query = ApiToken.update(revoked_at=now).where(ApiToken.id == token_id, ApiToken.revoked_at.is_null())
    if user is not None:
        query = query.where(ApiToken.user == user)
    if not query.execute():
        raise NotFound(f"token {token_id}")


def revoke_all(user: User, now: datetime) -> int:
    """Revoke all API tokens of `user`. Returns how many."""
    return int(ApiToken.update(revoked_at=now).where(ApiToken.user == user, ApiToken.revoked_at.is_null()).execute())


def note(who: str, action: str, subject: str, now: datetime, details: str = "") -> None:
    """Add a line to the audit. `details` must not contain secrets."""
    Audit.create(at=now, who=who[:100], action=action[:40], subject=subject[:100], details=details[:1000])
