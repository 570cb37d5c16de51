"""A parquet file full of pictures is read a little at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.conftest import png_bytes

SCRIPT = """
import re, sys
from pathlib import Path
import pyarrow.parquet
from foresee.plugins import contracts
file = contracts.benchmark("spa_vl")
def peak():  # in kB; getrusage would count what the parent process held
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
items = list(file.items(Path(sys.argv[1]), file.options(subset="harm")))
assert len({item.image_sha256 for item in items}) == 35
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_pictures_of_a_parquet_file_never_lie_in_memory_together(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    start = png_bytes(1, tmp_path)
    pictures = [{"bytes": start + os.urandom(3_000_000), "path": None} for _ in range(35)]
    table = pa.table({"image": pictures, "question": [f"{n}?" for n in range(35)]})
    (tmp_path / "hub").mkdir()
    path = tmp_path / "hub/harm-00000-of-00001.parquet"
    pq.write_table(table, path, row_group_size=2, compression="none")
    size = path.stat().st_size
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(path.parent)], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < size * 0.6, f"{done.stdout} kB more for a file of {size:,} bytes"
