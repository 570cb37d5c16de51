"""Show what each rule of the judge `awareness` earns: switch it off and count the verdicts that change.

    python -m tools.ablate_awareness --cases awareness.jsonl --data DATA [--each 10] [--files _claims] [--words]

A switch is a condition (never true, always true), a part of an "and" or "or", a word list, a pattern or an alternative
in it; with --words a single word, too. Conditions and words are taken out of the syntax tree, alternatives out of the
compiled patterns, so no rule needs to know of it. One watched run notes for each answer which switches could matter to
it at all: a condition that was never false can't be missed where it is made always true. Only those answers are read
again.

Counted are answers of others that change (models' answers in XSTest, MSTS and MOSSBench below DATA, and the
development half of a stranger's sentences, never the other half) and, of our own tables, rows that are no longer read
as wanted and rows turned round. A switch that changes nothing of others and turns nothing round earns nothing there. At
the end such are put off together, first those that cost no own row, as long as all of them cost no more than --spare.
"""

from __future__ import annotations

import argparse
import ast
import copy
import csv
import functools
import hashlib
import importlib
import json
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

from foresee import languages
from foresee.judges import _text
from foresee.labels import mossbench
from foresee.models import thinking

PACKAGE = "foresee.judges.awareness"
FOLDER = Path(__file__).parents[1] / "foresee" / "judges" / "awareness"
TESTS = Path(__file__).parents[1] / "tests" / "judges"
OWN = ("awareness_answers.toml", "hard_awareness.toml", "fresh_awareness.toml")
STEMS = ("_lexicon", "_claims", "_yes_no", "_chinese", "_foreign_leads", "_implied", "_prose", "__init__")
_READ = 500  # characters of an answer of others
_EARNS = 1  # answers of others that change, after which nothing more is counted
_WHOLE = -1  # a condition or a pattern, not a part of it

Trees = dict[str, ast.Module]


class Switch(NamedTuple):
    """One thing to switch off.

    Attributes:
        stem: its file.
        at: where its node is in the walk of the file's tree, or the name of its pattern.
        what: which part of the condition (-1: the whole) and what stands in its place; the words to leave out; or
            where in the pattern the alternative begins.
        name: what a reader calls it.
    """

    stem: str
    at: int | str
    what: tuple[int, bool] | frozenset[str] | int
    name: str


class Row(NamedTuple):
    """One answer: its text, what was asked, and the verdict wanted ("" where nobody said)."""

    text: str
    prompt: str
    want: str


class Count(NamedTuple):
    """Verdicts that change: of others, and of our own rows those lost (no longer as wanted) and turned round."""

    others: int = 0
    lost: int = 0
    turned: int = 0

    def earns_nothing(self, spare: int) -> bool:
        return not self.others and not self.turned and self.lost <= spare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, required=True, help="the stranger's sentences")
    parser.add_argument("--data", type=Path, required=True, help="folder with xstest, msts and mossbench")
    parser.add_argument("--files", nargs="*", default=STEMS, help="only switches of these files (_claims, _prose, …)")
    parser.add_argument("--spare", type=int, default=0, help="own rows that all that is off together may cost")
    parser.add_argument("--each", type=int, default=1, help="every so-maniest answer of models, for a first look")
    parser.add_argument("--words", action="store_true", help="switch off single words of the lists as well")
    given = parser.parse_args()
    sys.setrecursionlimit(10_000)
    reader = Reader([*others(given.data)[:: given.each], *stranger(given.cases)], own())
    print(f"# {reader.first_own} answers of others, {len(reader.rows) - reader.first_own} own")
    print("others\tlost\tturned\tread again\tswitch")
    idle: list[tuple[int, Switch]] = []
    for switch in reader.switches:
        one_word = isinstance(switch.what, frozenset) and len(switch.what) == 1
        if switch.stem not in given.files or (one_word and not given.words):
            continue
        name = f"{switch.stem} {switch.name}"
        try:
            found = reader.count([switch])
        except Exception as error:  # a condition that guards something; it cannot be left out
            print(f"-\t-\t-\t-\t{name} ({type(error).__name__})", flush=True)
            continue
        print(*found, len(reader.touched[switch]), name, sep="\t", flush=True)
        if found.earns_nothing(given.spare):
            idle.append((found.lost, switch))
    off = together(reader, [switch for _, switch in sorted(idle, key=lambda each: each[0])], given.spare)
    print(f"# {len(off)} of {len(idle)} off together: {reader.count(off)}")
    print("\n".join(f"# off\t{switch.stem} {switch.name}" for switch in off))


