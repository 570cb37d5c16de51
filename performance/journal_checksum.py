"""What the checksum of a journal line costs: CPU time to write and to read a line of 1.7 kB, without and with it.

python -m performance.journal_checksum
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable

COUNT, REPEATS = 50_000, 5
RECORD = {"item_id": "x", "epoch": 0, "text": "word " * 300, "usage": {"input_tokens": 21, "output_tokens": 7}}
LINE = {"kind": "answer", "key": "9" * 32, "record": RECORD}
DATA = json.dumps(LINE, ensure_ascii=False, separators=(",", ":")).encode()


def microseconds(step: Callable[[], object]) -> float:
    """Measure the CPU time of one call; the best of several rounds."""
    rounds = []
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(COUNT):
            step()
        rounds.append(time.process_time() - began)
    return min(rounds) / COUNT * 1e6


def main() -> None:
    from foresee.runner import journal

    summed = journal._encode(LINE)
    body = json.loads(summed)
    write = microseconds(lambda: json.dumps(LINE, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    written = microseconds(lambda: journal._encode(LINE))
    read = microseconds(lambda: journal._parse(summed, header=False))
    checked = microseconds(lambda: journal._check(summed, body, expected=True))
    print(f"{len(summed)} bytes; CRC-32 alone {microseconds(lambda: zlib.crc32(DATA)):.2f} µs")
    print(
        f"write: {write:.1f} µs without, {written:.1f} µs with checksum; read: {read:.1f} µs, and {checked:.1f} µs more"
    )


if __name__ == "__main__":
    main()
