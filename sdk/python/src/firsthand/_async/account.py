"""Signing up, phone verification, and whose key it is."""

from __future__ import annotations

from .._core import Request
from ..types import Identity, PhoneVerification, SignUp
from .calls import AsyncCalls


class AsyncAccount(AsyncCalls):
    """Signing up, phone verification, and whose key it is."""

    @classmethod
    async def sign_up(
        cls,
        name: str,
        email: str,
        *,
        base_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> SignUp:
        """Creates an organization and its first key, which is shown only here."""
        # There is no key yet, and none is sent.
        async with cls("none", base_url=base_url) as client:
            return await client._send(
                Request(
                    "POST",
                    "/v1/auth/signup",
                    body={"name": name, "email": email},
                    idempotency_key=idempotency_key,
                    authenticated=False,
                )
            )

    async def send_phone_code(
        self, phone_number: str, *, idempotency_key: str | None = None
    ) -> PhoneVerification:
        """Sends a verification code to a phone number, as `+15550100`."""
        return await self._send(
            Request(
                "POST",
                "/v1/auth/phone",
                body={"phone_number": phone_number},
                idempotency_key=idempotency_key,
            )
        )

    async def verify_phone(
        self, phone_number: str, code: str, *, idempotency_key: str | None = None
    ) -> PhoneVerification:
        """Verifies a phone number, which brings the free credits."""
        return await self._send(
            Request(
                "POST",
                "/v1/auth/phone/verify",
                body={"phone_number": phone_number, "code": code},
                idempotency_key=idempotency_key,
            )
        )

    async def me(self) -> Identity:
        """Says whose key this is and what it may do."""
        return await self._send(Request("GET", "/v1/me"))
