"""Guard models: classifiers that read a conversation in a format of their own. One file a format.

`guard:FORMAT=PROVIDER/NAME` puts one on the panel of the judge `harmful`, and names the guard of a defense. A guard
goes by the policy that it was trained on, not by a rubric. A format file holds `FORMAT`, a `_format.Format`. Where a
format sends a policy or an instruction, `guard:FORMAT@FILE=PROVIDER/NAME` sends a file's in its place; its hash is part
of the guard's identity.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from foresee.errors import UserError, unknown_name
from foresee.files.untrusted import read_regular
from foresee.judges._model.guards._format import THRESHOLD, Finding, Format, Seen, Stage, examine
from foresee.judges._model.rubric import Rubric
from foresee.notices import say_once
from foresee.records import Answer, AskModel, Item, Json, Model, Vote

__all__ = ["Finding", "Guard", "Spec", "Stage", "format_of", "formats", "named"]

PREFIX = "guard:"
JUDGE = "harmful"  # the one judge that guards can be
_LONGEST_WORDING = 200_000  # bytes


class Spec(NamedTuple):
    """Read `guard:FORMAT[@FILE]=PROVIDER/NAME`."""

    format: str
    model: str
    wording: str = ""


def formats() -> list[str]:
    """List the formats."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("_"))


def format_of(name: str) -> Format:
    """Find the format of this name, one of `formats`."""
    found: Format = importlib.import_module(f"{__name__}.{name}").FORMAT
    return found


@dataclass(frozen=True)
class Guard:
    """A guard model with its format; as a member of a panel it is the judge `harmful`.

    Attributes:
        model: the open model.
        format: one of `formats`.
        wording: in place of the format's own, if any.
    """

    model: Model
    format: str
    wording: str = ""

    @property
    def identity(self) -> Mapping[str, Json]:
        form, text = format_of(self.format), _hash(self.wording)
        worded = f" {'as published' if text == form.published else text[:12]}" if self.wording else ""
        return {**self.model.identity, "asked": f"guard {self.format} {form.version}{worded}"}

    def reads(self, judge: str) -> bool:
        return judge == JUDGE and "answer" in format_of(self.format).stages

    def must_see(self, rubric: Rubric) -> bool:
        """Say no: a guard is shown images if it takes them, and reads the text if not."""
        return False

    async def examine(self, item: Item, answer: Answer | None, ask: AskModel) -> Finding:
        """Have the guard judge an answer, or the request while there is none.

        Raises:
            ModelError: the model could not be asked.
        """
        form = format_of(self.format)
        sighted, provider = "images" in self.model.capabilities, str(self.model.identity.get("provider", ""))
        seen = Seen(item, answer, sighted, provider)
        return await examine(form, self.wording or form.wording(), self.model, seen, ask)

    async def vote(self, rubric: Rubric, item: Item, answer: Answer, ask: AskModel) -> Vote:
        """Vote on an answer. Raises ModelError: the model could not be asked."""
        found = await self.examine(item, answer, ask)
        value: dict[str, float] | None = None
        if found.harm is not None:
            value = {"harmful": float(found.harm >= THRESHOLD)}
            value |= {} if found.refused is None else {"refused": found.refused}
        return Vote(self.model.name, value, found.reason, found.raw, found.usage, found.calls, found.address)


def named(text: str, stage: Stage = "answer") -> Spec:
    """Read `guard:FORMAT[@FILE]=PROVIDER/NAME`.

    Raises:
        UserError: no such format, one that can't judge this stage, or a file of words that can't be used.
    """
    kind, _, model = text.removeprefix(PREFIX).partition("=")
    kind, _, file = kind.partition("@")
    if kind not in formats() or not model:
        raise unknown_name("guard format (guard:FORMAT=PROVIDER/NAME)", kind, formats())
    form = format_of(kind)
    if stage not in form.stages:
        able = [name for name in formats() if stage in format_of(name).stages]
        (reads,) = form.stages
        raise UserError(f"guard:{kind} judges {reads}s, not {stage}s; those that do: {', '.join(able)}")
    wording = _worded(kind, form, Path(file)) if file else ""
    if form.published and _hash(wording) != form.published:
        sent = f"the text of {file}, which is not the published one" if file else "an imitation of the published text"
        say_once(f"guard:{kind} is sent {sent}; guard:{kind}@FILE=… sends the published one, from {form.source}")
    return Spec(kind, model, wording)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _worded(kind: str, form: Format, path: Path) -> str:
    if not form.wording():
        raise UserError(f"guard:{kind}@{path}: this format sends no policy or instruction that a file could replace")
    try:
        text = read_regular(path.expanduser(), _LONGEST_WORDING).decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"guard:{kind}@{path}: expected a text file, {problem}") from None
    if not text:
        raise UserError(f"guard:{kind}@{path}: the file is empty")
    return text
