"""Makes the synchronous client of the asynchronous one, so that nothing is written twice.

`python tools/unasync.py` writes it, `--check` fails if what is there differs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "firsthand"
SOURCE, TARGET = PACKAGE / "_async_client.py", PACKAGE / "_client.py"

HEADER = '''"""The synchronous client.

Made of `_async_client.py` by `tools/unasync.py`: change that one.
"""
'''

RULES = [
    (r'^""".*?"""\n', HEADER),
    (
        r"from asyncio import sleep\nfrom collections.abc import (.*)\n",
        r"from collections.abc import \1\n",
    ),
    (r"from time import monotonic\n", "from time import monotonic, sleep\n"),
    (r"AsyncIterator, Awaitable, Callable, ", "Callable, Iterator, "),
    (r"Awaitable\[(Page\[T\])\]", r"\1"),
    (r"An asynchronous client", "A synchronous client"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(FirstHandClient|EventStream|Iterator|Client)\b", r"\1"),
    (r"\bhttpx\.AsyncClient\b", "httpx.Client"),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    # What an asynchronous generator has no short form for.
    (r'for item in (page\["data"\]):\n +yield item\n', r"yield from \1\n"),
    (r"\banext\(", "next("),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\ba(close|read|iter_bytes)\(", r"\1("),
]


def synchronous(text: str) -> str:
    """Returns the synchronous text, formatted."""
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL if pattern[0] == "^" else 0)
    for arguments in (["check", "--quiet", "--fix", "--select", "I"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(TARGET), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> int:
    """Writes or checks, as the command line says."""
    made = synchronous(SOURCE.read_text())
    if sys.argv[1:] != ["--check"]:
        TARGET.write_text(made)
        return 0
    if TARGET.read_text() == made:
        return 0
    print(f"{TARGET.name} is not what {SOURCE.name} makes: run python tools/unasync.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
