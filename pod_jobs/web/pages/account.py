"""The account page, where people set their password, API tokens and language.

A token gives no access to it. Otherwise a stolen token could make more tokens or a session, which would outlive its
revocation.
"""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.security import check_password_hash, generate_password_hash

from pod_jobs.catalog.store import users
from pod_jobs.errors import Refused
from pod_jobs.web.guards import access, problems, sign_in_throttle
from pod_jobs.web.pages import sign_in
from pod_jobs.web.services import now, services

blueprint = Blueprint("account", __name__)

LANGUAGES = ("en", "fr")  # the first is the default
YEAR_S = 365 * 86400


@blueprint.get("/account")
@access.needs("have-account", session_only=True)
def show() -> ResponseReturnValue:
    return _page()


@blueprint.post("/account/password")
@access.needs("have-account", session_only=True)
def change_password() -> ResponseReturnValue:
    """Set a password. All other sessions of this person end; API tokens end too if the form has `revoke`."""
    user = access.require_user()
    new = request.form.get("new", "")
    try:
        if user.password_hash is not None:
            _check_present(user.name, user.password_hash, request.form.get("present", ""))
        users.check_password_length(new)
    except Refused as error:
        return _page(fault=problems.translated(error.code, error.facts)), problems.status_of(error)
    users.set_password(user, generate_password_hash(new))
    revoked = users.revoke_all(user, now()) if request.form.get("revoke") else 0
    users.note(user.name, "password", f"user {user.id}", now(), f"tokens revoked: {revoked}" if revoked else "")
    access.sign_in(user)
    return _done(gettext("The password is set."))


@blueprint.post("/account/sign-out-everywhere")
@access.needs("have-account", session_only=True)
def sign_out_everywhere() -> ResponseReturnValue:
    """End all sessions of this person but that of this browser."""
    user = access.require_user()
    users.sign_out_everywhere(user)
    users.note(user.name, "sign-out everywhere", f"user {user.id}", now())
    access.sign_in(user)
    return _done(gettext("You are signed out everywhere else."))


@blueprint.post("/account/tokens")
@access.needs("have-account", session_only=True)
def create_token() -> ResponseReturnValue:
    user = access.require_user()
    label = request.form.get("label", "").strip() or "?"
    token = users.create_token(user, label, now())
    users.note(user.name, "token add", f"user {user.id}", now(), label)
    return _page(token=token)


@blueprint.post("/account/tokens/<int:token_id>/revoke")
@access.needs("have-account", session_only=True)
def revoke_token(token_id: int) -> ResponseReturnValue:
    """Errors: NotFound, also for a token of another person."""
    user = access.require_user()
    users.revoke_token(token_id, now(), user)
    users.note(user.name, "token revoke", f"token {token_id}", now())
    return _done(gettext("The token is revoked."))


@blueprint.post("/language")
@access.public
def language() -> ResponseReturnValue:
    """Store the chosen language with the person, and in a cookie for the pages before the sign-in."""
    chosen = request.form.get("language", "")
    response = redirect(sign_in.safe_path(request.form.get("next", "")), 303)
    if chosen in LANGUAGES:
        user = access.current_user()
        if user is not None and not access.by_token():
            users.set_language(user, chosen)
        response.set_cookie("language", chosen, max_age=YEAR_S, samesite="Lax")
    return response


def _check_present(name: str, kept: str, given: str) -> None:
    """Check the current password. Tries count like those at the sign-in, so that nobody can guess the password with a stolen
    session. Errors: Refused."""
    redis, address = services().redis, request.remote_addr or ""
    sign_in_throttle.enter(redis, name, address)
    if not check_password_hash(kept, given):
        raise Refused("the current password", code="password-wrong")
    sign_in_throttle.succeed(redis, name, address)


def _done(text: str) -> ResponseReturnValue:
    """Show `text` on the account page by a redirect, so that a reload repeats nothing."""
    flash(text)
    return redirect(url_for("account.show"), 303)


def _page(**more: Any) -> str:
    tokens = users.list_valid_tokens(access.require_user())
    return render_template("account.html", tokens=tokens, min_length=users.SHORTEST_PASSWORD, **more)
