"""The same small copy of published data and the same rule-driven server as the command line's tests."""

from tests.cli.conftest import cli, mmsa, server

__all__ = ["cli", "mmsa", "server"]
