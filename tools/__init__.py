"""What maintainers run and users never import: not in the wheel."""
