"""Files for the browser that do not lie in static/: those of node_modules, and the words for the modules of static/js."""

import json

from flask import Blueprint, Response, request, send_file
from flask.typing import ResponseReturnValue
from flask_babel import get_translations

from pod_jobs.errors import NotFound
from pod_jobs.settings import ROOT
from pod_jobs.web.guards import access

blueprint = Blueprint("browser_files", __name__)

NODE_MODULES = ROOT / "node_modules"
# the only files served of what npm installed: path in the address -> path in node_modules
VENDOR = {
    "hls.js/hls.min.mjs": "hls.js/dist/hls.min.mjs",
    "hls.js/hls.worker.js": "hls.js/dist/hls.worker.js",
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
    """The translations of the page's language as a module: English text -> text. Empty for English."""
    catalog = getattr(get_translations(), "_catalog", {})
    texts = {key: text for key, text in catalog.items() if isinstance(key, str) and key and text}
    response = Response(f"export default {json.dumps(texts, ensure_ascii=False)};\n", mimetype="text/javascript")
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Cookie, Accept-Language"
    response.add_etag()
    return response.make_conditional(request)
