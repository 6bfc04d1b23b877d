"""What every answer tells the browser about itself (SEC-3, OWASP ASVS 5.0 section 3.4)."""

from secrets import token_urlsafe

from flask import Flask, current_app, g, request
from flask.wrappers import Response

KEEP = "public, max-age=31536000, immutable"


def install(app: Flask) -> None:
    """Add the security headers to every answer of ``app`` and give the templates their nonce."""
    app.after_request(add_headers)
    app.jinja_env.globals["csp_nonce"] = csp_nonce


def csp_nonce() -> str:
    """Return the number used once with which this page's own inline scripts are let through."""
    if "csp_nonce" not in g:
        g.csp_nonce = token_urlsafe(16)
    return str(g.csp_nonce)


def policy() -> str:
    """Return the content security policy: only what we serve ourselves, no inline style, scripts by file or nonce."""
    nonce = f" 'nonce-{g.csp_nonce}'" if "csp_nonce" in g else ""
    return (
        f"default-src 'none'; script-src 'self'{nonce}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; frame-src 'self'; object-src 'none'; media-src 'self'; worker-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    )


def add_headers(response: Response) -> Response:
    """Set each header unless the page set a stricter one itself."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", policy())
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
    if current_app.config["HTTPS"]:
        headers.setdefault("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
    if request.endpoint in {"static", "appbuilder.static"}:
        if request.args.get("v"):
            headers["Cache-Control"] = KEEP
    else:
        headers["Cache-Control"] = headers.get("Cache-Control") or "no-store"
    return response
