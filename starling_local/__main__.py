"""The process `starling`: its streams and signals made ready, then the command."""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType


def entry_point() -> None:
    """Run `starling` on this process and end it."""
    _open_missing_streams()
    # What nohup and the like have set to be ignored stays ignored; else being asked to end, or a
    # closed terminal, cleans up as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        # Here, because importing takes long enough for a Ctrl-C.
        from starling_local.cli.main import main

        status = main()
    except KeyboardInterrupt:
        status = 130
    # All is said and done; another Ctrl-C while the interpreter ends must not change the status.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(status)


def _open_missing_streams() -> None:
    """Give closed standard streams to the null device, and keep odd names from failing the others.

    Otherwise the next file opened would get the number of stdout, and what the C library prints
    would go into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    entry_point()
