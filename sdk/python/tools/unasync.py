"""Makes the synchronous client of the asynchronous one, so that nothing is written twice.

`python tools/unasync.py` writes it, `--check` fails if what is there differs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "firsthand"
SOURCES, TARGETS = PACKAGE / "_async", PACKAGE / "_sync"

RULES = [
    (r"\bfrom asyncio import sleep\b", "from time import sleep"),
    (r"\bAwaitable, ", ""),
    (r"\bAwaitable\[(Page\[T\])\]", r"\1"),
    (r"\b(An?) asynchronous\b", "A synchronous"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bhttpx\.AsyncClient\b", "httpx.Client"),
    (r"\bAsync([A-Z])", r"\1"),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    # What an asynchronous generator has no short form for.
    (r'for item in (page\["data"\]):\n +yield item\n', r"yield from \1\n"),
    (r"\banext\(", "next("),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\ba(close|read|iter_bytes)\(", r"\1("),
]


def synchronous(source: Path) -> str:
    """Returns the synchronous text of a module, formatted."""
    text = source.read_text()
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    note = f"# Made of _async/{source.name} by tools/unasync.py: change that one.\n"
    if source.name == "__init__.py":
        text = '"""The synchronous client, made of `_async` by `tools/unasync.py`."""\n'
    target = str(TARGETS / source.name)
    for arguments in (["check", "--quiet", "--fix", "--select", "I"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", target, "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return note + text


def main() -> int:
    """Writes or checks, as the command line says."""
    made = {source.name: synchronous(source) for source in sorted(SOURCES.glob("*.py"))}
    if sys.argv[1:] == ["--check"]:
        there = {target.name: target.read_text() for target in TARGETS.glob("*.py")}
        wrong = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
        for name in wrong:
            print(f"_sync/{name} is not what _async makes: run python tools/unasync.py")
        return 1 if wrong else 0
    TARGETS.mkdir(exist_ok=True)
    for name, text in made.items():
        (TARGETS / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
