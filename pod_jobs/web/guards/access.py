"""Who may do what. Every view is for signed-in people unless it says otherwise, so that a forgotten line opens nothing.

A request carries `Authorization: Token …` or a session cookie. A cookie travels by itself, so with one every call that changes
something must also prove that it comes from a page of ours (CSRF token); a token header proves it by being there.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect

from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import sessions, users
from pod_jobs.errors import Forbidden, NotFound, Unauthorized
from pod_jobs.web.guards import problems
from pod_jobs.web.site import now, site

View = TypeVar("View", bound=Callable[..., Any])
Roles = tuple[str, ...]

PEOPLE: Roles = ("lecturer", "team", "admin")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
STRANGERS_BODY_BYTES = 16_000  # a name and a password; megabytes at the least pace would hold a thread for minutes
_roles_of_view: dict[Callable[..., Any], Roles | None] = {}
_roles_of_prefix: dict[str, Roles] = {"/rq/": ("admin",)}  # rq-dashboard's views are not ours to mark


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
    _roles_of_view[view] = None
    return view


def only(*roles: str) -> Callable[[View], View]:
    """This view is for these roles."""

    def mark(view: View) -> View:
        _roles_of_view[view] = roles
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
    roles = _roles_for(view)
    if roles is not None:
        if g.user is None:
            return _ask_to_sign_in()
        if g.user.role not in roles:
            raise Forbidden(f"for {', '.join(roles)} only; this is {g.user.role}")
    if g.user is None:
        request.max_content_length = STRANGERS_BODY_BYTES
    if request.method not in SAFE_METHODS and not g.by_token:
        current_app.extensions["csrf"].protect()
    return None


def _roles_for(view: Callable[..., Any]) -> Roles | None:
    for prefix, roles in _roles_of_prefix.items():
        if request.path.startswith(prefix):
            return roles
    return _roles_of_view.get(view, PEOPLE)


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
