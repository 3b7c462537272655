"""Random schedules of rotations, seen by holders of every secret with every library."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass

from firsthandapi import FirstHandClient

from checks import Checks
from libraries import ALL, FIRST_ONLY, Libraries
from one_request import body_signature
from product import Product
from receiver import Delivery, Receiver

ENDPOINTS = 5
ROTATIONS = 4
# Beyond four failures in a row an endpoint is tried every 30 s only. With two older secrets the
# holder of each has verified after four attempts, or five if the first came before the rotation.
OLDER_MOST = 2
SHORT_SECONDS = 2
OVERLAPS = (0, SHORT_SECONDS, 3_600, 86_400, 604_800)
# How far the service's idea of the end of an overlap may lie from ours.
MARGIN_SECONDS = 1.5


@dataclass
class Tenure:
    """A secret, and until when it counts."""

    secret: str
    until: float = math.inf

    def counts(self, at: float) -> bool:
        return at < self.until


class Endpoint:
    """An endpoint of the product and all secrets that it ever had, oldest first."""

    def __init__(self, product: Product, client: FirstHandClient, key: str, url: str) -> None:
        created = client.create_webhook_endpoint({"url": url})
        self.id: str = created["id"]
        self.tenures = [Tenure(created["secret"])]
        self._product, self._client, self._key = product, client, key

    def rotate(self, overlap: int, *, published: bool) -> None:
        """Rotates; the published client sends no body, so it gets the default overlap."""
        if published:
            secret = self._client.rotate_webhook_secret(self.id)["secret"]
        else:
            path = f"/v1/webhook_endpoints/{self.id}/rotate_secret"
            body = {"overlap_seconds": overlap}
            secret = self._product.call("POST", path, body, self._key)["secret"]
        self.tenures[-1].until = time.time() + overlap
        self.tenures.append(Tenure(secret))

    def trigger(self) -> str:
        """Has a test event sent and returns its id."""
        path = f"/v1/webhook_endpoints/{self.id}/test"
        return self._product.call("POST", path, {}, self._key)["id"]

    def counting(self, at: float) -> list[Tenure]:
        """The secrets that count, newest first."""
        return [tenure for tenure in reversed(self.tenures) if tenure.counts(at)]


@dataclass
class Step:
    """One rotation and the event that shows its effect."""

    overlap: int
    published: bool
    # Between the first attempt and its answer, rather than before the event.
    between: bool

    def __str__(self) -> str:
        who = "the published client" if self.published else f"overlap {self.overlap} s"
        return f"rotation ({who}{', during attempt 1' if self.between else ''})"


def next_step(chance: random.Random, endpoint: Endpoint) -> Step:
    """Draws a step after which no more older secrets count than are allowed."""
    crowded = len(endpoint.counting(time.time())) > OLDER_MOST
    overlap = chance.choice(OVERLAPS[:2] if crowded else OVERLAPS)
    published = overlap == 86_400 and chance.random() < 0.5
    return Step(overlap, published, overlap != SHORT_SECONDS and chance.random() < 0.4)


class Run:
    """What all steps share."""

    def __init__(
        self, checks: Checks, libraries: Libraries, receiver: Receiver, chance: random.Random
    ) -> None:
        self.checks, self.libraries, self.receiver = checks, libraries, receiver
        self.chance = chance

    def attempt(self, name: str, delivery: Delivery, tenures: list[Tenure]) -> list[Tenure]:
        """Asks every library for every holder; returns who verified by the first v1= alone.

        `tenures` are all there were when this attempt was signed, oldest first.
        """
        request, newest = delivery.request, tenures[-1]
        name = f"{name}, attempt {delivery.attempt}"
        self.checks.that(
            request.headers.get("x-firsthandapi-body-signature")
            == body_signature(request.body, newest.secret),
            f"{name}: the body is signed with the newest secret",
        )
        firsts = []
        for number, tenure in enumerate(tenures, 1):
            counts = tenure is newest or tenure.counts(delivery.arrived)
            verdicts = {name: self.libraries.ask(name, request, tenure.secret) for name in ALL}
            first = verdicts.pop(FIRST_ONLY)
            if first.verified:
                firsts.append(tenure)
            if counts:
                wrong = {name: seen for name, seen in verdicts.items() if not seen.verified}
                what = f"the holder of secret {number} of {len(tenures)} verifies with 6 libraries"
            else:
                wrong = {name: seen for name, seen in verdicts.items() if not seen.refused}
                wrong |= {} if first.refused else {FIRST_ONLY: first}
                what = f"the former holder of secret {number} of {len(tenures)} is refused by all"
            self.checks.that(not wrong, f"{name}: {what}", wrong)
        if delivery.attempt % 2 == 1:
            self.checks.that(
                firsts == [newest], f"{name}: {FIRST_ONLY} verifies for the newest secret alone"
            )
        return firsts

    def step(self, name: str, endpoint: Endpoint, path: str, step: Step) -> None:
        """Rotates, has an event sent, lets attempts fail until every holder had a turn."""
        before = list(endpoint.tenures)
        if not step.between:
            endpoint.rotate(step.overlap, published=step.published)
            if step.overlap == SHORT_SECONDS:
                # The one wait for a time to pass: an overlap can't be made to end otherwise.
                time.sleep(SHORT_SECONDS + MARGIN_SECONDS)
        event_id = endpoint.trigger()
        deliveries: list[Delivery] = []
        turns: list[Tenure] = []
        wanted = 1
        while len(deliveries) < wanted:
            delivery = self.receiver.next(path)
            deliveries.append(delivery)
            if step.between and len(deliveries) == 1:
                # Signed before the rotation: judged by the secrets of that time.
                self.attempt(name, delivery, before)
                endpoint.rotate(step.overlap, published=step.published)
            else:
                turns += self.attempt(name, delivery, endpoint.tenures)
            holders = endpoint.counting(delivery.arrived)
            patience = max(2, 2 * (len(holders) - 1))
            wanted = patience + (1 if step.between else 0)
            delivery.answer(500 if len(deliveries) < wanted else 200)
        waiting = [number for number, tenure in enumerate(holders) if tenure not in turns]
        self.checks.that(
            not waiting,
            f"{name}: {FIRST_ONLY} verifies for each of {len(holders)} holders within "
            f"{patience} attempts",
            f"newest is 0, without a turn: {waiting}",
        )
        bodies = {delivery.request.body for delivery in deliveries}
        attempts = [delivery.attempt for delivery in deliveries]
        self.checks.that(
            len(bodies) == 1
            and attempts == list(range(1, wanted + 1))
            and {delivery.request.event_id for delivery in deliveries} == {event_id},
            f"{name}: {wanted} attempts carry the same event and bytes",
            attempts,
        )


def check(run: Run, product: Product, client: FirstHandClient, key: str) -> None:
    """Plays all schedules."""
    for number in range(1, ENDPOINTS + 1):
        path = f"/rotations/{number}"
        endpoint = Endpoint(product, client, key, run.receiver.url(path))
        for _ in range(ROTATIONS):
            step = next_step(run.chance, endpoint)
            run.step(f"endpoint {number}, {step}", endpoint, path, step)
        run.checks.that(run.receiver.rest(path) == 0, f"endpoint {number}: nothing else was sent")
