"""A real S3 server on this machine (moto's) and the variables by which every client finds it.

with s3_server() as url:      # AWS_ENDPOINT_URL and keys are set inside
    fsspec.filesystem("s3").mkdir("acme")
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def s3_server(*buckets: str) -> Iterator[str]:
    """Serve S3 on loopback with these buckets, until the end; one server a process at a time."""
    import boto3
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    new = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "a secret of the tests", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    old = {name: os.environ.get(name) for name in new}
    os.environ |= new
    S3FileSystem.clear_instance_cache()
    try:
        client = boto3.client("s3")
        for name in buckets:
            client.create_bucket(Bucket=name)
        yield new["AWS_ENDPOINT_URL"]
    finally:
        for name, value in old.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        server.stop()
