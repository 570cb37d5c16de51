"""Run by maintainers, never imported by users: drawing, training and certifying what ships, tables of the docs."""
