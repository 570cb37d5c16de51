"""`foresee` and `python -m foresee`: run the command line, turn expected errors into one line and an exit code.

Exit codes: 0 done; 1 a `--fail-if` condition holds; 2 something the user can mend; 3 a bug of ours; 130 interrupted.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Raises SystemExit with the exit code."""
    debug = "--debug" in sys.argv or os.environ.get("FORESEE_DEBUG", "") not in ("", "0")
    if "--debug" in sys.argv:
        sys.argv.remove("--debug")
    from foresee.cli import app
    from foresee.errors import ModelError, UserError

    try:
        app()
    except (UserError, ModelError) as problem:
        if debug:
            raise
        _fail(str(problem), 2)
    except SystemExit as stop:
        if stop.code == 130:  # typer has turned the interrupt into this
            _fail("interrupted; what was done is kept, the same command continues", 130)
        raise
    except KeyboardInterrupt:
        _fail("interrupted; what was done is kept, the same command continues", 130)
    except BrokenPipeError:  # `foresee list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as problem:
        if debug:
            raise
        _fail(f"unexpected {type(problem).__name__}: {problem}; add --debug to see where, and please report it", 3)


def _fail(message: str, code: int) -> None:
    print(f"foresee: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
