"""The few pages that people see when they sign in: no script, nothing from elsewhere, everything escaped.

The policy of each page lets the browser load nothing, show it in no frame and send its form to this port only; a page
whose form leads on to somewhere else names that place.
"""

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse, RedirectResponse

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.3rem}a.button,button{display:inline-block;font:inherit;padding:.5rem 1rem;margin:.25rem .5rem;"
    "border:1px solid #357;border-radius:.3rem;background:#357;color:#fff;text-decoration:none;cursor:pointer}"
    "code{background:#eee;padding:0 .2rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def page(title: str, body: str, status: int = 200, forms: str = "'self'") -> HTMLResponse:
    """`body` is HTML, with everything in it escaped already; `forms`: where its form may lead."""
    content = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Guardhouse</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {forms}; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
    return HTMLResponse(content, status, headers={**_HEADERS, "content-security-policy": policy})


def problem(title: str, sentence: str, status: int) -> HTMLResponse:
    return page(title, f'<p>{escape(sentence)}</p><p><a class="button" href="/signin">Sign in again</a></p>', status)


def see_other(where: str) -> RedirectResponse:
    return RedirectResponse(where, 303, headers=_HEADERS)


_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",  # with no-referrer, browsers say `Origin: null` for the forms of these pages
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