def together(reader: Reader, idle: Sequence[Switch], spare: int) -> list[Switch]:
    """Choose switches that can be off at once: all that are left, or where that changes something the halves."""
    kept: list[Switch] = []
    waiting = [list(idle)]
    while waiting:
        tried = waiting.pop()
        try:
            fits = reader.count([*kept, *tried]).earns_nothing(spare)
        except Exception:  # as above
            fits = False
        if fits:
            kept += tried
        elif len(tried) > 1:
            middle = len(tried) // 2
            waiting += [tried[middle:], tried[:middle]]
    return kept


class Reader:
    """The judge, which reads the answers with switches off; `touched` are the answers that a switch may matter to."""

    def __init__(self, of_others: Sequence[Row], of_our_own: Sequence[Row]) -> None:
        for module in (_text, thinking, languages):  # what stands before the rules is the same each time
            for name in ("own_words", "plain", "plain_lines", "without_thinking", "is_english"):
                if name in module.__dict__:
                    setattr(module, name, functools.cache(getattr(module, name)))
        importlib.import_module(PACKAGE)
        self.rows, self.first_own = [*of_others, *of_our_own], len(of_others)
        self.trees = {stem: ast.parse((FOLDER / f"{stem}.py").read_text(encoding="utf-8")) for stem in STEMS}
        self._code: dict[str, CodeType] = {}
        self._built({}, [])
        self.switches = [*in_trees(self.trees), *in_patterns()]
        self.touched: dict[Switch, set[int]] = {switch: set() for switch in self.switches}
        self.usual = self._watched()

    def count(self, off: Sequence[Switch]) -> Count:
        """Count what these switches change, up to `_EARNS` answers of others.

        Only answers that one of them touches can be read otherwise.
        """
        judge = self._built(self._without(off), off)
        changed = lost = turned = 0
        for at in sorted(set[int]().union(*(self.touched[switch] for switch in off))):
            row, old, new = self.rows[at], self.usual[at], _verdict(judge, self.rows[at])
            changed += at < self.first_own and new != old
            if changed == _EARNS:
                break
            lost += at >= self.first_own and old == row.want != new
            turned += at >= self.first_own and new not in ("none", row.want, old)
        return Count(changed, lost, turned)

    def _watched(self) -> list[str]:
        """Read all answers once, noting what each switch touches; return the verdicts."""
        conditions: dict[tuple[str, int, int, bool], Switch] = {}
        words: dict[str, list[Switch]] = defaultdict(list)
        alternatives: dict[tuple[str, str], list[Switch]] = defaultdict(list)
        for switch in self.switches:
            if isinstance(switch.at, str):
                alternatives[switch.stem, switch.at].append(switch)
            elif isinstance(switch.what, tuple):
                conditions[switch.stem, switch.at, switch.what[0], not switch.what[1]] = switch
            elif isinstance(switch.what, frozenset):
                for word in switch.what:
                    words[word].append(switch)
        noted: set[Switch] = set()

        def note(stem: str, at: int, which: int, value: object) -> object:
            if (switch := conditions.get((stem, at, which, bool(value)))) is not None:
                noted.add(switch)
            return value

        for stem in STEMS:
            _module(stem).__dict__["_noted"] = note
        judge = self._built({stem: _noting(stem, tree) for stem, tree in self.trees.items()}, [])
        for (stem, name), switches in alternatives.items():
            setattr(_module(stem), name, _Watched(getattr(_module(stem), name), switches, noted))
        usual = []
        for at, row in enumerate(self.rows):
            noted.clear()
            usual.append(_verdict(judge, row))
            said = set(re.findall(r"[a-z']+", f"{_text.plain(row.text)} {row.text} {row.prompt}".lower()))
            noted.update(switch for word in said for switch in words.get(word, ()))
            for switch in noted:
                self.touched[switch].add(at)
        return usual

    def _without(self, off: Sequence[Switch]) -> Trees:
        """Copy the trees that lose conditions and words."""
        found: Trees = {}
        for stem in {switch.stem for switch in off if isinstance(switch.at, int)}:
            found[stem] = copy.deepcopy(self.trees[stem])
            nodes = list(ast.walk(found[stem]))
            for switch in off:
                if switch.stem == stem and isinstance(switch.at, int):
                    _switch_off(nodes[switch.at], switch.what)
        return found

    def _built(self, changed: Trees, off: Sequence[Switch]) -> ModuleType:
        """Run the files with these trees in the place of theirs, each in order of need; then cut the patterns."""
        for stem in STEMS:
            if stem in changed:
                code = compile(ast.fix_missing_locations(changed[stem]), f"{stem}.py", "exec")
            else:
                code = self._code[stem] = self._code.get(stem) or compile(self.trees[stem], f"{stem}.py", "exec")
            exec(code, _module(stem).__dict__)  # noqa: S102  (our own source)
        cuts: dict[tuple[str, str], list[int]] = defaultdict(list)
        for switch in off:
            if isinstance(switch.at, str) and isinstance(switch.what, int):
                cuts[switch.stem, switch.at].append(switch.what)
        for (stem, name), begins in cuts.items():
            setattr(_module(stem), name, _cut(getattr(_module(stem), name), begins))
        return _module("__init__")


