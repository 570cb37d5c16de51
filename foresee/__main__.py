"""`foresee` and `python -m foresee`: run the command line, turn expected errors into one line and an exit code.

Exit codes: 0 done; 1 a `--fail-if` condition holds; 2 something the user can fix; 3 a bug of ours; 130 interrupted.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line. Raises SystemExit with the exit code."""
    debug = "--debug" in sys.argv or os.environ.get("FORESEE_DEBUG", "") not in ("", "0")
    if "--debug" in sys.argv:
        sys.argv.remove("--debug")
    from foresee.cli._streams import safe_streams

    with safe_streams() as (out, _):
        code = _run(debug=debug)
        out.flush()
        if out.lost and not code:
            code = _fail(f"the results could not be printed: {out.lost}; what was done is kept", 2)
    sys.exit(code)


def _run(*, debug: bool) -> int:
    """Run the command and return its exit code; with `debug`, a traceback goes before the line of an error."""
    from foresee.errors import ModelError, UserError, lacking

    try:
        from foresee.cli import command

        command()()
    except (UserError, ModelError) as problem:
        return _fail(str(problem), 2, debug=debug)
    except SystemExit as stop:
        if stop.code == 130:  # typer has turned the interrupt into this
            return _fail("interrupted; what was done is kept, the same command continues", 130)
        if foreign := _who_ended(stop):
            return _fail(
                f"{foreign} ended the program (SystemExit: {stop.code}); nothing more was done", 2, debug=debug
            )
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        return _fail("interrupted; what was done is kept, the same command continues", 130)
    except BrokenPipeError:  # `foresee list | head`, where the reader has gone before our stream saw it
        return 0
    except Exception as problem:
        if lack := lacking(problem):
            return _fail(lack, 2, debug=debug)
        if place := _plugin_that_raised(problem):
            return _fail(f"{place} raised {type(problem).__name__}: {problem}; fix that file", 2, debug=debug)
        if isinstance(problem, OSError) and problem.filename is not None:  # a name too long, a folder without rights
            return _fail(f"can't use {str(problem.filename)[:200]}: {problem.strerror}", 2, debug=debug)
        where = "" if debug else "; add --debug to see where, and please report it"
        return _fail(f"unexpected {type(problem).__name__}: {problem}{where}", 3, debug=debug)
    return 0


def _plugin_that_raised(problem: BaseException) -> str:
    """File, function and line of a user's plug-in where an error passed; "" if it is ours."""
    import traceback

    place = ""
    for frame, line in traceback.walk_tb(problem.__traceback__):
        if str(frame.f_globals.get("__name__", "")).startswith("foresee_plugins."):
            place = f"{frame.f_code.co_filename}, {frame.f_code.co_name}() in line {line},"
    return place


def _who_ended(stop: SystemExit) -> str:
    """Find the file that called for the end, if it is neither ours nor the command line's library: a plug-in's, say."""
    trace = stop.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] in ("foresee", "typer", "click"):
        return ""
    return trace.tb_frame.f_code.co_filename


def _fail(message: str, code: int, *, debug: bool = False) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    print(f"foresee: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
