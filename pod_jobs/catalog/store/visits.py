"""When people last looked at the overview of the team, so that it can tell what failed since."""

from datetime import datetime, timedelta

from pod_jobs.catalog.models import User
from pod_jobs.catalog.team_models import TeamVisit

PAUSE = timedelta(hours=4)  # who comes again earlier is still on the same visit
KEPT_EVERY = timedelta(minutes=15)  # of a visit


def last(user: User) -> datetime | None:
    """When the last visit of this person ended; None: the present one is the first."""
    visit = _of(user)
    return visit.before_at if visit else None


def note(user: User, now: datetime) -> None:
    """This person opens the overview now. It is written at most each KEPT_EVERY."""
    visit = _of(user)
    if visit is None:
        TeamVisit.insert(user=user, seen_at=now).on_conflict_ignore().execute()
    elif now - visit.seen_at > PAUSE:
        TeamVisit.update(seen_at=now, before_at=visit.seen_at).where(
            TeamVisit.user == user, TeamVisit.seen_at == visit.seen_at
        ).execute()
    elif now - visit.seen_at > KEPT_EVERY:
        TeamVisit.update(seen_at=now).where(TeamVisit.user == user).execute()


def _of(user: User) -> TeamVisit | None:
    visit: TeamVisit | None = TeamVisit.get_or_none(TeamVisit.user == user)
    return visit
