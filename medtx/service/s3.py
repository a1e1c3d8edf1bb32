"""The operations of S3 that clients need to bring audio and fetch results; objects are files of the owner.

Buckets are named in the path, or before ``.localhost`` in the host. Versions, access lists and the rest
are answered with NotImplemented.
"""

import base64
import hashlib
import itertools
import os
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from medtx.files import save
from medtx.service.protocol import Answer, Refused, Request, request_id
from medtx.service.storage import Object, Store

_KEPT = re.compile(
    r"content-(type|disposition|language)|cache-control|x-amz-(meta-.+|server-side-encryption.*)"
)
_REGION = re.compile(r"<LocationConstraint[^>]*>")


def target(request: Request) -> tuple[str, str]:
    """The bucket and key that a request names; empty where it names none."""
    host = request.headers.get("host", "").partition(":")[0]
    path = request.path.removeprefix("/")
    if host.endswith(".localhost"):
        return host.removesuffix(".localhost"), unquote(path)
    bucket, _, key = path.partition("/")
    return unquote(bucket), unquote(key)


def operation(request: Request) -> str:
    """Its name in S3's API."""
    bucket, key = target(request)
    asked = request.parameters()
    if not bucket:
        return {"GET": "ListBuckets"}.get(request.method, "")
    if not key:
        if request.method == "POST":
            return "DeleteObjects" if "delete" in asked else ""
        if request.method == "GET":
            if "location" in asked:
                return "GetBucketLocation"
            if "list-type" in asked:
                return "ListObjectsV2"
            return "ListObjects" if not set(asked) - _LISTING else ""
        names = {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}
        return "" if asked else names.get(request.method, "")
    if "uploadId" in asked:
        names = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
        return names.get(request.method, "")
    if request.method == "POST":
        return "CreateMultipartUpload" if "uploads" in asked else ""
    if {"acl", "tagging", "retention", "legal-hold", "attributes", "torrent", "restore"} & set(asked):
        return ""
    if request.method == "PUT" and "x-amz-copy-source" in request.headers:
        return "CopyObject"
    names = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
    return names.get(request.method, "")


_LISTING = {"prefix", "delimiter", "marker", "max-keys", "encoding-type"}


def answer(store: Store, request: Request) -> Answer:
    """Raises `Refused`."""
    name = operation(request)
    if not name:
        raise Refused("NotImplemented", "medtx serve does not answer this operation of S3", 501)
    bucket, key = target(request)
    made: Answer = _OPERATIONS[name](store, request, bucket, key)
    return made


def refusal(refused: Refused) -> Answer:
    body = _xml(
        "Error",
        f"<Code>{refused.code}</Code><Message>{escape(refused.message)}</Message>"
        f"<RequestId>{request_id()}</RequestId>",
    )
    return Answer(refused.status, body.body, body.headers)


def _xml(root: str, inside: str) -> Answer:
    space = "" if root == "Error" else ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{space}>{inside}</{root}>'
    return Answer(200, body.encode(), (("content-type", "application/xml"),))


def _body(request: Request) -> bytes:
    """Without the chunks that SDKs put around it to send a checksum after it."""
    data = request.body
    if "aws-chunked" in request.headers.get("content-encoding", "") or request.headers.get(
        "x-amz-content-sha256", ""
    ).startswith("STREAMING-"):
        data = b"".join(_chunks(data))
    if wanted := request.headers.get("content-md5"):
        made = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        if made != wanted:
            raise Refused("BadDigest", "The Content-MD5 you specified did not match what we received.")
    return data


def _chunks(data: bytes) -> Iterator[bytes]:
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        written = data[at : max(end, at)].partition(b";")[0]
        if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", written):  # int() takes signs, blanks and underscores, too
            raise Refused("IncompleteBody", "the chunks of the body cannot be read")
        size = int(written, 16)
        if end < 0 or len(data) < end + 2 + size:
            raise Refused("IncompleteBody", "the body ends inside a chunk")
        if size == 0:
            return
        yield data[end + 2 : end + 2 + size]
        at = end + 4 + size


def _kept(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if _KEPT.fullmatch(name)}


def _list_buckets(store: Store, request: Request, bucket: str, key: str) -> Answer:
    found = "".join(
        f"<Bucket><Name>{escape(name)}</Name><CreationDate>{_iso(made.timestamp())}</CreationDate></Bucket>"
        for name, made in sorted(store.buckets.items())
    )
    return _xml("ListAllMyBucketsResult", f"<Owner><ID>medtx</ID></Owner><Buckets>{found}</Buckets>")


def _create_bucket(store: Store, request: Request, bucket: str, key: str) -> Answer:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise Refused("InvalidBucketName", "The specified bucket is not valid.")
    if bucket in store.buckets:
        raise Refused("BucketAlreadyOwnedByYou", "Your previous request to create it succeeded.", 409)
    store.buckets[bucket] = datetime.now(UTC)
    return Answer(headers=(("location", f"/{bucket}"),))


