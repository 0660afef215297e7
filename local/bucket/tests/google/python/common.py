"""What the checks of Google's Python client (google-cloud-storage) share.

The environment says where the bucket is: BUCKET_ENDPOINT (http://host:port), BUCKET_NAME, and
BUCKET_KEY, a service account key (JSON), or empty for a bucket that asks for none. The bucket
is empty at the start and has fault injection switched on.
"""

import base64
import contextlib
import datetime
import json
import os
import pathlib
import urllib.error
import urllib.request

import google_crc32c
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from google.oauth2.service_account import Credentials as ServiceAccount

ENDPOINT = os.environ["BUCKET_ENDPOINT"]
BUCKET = os.environ["BUCKET_NAME"]
KEY = json.loads(os.environ["BUCKET_KEY"] or "null")

UNIT = 256 * 1024
# Where resumable uploads of new objects start.
CREATE_ONLY = (
    f"{ENDPOINT}/upload/storage/v1/b/{BUCKET}/o"
    "?uploadType=resumable&ifGenerationMatch=0"
)
SCOPE = "https://www.googleapis.com/auth/devstorage.full_control"
# The client's own rules for what is retried; only its pauses are shorter.
RETRY = DEFAULT_RETRY.with_delay(initial=0.02, maximum=0.1)
SOON = datetime.timedelta(minutes=5)
# Names that a careless server or client confuses, cuts short or decodes twice.
ODD_NAMES = json.loads(
    pathlib.Path(__file__).parent.with_name("odd-names.json").read_text("utf-8")
)

checks = []


def check(function):
    """A check of every bucket."""
    checks.append(function)
    return function


def strict_check(function):
    """A check of a bucket that asks for credentials."""
    if KEY:
        checks.append(function)
    return function


def client_with(credentials, **how):
    """A client that keeps its credentials although the address is not Google's."""
    return storage.Client(
        project="local",
        credentials=credentials,
        client_options={"api_endpoint": ENDPOINT},
        **how,
    )


def service_account(key, scope=SCOPE):
    return ServiceAccount.from_service_account_info(key, scopes=[scope])


def credentials():
    return service_account(KEY) if KEY else AnonymousCredentials()


client = client_with(credentials())
bucket = client.bucket(BUCKET)


def content(size):
    """Bytes in which no two blocks are alike."""
    return b"".join(i.to_bytes(4, "big") for i in range(size // 4 + 1))[:size]


def crc32c(data):
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()


class refused(contextlib.AbstractContextManager):
    """The block must fail with this kind of error, and no other."""

    def __init__(self, kind):
        self.kind = kind
        self.error = None

    def __exit__(self, kind, error, trace):
        assert error is not None, f"no {self.kind}"
        self.error = error
        return isinstance(error, self.kind)


def faults(*rules):
    """Makes the bucket misbehave; without rules, makes it behave again."""
    call = urllib.request.Request(
        ENDPOINT + "/_spinreel/faults",
        method="POST" if rules else "DELETE",
        data=json.dumps({"faults": rules}).encode() if rules else None,
        headers={"content-type": "application/json"} if rules else {},
    )
    with urllib.request.urlopen(call) as answer:
        assert answer.status == 204, answer.status
    faults.are_set = bool(rules)


faults.are_set = False


def plain(method, url, body=None, headers=None):
    """A request without credentials of its own: its status, body and headers."""
    call = urllib.request.Request(url, method=method, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(call) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read(), answer.headers


def put(name, data=b"some bytes", **how):
    blob = bucket.blob(name)
    blob.upload_from_string(data, if_generation_match=0, **how)
    return blob


class CountingSession(AuthorizedSession):
    """Notes the answers, so that a check sees that its interruption came."""

    def __init__(self, credentials):
        super().__init__(credentials)
        self.seen = []

    def request(self, method, url, **kwargs):
        try:
            answer = super().request(method, url, **kwargs)
        except requests.ConnectionError:
            self.seen.append((method, "broken"))
            raise
        self.seen.append((method, answer.status_code))
        return answer


def counting_client():
    session = CountingSession(credentials())
    counting = client_with(session.credentials, _http=session)
    return counting.bucket(BUCKET), session.seen


def another_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
