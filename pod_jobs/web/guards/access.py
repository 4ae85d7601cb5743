"""Access control in front of every view. A view names the permission that it needs (catalog/permissions.py lists them). A
view that names none is refused to everybody, so that a forgotten line gives nobody access.

A request carries `Authorization: Token …` (or Bearer, or `X-API-Token: …`) or a session cookie. A browser also sends the
cookie when another site makes it send a request. Therefore a call that changes something and comes with a cookie must carry
a CSRF token too, which only our pages have. A call with a token in a header needs none, because another site cannot make a
browser send that header.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect

from pod_jobs.catalog import permissions
from pod_jobs.catalog.models import ApiToken, User
from pod_jobs.catalog.permissions import Permission
from pod_jobs.catalog.store import sessions, users
from pod_jobs.errors import Forbidden, NotFound, Unauthorized
from pod_jobs.web.guards import problems
from pod_jobs.web.services import now, services, wants_part

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Need:
    """What a view requires of its caller. `permission` is None if everybody may call it."""

    permission: Permission | None
    session_only: bool = False  # a token is not accepted
    for_programs: bool = False  # cookies are not read, so that a page of another site gains nothing by calling it


SITE_HEADER = "X-API-Token"
# Endpoints that are for everybody, and answer while the database is away
WITHOUT_DATABASE = ("static", "health.healthz")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Enough for a name and a password. Megabytes at the minimum pace would hold a thread for minutes.
STRANGERS_BODY_BYTES = 16_000
_need_of_view: dict[Callable[..., Any], Need] = {}
_need_of_prefix = {"/rq/": Need("administer")}  # rq-dashboard's views cannot be decorated


class HeaderOrForm(CSRFProtect):
    """Looks for the CSRF token in the header first, because reading the form would receive the whole body of an upload."""

    def _get_csrf_token(self) -> str | None:
        header = request.headers.get("X-CSRFToken")
        if header or request.path.startswith("/api/"):
            return header
        form: str | None = super()._get_csrf_token()  # type: ignore[no-untyped-call]
        return form


def register(app: Flask) -> None:
    # `_check` asks for the CSRF token; it is valid as long as the session
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None)
    HeaderOrForm(app)  # type: ignore[no-untyped-call]
    app.before_request(_check)
    app.register_error_handler(CSRFError, lambda error: problems.answer(Forbidden(str(error), code="page-outdated")))


def public(view: View) -> View:
    """Mark a view as open to everybody, signed in or not."""
    _need_of_view[view] = Need(None)
    return view


def public_for_programs(view: View) -> View:
    """Mark a view as open to programs that prove in the body of a POST who they are."""
    _need_of_view[view] = Need(None, for_programs=True)
    return view


def needs(permission: Permission, *, session_only: bool = False) -> Callable[[View], View]:
    """Mark a view as open to users who have `permission`. With `session_only` they must be signed in; a token is refused."""

    def mark(view: View) -> View:
        _need_of_view[view] = Need(permission, session_only)
        return view

    return mark


def current_user() -> User | None:
    """The user who sent this request; None if nobody is signed in."""
    user: User | None = g.get("user")
    return user


def current_token() -> ApiToken:
    """The token that this request came with. Errors: Unauthorized without one."""
    token: ApiToken | None = g.get("token")
    if token is None:
        raise Unauthorized("no token")
    return token


def require_queue(queue: str, *others: str) -> None:
    """Check that the workers with the token of this request may run tasks of `queue`, or of one of the others.
    Errors: Forbidden."""
    queues = current_token().queues
    if queues and not {queue, *others} & set(queues.split(",")):
        raise Forbidden(f"this token is for {queues}, and not for {queue}", code="worker-queue", queue=queue)


def require_user() -> User:
    """The user who sent this request. Errors: Unauthorized if nobody is signed in."""
    user = current_user()
    if user is None:
        raise Unauthorized("no session and no token")
    return user


def may(permission: Permission) -> bool:
    """Does the sender of this request have `permission`? False if nobody is signed in."""
    user = current_user()
    return user is not None and permissions.may(user.role, permission)


def by_token() -> bool:
    """Did the request come with a token? Then a program sent it."""
    return g.get("token") is not None


def sign_in(user: User) -> None:
    """Begin a session. Nothing of an older one survives; somebody else may know its CSRF token."""
    sign_out()
    session.permanent = True
    session["key"] = sessions.begin(user, current_app.permanent_session_lifetime, now())
    g.user = user


def sign_out() -> None:
    """End this session, also for copies of its cookie."""
    if "key" in session:
        sessions.end(session["key"])
    session.clear()
    g.user = None


def _check() -> ResponseReturnValue | None:
    view = current_app.view_functions.get(request.endpoint or "")
    if request.endpoint in WITHOUT_DATABASE:
        return None  # also for somebody who signed in: who that is, only the database knows
    g.user, g.token = _identify()
    if view is None:  # there is no such page; the error page shows the menu of this user
        return None
    need = need_of(view, request.path)
    if need is None:
        raise Forbidden("this address names no permission, so nobody has it")
    if need.permission is not None:
        if g.user is None:
            return _ask_to_sign_in()
        if not may(need.permission):
            raise Forbidden(f"the permission {need.permission} is not granted to the role {g.user.role}")
        if need.session_only and by_token():
            raise Forbidden("a token does not do here: it takes a person who is signed in")
    if g.user is None:
        request.max_content_length = STRANGERS_BODY_BYTES
    if request.method not in SAFE_METHODS and not by_token() and not need.for_programs:
        current_app.extensions["csrf"].protect()
    return None


def need_of(view: Callable[..., Any], path: str) -> Need | None:
    """What `view` needs when it is called at `path`; None when it names nothing. `path` may be only the beginning of the path."""
    by_prefix = (need for prefix, need in _need_of_prefix.items() if path.startswith(prefix))
    return next(by_prefix, _need_of_view.get(view))


def _identify() -> tuple[User | None, ApiToken | None]:
    """The user, and the token that identified the user. Errors: Unauthorized for an invalid token."""
    token = token_of_request()
    if token:
        try:
            api_token = users.find_token(token, now())
            return api_token.user, api_token
        except NotFound as error:
            raise Unauthorized("unknown or revoked token") from error
    if "key" not in session:
        return None, None
    try:
        return sessions.user_of(session["key"], now()), None
    except NotFound:
        session.clear()
        return None, None


def token_of_request() -> str:
    """The token of `Authorization: Token …`, `Authorization: Bearer …` or, from Pod V5, `X-API-Token: …`; "" = none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in ("token", "bearer"):
        return token.strip() or "?"
    return request.headers.get(SITE_HEADER, "").strip()


def _ask_to_sign_in() -> ResponseReturnValue:
    if problems.wants_json() or wants_part() or request.method not in SAFE_METHODS:
        raise Unauthorized("no session and no token")
    is_home = request.path == "/" and not request.query_string
    return redirect(url_for("sign_in.form", next=None if is_home else here()))


def here() -> str:
    """The address of the page that this request comes from, without scheme and host. For a form that was sent, that is the page
    with the form; "" if the browser does not say which of our pages that was."""
    if request.method in SAFE_METHODS:
        return request.script_root + request.full_path.rstrip("?")
    page = urlsplit(request.referrer or "")
    if page.netloc != request.host:
        return ""
    return f"{page.path}?{page.query}" if page.query else page.path


def link_base() -> str:
    """The beginning of an address in an answer; a path follows it. Programs get whole addresses, made from the settings and
    never from the Host header. Browsers get paths alone, which work whatever host name they used."""
    return services().settings.public_url if by_token() else request.script_root