def _head_bucket(store: Store, request: Request, bucket: str, key: str) -> Answer:
    store.bucket(bucket)
    return Answer()


def _delete_bucket(store: Store, request: Request, bucket: str, key: str) -> Answer:
    if store.names(bucket):
        raise Refused("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
    del store.buckets[bucket]
    return Answer(204)


def _location(store: Store, request: Request, bucket: str, key: str) -> Answer:
    store.bucket(bucket)
    return _xml("LocationConstraint", "")


def _put(store: Store, request: Request, bucket: str, key: str) -> Answer:
    if request.headers.get("if-none-match") == "*" and (bucket, key) in store.objects:
        raise Refused("PreconditionFailed", "the object is there already", 412)
    one = store.write(bucket, key, [_body(request)], _kept(request))
    return Answer(headers=(("etag", f'"{one.etag}"'), *_encryption(one)))


def _copy(store: Store, request: Request, bucket: str, key: str) -> Answer:
    source, _, name = unquote(request.headers["x-amz-copy-source"].removeprefix("/")).partition("/")
    before = store.find(source, name)
    replaced = request.headers.get("x-amz-metadata-directive") == "REPLACE"
    headers = _kept(request) if replaced else before.headers | _kept(request)
    one = store.write(bucket, key, [store.path(source, name)], headers)
    inside = f'<ETag>"{one.etag}"</ETag><LastModified>{_iso(one.modified)}</LastModified>'
    return _xml("CopyObjectResult", inside)


def _get(store: Store, request: Request, bucket: str, key: str) -> Answer:
    one = store.find(bucket, key)
    headers = (
        ("etag", f'"{one.etag}"'),
        ("last-modified", format_datetime(datetime.fromtimestamp(one.modified, UTC), usegmt=True)),
        ("accept-ranges", "bytes"),
        *({"content-type": "binary/octet-stream"} | one.headers).items(),
    )
    first, last, status = 0, one.size - 1, 200
    if wanted := re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", "")):
        begin, end = wanted.groups()
        first = int(begin) if begin else max(one.size - int(end or 0), 0)
        last = min(int(end), last) if begin and end else last
        if first > last:
            raise Refused("InvalidRange", "The requested range is not satisfiable", 416)
        status = 206
        headers += (("content-range", f"bytes {first}-{last}/{one.size}"),)
    if request.method == "HEAD":
        return Answer(status, b"", headers, last - first + 1)
    with open(store.path(bucket, key), "rb") as file:
        file.seek(first)
        return Answer(status, file.read(last - first + 1), headers)


def _delete(store: Store, request: Request, bucket: str, key: str) -> Answer:
    store.delete(bucket, key)
    return Answer(204)


def _delete_many(store: Store, request: Request, bucket: str, key: str) -> Answer:
    keys = [one.text or "" for one in _tree(_body(request)).iter() if one.tag.endswith("Key")]
    for name in keys:
        store.delete(bucket, name)
    return _xml("DeleteResult", "".join(f"<Deleted><Key>{escape(k)}</Key></Deleted>" for k in keys))


def _tree(body: bytes) -> ElementTree.Element:
    if b"<!" in body:  # no document types: an entity could unfold to any size
        raise Refused("MalformedXML", "The XML you provided has a document type")
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise Refused("MalformedXML", "The XML you provided was not well-formed") from None


def _list(store: Store, request: Request, bucket: str, key: str) -> Answer:
    asked = request.parameters()
    second = asked.get("list-type") == "2"
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    after = asked.get("continuation-token") or asked.get("start-after") if second else asked.get("marker")
    after = after or ""
    try:
        most = min(int(asked.get("max-keys", 1000)), 1000)
    except ValueError:
        raise Refused("InvalidArgument", "max-keys is not a number") from None
    encode: Any = quote if asked.get("encoding-type") == "url" else escape

    def group(name: str) -> str:
        """What a key is listed as: itself, or the folder that it lies in."""
        end = name.find(delimiter, len(prefix)) if delimiter else -1
        return name if end < 0 else name[: end + len(delimiter)]

    names = [name for name in store.names(bucket) if name.startswith(prefix)]
    shown = [one for one, _ in itertools.groupby(names, group) if one.encode() > after.encode()]
    more, shown = len(shown) > most, shown[:most]
    parts = []
    for name in shown:
        if delimiter and delimiter in name[len(prefix) :]:
            parts.append(f"<CommonPrefixes><Prefix>{encode(name)}</Prefix></CommonPrefixes>")
        else:
            one = store.objects[bucket, name]
            parts.append(
                f"<Contents><Key>{encode(name)}</Key><LastModified>{_iso(one.modified)}</LastModified>"
                f'<ETag>"{one.etag}"</ETag><Size>{one.size}</Size><StorageClass>STANDARD</StorageClass></Contents>'
            )
    inside = f"<Name>{escape(bucket)}</Name><Prefix>{encode(prefix)}</Prefix><MaxKeys>{most}</MaxKeys>"
    inside += f"<Delimiter>{encode(delimiter)}</Delimiter>" if delimiter else ""
    inside += "<EncodingType>url</EncodingType>" if encode is quote else ""
    inside += f"<IsTruncated>{str(more).lower()}</IsTruncated>"
    inside += f"<KeyCount>{len(shown)}</KeyCount>" if second else ""
    if more and shown:
        # only the older listing encodes where it goes on
        tag, last = ("NextContinuationToken", escape) if second else ("NextMarker", encode)
        inside += f"<{tag}>{last(shown[-1])}</{tag}>"
    return _xml("ListBucketResult", inside + "".join(parts))


def _start_upload(store: Store, request: Request, bucket: str, key: str) -> Answer:
    store.bucket(bucket)
    number = uuid.uuid4().hex
    store.uploads[number] = (bucket, key, _kept(request), {})
    inside = f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(key)}</Key><UploadId>{number}</UploadId>"
    return _xml("InitiateMultipartUploadResult", inside)


