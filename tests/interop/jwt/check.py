"""PyJWT against a running application: its tokens and keys, and tokens that it must not take.

    check.py http://127.0.0.1:3000 FILE

FILE is JSON: {"access_token": a token of somebody signed in, "private_key_b64url": the seed of the key that signed it
(Ed25519, 32 bytes), "kid": that key's id}. One line is printed for each check; the exit code is 1 if one failed.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys
import time
import urllib.error
import urllib.request

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ISSUER = AUDIENCE = "spinreel"
TYPE = "at+jwt"
ALGORITHM = "EdDSA"
# Every service checks tokens by itself; the last one answers as old clients know it, without a code.
PATHS = ("/v1/users/me", "/v1/videos", "/storage-status")
OLD_ANSWER = {"error": "Unauthorized"}
# Longer than the clocks of two services may differ, in seconds.
MINUTE = 60

# Nothing between us and a loopback address.
urllib.request.install_opener(
    urllib.request.build_opener(urllib.request.ProxyHandler({}))
)


class Failed(Exception):
    """What was not as it should be."""


def expect(condition, otherwise):
    if not condition:
        raise Failed(otherwise)


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def ask(base, path, token):
    """The status and the JSON of the answer to a request with this token."""
    request = urllib.request.Request(
        base + path, headers={"Authorization": f"Bearer {token}"}
    )
    try:
        response = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return response.status, json.load(response)


def accepted(base, token):
    for path in PATHS:
        status, answer = ask(base, path, token)
        expect(status == 200, f"{path} answers {status} {answer}")


def refused(base, token, code):
    for path in PATHS:
        status, answer = ask(base, path, token)
        told = answer if answer == OLD_ANSWER else answer.get("code")
        wanted = OLD_ANSWER if path == "/storage-status" else code
        expect(
            (status, told) == (401, wanted),
            f"{path} answers {status} {told}, not 401 {wanted}",
        )


def verify(base, token):
    """What a stranger who knows only the address finds out about a token."""
    key = jwt.PyJWKClient(f"{base}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    decoded = jwt.decode_complete(
        token,
        key,
        algorithms=[ALGORITHM],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={"require": ["exp", "iat", "sub", "jti"]},
    )
    expect(decoded["header"].get("typ") == TYPE, f"the type is {decoded['header']}")
    return decoded


class Forger:
    """Makes tokens of a real one: as it is, or with one thing wrong."""

    def __init__(self, real, key, kid):
        self.claims = real["payload"]
        self.header = {"typ": TYPE, "kid": kid}
        self.key = key

    def token(self, key=None, header=(), without=(), **claims):
        claims = {**self.claims, **claims}
        for name in without:
            del claims[name]
        header = {**self.header, **dict(header)}
        # Without a type of ours, PyJWT writes one of its own, unless it is told that there is none.
        header = {name: value for name, value in header.items() if value or name == "typ"}
        return jwt.encode(claims, key or self.key, ALGORITHM, headers=header)

    def unsigned(self):
        return jwt.encode(self.claims, None, "none", headers=self.header)

    def by_secret(self, secret):
        """HS256. PyJWT itself refuses to take a public key for a secret."""
        header = {**self.header, "alg": "HS256"}
        parts = [json.dumps(part).encode() for part in (header, self.claims)]
        signed = ".".join(map(b64url, parts))
        signature = hmac.digest(secret, signed.encode(), hashlib.sha256)
        return f"{signed}.{b64url(signature)}"

    def wrong(self):
        """Names, tokens, and the code that each of them is refused with."""
        now = int(time.time())
        public = self.key.public_key()
        raw = public.public_bytes_raw()
        pem = public.public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )
        yield "expired", self.token(exp=now - MINUTE, iat=now - 2 * MINUTE), "token_expired"
        for name, token in {
            "iat in the future": self.token(iat=now + MINUTE),
            "nbf in the future": self.token(nbf=now + MINUTE),
            "another issuer": self.token(iss="spinreel.example"),
            "no issuer": self.token(without=["iss"]),
            "another audience": self.token(aud="storage-service"),
            "no audience": self.token(without=["aud"]),
            "no exp": self.token(without=["exp"]),
            "no iat": self.token(without=["iat"]),
            "no sub": self.token(without=["sub"]),
            "no jti": self.token(without=["jti"]),
            "no sid": self.token(without=["sid"]),
            "role root": self.token(roles=["root"]),
            "typ JWT": self.token(header={"typ": "JWT"}),
            "no typ": self.token(header={"typ": None}),
            "alg HS256, public key as the secret": self.by_secret(raw),
            "alg HS256, public key as PEM as the secret": self.by_secret(pem),
            "alg none": self.unsigned(),
            "alg none with a signature": self.unsigned() + self.token().split(".")[2],
            "crit": self.token(header={"crit": ["exp"]}),
            "unknown kid": self.token(header={"kid": b64url(bytes(32))}),
            "no kid": self.token(header={"kid": None}),
            "another key under the right kid": self.token(key=Ed25519PrivateKey.generate()),
        }.items():
            yield name, token, "token_invalid"


def run(name, check):
    """Prints a line; gives whether it went well."""
    try:
        check()
    except Exception as error:
        print(f"FAILED  {name}: {type(error).__name__}: {error}")
        return False
    print(f"ok      {name}")
    return True


def main():
    base, file = sys.argv[1].rstrip("/"), pathlib.Path(sys.argv[2])
    given = json.loads(file.read_text("utf-8"))
    token = given["access_token"]
    key = Ed25519PrivateKey.from_private_bytes(unb64url(given["private_key_b64url"]))

    if not run("the token verifies with the published key", lambda: verify(base, token)):
        return 1
    forger = Forger(verify(base, token), key, given["kid"])
    # Were this one refused, the others would be for the same reason.
    if not run("unchanged", lambda: accepted(base, forger.token())):
        return 1
    results = [
        run(name, lambda: refused(base, wrong, code))
        for name, wrong, code in forger.wrong()
    ]
    results.append(run("unchanged, once more", lambda: accepted(base, forger.token())))
    return 0 if all(results) else 1


sys.exit(main())
