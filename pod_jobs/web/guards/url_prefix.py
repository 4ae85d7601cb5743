"""Serves the web app below a path, such as https://example.org/pod. A proxy may keep the path or remove it.

The prefix is the path of `web.public_url`. The X-Forwarded-Prefix of a trusted proxy (`web.behind_proxy`) replaces it.
Links, redirects and cookies begin with the prefix. Workers and the command line on this host call the app without it.
"""

import re
from collections.abc import Iterable
from typing import Any

PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")  # a browser cannot take such a path for another site


class BelowPrefix:
    """A WSGI app whose addresses begin with `prefix`, or with the proxy's own prefix if `believe_proxy`."""

    def __init__(self, app: Any, prefix: str, *, believe_proxy: bool) -> None:
        self._app = app
        self._prefix = prefix
        self._believe_proxy = believe_proxy

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        prefix = self._forwarded_prefix(environ) or self._prefix
        path = environ.get("PATH_INFO", "")
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            environ["PATH_INFO"] = path[len(prefix) :] or "/"
        environ["SCRIPT_NAME"] = prefix
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer

    def _forwarded_prefix(self, environ: dict[str, Any]) -> str:
        forwarded = str(environ.get("HTTP_X_FORWARDED_PREFIX", "")).rstrip("/")
        return forwarded if self._believe_proxy and PREFIX.fullmatch(forwarded) else ""