class _Watched:
    """A pattern that notes which of its alternatives change what it finds."""

    def __init__(self, whole: re.Pattern[str], off: Sequence[Switch], noted: set[Switch]) -> None:
        self._whole, self._noted = whole, noted
        self._others = [(switch, _cut(whole, [switch.what])) for switch in off if isinstance(switch.what, int)]
        self._may_find_more = "(?!" in whole.pattern or "(?<!" in whole.pattern  # with an alternative less

    def __getattr__(self, method: str) -> Callable[..., object]:
        return functools.partial(self._find, method)

    def _find(self, method: str, *given: object) -> object:
        found = getattr(self._whole, method)(*given)
        found = list(found) if method == "finditer" else found
        if found or self._may_find_more:
            said = _comparable(found)
            for switch, other in self._others:
                if switch not in self._noted and _comparable(getattr(other, method)(*given)) != said:
                    self._noted.add(switch)
        return found


def _comparable(found: object) -> object:
    if isinstance(found, re.Match):
        return found.span(), found.groups()
    return (
        [_comparable(each) for each in found] if isinstance(found, Iterable) and not isinstance(found, str) else found
    )


def in_trees(trees: Trees) -> Iterator[Switch]:
    """List the conditions, their parts, the word lists and their words."""
    for stem, tree in trees.items():
        for at, node in enumerate(ast.walk(tree)):
            where = f"{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.If | ast.IfExp):
                said = ast.unparse(node.test)[:90]
                yield Switch(stem, at, (_WHOLE, False), f"{where} never: {said}")
                yield Switch(stem, at, (_WHOLE, True), f"{where} always: {said}")
            elif isinstance(node, ast.BoolOp):
                for which, value in enumerate(node.values):
                    instead = isinstance(node.op, ast.And)
                    yield Switch(stem, at, (which, instead), f"{where} without: {ast.unparse(value)[:90]}")
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "_words":
                words = ast.literal_eval(node.args[0]).split()
                yield Switch(stem, at, frozenset(words), f"{where} no words of: {' '.join(words)[:60]}")
                yield from (Switch(stem, at, frozenset([word]), f"{where} no word: {word}") for word in words)


def in_patterns() -> Iterator[Switch]:
    """List the patterns as they are built, and their alternatives and optional parts."""
    for stem in STEMS:
        for name, value in list(_module(stem).__dict__.items()):
            if isinstance(value, re.Pattern):
                yield Switch(stem, name, _WHOLE, f"no pattern {name}")
                for begin, said in alternatives(value.pattern):
                    yield Switch(stem, name, begin, f"{name} without: {said[:60]}")


