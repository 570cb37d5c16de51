"""`foresee judge …`: is a judge to be trusted?"""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Judges: check one against human labels.")
