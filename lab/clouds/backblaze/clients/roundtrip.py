"""Drives the S3 endpoint with boto3 and the native API with b2sdk, neither of which is ours.

Reads keys from the environment and prints one JSON object: what each step saw. The assertions stand in clients.test.ts.
"""

import json
import os
import sys

import boto3
from b2sdk.v2 import B2Api, InMemoryAccountInfo, UploadSourceBytes, UploadSourceLocalFile
from b2sdk.v2.exception import B2Error
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = "https://s3.us-west-004.backblazeb2.com"
BUCKET = os.environ["BUCKET"]


def s3(key_id: str, key: str, style: str = "path"):
    return boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name="us-west-004",
        aws_access_key_id=key_id,
        aws_secret_access_key=key,
        config=Config(s3={"addressing_style": style}, retries={"max_attempts": 1}),
    )


def refusal(call, **arguments) -> list:
    try:
        call(**arguments)
    except ClientError as error:
        answer = error.response
        return [answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]]
    return ["allowed"]


def with_boto3() -> dict:
    client = s3(os.environ["KEY_ID"], os.environ["KEY"])
    saw = {}
    for style in ("path", "virtual"):
        styled = s3(os.environ["KEY_ID"], os.environ["KEY"], style)
        name = f"boto/ä b+{style}"
        styled.put_object(Bucket=BUCKET, Key=name, Body=b"0123456789", Metadata={"m": "v"})
        got = styled.get_object(Bucket=BUCKET, Key=name, Range="bytes=2-4")
        saw[style] = [got["Body"].read().decode(), got["Metadata"]]
    body = os.urandom(1) * 12_000_000
    with open(os.environ["SCRATCH"], "wb") as out:
        out.write(body)
    client.upload_file(os.environ["SCRATCH"], BUCKET, "boto/large")
    saw["large"] = client.get_object(Bucket=BUCKET, Key="boto/large")["Body"].read() == body
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="boto/", PaginationConfig={"PageSize": 1}
    )
    saw["list"] = [item["Key"] for page in pages for item in page.get("Contents", [])]
    client.delete_object(Bucket=BUCKET, Key="boto/large")
    saw["hidden"] = refusal(client.get_object, Bucket=BUCKET, Key="boto/large")
    versions = client.list_object_versions(Bucket=BUCKET, Prefix="boto/large")
    saw["versions"] = [len(versions["Versions"]), len(versions["DeleteMarkers"])]
    saw["delete version"] = refusal(
        client.delete_object,
        Bucket=BUCKET,
        Key="boto/large",
        VersionId=versions["Versions"][0]["VersionId"],
    )
    removed = client.delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": "boto/ä b+path"}, {"Key": "boto/none"}]}
    )
    saw["delete many"] = len(removed["Deleted"])
    stranger = s3(os.environ["KEY_ID"], "wrong")
    saw["wrong secret"] = refusal(stranger.list_objects_v2, Bucket=BUCKET)
    owner = s3(os.environ["MASTER_ID"], os.environ["MASTER_KEY"])
    saw["master key"] = refusal(owner.list_objects_v2, Bucket=BUCKET)
    saw["other bucket"] = refusal(client.list_objects_v2, Bucket="somebody-elses")
    return saw


def with_b2sdk() -> dict:
    api = B2Api(InMemoryAccountInfo())
    api.authorize_account("production", os.environ["KEY_ID"], os.environ["KEY"])
    bucket = api.get_bucket_by_name(BUCKET)
    version = bucket.upload_bytes(b"from b2sdk", "sdk/ä b")
    saw = {"name": version.file_name}
    with open(os.environ["SCRATCH"], "wb") as out:
        out.write(b"x" * 11_000_000)
    bucket.concatenate(
        [UploadSourceLocalFile(os.environ["SCRATCH"]), UploadSourceBytes(b"tail")],
        "sdk/large",
        min_part_size=5_000_000,
    )
    saw["large"] = bucket.get_file_info_by_name("sdk/large").size
    downloaded = bucket.download_file_by_name("sdk/ä b")
    downloaded.save_to(os.environ["SCRATCH"])
    with open(os.environ["SCRATCH"], "rb") as file:
        saw["content"] = file.read().decode()
    saw["list"] = [v.file_name for v, _ in bucket.ls("sdk")]
    bucket.hide_file("sdk/ä b")
    saw["after hiding"] = [v.file_name for v, _ in bucket.ls("sdk")]
    try:
        api.delete_file_version(version.id_, version.file_name)
        saw["delete"] = "allowed"
    except B2Error as error:
        saw["delete"] = type(error).__name__
    owner = B2Api(InMemoryAccountInfo())
    owner.authorize_account("production", os.environ["MASTER_ID"], os.environ["MASTER_KEY"])
    key = owner.create_key(["listFiles"], "made-by-sdk", bucket_id=bucket.id_)
    saw["keys"] = [k.key_name for k in owner.list_keys()]
    owner.delete_key_by_id(key.id_)
    return saw


json.dump({"boto3": with_boto3(), "b2sdk": with_b2sdk()}, sys.stdout)