def alternatives(pattern: str) -> list[tuple[int, str]]:
    """Find where in a pattern an alternative or an optional group begins, and what it says."""
    found: list[tuple[int, str]] = []
    groups: list[tuple[int, list[int]]] = [(0, [0])]  # where each open group and its alternatives begin
    for part in re.finditer(
        r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?(?:P<\w+>|<?[=!]|[-a-z]*:))?|\||\)(?:[?*]|\{0)?|$", pattern
    ):
        if part[0].startswith("("):
            groups.append((part.start(), [part.end()]))
        elif part[0] == "|":
            groups[-1][1].append(part.end())
        elif part[0].startswith(")") or not part[0]:
            _, begins = groups.pop()
            if begins[1:] or part[0][1:]:
                ends = [*(begin - 1 for begin in begins[1:]), part.start()]
                found += [(begin, pattern[begin:end]) for begin, end in zip(begins, ends, strict=True)]
    return sorted(found)


def _cut(whole: re.Pattern[str], begins: Iterable[int]) -> re.Pattern[str]:
    """Make alternatives match nothing. They keep their groups, so that what reads them still finds their names."""
    pattern = whole.pattern
    for begin in sorted(begins, reverse=True):
        before, behind = (pattern[:begin], pattern[begin:]) if begin != _WHOLE else ("", f"(?:{pattern})")
        pattern = f"{before}(?!){behind}"
    return re.compile(pattern, whole.flags)


def _noting(stem: str, tree: ast.Module) -> ast.Module:
    """Copy the tree with every condition, and every part of one, wrapped so that its truth is noted."""
    copied = copy.deepcopy(tree)

    def noted(at: int, which: int, value: ast.expr) -> ast.expr:
        name = ast.Name("_noted", ast.Load())
        return ast.Call(name, [ast.Constant(stem), ast.Constant(at), ast.Constant(which), value], [])

    for at, node in enumerate(list(ast.walk(copied))):
        if isinstance(node, ast.If | ast.IfExp):
            node.test = noted(at, _WHOLE, node.test)
        elif isinstance(node, ast.BoolOp):
            node.values = [noted(at, which, value) for which, value in enumerate(node.values)]
    return copied


def _switch_off(node: ast.AST, what: object) -> None:
    if isinstance(what, frozenset) and isinstance(node, ast.Call):
        words = ast.literal_eval(node.args[0]).split()
        node.args[0] = ast.Constant(" ".join(word for word in words if word not in what))
    elif isinstance(what, tuple) and isinstance(node, ast.If | ast.IfExp):
        node.test = ast.Constant(what[1])
    elif isinstance(what, tuple) and isinstance(node, ast.BoolOp):
        node.values[what[0]] = ast.Constant(what[1])


def _module(stem: str) -> ModuleType:
    return sys.modules[PACKAGE if stem == "__init__" else f"{PACKAGE}.{stem}"]


def _verdict(judge: ModuleType, row: Row) -> str:
    return str(judge.explain(row.text, row.prompt).verdict or "none")


def stranger(path: Path) -> list[Row]:
    """Read the development half alone: texts whose SHA-256 is even, as in tests/judges/test_cases.py."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [row for row in rows if int(hashlib.sha256(row["text"].encode()).hexdigest(), 16) % 2 == 0]
    return [Row(row["text"], row.get("prompt", ""), row["want"] or "none") for row in kept]


def others(data: Path) -> list[Row]:
    """Read the stored answers of models, each once: the first 500 characters."""
    texts: dict[str, None] = {}
    for path in [
        *sorted((data / "xstest" / "model_completions").glob("*.csv")),
        *sorted((data / "msts" / "data" / "response_annotations").glob("*.csv")),
    ]:
        with path.open(encoding="utf-8", newline="") as file:
            texts.update((line.get("completion") or line.get("response") or "", None) for line in csv.DictReader(file))
    texts.update((row.response, None) for row in mossbench.rows(data / "mossbench"))
    return [Row(text, "", "") for text in dict.fromkeys(text[:_READ] for text in texts)]


def own() -> list[Row]:
    found = [tomllib.loads((TESTS / file).read_text(encoding="utf-8"))["answers"] for file in OWN]
    return [Row(text, "", group["verdict"]) for groups in found for group in groups for text in group["texts"]]


if __name__ == "__main__":
    main()
