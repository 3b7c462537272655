"""The README's examples run, in their order, and they pass mypy."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from product import Product

from either import methods
from harness import WorkForce, new_key

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def work_on(workers: WorkForce, what: str) -> threading.Thread:
    """Delivers for the first job whose description says so, as soon as it is there."""

    def work() -> None:
        found: list[Any] = []
        while not found:
            found = [job for job in workers.available() if what in job["description"]]
        workers.deliver(found[0]["id"])

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_the_examples_run(
    product: Product,
    workers: WorkForce,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FIRSTHAND_API_KEY", new_key(product, cents=1000))
    monkeypatch.setenv("FIRSTHAND_BASE_URL", product.base_url)
    worker = work_on(workers, "coffee cup")
    names: dict[str, Any] = {"__name__": "readme"}
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"README.md, example {number}", "exec"), names)  # noqa: S102
    worker.join(10)
    printed = capsys.readouterr().out
    for said in ["completed\n", "image/png ", "cents are missing", "job.cancelled job_", "200 req_"]:
        assert said in printed, f"{said!r} is not in {printed}"


def test_the_examples_are_well_typed(tmp_path: Path) -> None:
    script = tmp_path / "readme.py"
    script.write_text("\n".join(BLOCKS))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(script)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_method_is_listed() -> None:
    table = README.read_text().split("## Methods")[1]
    listed = set(re.findall(r"`(\w+)`", table.split("## Work on it")[0]))
    assert listed == methods() - {"close", "with_options", "request"}
