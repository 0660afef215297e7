"""Credentials that are none, or not enough."""

import io

from common import (
    BUCKET,
    ENDPOINT,
    KEY,
    UNIT,
    another_key,
    bucket,
    client_with,
    plain,
    put,
    refused,
    service_account,
    strict_check,
)
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import InvalidOperation, RefreshError
from google.oauth2.credentials import Credentials


@strict_check
def wrong_credentials_are_refused():
    put("mine", b"secret")

    def attempts(stranger):
        theirs = client_with(stranger).bucket(BUCKET)
        yield lambda: theirs.blob("mine").download_as_bytes(retry=None)
        yield lambda: theirs.blob("mine").reload(retry=None)
        yield lambda: theirs.blob("mine").delete(retry=None)
        yield lambda: theirs.blob("new").upload_from_string(b"x", retry=None)
        yield lambda: theirs.blob("new", chunk_size=UNIT).upload_from_file(
            io.BytesIO(b"x"), retry=None
        )
        yield lambda: list(theirs.list_blobs(retry=None))

    strangers = [
        # After a 401 the client tries to renew these, and says that it cannot.
        (AnonymousCredentials(), InvalidOperation),
        (Credentials("ya29.made-up"), RefreshError),
        (service_account({**KEY, "private_key": another_key()}), RefreshError),
        (service_account({**KEY, "client_email": "other@example.com"}), RefreshError),
    ]
    for stranger, error in strangers:
        for attempt in attempts(stranger):
            with refused(error):
                attempt()
    for sent in [{}, {"Authorization": "Bearer made-up"}]:
        path = f"/storage/v1/b/{BUCKET}/o/mine?alt=media"
        status, body, headers = plain("GET", ENDPOINT + path, headers=sent)
        assert status == 401 and b"secret" not in body, (status, body)
        assert headers["www-authenticate"].startswith("Bearer"), headers
    assert bucket.blob("mine").download_as_bytes() == b"secret"
    assert not bucket.blob("new").exists()


@strict_check
def a_token_for_reading_only_reads():
    put("read-only", b"seen")
    read_only = "https://www.googleapis.com/auth/devstorage.read_only"
    reader = service_account(KEY, read_only)
    theirs = client_with(reader).bucket(BUCKET)
    assert theirs.blob("read-only").download_as_bytes() == b"seen"
    assert [blob.name for blob in theirs.list_blobs(prefix="read-only")] == [
        "read-only"
    ]
    with refused(exceptions.Forbidden):
        theirs.blob("read-only").delete()
    with refused(exceptions.Forbidden):
        theirs.blob("new").upload_from_string(b"x")
    with refused(exceptions.Forbidden):
        theirs.blob("read-only").patch()
    assert not bucket.blob("new").exists()
