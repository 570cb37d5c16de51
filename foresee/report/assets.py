"""Load what every page is made of: templates, style, script, and the policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from foresee.report import figures

if TYPE_CHECKING:
    import jinja2


def rendered(template: str, style: str, script: str = "", **shown: Any) -> str:
    """Render a page from a template, the style that all pages share with its own, and its script; `shown` fills it in.

    Args:
        template: a file of `templates/`.
        style: the page's own style sheet there; empty for none.
        script: its script there; empty for a page in which nothing runs.
        shown: what the template shows; everything but Markup is escaped.
    """
    sheet = asset("style.css") + (asset(style) if style else Markup())
    code = asset(script) if script else Markup()
    page = environment().get_template(template)
    return page.render(policy=policy(sheet, code), style=sheet, script=code, **shown)


def policy(style: str, script: str) -> str:
    """Nothing is loaded from anywhere; only our own style and script, known by their hashes, count."""
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


@cache
def asset(name: str) -> Markup:
    """Read a file of `templates/`."""
    text = resources.files("foresee.report").joinpath("templates", name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - our own file, in whole


@cache
def environment() -> jinja2.Environment:
    """Where templates come from; everything that they show is escaped."""
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.PackageLoader("foresee.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["figures"] = figures
    found.filters["breaks"] = lambda text: re.findall(r"[^/._:=-]*[/._:=-]+|[^/._:=-]+", text)
    return found


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
