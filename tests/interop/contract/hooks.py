"""What Schemathesis does not know: bodies of uploads are bytes."""

import schemathesis


@schemathesis.serializer("application/offset+octet-stream", "application/partial-upload")
def as_bytes(context, value):
    return getattr(value, "data", value) if not isinstance(value, str) else value.encode()
