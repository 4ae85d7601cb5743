"""What a video's page needs to know to record how it is watched (static/js/xapi.js)."""

from typing import Any

from pod_jobs import traces
from pod_jobs.catalog.models import Video
from pod_jobs.catalog.store import statements
from pod_jobs.web.access import require_user
from pod_jobs.web.site import now, site
from pod_jobs.xapi.statement import plain_name


def of_page(video: Video) -> dict[str, Any] | None:
    """None: nothing is recorded. `now` is the server's clock in milliseconds, which the page's follows."""
    settings, person = site().settings, require_user()
    if not settings.xapi.lane_names or statements.is_out(person.id):
        return None
    return {
        "person": person.uuid,
        "activity": traces.activity_of(settings, video.id, "").iri,
        "title": plain_name(video.title),
        "threshold": settings.xapi.completion_threshold,
        "screen": settings.xapi.screen,
        "now": int(now().timestamp() * 1000),
    }
