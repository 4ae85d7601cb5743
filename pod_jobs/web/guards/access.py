"""The guard in front of every view. A view says which permission it needs (catalog/permissions.py has them all); one that
says nothing is refused to everybody, so that a forgotten line opens nothing.

A request carries `Authorization: Token …` or a session cookie. A cookie travels by itself, so with one every call that changes
something must also prove that it comes from a page of ours (CSRF token); a token header proves it by being there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect

from pod_jobs.catalog import permissions
from pod_jobs.catalog.models import User
from pod_jobs.catalog.permissions import Permission
from pod_jobs.catalog.store import sessions, users
from pod_jobs.errors import Forbidden, NotFound, Unauthorized
from pod_jobs.web.guards import problems
from pod_jobs.web.site import now, site

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Need:
    """What a view asks of whoever calls it. `permission` None: nothing, it is for everybody."""

    permission: Permission | None
    session_only: bool = False  # a token does not do


SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
STRANGERS_BODY_BYTES = 16_000  # a name and a password; megabytes at the least pace would hold a thread for minutes
_need_of_view: dict[Callable[..., Any], Need] = {}
_need_of_prefix = {"/rq/": Need("administer")}  # rq-dashboard's views are not ours to mark


class HeaderOrForm(CSRFProtect):
    """Looks for the token in the header first: looking into the form would receive the whole body of an upload."""

    def _get_csrf_token(self) -> str | None:
        header = request.headers.get("X-CSRFToken")
        if header or request.path.startswith("/api/"):
            return header
        form: str | None = super()._get_csrf_token()  # type: ignore[no-untyped-call]
        return form


def register(app: Flask) -> None:
    # checked below; lasts as long as the session
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None)
    HeaderOrForm(app)  # type: ignore[no-untyped-call]
    app.before_request(_check)
    app.register_error_handler(CSRFError, lambda error: problems.answer(Forbidden(str(error), code="page-outdated")))


def public(view: View) -> View:
    """This view is for everybody."""
    _need_of_view[view] = Need(None)
    return view


def needs(permission: Permission, *, session_only: bool = False) -> Callable[[View], View]:
    """This view is for those who have `permission`; with `session_only` at a page, not by a token."""

    def mark(view: View) -> View:
        _need_of_view[view] = Need(permission, session_only)
        return view

    return mark


def current_user() -> User | None:
    """Whoever this request comes from."""
    user: User | None = g.get("user")
    return user


def require_user() -> User:
    """Errors: Unauthorized."""
    user = current_user()
    if user is None:
        raise Unauthorized("no session and no token")
    return user


def may(permission: Permission) -> bool:
    """Has whoever sent this request that permission? Nobody has any without signing in."""
    user = current_user()
    return user is not None and permissions.may(user.role, permission)


def by_token() -> bool:
    """Did the request come with a token, so from a program?"""
    return bool(g.get("by_token"))


def sign_in(user: User) -> None:
    """Begin a session. Nothing of an older one survives, least of all a CSRF token that somebody else may know."""
    sign_out()
    session.permanent = True
    session["key"] = sessions.begin(user, current_app.permanent_session_lifetime, now())
    g.user = user


def sign_out() -> None:
    """This session is over, for every copy of its cookie too."""
    if "key" in session:
        sessions.end(session["key"])
    session.clear()
    g.user = None


def _check() -> ResponseReturnValue | None:
    view = current_app.view_functions.get(request.endpoint or "")
    if request.endpoint == "static":
        return None
    g.user, g.by_token = _identify()
    if view is None:  # a page that does not exist, with the menu of who asks for it
        return None
    need = need_of(view, request.path)
    if need is None:
        raise Forbidden("this address names no permission, so nobody has it")
    if need.permission is not None:
        if g.user is None:
            return _ask_to_sign_in()
        if not may(need.permission):
            raise Forbidden(f"the permission {need.permission} is not granted to the role {g.user.role}")
        if need.session_only and g.by_token:
            raise Forbidden("a token does not do here: it takes a person who is signed in")
    if g.user is None:
        request.max_content_length = STRANGERS_BODY_BYTES
    if request.method not in SAFE_METHODS and not g.by_token:
        current_app.extensions["csrf"].protect()
    return None


def need_of(view: Callable[..., Any], path: str) -> Need | None:
    """What `view` needs, at an address that is or begins as `path`; None when it says nothing."""
    by_prefix = (need for prefix, need in _need_of_prefix.items() if path.startswith(prefix))
    return next(by_prefix, _need_of_view.get(view))


def _identify() -> tuple[User | None, bool]:
    """The user, and whether a token said so. Errors: Unauthorized for a token that is no good."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in ("token", "bearer"):
        try:
            return users.find_by_token(token.strip(), now()), True
        except NotFound as error:
            raise Unauthorized("unknown or revoked token") from error
    if "key" not in session:
        return None, False
    try:
        return sessions.user_of(session["key"], now()), False
    except NotFound:
        session.clear()
        return None, False


def _ask_to_sign_in() -> ResponseReturnValue:
    if problems.wants_json() or request.method not in SAFE_METHODS:
        raise Unauthorized("no session and no token")
    wanted = request.full_path.rstrip("?")
    return redirect(url_for("sign_in.form", next=wanted if wanted != "/" else None))


def link_base() -> str:
    """What to put before a path in an answer. Programs get whole addresses, from the settings and never from the Host header;
    a browser gets paths, which work under whatever name it reached us."""
    return site().settings.public_url if by_token() else request.script_root
