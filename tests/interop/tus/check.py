"""tuspy uploads to a running application.

    check.py ORIGIN TOKEN FILE begin|resume|whole|checked [URL]

begin: sends two pieces of 1 MiB and prints the upload's URL; resume: sends the rest of the upload at URL, in another
process; whole: sends all of it in one piece; checked: in pieces of 1 MiB, each with its SHA-1. The exit code is 1 where
something fails.
"""

import sys

from tusclient.client import TusClient

PIECE = 1024 * 1024


def main():
    origin, token, path, what = sys.argv[1:5]
    client = TusClient(f"{origin}/v1/uploads", headers={"Authorization": f"Bearer {token}"})
    metadata = {"filename": f"{what}.mp4", "filetype": "video/mp4"}
    if what == "begin":
        metadata["filename"] = "resumed.mp4"
        uploader = client.uploader(path, chunk_size=PIECE, metadata=metadata)
        uploader.upload_chunk()
        uploader.upload_chunk()
        print(uploader.url)
    elif what == "resume":
        uploader = client.uploader(path, chunk_size=PIECE, url=sys.argv[5])
        assert uploader.offset == 2 * PIECE, uploader.offset
        uploader.upload()
        print(uploader.offset)
    elif what == "whole":
        uploader = client.uploader(path, metadata=metadata)
        uploader.upload()
        print(uploader.offset)
    elif what == "checked":
        uploader = client.uploader(path, chunk_size=PIECE, metadata=metadata, upload_checksum=True)
        uploader.upload()
        print(uploader.offset)
    else:
        sys.exit(f"no such thing: {what}")


main()
