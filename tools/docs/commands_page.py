"""A hook of MkDocs: the page of the command line is what the commands say of themselves.

Typer carries a Click of its own, which mkdocs-click does not know; Typer's own writer of Markdown is used instead.
"""

from __future__ import annotations

import os
import re
from typing import Any

PAGE = "reference/commands.md"
_COMMAND = re.compile(r"^(#+) `([^`]+)`$", re.MULTILINE)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the text of a page; for the page of the command line with every command below it."""
    return f"{markdown}\n\n{commands()}" if page.file.src_uri == PAGE else markdown


def commands() -> str:
    """Return every command with its arguments and options, as Markdown.

    Recipes are those that foresee brings: plug-in folders of this machine are left out.
    """
    import typer
    from typer.cli import get_docs_for_click

    from foresee.cli import command

    os.environ.pop("FORESEE_PLUGINS", None)
    context = typer.Context(command(), info_name="foresee")
    text = get_docs_for_click(obj=command(), ctx=context, name="foresee")
    _, _, subcommands = text.partition("\n## ")
    return _COMMAND.sub(_anchored, f"## {subcommands}")


def _anchored(heading: re.Match[str]) -> str:
    """Give the heading of a command an address that stays: `#foresee-eval`."""
    return f"{heading[1]} `{heading[2]}` {{: #{heading[2].replace(' ', '-')} }}"
