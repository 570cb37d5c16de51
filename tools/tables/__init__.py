"""Makes tables of the docs: `python -m tools.tables.NAME`."""
