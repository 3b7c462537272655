"""Checks the OpenAPI document with foreign tools: validators and linters on what `firsthand openapi`
prints, a client that is generated from it, and schemathesis, which tries a running service against it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "interop"))
import client  # noqa: E402
from product import Product  # noqa: E402

HERE = Path(__file__).parent
# The linter asks its makers for news and tells them of its use: neither is wanted, and without a network it waits.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
# A stream does not end, and a check that waits for its end waits for ever.
ENDLESS = "stream_events"
# A run that revokes its own key learns nothing more: these are tried apart, with a key of their own.
REVOKING = ["revoke_api_key", "delete_api_key"]
# Stateful testing follows links, and refuses to run where there are none.
LINKLESS = {"operator", "nobody"}


def lint(document: Path, modules: Path) -> list[str]:
    """Runs validator and linters; warnings count. Returns the names of those that failed."""
    bin_ = modules / "node_modules/.bin"
    spectral = [bin_ / "spectral", "lint", "--fail-severity=hint", "--ruleset", HERE / "spectral.yaml"]
    redocly = [bin_ / "redocly", "lint", "--max-problems=1000", "--format=json"]
    tools = {
        "openapi-spec-validator": [sys.executable, "-m", "openapi_spec_validator", document],
        "spectral": [*spectral, document],
        "redocly": [*redocly, "--config", HERE / "redocly.yaml", document],
    }
    failed = []
    for name, command in tools.items():
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | QUIET
        )
        clean = done.returncode == 0
        if name == "redocly":
            totals = json.loads(done.stdout or '{"totals":{"errors":1}}')["totals"]
            clean = clean and not any(totals.get(kind, 0) for kind in ("errors", "warnings"))
        print(f"{name}: {'clean' if clean else 'NOT CLEAN'}", flush=True)
        if not clean:
            print(done.stdout[-20_000:], done.stderr[-5_000:])
            failed.append(name)
    return failed


def live_key(product: Product) -> str:
    """Signs up and verifies a phone number."""
    word = uuid.uuid4()
    person = {"name": "Contract", "email": f"{word}@example.com"}
    key = product.call("POST", "/v1/auth/signup", person)["api_key"]
    number = {"phone_number": f"+1{word.int % 10**10:010d}"}
    product.call("POST", "/v1/auth/phone", number, key)
    product.call("POST", "/v1/auth/phone/verify", {**number, "code": "000000"}, key)
    return key


def sides(product: Product) -> dict[str, tuple[str, str | None]]:
    """Who asks: the paths that are his, and his token."""
    live = live_key(product)
    wanted = {"name": "sandbox", "environment": "test"}
    test = product.call("POST", "/v1/api_keys", wanted, live_key(product))["secret"]
    word = uuid.uuid4()
    worker = {"name": "Contract", "email": f"{word}@example.com", "region": "US-NY"}
    token = product.call("POST", "/internal/worker/register", worker)["token"]
    return {
        "live": ("^/v1/", live),
        "test": ("^/v1/", test),
        "worker": ("^/internal/worker/", token),
        "operator": ("^/internal/operator/", product.ready["operator_token"]),
        "revoker": ("^/v1/api_keys/", live_key(product)),
        "nobody": ("^/(livez|readyz|metrics|hooks/stripe)$", None),
    }


def config(document: Path) -> Path:
    """Writes the configuration, with what follows from the document: a cursor that was never given out is
    refused, since only the service can sign one."""
    text = (HERE / "schemathesis.toml").read_text()
    cursor = {"$ref": "#/components/parameters/cursor"}
    paths = json.loads(document.read_text())["paths"].values()
    operations = [each for path in paths for each in path.values() if isinstance(each, dict)]
    paged = [each["operationId"] for each in operations if cursor in each.get("parameters", [])]
    named = [name for name in paged if f'"{name}"' not in text]
    assert named, "no list takes a cursor"
    text += f"\n[[operations]]\ninclude-operation-id = {json.dumps(named)}\n"
    text += 'checks.positive_data_acceptance.expected-statuses = ["2xx", 304, 400, 404]\n'
    place = document.with_name("schemathesis.toml")
    place.write_text(text)
    return place


def fuzz(product: Product, document: Path, options: argparse.Namespace) -> list[str]:
    """Tries the service against its document. Returns the names of the sides that failed."""
    failed = []
    expected = config(document)
    for side, (paths, token) in sides(product).items():
        if options.side and side != options.side:
            continue
        command = [
            str(Path(sys.executable).parent / "schemathesis"),
            "--config-file", str(expected),
            "run", f"{product.base_url}/openapi.json",
            "--url", product.base_url,
            "--include-path-regex", paths,
            "--exclude-operation-id", ENDLESS,
            "--warnings", "off",
            "--seed", str(options.seed),
            "--max-examples", str(options.examples),
            "--checks", "all",
            # Says of this machine how fast it makes examples up, and nothing of the service.
            "--suppress-health-check", "too_slow",
            "--request-timeout", "70",
            "--no-color",
        ]  # fmt: skip
        chosen = "--include-operation-id" if side == "revoker" else "--exclude-operation-id"
        for operation in REVOKING:
            command += [chosen, operation]
        if side in LINKLESS:
            command += ["--phases", "examples,coverage,fuzzing"]
        if token:
            command += ["--header", f"Authorization: Bearer {token}"]
        print(f"\nschemathesis as {side}", flush=True)
        if subprocess.run(command, check=False).returncode != 0:
            failed.append(f"schemathesis as {side}")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--node-directory", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=5, help="tries for each operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--side", help="live, test, worker, operator, revoker or nobody; default: all")
    parser.add_argument("--lint-only", action="store_true")
    options = parser.parse_args()
    document = options.node_directory / "openapi.json"
    with document.open("w") as out:
        subprocess.run([options.binary, "openapi"], stdout=out, check=True)
    place = options.node_directory.parent
    failed = lint(document, options.node_directory) + client.generate(document, place)
    if not options.lint_only:
        with Product(options.binary) as product:
            failed += client.check(product, place) + fuzz(product, document, options)
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nthe contract holds")
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
