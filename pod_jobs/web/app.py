"""The web app: pages, REST API, uploads, media files and rq-dashboard. `create_app` makes it; gunicorn serves it (web.py)."""

import weakref
from datetime import timedelta
from typing import Any

from babel import negotiate_locale
from flask import Flask, g, request
from flask_babel import Babel, get_domain, get_locale
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from pod_jobs.catalog import database
from pod_jobs.jobs.connection import connect_promptly
from pod_jobs.jobs.job_type import JobTypes
from pod_jobs.jobs.table import JOB_TYPES
from pod_jobs.settings import Settings
from pod_jobs.web import api, browser_files, health, media_files
from pod_jobs.web.guards import access, headers, problems, slow_clients
from pod_jobs.web.guards.url_prefix import BelowPrefix
from pod_jobs.web.intake import tus
from pod_jobs.web.pages import account, activity, captions, people, rq_dashboard, sign_in, traces, videos
from pod_jobs.web.pages.team import captions as team_captions
from pod_jobs.web.pages.team import errors, figures, filters, frame, machines, overview, schedule, task, tasks, words
from pod_jobs.web.services import Services, close_database, install, open_database, services

MAX_BODY_BYTES = 4_000_000  # of any request but an upload
HELD = "pod_jobs.held_database"


def create_app(settings: Settings, job_types: JobTypes = JOB_TYPES) -> Flask:
    """The app for one instance. Opens no connection yet. Errors: SettingsError for a missing secret or a wrong URL."""
    app = App(__name__)
    is_https = settings.public_url.startswith("https://")
    app.config.update(
        SECRET_KEY=settings.secret("session_key"),
        SESSION_COOKIE_NAME=f"pod_jobs_{settings.web.port}",  # instances on one host share cookies, also across ports
        SESSION_COOKIE_PATH=settings.url_prefix or "/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_https,
        PERMANENT_SESSION_LIFETIME=timedelta(days=settings.web.session_days),
        SESSION_REFRESH_EACH_REQUEST=False,  # else a late answer to a poll would undo a sign-out
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        BABEL_DEFAULT_LOCALE=account.LANGUAGES[0],
    )
    app.url_map.converters["int"] = Number
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's default provider
    instance_services = Services(
        settings, database.connect(settings.database_url), connect_promptly(settings.redis_url), job_types
    )
    install(app, instance_services)
    if settings.web.behind_proxy:
        hops = settings.web.behind_proxy
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.wsgi_app = BelowPrefix(  # type: ignore[method-assign]
        app.wsgi_app, settings.url_prefix, believe_proxy=settings.web.behind_proxy > 0
    )
    app.before_request(lambda: slow_clients.require_minimum_pace(request))
    _open_database_per_request(app)
    Babel(app, locale_selector=_language)
    # the callables of flask_babel look the catalog up anew for each of a page's hundred texts: a tenth of the page's time
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension that Babel has added
        lambda text: _translations().ugettext(text),
        lambda singular, plural, count: _translations().ungettext(singular, plural, count),
        newstyle=True,
    )
    app.jinja_env.globals.update(
        get_locale=get_locale, current_user=access.current_user, may=access.may, here=access.here
    )
    problems.register(app)
    access.register(app)
    headers.register(app, settings)
    for blueprint in (
        videos.blueprint,
        account.blueprint,
        people.blueprint,
        activity.blueprint,
        captions.blueprint,
        browser_files.blueprint,
        sign_in.blueprint,
        tus.blueprint,
        traces.blueprint,
        frame.blueprint,
        words.blueprint,
        overview.blueprint,
        tasks.blueprint,
        filters.blueprint,
        task.blueprint,
        errors.blueprint,
        machines.blueprint,
        figures.blueprint,
        schedule.blueprint,
        team_captions.blueprint,
        media_files.blueprint,
        health.blueprint,
    ):
        app.register_blueprint(blueprint)
    api.register(app)
    rq_dashboard.register(app, instance_services.redis)
    return app


class App(Flask):
    def log_exception(self, exc_info: Any) -> None:
        """Log the route instead of the address, which Flask logs: a sign-in link that failed could still be used."""
        self.logger.error("exception at %s", problems.where(), exc_info=exc_info)


class Number(IntegerConverter):
    """A number in an address, short enough for a database. An address with a longer one does not exist."""

    regex = "[0-9]{1,18}"


def _open_database_per_request(app: Flask) -> None:
    @app.before_request
    def open_for_request() -> None:
        if request.endpoint not in access.WITHOUT_DATABASE:
            open_database()
            if HELD not in app.extensions:  # made at a request, because gunicorn forks before it
                app.extensions[HELD] = weakref.finalize(app, database.hold_open(services().database))

    app.teardown_request(lambda _: close_database())


def _translations() -> Any:
    """The texts of the language of this request; remembered as long as it has the same."""
    locale = get_locale()
    cached = g.get("translations")
    if cached is None or cached[0] is not locale:
        cached = g.translations = (locale, get_domain().get_translations())
    return cached[1]


def _language() -> str:
    """The language that the user chose, or the one chosen before signing in, or one that the browser asks for."""
    user = access.current_user()
    chosen = (user.language if user is not None else "") or request.cookies.get("language", "")
    languages = [chosen, *request.accept_languages.values()]
    return negotiate_locale(languages, account.LANGUAGES, sep="-") or account.LANGUAGES[0]
