"""The list of videos and the page of a video. Modules in static/js load from the API what changes while a page is open."""

from typing import Any

from babel import Locale
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

from pod_jobs.catalog.store import videos
from pod_jobs.media.facts.languages import all_languages
from pod_jobs.web.alive import is_speech_on
from pod_jobs.web.guards import access
from pod_jobs.web.intake import orders, received_files
from pod_jobs.web.pages.traces import recording
from pod_jobs.web.services import services

blueprint = Blueprint("pages", __name__)

THEMES = ("light", "dark")


@blueprint.app_context_processor
def on_every_page() -> dict[str, Any]:
    """What base.html shows: who is signed in, the language, and the chosen theme ("" = the system's)."""
    theme = request.cookies.get("theme", "")
    return {
        "person": access.current_user(),
        "language": str(get_locale() or "en"),
        "theme": theme if theme in THEMES else "",
    }


@blueprint.get("/")
@access.needs("see-videos")
def home() -> ResponseReturnValue:
    limit_bytes = int(services().settings.upload.max_gb * received_files.GB)
    return render_template(
        "videos.html",
        owners=_shows_owners(),
        text=request.args.get("text", ""),
        limit_bytes=limit_bytes,
        limit=received_files.in_words(limit_bytes),
        spoken=_spoken(),
        captions_made=services().settings.speech.automatic,
        is_speech_on=is_speech_on(),
    )


@blueprint.get("/videos/<int:video_id>")
@access.needs("see-videos")
def video(video_id: int) -> ResponseReturnValue:
    """Errors: NotFound, also for a video that this person may not see."""
    row = videos.get(video_id, access.require_user())
    return render_template(
        "video.html",
        video=row,
        owners=_shows_owners(),
        traces=recording(row),
        versions=_versions(),
        titles=_titles(),
        dressings=services().settings.dressing,
        spoken=_spoken(),
        side_kinds=_side_kinds(),
        is_speech_on=is_speech_on(),
    )


def _side_kinds() -> list[dict[str, Any]]:
    """The kinds that have a button on the page, and what is chosen with it, in the language of this request."""
    language = str(get_locale() or "en")
    return [
        {
            "kind": kind,
            "choices": [
                {
                    "option": choice.option,
                    "label": choice.label.in_language(language),
                    "usual": choice.usual.in_language(language),
                    "values": [[value, title.in_language(language)] for value, title in choice.values],
                }
                for choice in job_type.ordering.choices(services().settings)
            ],
        }
        for kind, job_type in services().job_types.items()
        if job_type.words and job_type.ordering and job_type.words.order and not orders.is_speech_missing(kind)
    ]


def _versions() -> list[dict[str, Any]]:
    """The templates that make downloads, as {"name", "title", "is_sound"}: all but "web"."""
    others = [template for template in services().settings.templates.values() if not template.is_web]
    return [
        {"name": template.name, "title": _titles()[template.name], "is_sound": template.is_sound} for template in others
    ]


def _titles() -> dict[str, str]:
    """Name of each template -> its title in the page's language."""
    language = "fr" if str(get_locale()) == "fr" else "en"
    return {template.name: getattr(template.title, language) for template in services().settings.templates.values()}


def _spoken() -> list[tuple[str, str]]:
    """(code, name in the page's language) of each language that may be spoken in a recording, sorted by name."""
    locale = get_locale() or Locale("en")
    named = {code: locale.languages.get(code, name) for code, name in all_languages().items()}
    return sorted(named.items(), key=lambda code_and_name: code_and_name[1].casefold())


def _shows_owners() -> bool:
    """Do pages show the owners of videos? Only to people who see more than their own videos."""
    return access.may("see-all-videos")
