"""The process `starling`: its streams and signals made ready, then the command."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from types import FrameType


def entry_point() -> None:
    """Run `starling` on this process and end it."""
    _open_missing_streams()
    signals = _Signals()
    # What is imported stays: to look through it again and again costs a part of the start.
    gc.set_threshold(100_000)
    # Importing takes long enough for a Ctrl-C, and would not bear it.
    from starling_local.cli.main import main

    try:
        signals.start()
        status = main()
    except KeyboardInterrupt:
        status = 130
    signals.end()
    sys.exit(status)


class _Signals:
    """Ctrl-C, being asked to end, and a closed terminal: the first of them ends the command.

    It raises KeyboardInterrupt, so that all is cleaned up. What comes after it is not heard, for
    cleaning up must not stop half-way. What nohup and the like have set to be ignored stays so.
    """

    def __init__(self) -> None:
        self._raises = self._came = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hear)

    def start(self) -> None:
        """Raise from now on, also for one that has come already."""
        self._raises = True
        if self._came:
            self._hear(signal.SIGINT, None)

    def end(self) -> None:
        """Ignore what comes while the interpreter ends: all is said, and the status is known."""
        self._raises = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        if self._raises:
            self._raises = False
            raise KeyboardInterrupt


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


if __name__ == "__main__":
    entry_point()
