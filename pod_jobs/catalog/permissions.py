"""What each role may do. A permission is granted by name to a role; what is not granted is refused.

All code that decides what somebody may do asks `may`, and never compares names of roles: the access control in front of each
view (web/guards/access.py), the queries that choose what a person sees (store/videos.py), and templates (`may("administer")`).
docs/permissions.md shows which permission each route needs, and a test compares the routes, this file and that page.
"""

from typing import Literal, get_args

Permission = Literal[
    "have-account",  # sign in at the pages; change one's own password, tokens, language and choice of traces
    "see-oneself",  # ask the API whose token this is
    "see-videos",  # pages, lists, files, tasks and attempts of one's own videos
    "see-all-videos",  # the same of everybody's videos
    "add-videos",  # upload
    "change-videos",  # rename and delete one's own videos; order, cancel and repeat their tasks
    "change-all-videos",  # the same with everybody's videos
    "see-system-tasks",  # tasks of no video: the periodic ones
    "steer-system-tasks",  # cancel and repeat them; run them now and pause them, on the schedule
    "see-reports",  # reports that have not reached the catalog yet
    "steer-reports",  # send them at once
    "see-team-pages",  # the pages that a video team works in: overview, tasks, errors, machines, captions, schedule, figures
    "mark-errors",  # say what is known of failures of one cause
    "see-workers",  # list workers, their jobs, and those that are drained
    "steer-workers",  # drain them, let them take jobs again
    "see-traces",  # lanes, labels, dead letters; attempts at any video, also at a deleted one
    "steer-traces",  # flush lanes, set waiting statements aside, send dead letters again or drop them
    "send-traces",  # send statements of one's own
    "send-anybodys-traces",  # send statements of any person, with a token
    "run-tasks",  # start and end runs of tasks, as workers do
    "deliver-traces",  # take statements of a lane to its learning record store, as workers do
    "order-for-site",  # order tasks by the Runner Manager API, and see those of one's own site
    "exceed-limits",  # the limits per person ([limits] of the settings) do not apply
    "administer",  # see people, give them roles, see who did what; RQ's own dashboard
]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)

_PERSON: frozenset[Permission] = frozenset(
    {"have-account", "see-oneself", "see-videos", "add-videos", "change-videos", "send-traces"}
)
_TEAM: frozenset[Permission] = _PERSON | {
    "see-all-videos",
    "change-all-videos",
    "see-system-tasks",
    "steer-system-tasks",
    "see-reports",
    "steer-reports",
    "see-team-pages",
    "mark-errors",
    "see-workers",
    "steer-workers",
    "see-traces",
    "steer-traces",
}
GRANTED: dict[str, frozenset[Permission]] = {
    "lecturer": _PERSON,
    "team": _TEAM,
    "admin": _TEAM | {"send-anybodys-traces", "exceed-limits", "administer"},
    "worker": frozenset({"see-oneself", "run-tasks", "deliver-traces"}),
    "application": frozenset({"send-traces", "send-anybodys-traces"}),
    "site": frozenset({"order-for-site"}),  # another application with a [[site]] in the settings
}
ROLES = tuple(GRANTED)


def may(role: str, permission: Permission) -> bool:
    """Is `permission` granted to `role`? An unknown role may do nothing. Errors: ValueError for a permission that does not
    exist."""
    if permission not in PERMISSIONS:
        raise ValueError(f"there is no permission {permission!r}")
    return permission in GRANTED.get(role, ())


def roles_that_may(permission: Permission) -> tuple[str, ...]:
    """The roles that have `permission`, in the order of GRANTED."""
    return tuple(role for role in ROLES if may(role, permission))
