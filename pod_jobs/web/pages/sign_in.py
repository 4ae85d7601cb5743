"""Signing in with a password or a one-time link, and signing out."""

import secrets
from functools import cache
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash, generate_password_hash

from pod_jobs.catalog.models import User
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import users
from pod_jobs.errors import NotFound, Refused
from pod_jobs.web.guards import access, problems, sign_in_throttle
from pod_jobs.web.services import now, services

blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/sign-in")
@access.public
def form() -> ResponseReturnValue:
    next_path = safe_path(request.args.get("next", ""))
    if access.current_user() is not None:
        return redirect(next_path)
    if "next" in request.args:
        session["next"] = next_path  # for whoever then signs in by a link, which knows nothing of it
    return _form(next_path)


@blueprint.post("/sign-in")
@access.public
def with_password() -> ResponseReturnValue:
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    next_path = safe_path(request.form.get("next", ""))
    try:
        user = _check(name, password)
    except Refused as error:
        fault = problems.translated(error.code, error.facts)
        return _form(next_path, name, fault), problems.status_of(error)
    access.sign_in(user)
    users.note(user.name, users.SIGN_IN, f"user {user.id}", now(), request.remote_addr or "")
    return redirect(next_path, 303)


@blueprint.get("/sign-in/<token>")
@access.public
def link(token: str) -> ResponseReturnValue:
    """Show a button that uses the link. Mail and chat programs open links for previews, which must not use it up."""
    user = _of_link(users.peek_link, token)
    return render_template("sign_in_link.html", token=token, user=user)


@blueprint.post("/sign-in/<token>")
@access.public
def with_link(token: str) -> ResponseReturnValue:
    user = _of_link(users.use_link, token)
    next_path = safe_path(session.get("next", ""))
    access.sign_in(user)
    users.note(user.name, users.SIGN_IN, f"user {user.id}", now(), f"{request.remote_addr} by link")
    return redirect(next_path, 303)


@blueprint.post("/sign-out")
@access.public
def sign_out() -> ResponseReturnValue:
    access.sign_out()
    return redirect(url_for("sign_in.form"), 303)


def home() -> str:
    """The path of the first page."""
    return request.script_root + "/"


def safe_path(path: str) -> str:
    """`path` if it is a path on this site, else the path of the first page. Browsers take "//x", "/\\x" and "/<tab>/x" for
    addresses of other sites."""
    try:
        parts = urlsplit(path)
    except ValueError:
        return home()
    is_path = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return path if is_path and path.isprintable() and "\\" not in path else home()


def _form(next_path: str, name: str = "", fault: str | None = None) -> str:
    first_start = not users.administrator_has_access()
    return render_template("sign_in.html", next=next_path, name=name, fault=fault, first_start=first_start)


def _check(name: str, password: str) -> User:
    """The user with this name and password. Takes as long if there is no such name. Errors: Refused."""
    redis, address = services().redis, request.remote_addr or ""
    sign_in_throttle.enter(redis, name, address)
    try:
        user: User | None = users.find(name)
    except NotFound:
        user = None
    kept = user.password_hash if user is not None else None
    fits = check_password_hash(kept or _nobodys_hash(), password)
    if user is None or kept is None or not fits or not may(user.role, "have-account"):
        raise Refused(f"sign-in of {name!r}", code="sign-in-failed")
    sign_in_throttle.succeed(redis, name, address)
    return user


@cache
def _nobodys_hash() -> str:
    return generate_password_hash(secrets.token_hex())


def _of_link(find_user, token: str) -> User:  # type: ignore[no-untyped-def]
    try:
        user: User = find_user(token, now())
    except NotFound as error:
        raise Refused("unknown, used or expired", code="sign-in-link") from error
    if not may(user.role, "have-account"):
        raise Refused(f"{user.name} is a {user.role}, which has no account", code="sign-in-link")
    return user
