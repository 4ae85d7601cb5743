"""What each role may do. A permission is granted by name to a role; what nobody granted is refused.

Everybody asks here: the guard in front of each view (web/guards/access.py), the queries that choose what a person sees
(store/videos.py), templates (`may("administer")`). Nobody compares the name of a role. docs/permissions.md shows which
route wants which permission, and a test holds routes, this file and that page to each other.
"""

from typing import Literal, get_args

Permission = Literal[
    "have-account",  # sign in at the pages; change one's own password, tokens, language and choice of traces
    "see-oneself",  # ask the API whose token this is
    "see-videos",  # pages, lists, files, tasks and attempts of videos: one's own, unless see-all-videos says more
    "see-all-videos",  # ... of everybody
    "add-videos",  # upload
    "change-videos",  # rename and delete; order, cancel and repeat tasks: of one's own videos, unless change-all-videos
    "change-all-videos",  # ... of everybody's
    "see-system-tasks",  # tasks of no video: the periodic ones
    "steer-system-tasks",  # cancel and repeat them
    "see-reports",  # ends of runs that wait to be told to the catalog
    "steer-reports",  # tell them at once
    "see-workers",  # which there are, what they do, which are drained
    "steer-workers",  # drain them, let them take jobs again
    "see-traces",  # lanes, labels, dead letters; attempts at any video, also at a deleted one
    "steer-traces",  # flush lanes, send dead letters again or drop them
    "send-traces",  # hand in statements, as oneself
    "send-anybodys-traces",  # with a token: statements of any person
    "run-tasks",  # start and end runs of tasks, as workers do
    "deliver-traces",  # take statements of a lane to its learning record store, as workers do
    "exceed-limits",  # no share of uploads, room, waiting tasks and media answers
    "administer",  # RQ's own dashboard
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
}
ROLES = tuple(GRANTED)


def may(role: str, permission: Permission) -> bool:
    """Was `permission` granted to `role`? A role that nobody listed may do nothing. Errors: ValueError for a permission
    that does not exist."""
    if permission not in PERMISSIONS:
        raise ValueError(f"there is no permission {permission!r}")
    return permission in GRANTED.get(role, ())


def roles_that_may(permission: Permission) -> tuple[str, ...]:
    """In the order of GRANTED."""
    return tuple(role for role in ROLES if may(role, permission))
