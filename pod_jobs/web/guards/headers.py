"""Security headers, which every answer gets."""

from flask import Flask, Response, g, request

from pod_jobs.settings import Settings
from pod_jobs.web.guards import access

# hls.js plays through blob: URLs and works in a blob: worker; the style sheet draws its small icons as data: images.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


def _redirect_by_path(response: Response) -> None:
    """Make a redirect to this host relative. Werkzeug builds whole URLs from the Host header, which a client can forge."""
    here = request.host_url
    if response.status_code in (301, 302, 303, 307, 308) and (response.location or "").startswith(here):
        response.location = "/" + response.location[len(here) :].lstrip("/\\")


def register(app: Flask, settings: Settings) -> None:
    fixed = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",  # hides our paths from other sites; the CSRF check over HTTPS reads it
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
    if settings.public_url.startswith("https://"):
        fixed["Strict-Transport-Security"] = "max-age=31536000"

    def put(response: Response) -> Response:
        _redirect_by_path(response)
        for name, value in fixed.items():
            response.headers.setdefault(name, value)
        if "Cache-Control" not in response.headers and request.endpoint != "static":
            # the answer to a form may show a token or a link once
            is_kept = g.get("user") is not None and request.method in access.SAFE_METHODS
            response.headers["Cache-Control"] = "private, no-cache" if is_kept else "no-store"
        return response

    app.after_request(put)
