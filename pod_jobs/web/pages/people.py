"""The people who may sign in, for administrators: who has which role, and who came when. They are added here, too."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from pod_jobs.catalog.permissions import may, roles_that_may
from pod_jobs.catalog.store import users
from pod_jobs.errors import NotFound, Refused
from pod_jobs.instance import people
from pod_jobs.instance.prepare import NAMES_OF_SYSTEM_USERS, sign_in_link
from pod_jobs.web.guards import access, problems
from pod_jobs.web.services import now, services

blueprint = Blueprint("people", __name__)

MOST_PEOPLE, MOST_CHANGES = 100, 20  # on the page


@blueprint.get("/admin/people")
@access.needs("administer", session_only=True)
def show() -> ResponseReturnValue:
    return _page()


@blueprint.post("/admin/people")
@access.needs("administer", session_only=True)
def add() -> ResponseReturnValue:
    """Create the person `name` with the role `role`, and show a link by which they sign in the first time."""
    name, role = request.form.get("name", "").strip(), request.form.get("role", "")
    try:
        _require_role_of_people(role)
        people.add(name, role, None, access.require_user().name, now())
    except Refused as error:
        return _page(fault=problems.translated(error.code, error.facts), name=name), problems.status_of(error)
    return _page(link=sign_in_link(services().settings, name), link_of=name), 201


@blueprint.post("/admin/people/link")
@access.needs("administer", session_only=True)
def make_link() -> ResponseReturnValue:
    """Show a new link by which the person `name` signs in once. Errors: NotFound for a program's user."""
    name = request.form.get("name", "")
    _require_person(name)
    users.note(access.require_user().name, "user link", name, now())
    return _page(link=sign_in_link(services().settings, name), link_of=name), 201


@blueprint.post("/admin/people/role")
@access.needs("administer", session_only=True)
def change_role() -> ResponseReturnValue:
    """Give the person `name` the role `role`. Errors: NotFound for a program's user."""
    name, role = request.form.get("name", ""), request.form.get("role", "")
    try:
        _require_person(name)
        _require_role_of_people(role)
        users.change_role(name, role, access.require_user().name, now())
    except Refused as error:
        return _page(fault=problems.translated(error.code, error.facts)), problems.status_of(error)
    if name == access.require_user().name and not may(role, "administer"):
        return redirect(url_for("pages.home"), 303)
    flash(gettext("%(name)s has the role “%(role)s” now.", name=name, role=role_words(role)))
    return redirect(url_for("people.show", text=request.form.get("text") or None), 303)


@blueprint.app_template_global()
def role_words(role: str) -> str:
    """What the pages call a role; that of a program keeps its name."""
    return {
        "lecturer": gettext("Lecturer"),
        "team": gettext("Video team"),
        "admin": gettext("Administrator"),
    }.get(role, role)


def _require_person(name: str) -> None:
    """Errors: NotFound for a user of a program."""
    if name in NAMES_OF_SYSTEM_USERS or not may(users.find(name).role, "have-account"):
        raise NotFound("a program's user", code="user-unknown", name=name)


def _require_role_of_people(role: str) -> None:
    """Errors: Refused for a role of programs."""
    if not may(role, "have-account"):
        raise Refused(f"{role!r} is no role of a person")


def _page(**more: Any) -> str:
    text = request.values.get("text", "").strip()
    found, count = users.people(text, MOST_PEOPLE, without=NAMES_OF_SYSTEM_USERS)
    return render_template(
        "people.html",
        text=text,
        people=found,
        longest=people.LONGEST_NAME,
        count=count,
        came=users.last_sign_ins([one.name for one in found]),
        roles=roles_that_may("have-account"),
        changes=users.role_changes(MOST_CHANGES),
        **more,
    )
