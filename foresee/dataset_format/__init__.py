"""Read and write data set folders: what curation writes and training reads.

    rows.jsonl      one row a line: id, images, prompt, and completion | chosen and rejected | neither
    images/         images named by the SHA-256 of their bytes
    manifest.json   kind "data set": how it came to be
    README.md       the card, for people and for `datasets.load_dataset`

Rows are TRL's conversational vision format: plain texts as contents, `images` always a list, so that any trainer
can use them. Reading is lazy and names file and line of whatever does not fit; a last line torn by a kill is left out.

    for row in read(folder): ...
    trainer_input = to_dataset(folder)               # datasets.Dataset, images decoded when they are looked at
    with RowWriter.open(folder) as writer: writer.add(row)
"""

from __future__ import annotations

from foresee.dataset_format.checking import Checked, Fault, check, row_faults
from foresee.dataset_format.exporting import check_parquet, to_dataset, write_parquet
from foresee.dataset_format.rows import (
    IMAGES,
    ROWS,
    DataRow,
    Turn,
    image_hashes,
    image_path,
    read,
    read_file,
    read_numbered,
)
from foresee.dataset_format.writing import Census, RowWriter, census, file_hash, write_bytes, write_manifest

__all__ = [
    "IMAGES",
    "ROWS",
    "Census",
    "Checked",
    "DataRow",
    "Fault",
    "RowWriter",
    "Turn",
    "census",
    "check",
    "check_parquet",
    "file_hash",
    "image_hashes",
    "image_path",
    "read",
    "read_file",
    "read_numbered",
    "row_faults",
    "to_dataset",
    "write_bytes",
    "write_manifest",
    "write_parquet",
]
