"""Uploads: whole, in chunks, interrupted, and refused."""

import base64
import hashlib
import io
import time

import requests
from common import (
    CREATE_ONLY,
    RETRY,
    UNIT,
    bucket,
    check,
    content,
    counting_client,
    crc32c,
    credentials,
    faults,
    put,
    refused,
)
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.resumable_media.common import InvalidResponse, RetryStrategy
from google.resumable_media.requests import ResumableUpload


@check
def a_small_upload_arrives_whole_with_its_metadata():
    blob = bucket.blob("small.txt")
    blob.metadata = {"Title": "Grüße", "empty": ""}
    blob.cache_control = "no-store"
    blob.content_language = "de"
    blob.md5_hash = base64.b64encode(hashlib.md5(b"small").digest()).decode()
    blob.upload_from_string(
        b"small", content_type="text/plain; charset=utf-8", checksum="crc32c"
    )
    found = bucket.get_blob("small.txt")
    assert found.size == 5
    assert found.content_type == "text/plain; charset=utf-8"
    assert found.metadata == {"Title": "Grüße", "empty": ""}
    assert (found.cache_control, found.content_language) == ("no-store", "de")
    assert (found.crc32c, found.md5_hash) == (crc32c(b"small"), blob.md5_hash)
    assert found.generation > 0 and found.metageneration == 1
    assert abs(time.time() - found.time_created.timestamp()) < 600
    assert found.download_as_bytes(checksum="crc32c") == b"small"
    assert found.download_as_bytes(checksum="md5") == b"small"
    assert found.exists() and not bucket.blob("other").exists()


@check
def empty_objects_can_be_written_both_ways():
    assert put("empty/one-shot", b"").download_as_bytes() == b""
    blob = bucket.blob("empty/resumable", chunk_size=UNIT)
    blob.upload_from_file(io.BytesIO(b""), if_generation_match=0)
    assert blob.size == 0 and blob.download_as_bytes() == b""


@check
def a_resumable_upload_arrives_whole():
    # With a size of up to 8 MiB, the client would not use a resumable upload.
    for name, size in [("odd", 37 * UNIT + 12_345), ("exact", 36 * UNIT)]:
        data = content(size)
        for known in [size, None]:
            blob = bucket.blob(f"resumable/{name}/{known}", chunk_size=4 * UNIT)
            blob.upload_from_file(
                io.BytesIO(data), size=known, if_generation_match=0, checksum="crc32c"
            )
            assert blob.size == size and blob.crc32c == crc32c(data)
            assert blob.download_as_bytes(checksum="crc32c") == data
    written = bucket.blob("resumable/file")
    with written.open("wb", chunk_size=UNIT, if_generation_match=0) as file:
        for start in range(0, len(data), 100_000):
            file.write(data[start : start + 100_000])
    assert written.download_as_bytes() == data


@check
def a_resumable_upload_survives_a_connection_that_is_cut():
    data = content(7 * UNIT + 1)
    for fault in [{"reset": True}, {"reset_after_effect": True}, {"status": 503}]:
        through, seen = counting_client()
        name = f"cut/{next(iter(fault))}"
        blob = through.blob(name, chunk_size=2 * UNIT)

        class Interrupted(io.BytesIO):
            """Breaks the bucket once, when half of the content was read."""

            broken = False

            def read(self, *size):
                if self.tell() >= 4 * UNIT and not self.broken:
                    self.broken = True
                    rule = {"method": "PUT", "path_contains": "/upload/", "times": 2}
                    faults({**rule, "do": fault})
                return super().read(*size)

        blob.upload_from_file(Interrupted(data), if_generation_match=0, retry=RETRY)
        expected = 503 if "status" in fault else "broken"
        assert seen.count(("PUT", expected)) == 2, seen
        assert bucket.get_blob(name).download_as_bytes(checksum="crc32c") == data


@check
def an_upload_is_taken_up_again_where_the_bucket_says():
    data = content(5 * UNIT + 77)
    session = AuthorizedSession(credentials())
    upload = ResumableUpload(CREATE_ONLY, UNIT)
    # It would go on retrying what the check wants to see fail.
    upload._retry_strategy = RetryStrategy(max_retries=0)
    upload.initiate(session, io.BytesIO(data), {"name": "recovered"}, "video/mp4")
    upload.transmit_next_chunk(session)
    for fault, stored in [({"reset": True}, 1), ({"reset_after_effect": True}, 2)]:
        faults({"method": "PUT", "path_contains": "/upload/", "times": 1, "do": fault})
        with refused(requests.ConnectionError):
            upload.transmit_next_chunk(session)
        upload.recover(session)
        assert upload.bytes_uploaded == stored * UNIT, upload.bytes_uploaded
    while not upload.finished:
        upload.transmit_next_chunk(session)
    found = bucket.get_blob("recovered")
    assert found.content_type == "video/mp4"
    assert found.download_as_bytes(checksum="crc32c") == data


@check
def a_lost_answer_to_a_create_only_upload_writes_once():
    through, seen = counting_client()
    faults(
        {
            "method": "POST",
            "path_contains": "/upload/",
            "times": 1,
            "do": {"reset_after_effect": True},
        }
    )
    # The repeated request finds the object that the first one wrote.
    with refused(exceptions.PreconditionFailed):
        through.blob("lost").upload_from_string(
            b"once", if_generation_match=0, retry=RETRY
        )
    assert [answer for method, answer in seen if method == "POST"] == ["broken", 412]
    assert bucket.blob("lost").download_as_bytes() == b"once"


@check
def create_only_is_create_only():
    first = put("once", b"first")
    with refused(exceptions.PreconditionFailed):
        bucket.blob("once").upload_from_string(b"second", if_generation_match=0)
    with refused(exceptions.PreconditionFailed):
        bucket.blob("once", chunk_size=UNIT).upload_from_file(
            io.BytesIO(content(2 * UNIT)), if_generation_match=0
        )
    # What counts is the end of a resumable upload, not its start.
    session = AuthorizedSession(credentials())
    upload = ResumableUpload(CREATE_ONLY, UNIT)
    upload.initiate(session, io.BytesIO(b"late"), {"name": "overtaken"}, "video/mp4")
    put("overtaken", b"first")
    with refused(InvalidResponse) as refusal:
        upload.transmit_next_chunk(session)
    assert refusal.error.response.status_code == 412
    assert bucket.blob("overtaken").download_as_bytes() == b"first"
    found = bucket.get_blob("once")
    assert (found.generation, found.download_as_bytes()) == (first.generation, b"first")


@check
def a_wrong_checksum_writes_nothing():
    for chunk in [None, UNIT]:
        blob = bucket.blob("corrupt", chunk_size=chunk)
        blob.crc32c = crc32c(b"something else")
        with refused(exceptions.BadRequest):
            blob.upload_from_file(
                io.BytesIO(content(UNIT + 1)), if_generation_match=0, checksum=None
            )
        assert not bucket.blob("corrupt").exists()
