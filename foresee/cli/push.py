"""`foresee push`: an adapter, a model or a data set to a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push(
    folder: Annotated[Path, typer.Argument(help="an adapter, a merged model or a data set")],
    repository: Annotated[str, typer.Argument(help="OWNER/NAME; made where there is none")],
    public: Annotated[
        bool, typer.Option("--public", help="a new repository is for all to see; default: private")
    ] = False,
    message: Annotated[str, typer.Option("--message", help="of the commit")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="list the files, and send none")] = False,
) -> None:
    """Push an adapter, a model or a data set to the Hugging Face hub, or to another at HF_ENDPOINT.

    The token is that of HF_TOKEN or `hf auth login`. Journals and the state of trainings stay here.
    """
    from foresee.cli._console import say
    from foresee.interop import hub

    hub.check(repository)
    parcel = hub.pack(folder)
    if parcel.repo_type == "dataset":
        say("what the data was built from has licences of its own (README.md, manifest.json): they must allow this")
    if dry_run:
        for name, path in parcel.files.items():
            typer.echo(f"{path.stat().st_size:>12,}  {name}")
    told = f"{len(parcel.files):,} files, {parcel.bytes / 1e6:.1f} MB, as a {parcel.repo_type} to {repository}"
    if dry_run:
        say(f"would push {told}")
        return
    say(f"pushing {told}")
    say(f"pushed: {hub.push(folder, repository, public=public, message=message)}")
