"""URLs that the client signs (V4, RSA), used by somebody who has nothing else."""

import datetime
import time
import urllib.parse

from common import (
    BUCKET,
    ENDPOINT,
    KEY,
    SOON,
    UNIT,
    another_key,
    bucket,
    client_with,
    content,
    crc32c,
    plain,
    put,
    service_account,
    strict_check,
)


@strict_check
def a_signed_url_reads():
    data = content(1000)
    blob = put("signed", data, content_type="video/mp4")
    url = blob.generate_signed_url(
        version="v4",
        expiration=SOON,
        query_parameters={"response-content-disposition": 'attachment; filename="ü"'},
    )
    assert url.startswith(ENDPOINT), url
    status, body, headers = plain("GET", url)
    assert (status, body) == (200, data), body
    assert headers["content-type"] == "video/mp4"
    assert headers["x-goog-generation"] == str(blob.generation)
    assert f"crc32c={crc32c(data)}" in ", ".join(headers.get_all("x-goog-hash"))
    status, body, headers = plain("GET", url, headers={"Range": "bytes=10-19"})
    assert (status, body) == (206, data[10:20])
    assert headers["content-range"] == "bytes 10-19/1000"
    # A URL for reading is for nothing else.
    for method in ["PUT", "DELETE"]:
        status, body, _ = plain(method, url)
        assert status == 403 and b"SignatureDoesNotMatch" in body, (method, body)
    head = blob.generate_signed_url(version="v4", expiration=SOON, method="HEAD")
    status, body, headers = plain("HEAD", head)
    assert (status, body) == (200, b"") and headers["content-length"] == "1000"


@strict_check
def a_signed_url_writes_and_deletes():
    data = content(2000)
    blob = bucket.blob("signed-put")
    demanded = {
        "content-type": "video/mp4",
        "x-goog-if-generation-match": "0",
        "x-goog-content-length-range": "1000,2000",
    }
    url = blob.generate_signed_url(
        version="v4", expiration=SOON, method="PUT", headers=demanded
    )
    status, body, _ = plain("PUT", url, data, {"content-type": "video/mp4"})
    assert status in (400, 403), (status, body)
    for size in [999, 2001]:
        status, body, _ = plain("PUT", url, content(size), demanded)
        assert status == 400, (size, status, body)
    assert not blob.exists()
    status, body, _ = plain("PUT", url, data, demanded)
    assert status == 200, body
    status, body, _ = plain("PUT", url, data, demanded)
    assert status == 412, body
    found = bucket.get_blob("signed-put")
    assert found.content_type == "video/mp4"
    assert found.download_as_bytes(checksum="crc32c") == data
    url = found.generate_signed_url(version="v4", expiration=SOON, method="DELETE")
    assert plain("DELETE", url)[0] == 204
    assert not blob.exists()


@strict_check
def a_signed_url_starts_a_resumable_upload():
    data = content(2 * UNIT)
    url = bucket.blob("signed-resumable").generate_signed_url(
        version="v4",
        expiration=SOON,
        method="RESUMABLE",
    )
    status, body, headers = plain(
        "POST", url, b"", {"x-goog-resumable": "start", "content-type": "video/mp4"}
    )
    assert status == 201, (status, body)
    # The session is a credential of its own.
    status, body, _ = plain("PUT", headers["location"], data)
    assert status in (200, 201), (status, body)
    assert bucket.blob("signed-resumable").download_as_bytes() == data


@strict_check
def a_signed_url_that_is_old_or_changed_is_refused():
    blob = put("guarded", b"secret")
    put("guarded2", b"secret too")

    url = blob.generate_signed_url(
        version="v4", expiration=datetime.timedelta(seconds=1)
    )
    time.sleep(2.1)
    status, body, _ = plain("GET", url)
    assert status == 400 and b"<Code>ExpiredToken</Code>" in body, (status, body)

    url = blob.generate_signed_url(version="v4", expiration=SOON)
    parts = urllib.parse.urlsplit(url)
    parameters = dict(urllib.parse.parse_qsl(parts.query))

    def changed(path=parts.path, **changes):
        query = {**parameters, **{k.replace("_", "-"): v for k, v in changes.items()}}
        query = {name: value for name, value in query.items() if value is not None}
        return urllib.parse.urlunsplit(
            parts._replace(path=path, query=urllib.parse.urlencode(query))
        )

    assert plain("GET", changed())[0] == 200
    signature = parameters["X-Goog-Signature"]
    other = "0" if signature[-1] != "0" else "1"
    date = parameters["X-Goog-Date"]
    attempts = [
        changed(path=parts.path + "2"),
        changed(X_Goog_Signature=signature[:-1] + other),
        changed(X_Goog_Signature=""),
        changed(X_Goog_Signature="zz"),
        changed(X_Goog_Signature=None),
        changed(X_Goog_Expires="604800"),
        changed(X_Goog_Expires="604801"),
        changed(X_Goog_Expires="-1"),
        changed(X_Goog_Date=date[:-2] + ("1Z" if date[-2] != "1" else "2Z")),
        changed(X_Goog_SignedHeaders=""),
        changed(X_Goog_Algorithm="GOOG4-HMAC-SHA256"),
        changed(X_Goog_Algorithm="none"),
        changed(X_Goog_Credential=parameters["X-Goog-Credential"].replace("@", "@x")),
        changed(generation="1"),
        parts._replace(query="").geturl(),
    ]
    for attempt in attempts:
        status, body, _ = plain("GET", attempt)
        assert 400 <= status < 404 and b"secret" not in body, (attempt, status, body)

    stranger = client_with(service_account({**KEY, "private_key": another_key()}))
    url = stranger.bucket(BUCKET).blob("guarded").generate_signed_url(
        version="v4", expiration=SOON
    )
    status, body, _ = plain("GET", url)
    assert status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in body, body
