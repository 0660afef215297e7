"""The reference library of Standard Webhooks on requests of a running application, as they are and altered.

    check.py FILE

FILE is JSON: {"secrets": [each secret that the requests are signed with], "requests": [{"headers": {name: value},
"body": text}]}. One line is printed for each check; the exit code is 1 if one failed.
"""

import base64
import json
import pathlib
import sys

from standardwebhooks import Webhook, WebhookVerificationError

STRANGER = "whsec_" + base64.b64encode(bytes(32)).decode()


def changed(request, body=None, **headers):
    """The request with another body or other headers; None takes a header away."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    merged = {**request["headers"], **names}
    return {
        "headers": {name: value for name, value in merged.items() if value is not None},
        "body": request["body"] if body is None else body,
    }


def verify(secret, request):
    return Webhook(secret).verify(request["body"], request["headers"])


def accepted(secret, request):
    event = verify(secret, request)
    assert set(event) == {"type", "timestamp", "data"}, event
    assert event["type"] == "alert." + event["data"]["kind"], event


def refused(secret, request):
    try:
        verify(secret, request)
    except WebhookVerificationError:
        return
    raise AssertionError("it was accepted")


def altered(request):
    """Names, and requests that nobody must take for ours."""
    headers, body = request["headers"], request["body"]
    signatures = headers["webhook-signature"].split(" ")
    later = str(int(headers["webhook-timestamp"]) + 1)
    yield "another body", changed(request, body=body.replace("80", "81"))
    yield "the same JSON with a space", changed(request, body=body + " ")
    yield "another id", changed(request, webhook_id=headers["webhook-id"] + "0")
    yield "another time", changed(request, webhook_timestamp=later)
    yield "no id", changed(request, webhook_id=None)
    yield "no time", changed(request, webhook_timestamp=None)
    yield "no signature", changed(request, webhook_signature=None)
    versions = " ".join("v2" + signature[2:] for signature in signatures)
    yield "another version", changed(request, webhook_signature=versions)
    old = str(int(headers["webhook-timestamp"]) - 3_600)
    yield "an hour old", changed(request, webhook_timestamp=old)


def run(name, check, *arguments):
    """Prints a line; gives whether it went well."""
    try:
        check(*arguments)
    except Exception as error:
        print(f"FAILED  {name}: {type(error).__name__}: {error}")
        return False
    print(f"ok      {name}")
    return True


def main():
    given = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
    results = []
    for number, request in enumerate(given["requests"], 1):
        for which, secret in enumerate(given["secrets"], 1):
            name = f"request {number}, secret {which}"
            results.append(run(f"{name}: as it is", accepted, secret, request))
            for what, wrong in altered(request):
                results.append(run(f"{name}: {what}", refused, secret, wrong))
        name = f"request {number}, a stranger's secret"
        results.append(run(name, refused, STRANGER, request))
    return 0 if results and all(results) else 1


sys.exit(main())
