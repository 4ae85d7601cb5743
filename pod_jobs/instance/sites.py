"""The users who stand for the [[site]] entries of the settings, and their tokens. Needs an open database."""

from collections.abc import Sequence
from datetime import datetime

from pod_jobs.catalog.models import User
from pod_jobs.catalog.store import users
from pod_jobs.errors import SettingsError
from pod_jobs.settings import Settings
from pod_jobs.settings.site import LONGEST_TOKEN, SHORTEST_TOKEN, SITE_USER

ROLE = "site"


def missing_secrets(settings: Settings) -> Sequence[str]:
    """The files in DIR/secrets for tokens that no variable gives, and that we make. That of a Pod 4.1 is made by Pod."""
    return [site.secret for site in settings.site if not site.is_celery and site.name not in settings.site_tokens]


def prepare(settings: Settings, now: datetime) -> None:
    """Make the user and the token of each site, and switch off those of sites that the settings no longer have.

    Errors: SettingsError for a token that Pod cannot store or that can be guessed, and for a name that a person has.
    """
    site_users = {user.name: user for user in users.list_users() if user.name.startswith(SITE_USER)}
    for site in settings.site:
        token = "" if site.is_celery else settings.site_token(site)
        if not site.is_celery and not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN:
            raise SettingsError(
                f"site {site.name}: its token has {len(token)} characters; give {SHORTEST_TOKEN} to {LONGEST_TOKEN}"
            )
        user = site_users.pop(site.user, None) or users.create(site.user, ROLE, None, now)
        if user.role != ROLE:
            raise SettingsError(f"site {site.name}: a person has the user name {site.user}")
        if site.is_celery:  # it never calls; its token is the one that we show to it
            users.revoke_all(user, now)
            users.switch_on(user.name)
        else:
            users.keep_one_token(user, f"[[site]] {site.name}", token, now)
    for user in site_users.values():
        if user.role == ROLE and user.active:
            users.switch_off(user.name, now)


def site_of(user: User) -> str:
    """The name of the site that `user` stands for; "" for a person."""
    return user.name.removeprefix(SITE_USER) if user.role == ROLE else ""
