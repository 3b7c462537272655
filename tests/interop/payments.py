"""Stripe's own library and the embedded gateway understand each other, and `/hooks/stripe` takes
what it signs."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import stripe
from firsthandapi import FirstHandClient

from checks import Checks
from product import Product

PAID_WITHIN_SECONDS = 30


def _signed(body: str, secret: str) -> str:
    now = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{now}.{body}", secret)
    return f"t={now},v1={signature}"


def _tell(product: Product, body: str, signature: str) -> int:
    request = urllib.request.Request(
        product.base_url + "/hooks/stripe",
        data=body.encode(),
        headers={"Content-Type": "application/json", "Stripe-Signature": signature},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def _once(product: Product, key: str, purchase: str, field: str, value: object) -> bool:
    end = time.monotonic() + PAID_WITHIN_SECONDS
    while time.monotonic() < end:
        seen = product.call("GET", f"/v1/billing/purchases/{purchase}", key=key)
        if seen[field] == value:
            return True
    return False


def _event(purchase: str, amount: int) -> str:
    session = {
        "id": "cs_live_foreign",
        "object": "checkout.session",
        "payment_status": "paid",
        "amount_total": amount,
        "currency": "usd",
        "client_reference_id": purchase,
        "payment_intent": "pi_foreign",
    }
    event = {
        "id": f"evt_{purchase}",
        "object": "event",
        "type": "checkout.session.completed",
        "data": {"object": session},
    }
    return json.dumps(event)


def check(checks: Checks, product: Product, client: FirstHandClient, key: str) -> None:
    """A purchase by the published client, paid by what Stripe's library signs; another, paid on the
    page and refunded through Stripe's library."""
    secret = product.ready["stripe_webhook_secret"]
    purchase = client.purchase_credits({"amount_cents": 1000})
    body = _event(purchase["id"], 1000)
    signature = _signed(body, secret)
    tampered = body.replace("1000", "1001")
    checks.that(_tell(product, tampered, signature) == 400, "a tampered event is refused")
    forged = _signed(body, "whsec_other")
    checks.that(_tell(product, body, forged) == 400, "an event of another secret is refused")
    for _twice in range(2):
        checks.that(_tell(product, body, signature) == 200, "what stripe signs is taken")
    paid = _once(product, key, purchase["id"], "status", "paid")
    checks.that(paid, "the purchase is paid")
    balance = client.get_credit_balance()["available_cents"]

    data = Path(product.ready["data_dir"])
    secret_key = "sk_live_" + (data / "payments.live.key").read_text().strip()
    gateway = stripe.StripeClient(
        secret_key, base_addresses={"api": product.base_url + "/embedded/payments"}
    )
    purchase = client.purchase_credits({"amount_cents": 2500})
    session_id = purchase["checkout_url"].rsplit("/", 1)[1]
    session = gateway.checkout.sessions.retrieve(session_id)
    checks.that(session.payment_status == "unpaid", "stripe reads the gateway's session")
    urllib.request.urlopen(purchase["checkout_url"] + "/pay", data=b"{}").close()
    checks.that(_once(product, key, purchase["id"], "status", "paid"), "the page's payment is booked")
    session = gateway.checkout.sessions.retrieve(session_id)
    payment = gateway.payment_intents.retrieve(session.payment_intent)
    checks.that(payment.amount_received == 2500, "stripe reads the gateway's payment")
    gateway.refunds.create({"payment_intent": payment.id})
    back = _once(product, key, purchase["id"], "charged_back_cents", 2500)
    checks.that(back, "what stripe refunds is taken back")
    after = client.get_credit_balance()["available_cents"]
    checks.that(after == balance, f"the refund leaves what was there: {after} and {balance}")
