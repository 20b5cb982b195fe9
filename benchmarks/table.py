"""Tables in benchmarks/README.md that a command makes: printed, and put there on demand.

In the file a table stands between `<!-- NAME: how it was made -->` and `<!-- end -->`.
"""

import platform
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

README = Path(__file__).parent / "README.md"


def processor() -> str:
    """How many processors there are, and their name as the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def publish(name: str, lines: Sequence[str], command: str, *, write: bool) -> None:
    """Print the table; with `write`, also put it into the file in place of the last of its name.

    Exits with an error if the file has no table of that name.
    """
    head = f"<!-- {name}: {command}\n     {time.strftime('%Y-%m-%d')}, {processor()} -->"
    table = "\n".join([head, *lines, "<!-- end -->"])
    print(table)
    if write:
        pattern = re.compile(rf"<!-- {re.escape(name)}:.*?<!-- end -->", re.DOTALL)
        text, count = pattern.subn(lambda _match: table, README.read_text(encoding="utf-8"))
        if count != 1:
            sys.exit(f"{README} has {count} tables named {name}, not one")
        README.write_text(text, encoding="utf-8")
