"""Forged, changed, expired and misplaced bearer tokens, over real HTTP.

tests/api/accounts/test_authentication.py covers wrong claims under the right key; here the key is
unknown.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import jwt
import pytest

from tests.api.running import StartApi, bearer, register

SECRET = "the-secret-of-the-tokens-of-these-tests"
ME, ADMIN = "/api/v1/auth/me", "/api/v1/admin/accounts"


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    signature = token.rpartition(".")[2]
    return (
        jwt.get_unverified_header(token),
        jwt.decode(token, options={"verify_signature": False}),
        signature,
    )


def signed(
    header: dict[str, Any], claims: dict[str, Any], key: bytes, how: Any = hashlib.sha256
) -> str:
    body = f"{part(header)}.{part(claims)}"
    signature = hmac.new(key, body.encode(), how).digest()
    return f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.fixture
async def forged(start_api: StartApi) -> tuple[httpx.AsyncClient, dict[str, str], str]:
    """A client, tokens that must not hold by what is wrong with them, and one that does."""
    api = start_api(api_token_secret=SECRET)
    async with api.client() as client:
        await register(client)
        token = (await bearer(client))["Authorization"].split()[1]
    header, claims, signature = opened(token)
    more = {**claims, "scope": "stats:read admin texts:read names:read"}
    key = SECRET.encode()
    public = b"-----BEGIN PUBLIC KEY-----\nMFwwDQYJ\n-----END PUBLIC KEY-----\n"
    embedded = {"kty": "oct", "k": base64.urlsafe_b64encode(b"mine" * 8).decode().rstrip("=")}
    tokens = {
        "scopes added": f"{part(header)}.{part(more)}.{signature}",
        "another account": f"{part(header)}.{part({**claims, 'sub': '2'})}.{signature}",
        "longer life": f"{part(header)}.{part({**claims, 'exp': claims['exp'] + 600})}.{signature}",
        "no signature": f"{part(header)}.{part(more)}.",
        "two parts": f"{part(header)}.{part(more)}",
        "empty": "..",
        **{
            f"alg {name}": f"{part({**header, 'alg': name})}.{part(more)}."
            for name in ("none", "None", "NONE", "nOnE", "", "HS256")
        },
        "alg none, signed": f"{part({**header, 'alg': 'none'})}.{part(claims)}.{signature}",
        "alg HS384": signed({**header, "alg": "HS384"}, claims, key, hashlib.sha384),
        "alg RS256 by a public key": signed({**header, "alg": "RS256"}, more, public),
        "key guessed": signed(header, more, b"secret"),
        "key empty": signed(header, more, b""),
        "kid is the key": signed({**header, "kid": "x"}, more, b"x"),
        "kid is a path": signed({**header, "kid": "../../dev/null"}, more, b""),
        "kid is SQL": signed({**header, "kid": "' UNION SELECT ''"}, more, b""),
        "kid is a list": signed({**header, "kid": [header["kid"]]}, more, b""),
        "no kid": signed({"alg": "HS256"}, more, b""),
        "own key inside": signed({**header, "jwk": embedded}, more, b"mine" * 8),
        "own key elsewhere": signed(
            {**header, "jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/x"},
            more,
            b"mine",
        ),
        "critical extension": signed({**header, "crit": ["b64"], "b64": False}, claims, key),
        "expired": signed(
            header,
            {**claims, "iat": claims["iat"] - 3600, "exp": claims["exp"] - 3600},
            key,
        ),
        "of the future": signed(
            header,
            {**claims, "iat": int(time.time()) + 600, "exp": int(time.time()) + 900},
            key,
        ),
        "of no number": signed(header, {**claims, "exp": "9" * 400}, key),
        "of a long number": signed(header, {**claims, "exp": 10**30}, key),
        "of nobody": signed(header, {**claims, "sub": "-1"}, key),
        "of a thousand": signed(header, {**claims, "sub": "9" * 1000}, key),
    }
    return api.client(), tokens, token


async def test_only_the_token_that_was_issued_opens(
    forged: tuple[httpx.AsyncClient, dict[str, str], str],
) -> None:
    client, tokens, token = forged
    async with client:
        for what, each in tokens.items():
            for path in (ME, ADMIN):
                answer = await client.get(path, headers={"Authorization": f"Bearer {each}"})
                assert answer.status_code == 401, (what, answer.text)
                assert each not in answer.text
        headers = {"Authorization": f"Bearer {token}"}
        assert (await client.get(ME, headers=headers)).status_code == 200
        assert (await client.get(ADMIN, headers=headers)).status_code == 403


async def test_a_token_counts_in_its_header_only(
    forged: tuple[httpx.AsyncClient, dict[str, str], str],
) -> None:
    """Addresses are logged by proxies and cookies are sent by other pages."""
    client, _, token = forged
    async with client:
        for options in (
            {"params": {"access_token": token, "token": token}},
            {"headers": {"Cookie": f"token={token}; access_token={token}; session={token}"}},
            {"headers": {"X-Authorization": f"Bearer {token}", "X-Api-Key": token}},
        ):
            assert (await client.get(ME, **options)).status_code == 401  # type: ignore[arg-type]
        twice = [("Authorization", "Bearer x"), ("Authorization", f"Bearer {token}")]
        assert (await client.get(ME, headers=twice)).status_code == 401
