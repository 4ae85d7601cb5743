"""Files for the browser that are not in static/: some of node_modules, and the texts that the modules of static/js show."""

import json

from flask import Blueprint, Response, request, send_file
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, get_translations

from pod_jobs.errors import NotFound
from pod_jobs.jobs.job_type import words_of
from pod_jobs.settings import ROOT
from pod_jobs.web.guards import access
from pod_jobs.web.services import services

blueprint = Blueprint("browser_files", __name__)

NODE_MODULES = ROOT / "node_modules"
# the only files of node_modules that are served: path in the address -> path in node_modules
VENDOR = {
    "hls.js/hls.min.mjs": "hls.js/dist/hls.min.mjs",
    "hls.js/hls.worker.js": "hls.js/dist/hls.worker.js",
    "htmx.org/htmx.min.js": "htmx.org/dist/htmx.min.js",
    "tus-js-client/tus.min.js": "tus-js-client/dist/tus.min.js",
}


@blueprint.get("/vendor/<path:name>")
@access.public
def vendor(name: str) -> ResponseReturnValue:
    """Errors: NotFound."""
    if name not in VENDOR or not (path := NODE_MODULES / VENDOR[name]).is_file():
        raise NotFound(f"browser file {name}; ./run install brings them")
    return send_file(path, mimetype="text/javascript", max_age=0)


@blueprint.get("/words.js")
@access.public
def words() -> ResponseReturnValue:
    """A JavaScript module. Its default export has the translations into the page's language (English text -> text; empty for
    English); its export `kinds` has the words of each job type (kind -> words)."""
    catalog = getattr(get_translations(), "_catalog", {})
    texts = {key: text for key, text in catalog.items() if isinstance(key, str) and key and text}
    job_types, language = services().job_types, str(get_locale() or "en")
    kinds = {
        kind: words_of(job_types, kind).in_language(language)
        for kind, job_type in job_types.items()
        if job_type.of_task
    }
    texts_json, kinds_json = (json.dumps(value, ensure_ascii=False) for value in (texts, kinds))
    response = Response(
        f"export default {texts_json};\nexport const kinds = {kinds_json};\n", mimetype="text/javascript"
    )
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Cookie, Accept-Language"
    response.add_etag()
    return response.make_conditional(request)
