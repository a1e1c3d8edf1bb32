"""Whether a request was signed with the right secret: botocore's own signer signs it again.

What a signature covers, and what a wrong one is answered with, differs between S3 and the rest.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from medtx.service.protocol import Refused, Request

SKEW = 300  # seconds that a client's clock may be wrong
_FIELDS = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(\S+?),\s*SignedHeaders=(\S+?),\s*Signature=([0-9a-f]{64})"
)
_STAMP = "%Y%m%dT%H%M%SZ"
_NO_HASH = ("UNSIGNED-PAYLOAD", "STREAMING-")


class _Again:
    """botocore's canonical forms, over exactly those headers that the client signed."""

    def headers_to_sign(self, request: Any) -> Any:
        return request.headers


class _Signer(_Again, SigV4Auth):  # type: ignore[misc]
    pass


class _S3Signer(_Again, S3SigV4Auth):  # type: ignore[misc]
    pass


class Keys:
    """The one key that this server knows."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self._known = Credentials(access_key, secret_key)

    def check(self, request: Request, service: str) -> "Chain":
        """Raises `Refused` as the service would; gives what signs the frames that follow."""
        s3 = service == "s3"
        asked = request.parameters()
        if "X-Amz-Signature" in asked:
            credential, names = asked.get("X-Amz-Credential", ""), asked.get("X-Amz-SignedHeaders", "")
            signature, stamp = asked["X-Amz-Signature"], asked.get("X-Amz-Date", "")
            lifetime = asked.get("X-Amz-Expires", "")
            query = "&".join(p for p in request.query.split("&") if not p.startswith("X-Amz-Signature="))
            body_hash = "UNSIGNED-PAYLOAD" if s3 else hashlib.sha256(request.body).hexdigest()
            if not lifetime.isdigit() or int(lifetime) > (604_800 if s3 else 300):
                raise _wrong(s3, "X-Amz-Expires is missing, or longer than a signature may live")
        else:
            found = _FIELDS.match(request.headers.get("authorization", ""))
            if "AWSAccessKeyId" in asked:
                raise Refused("InvalidRequest", "Please use AWS4-HMAC-SHA256 (signature_version='s3v4').")
            if not found:
                raise _missing(s3)
            credential, names, signature = found.groups()
            stamp, query, lifetime = request.headers.get("x-amz-date", ""), request.query, ""
            body_hash = self._body_hash(request, s3)
        key, _, scope = credential.partition("/")
        parts = scope.split("/")
        if key != self._known.access_key:
            raise _unknown(s3)
        self._in_time(stamp, int(lifetime or SKEW), s3)
        if len(parts) != 4 or parts[3] != "aws4_request" or parts[0] != stamp[:8] or parts[2] != service:
            raise _wrong(s3, f"the credential should be scoped to a day, a region and {service!r}")
        unsigned = {name for name in request.headers if name.startswith("x-amz-")} - set(names.split(";"))
        if s3 and unsigned:  # such as a copy's source, which would say what is read
            raise Refused("AccessDenied", f"these headers are not signed: {', '.join(sorted(unsigned))}", 403)
        again = AWSRequest(request.method, request.url.partition("?")[0] + (f"?{query}" if query else ""))
        again.headers = HTTPHeaders()
        for name in names.split(";"):
            again.headers[name] = request.headers.get(name, "")
        again.context["timestamp"] = stamp
        signer = (_S3Signer if s3 else _Signer)(self._known, service, parts[1])
        signer.payload = lambda _: body_hash
        made = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        if "host" not in names.split(";") or not hmac.compare_digest(made, signature):
            raise _wrong(s3, "the signature does not match: check the secret access key")
        return Chain(signer, signature)

    def _body_hash(self, request: Request, s3: bool) -> str:
        made = hashlib.sha256(request.body).hexdigest()
        said = request.headers.get("x-amz-content-sha256", made)
        if said != made and not said.startswith(_NO_HASH):
            raise Refused("XAmzContentSHA256Mismatch", "the body is not the one that was signed")
        return said

    def _in_time(self, stamp: str, lifetime: int, s3: bool) -> None:
        try:
            signed = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
        except ValueError:
            raise _wrong(s3, "X-Amz-Date is missing, or not such as 20260131T235959Z") from None
        age = (datetime.now(UTC) - signed).total_seconds()
        if not -SKEW <= age <= lifetime:
            if s3:
                raise Refused("RequestTimeTooSkewed", "the request is too old, or from the future", 403)
            raise _wrong(s3, "the signature has expired, or is not yet valid")


class Chain:
    """Signatures of the frames of one stream: each holds the one before."""

    def __init__(self, signer: Any, signature: str) -> None:
        self._signer, self._before = signer, signature

    def check(self, date: int, signature: bytes, frame: bytes) -> None:
        """Of a frame that was signed at ``date``, in milliseconds."""
        signed = AWSRequest()
        signed.context["timestamp"] = datetime.fromtimestamp(date // 1000, UTC).strftime(_STAMP)
        header = b"\x05:date\x08" + date.to_bytes(8, "big")
        lines = [
            "AWS4-HMAC-SHA256-PAYLOAD",
            signed.context["timestamp"],
            self._signer.credential_scope(signed),
            self._before,
            hashlib.sha256(header).hexdigest(),
            hashlib.sha256(frame).hexdigest(),
        ]
        made = self._signer.signature("\n".join(lines), signed)
        if not hmac.compare_digest(bytes.fromhex(made), signature):
            raise _wrong(False, "the signature of a frame does not match")
        self._before = made


def _wrong(s3: bool, message: str) -> Refused:
    code = "SignatureDoesNotMatch" if s3 else "InvalidSignatureException"
    return Refused(code, message, 403)


def _missing(s3: bool) -> Refused:
    code = "AccessDenied" if s3 else "MissingAuthenticationTokenException"
    return Refused(code, "the request is not signed", 403)


def _unknown(s3: bool) -> Refused:
    message = "the access key is not the one that this endpoint printed when it started"
    if s3:
        return Refused("InvalidAccessKeyId", message, 403)
    return Refused("UnrecognizedClientException", message, 400)
