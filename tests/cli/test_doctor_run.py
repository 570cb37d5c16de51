"""`foresee doctor RUN`: an untouched run is whole, and each kind of edit is named with what to do."""

from __future__ import annotations

import json
import re
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image as Picture

from tests.cli.conftest import Cli

JOURNAL = Path("run/journal.jsonl")


def unsummed(text: str) -> str:
    """A journal as older versions wrote it."""
    return re.sub(r',"sum":"\w{8}"}$', "}", text, flags=re.MULTILINE)


def summed(line: str) -> str:
    """What a forger does: the line with its checksum."""
    body = line[:-1].encode()
    return f'{line[:-1]},"sum":"{zlib.crc32(body):08x}"}}'


def journal(change: Callable[[dict[str, Any]], None], kind: str, then: Callable[[str], str] = summed) -> None:
    """Edit the first line of this kind."""
    lines = JOURNAL.read_text().splitlines()
    number = next(n for n, text in enumerate(lines) if text.startswith(f'{{"kind":"{kind}"'))
    content = json.loads(unsummed(lines[number]))
    change(content)
    lines[number] = then(json.dumps(content, separators=(",", ":")))
    JOURNAL.write_text("\n".join(lines) + "\n")


def other_verdict(line: dict[str, Any]) -> None:
    line["record"]["value"] = "safe" if line["record"]["value"] == "unsafe" else "unsafe"


def invented(value: str) -> None:
    """Append a verdict on an answer that nobody gave."""
    record = {"item_id": "ghost", "epoch": 0, "judge": "awareness", "value": value}
    line = {"kind": "verdict", "key": "e" * 32, "record": record}
    with JOURNAL.open("a") as file:
        file.write(summed(json.dumps(line, separators=(",", ":"))) + "\n")


def manifest(change: Callable[[dict[str, Any]], object]) -> None:
    path = Path("run/manifest.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def items(old: str, new: str) -> None:
    path = Path("run/items.jsonl")
    path.write_text(path.read_text().replace(old, new, 1))


def as_before() -> None:
    """The run as a version without checksums wrote it, but for one verdict."""
    JOURNAL.write_text(unsummed(JOURNAL.read_text()))
    journal(other_verdict, "verdict", str)
    manifest(lambda content: [content.pop(key) for key in ("checksum", "figures")])


def cut_tail() -> None:
    JOURNAL.write_bytes(JOURNAL.read_bytes()[:-30])


def repainted(folder: Path) -> None:
    Picture.new("RGB", (8, 8), "red").save(folder / "data" / "images" / "1.png")


def states(text: str) -> dict[str, str]:
    found = (re.match(r"^ (\S.*?)\s{2,}(ok|–|BROKEN) ", line) for line in text.splitlines())
    return {each[1]: each[2] for each in found if each}


def test_each_edit_is_named_and_an_untouched_run_is_whole(cli: Cli, mmsa: Path, server: str) -> None:
    command = ("eval", "mmsafeaware", "--data", mmsa, "--model", "custom/rules", "-M", f"base_url={server}")
    assert cli(*command, "--out", "run").code == 0
    shutil.copytree("run", "whole")
    whole = cli("doctor", "run")
    assert whole.code == 0, whole.out
    assert set(states(whole.out).values()) == {"ok"}, whole.out
    assert {"keys", "images", "verdicts of awareness", "figures"} <= states(whole.out).keys()

    cases: list[tuple[Callable[[], object], dict[str, str]]] = [
        (lambda: journal(other_verdict, "verdict"), {"verdicts of awareness": "BROKEN", "figures": "BROKEN"}),
        (lambda: journal(lambda line: line["record"].update(text="No."), "answer", str), {"journal.jsonl": "BROKEN"}),
        (lambda: journal(lambda line: line["record"].update(item_id="x"), "answer"), {"ids of others": "–"}),
        (lambda: journal(lambda line: line.update(key="f" * 32), "answer"), {"answers of others": "–"}),
        (lambda: invented("safe"), {"verdicts of others": "–"}),
        (as_before, {"manifest.json": "–", "journal.jsonl": "–", "verdicts of awareness": "BROKEN", "figures": "–"}),
        (lambda: manifest(lambda content: content["figures"].popitem()), {"manifest.json": "BROKEN"}),
        (lambda: manifest(lambda content: content["configuration"]["model"].update(model="y")), {"keys": "BROKEN"}),
        (lambda: items("knife", "spoon"), {"items.jsonl": "BROKEN", "keys": "BROKEN"}),
        (cut_tail, {"last line": "–", "journal.jsonl": "ok"}),
        (lambda: JOURNAL.write_text(JOURNAL.read_text().replace('{"kind"', "{kind", 1)), {"journal.jsonl": "BROKEN"}),
        (lambda: Path("run/items.jsonl").write_text(""), {"items.jsonl": "BROKEN"}),
        (lambda: repainted(mmsa), {"images": "BROKEN"}),
    ]
    for number, (edit, expected) in enumerate(cases):
        shutil.rmtree("run")
        shutil.copytree("whole", "run")
        edit()
        done = cli("doctor", "run")
        found = states(done.out)
        assert {key: found.get(key) for key in expected} == expected, f"case {number}: {done.out}"
        assert done.code == ("BROKEN" in found.values()), done.out
    shutil.rmtree(mmsa)
    gone = cli("doctor", "run")
    assert (gone.code, states(gone.out)["images"]) == (0, "–"), "figures need no images"
    shutil.copytree("whole", "run/judged/others")
    assert "run/judged/others" in cli("doctor", "run").out


def test_doctor_of_what_is_no_run_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent"):
        done = cli("doctor", name)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert f"no run in {name}" in done.err