def _upload(
    store: Store, request: Request, bucket: str, key: str
) -> tuple[str, dict[str, str], dict[int, tuple[str, int]]]:
    number = request.parameters()["uploadId"]
    if store.uploads.get(number, ("", ""))[:2] != (bucket, key):
        raise Refused("NoSuchUpload", "The specified multipart upload does not exist.", 404)
    return number, *store.uploads[number][2:]


def _part_path(store: Store, upload: str, part: int) -> Path:
    return store.folder / f"{upload}.{part}"


def _upload_part(store: Store, request: Request, bucket: str, key: str) -> Answer:
    number, _, parts = _upload(store, request, bucket, key)
    part = request.parameters().get("partNumber", "")
    if not part.isdigit() or not 1 <= int(part) <= 10_000:
        raise Refused("InvalidArgument", "Part number must be an integer between 1 and 10000")
    data = _body(request)
    save(_part_path(store, number, int(part)), lambda file: file.write_bytes(data))
    etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
    parts[int(part)] = (etag, len(data))
    return Answer(headers=(("etag", f'"{etag}"'),))


def _complete_upload(store: Store, request: Request, bucket: str, key: str) -> Answer:
    number, headers, parts = _upload(store, request, bucket, key)
    fields = [
        {child.tag.rpartition("}")[2]: (child.text or "").strip().strip('"') for child in part}
        for part in _tree(_body(request))
    ]
    wanted = [(int(one.get("PartNumber", 0)), one.get("ETag", "")) for one in fields]
    if not wanted or any(parts.get(part, ("",))[0] != etag for part, etag in wanted):
        raise Refused("InvalidPart", "One or more of the specified parts could not be found.")
    if [part for part, _ in wanted] != sorted({part for part, _ in wanted}):
        raise Refused("InvalidPartOrder", "The list of parts was not in ascending order.")
    if any(parts[part][1] < 5 * 2**20 for part, _ in wanted[:-1]):
        raise Refused("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    joined = hashlib.md5(b"".join(bytes.fromhex(etag) for _, etag in wanted), usedforsecurity=False)
    paths = [_part_path(store, number, part) for part, _ in wanted]
    one = store.write(bucket, key, paths, headers, f"{joined.hexdigest()}-{len(wanted)}")
    _forget(store, number)
    inside = f"<Location>http://localhost/{escape(quote(f'{bucket}/{key}'))}</Location>"
    inside += f'<Bucket>{escape(bucket)}</Bucket><Key>{escape(key)}</Key><ETag>"{one.etag}"</ETag>'
    return _xml("CompleteMultipartUploadResult", inside)


def _abort_upload(store: Store, request: Request, bucket: str, key: str) -> Answer:
    _forget(store, _upload(store, request, bucket, key)[0])
    return Answer(204)


def _forget(store: Store, number: str) -> None:
    for part in store.uploads.pop(number)[3]:
        os.unlink(_part_path(store, number, part))


def _encryption(one: Object) -> list[tuple[str, str]]:
    return [(name, value) for name, value in one.headers.items() if "encryption" in name]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


_OPERATIONS = {
    "ListBuckets": _list_buckets,
    "CreateBucket": _create_bucket,
    "HeadBucket": _head_bucket,
    "DeleteBucket": _delete_bucket,
    "GetBucketLocation": _location,
    "ListObjects": _list,
    "ListObjectsV2": _list,
    "DeleteObjects": _delete_many,
    "PutObject": _put,
    "CopyObject": _copy,
    "GetObject": _get,
    "HeadObject": _get,
    "DeleteObject": _delete,
    "CreateMultipartUpload": _start_upload,
    "UploadPart": _upload_part,
    "CompleteMultipartUpload": _complete_upload,
    "AbortMultipartUpload": _abort_upload,
}
