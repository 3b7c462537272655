"""Foreign libraries verify our deliveries: `cargo xtask interop`.

Starts the binary as anybody would, creates endpoints with the published client, and hands what
arrives to seven libraries, unchanged. `FIRSTHAND_PROPERTY_SEED` repeats a run's rotations.
With `--captured` it judges one request from a file instead of the product's:
`{"headers": {…}, "body": base64, "secret": "whsec_…"}`.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import sys
from pathlib import Path

from firsthandapi import FirstHandClient

import buyer
import one_request
import payments
import rotations
from checks import Checks
from delivered import Request
from libraries import SIGNATURE, Libraries
from product import Product
from receiver import Receiver


def captured(checks: Checks, libraries: Libraries, file: Path) -> None:
    """Judges a request that was kept in a file; it must be younger than 300 s."""
    kept = json.loads(file.read_text())
    headers = {name.lower(): value for name, value in kept["headers"].items()}
    request = Request(headers, base64.b64decode(kept["body"]))
    one_request.check(checks, libraries, request, kept["secret"])


def first_delivery(
    run: rotations.Run, product: Product, client: FirstHandClient, key: str
) -> None:
    """One delivery to an endpoint of each scheme."""
    checks, libraries, receiver = run.checks, run.libraries, run.receiver
    for scheme in ("t_v1", "raw"):
        path = f"/first/{scheme}"
        body = {"url": receiver.url(path), "signature_scheme": scheme}
        endpoint = client.create_webhook_endpoint(body)
        event = product.call("POST", f"/v1/webhook_endpoints/{endpoint['id']}/test", {}, key)
        delivery = receiver.next(path)
        delivery.answer(200)
        request, secret = delivery.request, endpoint["secret"]
        checks.that(request.event_id == event["id"], f"{scheme}: the event that was asked for came")
        if scheme == "t_v1":
            one_request.check(checks, libraries, request, secret)
        else:
            checks.that(
                request.headers.get(SIGNATURE) == one_request.body_signature(request.body, secret),
                "raw: the signature header holds the body's signature",
            )
            # Libraries read the older header, or that of Standard Webhooks, of such an endpoint.
            older = request.headers | {SIGNATURE: request.headers["x-firsthand-signature"]}
            one_request.check(checks, libraries, Request(older, request.body), secret)


def journey(checks: Checks, libraries: Libraries, binary: Path, seed: int) -> None:
    """Everything, against a product of our own."""
    with Product(binary) as product, Receiver() as receiver:
        try:
            key = product.buyer()
            with FirstHandClient(key, base_url=product.base_url) as client:
                run = rotations.Run(checks, libraries, receiver, random.Random(seed))
                first_delivery(run, product, client, key)
                rotations.check(run, product, client, key)
                payments.check(checks, product, client, key)
            buyer.check(checks, binary, product, receiver)
        except Exception:
            print(product.log(), file=sys.stderr)
            raise


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--binary", type=Path, help="the firsthand to test")
    what.add_argument("--captured", type=Path, help="a file with one request")
    parser.add_argument("--node-directory", type=Path, required=True, help="holds node_modules")
    arguments = parser.parse_args()
    seed = int(os.environ.get("FIRSTHAND_PROPERTY_SEED") or random.randrange(2**63))
    checks = Checks()
    try:
        with Libraries(arguments.node_directory) as libraries:
            if arguments.captured:
                captured(checks, libraries, arguments.captured)
            else:
                journey(checks, libraries, arguments.binary.resolve(), seed)
    except Exception as error:  # noqa: BLE001 - the tally is printed whatever happened
        checks.that(False, "the run came to its end", f"{type(error).__name__}: {error}")
    if arguments.binary:
        print(f"FIRSTHAND_PROPERTY_SEED={seed}")
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 0 if checks.failed == 0 and checks.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
