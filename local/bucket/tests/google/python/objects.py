"""Objects: reads, listings, changes, deletions, names."""

import io

import requests
from common import (
    BUCKET,
    KEY,
    ODD_NAMES,
    RETRY,
    SOON,
    UNIT,
    bucket,
    check,
    client,
    content,
    counting_client,
    crc32c,
    faults,
    plain,
    put,
    refused,
)
from google.api_core import exceptions
from google.cloud.storage.exceptions import DataCorruption


@check
def preconditions_on_generations_decide():
    blob = put("versions", b"one")
    one = blob.generation
    blob.upload_from_string(b"two", if_generation_match=one)
    two = blob.generation
    assert two > one and blob.metageneration == 1
    fresh = bucket.blob("versions")
    with refused(exceptions.PreconditionFailed):
        fresh.upload_from_string(b"three", if_generation_match=one)
    with refused(exceptions.PreconditionFailed):
        fresh.upload_from_string(b"three", if_generation_not_match=two)
    with refused(exceptions.PreconditionFailed):
        fresh.reload(if_generation_match=one)
    with refused(exceptions.PreconditionFailed):
        fresh.download_as_bytes(if_metageneration_match=2)
    with refused(exceptions.NotModified):
        fresh.reload(if_generation_not_match=two)
    with refused(exceptions.NotModified):
        fresh.download_as_bytes(if_metageneration_not_match=1)
    assert fresh.download_as_bytes(if_generation_match=two) == b"two"
    assert fresh.download_as_bytes(if_generation_not_match=one) == b"two"
    with refused(exceptions.NotFound):
        bucket.blob("versions", generation=one).download_as_bytes()
    assert bucket.blob("versions", generation=two).download_as_bytes() == b"two"


@check
def ranges_are_what_was_asked_for():
    size = 2 * UNIT + 1000
    data = content(size)
    blob = put("ranges", data)
    for start, end in [(0, 0), (1, size - 1), (50_000, 50_001), (size - 1, size - 1)]:
        assert blob.download_as_bytes(start=start, end=end) == data[start : end + 1]
    assert blob.download_as_bytes(start=70_000) == data[70_000:]
    assert blob.download_as_bytes(start=99_000, end=2 * size) == data[99_000:]
    with refused(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=size)
    with blob.open("rb", chunk_size=UNIT) as file:
        file.seek(10)
        assert file.read(20) == data[10:30]
        assert file.read() == data[30:]
    in_pieces = io.BytesIO()
    bucket.blob("ranges", chunk_size=UNIT).download_to_file(in_pieces)
    assert in_pieces.getvalue() == data


@check
def a_download_that_is_cut_goes_on_where_it_stopped():
    data = content(3 * UNIT)
    put("cut-download", data)
    through, seen = counting_client()
    rule = {"method": "GET", "path_contains": "cut-download", "times": 1}
    faults({**rule, "do": {"cut_body": 100_000}})
    found = through.blob("cut-download").download_as_bytes(
        checksum="crc32c", retry=RETRY
    )
    assert found == data
    assert seen[-2:] == [("GET", 200), ("GET", 206)], seen
    # And a cut one that nobody takes up again is an error, never a short file.
    faults({**rule, "do": {"cut_body": 100_000}})
    with refused((requests.exceptions.ChunkedEncodingError, DataCorruption)):
        bucket.blob("cut-download").download_as_bytes(retry=None)


@check
def listings_have_prefixes_delimiters_and_pages():
    names = sorted(
        ["list/a", "list/b/1", "list/b/2", "list/c", "list/d/x/y", "list/ä"],
        key=lambda name: name.encode(),
    )
    for name in names:
        put(name)
    put("lisu")

    def listed(**how):
        return [blob.name for blob in client.list_blobs(BUCKET, **how)]

    assert listed(prefix="list/") == names
    assert listed(prefix="list/b/") == ["list/b/1", "list/b/2"]
    assert listed(prefix="nothing") == []
    pages = list(client.list_blobs(BUCKET, prefix="list/", page_size=4).pages)
    assert [len(list(page)) for page in pages] == [4, 2]
    assert listed(prefix="list/", page_size=1) == names
    assert listed(prefix="list/", max_results=3) == names[:3]
    folders = client.list_blobs(BUCKET, prefix="list/", delimiter="/")
    assert [blob.name for blob in folders] == ["list/a", "list/c", "list/ä"]
    assert folders.prefixes == {"list/b/", "list/d/"}
    assert listed(start_offset="list/b/2", end_offset="list/d") == names[2:4]
    one = next(iter(client.list_blobs(BUCKET, prefix="list/a")))
    assert one.crc32c == crc32c(b"some bytes") and one.size == 10 and one.generation


@check
def metadata_can_be_patched():
    blob = put("patched")
    blob.metadata = {"a": "1", "b": "2"}
    blob.content_type = "video/webm"
    blob.patch(if_metageneration_match=1)
    assert blob.metageneration == 2
    with refused(exceptions.PreconditionFailed):
        blob.metadata = {"a": "other"}
        blob.patch(if_metageneration_match=1)
    found = bucket.get_blob("patched")
    found.metadata = {"a": None, "c": "3"}
    found.patch(if_generation_match=found.generation)
    again = bucket.get_blob("patched")
    assert again.metadata == {"b": "2", "c": "3"}, again.metadata
    assert (again.content_type, again.metageneration) == ("video/webm", 3)
    assert again.generation == blob.generation


@check
def deletion_obeys_the_generation():
    blob = put("deleted")
    with refused(exceptions.PreconditionFailed):
        bucket.blob("deleted").delete(if_generation_match=blob.generation - 1)
    assert bucket.blob("deleted").exists()
    bucket.blob("deleted").delete(if_generation_match=blob.generation)
    assert not bucket.blob("deleted").exists()
    with refused(exceptions.NotFound):
        bucket.blob("deleted").delete()
    with refused(exceptions.NotFound):
        bucket.blob("deleted").download_as_bytes()
    # The name is free again.
    put("deleted", b"new")


@check
def odd_names_stay_what_they_are():
    for number, name in enumerate(ODD_NAMES):
        data = f"{number}".encode()
        if number % 2:
            blob = bucket.blob("odd/" + name, chunk_size=UNIT)
            blob.upload_from_file(io.BytesIO(data), if_generation_match=0)
        else:
            put("odd/" + name, data)
    listed = [blob.name for blob in client.list_blobs(BUCKET, prefix="odd/")]
    expected = sorted(("odd/" + name for name in ODD_NAMES), key=str.encode)
    assert listed == expected, listed
    for number, name in enumerate(ODD_NAMES):
        data = f"{number}".encode()
        blob = bucket.get_blob("odd/" + name)
        assert blob is not None, name
        assert blob.name == "odd/" + name
        assert blob.download_as_bytes() == data, name
        if KEY:
            url = blob.generate_signed_url(version="v4", expiration=SOON)
            status, body, _ = plain("GET", url)
            assert (status, body) == (200, data), (name, url, body)
        blob.patch()
        blob.delete()
        assert bucket.get_blob("odd/" + name) is None, name


@check
def impossible_names_are_refused():
    for name in ["a\nb", "a\rb", "x" * 1025, ".", ".."]:
        with refused(exceptions.BadRequest):
            put(name)
