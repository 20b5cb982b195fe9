"""The line that shows what is waited for, in a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import time

from starling_local.chat.waiting import FIRST_S, Waiting


def test_a_narrow_terminal_is_not_flooded() -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 20, 0, 0))
    with os.fdopen(slave, "w", encoding="utf-8") as file:
        with Waiting(file, "reading the message: 512 of 2,048 tokens"):
            time.sleep(FIRST_S + 0.25)
        written = os.read(master, 65536).decode()
    os.close(master)
    frames = [frame for frame in written.split("\r\x1b[2K") if frame]
    assert len(frames) >= 2
    assert {len(frame) for frame in frames} == {19}
