"""Everyday work of boto3 against an endpoint; prints one line a step, ends non-zero at the first
thing that is not as AWS would have it. Run by boto3.test.ts where Python and boto3 are present."""

import hashlib
import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError

ENDPOINT, FOLDER = sys.argv[1], sys.argv[2]
MIB = 1024 * 1024


def client(**config):
    return boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        config=Config(
            **{
                "s3": {"addressing_style": "path"},
                "retries": {"max_attempts": 1},
                # boto3 still presigns with version 2 for endpoints that are not Amazon's.
                "signature_version": "s3v4",
                **config,
            }
        ),
    )


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "no error"


def check(name, condition):
    print(("ok   " if condition else "FAIL ") + name)
    if not condition:
        sys.exit(1)


s3 = client()
s3.create_bucket(Bucket="boto")
body = os.urandom(300_000)
s3.put_object(Bucket="boto", Key="plain", Body=body, Metadata={"a": "b"}, ContentType="x/y")
answer = s3.get_object(Bucket="boto", Key="plain")
check("get returns the bytes", answer["Body"].read() == body)
check("metadata and type", answer["Metadata"] == {"a": "b"} and answer["ContentType"] == "x/y")
check("etag is the md5", answer["ETag"].strip('"') == hashlib.md5(body).hexdigest())

path = os.path.join(FOLDER, "large")
with open(path, "wb") as file:
    file.write(os.urandom(20 * MIB + 17))
config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=6 * MIB)
s3.upload_file(path, "boto", "large", Config=config)
s3.download_file("boto", "large", path + ".back", Config=config)
with open(path, "rb") as sent, open(path + ".back", "rb") as received:
    check("transfer manager round trip", sent.read() == received.read())

for algorithm in ["CRC32", "SHA1", "SHA256"]:
    put = s3.put_object(Bucket="boto", Key="sum", Body=body, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket="boto", Key="sum", ChecksumMode="ENABLED")
    check("checksum " + algorithm, head["Checksum" + algorithm] == put["Checksum" + algorithm])

keys = ["a", "a/b", "a//", "..", "ü/ñ", "x y+z", "q?&=#%25"]
for key in keys:
    s3.put_object(Bucket="boto", Key="keys/" + key, Body=key.encode())
pages = s3.get_paginator("list_objects_v2").paginate(
    Bucket="boto", Prefix="keys/", PaginationConfig={"PageSize": 2}
)
listed = [entry["Key"][5:] for page in pages for entry in page.get("Contents", [])]
check("listing pages through odd keys", listed == sorted(keys, key=lambda key: key.encode()))
for key in keys:
    got = s3.get_object(Bucket="boto", Key="keys/" + key)["Body"].read()
    check("key " + repr(key), got == key.encode())

s3.put_bucket_versioning(Bucket="boto", VersioningConfiguration={"Status": "Enabled"})
first = s3.put_object(Bucket="boto", Key="v", Body=b"1")["VersionId"]
s3.put_object(Bucket="boto", Key="v", Body=b"2")
check("old version", s3.get_object(Bucket="boto", Key="v", VersionId=first)["Body"].read() == b"1")
s3.delete_object(Bucket="boto", Key="v")
check("deleted", code_of(s3.get_object, Bucket="boto", Key="v") == "NoSuchKey")

check("missing key", code_of(s3.get_object, Bucket="boto", Key="none") == "NoSuchKey")
check("missing bucket", code_of(s3.list_objects_v2, Bucket="none-such") == "NoSuchBucket")
check("not empty", code_of(s3.delete_bucket, Bucket="boto") == "BucketNotEmpty")
taken = code_of(s3.put_object, Bucket="boto", Key="plain", Body=b"x", IfNoneMatch="*")
check("conditional put", taken == "PreconditionFailed")

url = s3.generate_presigned_url("get_object", Params={"Bucket": "boto", "Key": "plain"})
from urllib.request import urlopen  # noqa: E402  (kept beside its only use)

with urlopen(url) as response:
    check("presigned url", response.read() == body)

signed = client(request_checksum_calculation="when_required")
signed.put_object(Bucket="boto", Key="signed", Body=body)
check("signed payload", signed.get_object(Bucket="boto", Key="signed")["Body"].read() == body)

versions = s3.list_object_versions(Bucket="boto")
doomed = [
    {"Key": entry["Key"], "VersionId": entry["VersionId"]}
    for entry in versions.get("Versions", []) + versions.get("DeleteMarkers", [])
]
answer = s3.delete_objects(Bucket="boto", Delete={"Objects": doomed})
check("batch delete", "Errors" not in answer)
s3.delete_bucket(Bucket="boto")
check("bucket deleted", code_of(s3.head_bucket, Bucket="boto") == "404")
