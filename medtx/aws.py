"""boto3 clients for what AWS offers, and their errors as one sentence each.

Nothing that is sent goes over an open line, and nothing of it stands in an error or a log of ours.
"""

import ipaddress
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from medtx.errors import InputError, MedtxError, optional

T = TypeVar("T")


class Unusable(MedtxError):
    """The service as a whole cannot be used: no other request would get through either."""


class Refused(MedtxError):
    """The service answered with an error; ``code`` is its name, ``status`` that of HTTP."""

    def __init__(self, message: str, code: str, status: int) -> None:
        self.code, self.status = code, status
        super().__init__(message, code, status)  # all three, so that it survives pickling

    def __str__(self) -> str:
        return str(self.args[0])


ROUNDS = 6
"""How often a call that is still throttled after boto3's own retries is made."""

PATIENCE = 300.0
"""Seconds for which a call that may be repeated is; boto3's own retries stop early where many calls fail."""

LONGEST_WAIT = 20.0
"""Seconds between two such calls, at the most."""


def checked_endpoint(url: str | None) -> str | None:
    """Raises `InputError` where texts would travel in clear, except to this machine itself."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        raise InputError("endpoint_url is not an address such as https://host:port")
    if parts.scheme == "http" and not _loopback(host):
        raise InputError(f"endpoint_url: http://{host} would send texts in clear: use https")
    return url


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def where(url: str | None) -> str:
    host = urlsplit(url or "").hostname or "amazonaws.com"
    return "aws" if re.fullmatch(r"(.*\.)?(amazonaws\.com(\.cn)?|api\.aws)", host) else str(url)


def connect(
    service: str,
    region: str | None = None,
    endpoint_url: str | None = None,
    profile: str | None = None,
    connections: int = 10,
) -> Any:
    """A boto3 client that retries what can get better, and gives up soon what cannot."""
    boto3 = optional("boto3", "aws")
    config = optional("botocore.config", "aws").Config(
        retries={"mode": "standard", "max_attempts": 8},
        connect_timeout=4,
        max_pool_connections=connections,
        # what is for this machine must not pass a proxy
        proxies={} if endpoint_url and _loopback(urlsplit(endpoint_url).hostname or "") else None,
    )
    failed = None
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        client = session.client(service, endpoint_url=endpoint_url, config=config)
    except Exception as error:
        failed = error
    if failed is not None:
        raise told(failed, {"comprehendmedical": "Comprehend Medical"}.get(service, service.upper()))
    checked_endpoint(client.meta.endpoint_url)  # the environment may have named one
    _impatient(client)
    return client


def _impatient(client: Any) -> None:
    """Where nothing was ever reached, try twice and not nine times."""
    exceptions = optional("botocore.exceptions", "aws")
    reached = threading.Event()

    def look(response: Any, attempts: int, caught_exception: Exception | None, **_: Any) -> None:
        if response is not None:
            reached.set()
        elif isinstance(caught_exception, exceptions.SSLError) or (
            isinstance(caught_exception, exceptions.ConnectionError) and attempts > 1 and not reached.is_set()
        ):
            raise caught_exception

    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register_first(f"needs-retry.{service}", look)


_KEYS = {
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "InvalidToken",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "AuthFailure",
}
_THROTTLED = {
    "LimitExceededException",
    "TooManyRequestsException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
}


def _code(error: Exception) -> tuple[str, int]:
    """The error code and the HTTP status of an answer; empty and 0 where there was none."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return "", 0
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # An endpoint may write anything there: only what looks like a code is shown.
    return (code if re.fullmatch(r"[A-Za-z0-9.]{1,60}", code) else "unknown error"), int(status)


def throttled(error: Exception) -> bool:
    code, status = _code(error)
    return code in _THROTTLED or status == 429


def maybe_billed(error: Exception) -> bool:
    """Whether the service may have done its work, and only the answer was lost."""
    exceptions = optional("botocore.exceptions", "aws")
    return not isinstance(error, exceptions.ClientError | exceptions.ConnectionError) and (
        isinstance(error, exceptions.HTTPClientError) or not isinstance(error, exceptions.BotoCoreError)
    )


def told(error: Exception, doing: str, client: Any = None, *, quoted: bool = False) -> MedtxError:
    """An exception of boto3 as one sentence.

    It is without the service's message, which may quote a text, unless ``quoted``.
    """
    exceptions = optional("botocore.exceptions", "aws")
    if isinstance(error, MedtxError):
        return error
    code, status = _code(error)
    if code:
        message = str(getattr(error, "response", {})["Error"].get("Message", ""))
        if code == "RequestTimeTooSkewed" or re.search(
            r"signature (has )?(expired|not yet current)", message, re.I
        ):
            return Unusable(f"{doing}: the clock of this machine is wrong ({code})")
        if code in _KEYS or status == 401:
            return Unusable(f"{doing}: AWS does not know these credentials ({code}): check key and secret")
        if "Expired" in code:
            return Unusable(f"{doing}: the AWS credentials have expired ({code}): get new ones")
        if code.startswith("AccessDenied") or status == 403:
            return Unusable(
                f"{doing}: these AWS credentials may not do that ({code}): ask for the permission"
            )
        if code == "NoSuchBucket":
            return Unusable(f"{doing}: no such bucket: make it, or name another")
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", code.removesuffix("Exception")).lower()
        said = " ".join(message.split())[:300]
        more = f": {said}" if quoted and said else ""
        return Refused(f"{doing}: {words} (HTTP status {status}){more}", code, status)
    name = type(error).__name__
    if isinstance(error, exceptions.NoRegionError):
        return Unusable(f"{doing}: no AWS region is set: name a region, or set AWS_DEFAULT_REGION")
    if isinstance(error, exceptions.ProfileNotFound):
        return Unusable(f"{doing}: the AWS profile is not in the configuration of this machine")
    if isinstance(error, exceptions.SSLError):
        return Unusable(
            f"{doing}: the certificate of {_address(client)} is not trusted ({name}): name the "
            "authority that signed it in AWS_CA_BUNDLE"
        )
    if isinstance(error, exceptions.ConnectionError):
        return Unusable(f"{doing}: {_address(client)} cannot be reached ({name}){_region(client)}")
    if isinstance(error, exceptions.HTTPClientError):
        return Refused(f"{doing}: no answer came ({name})", "NoAnswer", 504)  # as a gateway would say
    if re.search("Credential|Token|SSO|Login", name):
        return Unusable(
            f"{doing}: no AWS credentials that can be used ({name}): log in, name a profile, or set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if isinstance(error, exceptions.BotoCoreError | ValueError):
        return Unusable(f"{doing}: the AWS settings cannot be used ({name})")
    return MedtxError(f"{doing}: an answer that cannot be read ({name})")


def _address(client: Any) -> str:
    """Without a name and password that the address may hold."""
    parts = urlsplit(client.meta.endpoint_url if client else "")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "the endpoint"


def _region(client: Any) -> str:
    """A hint, where the region is not among those that boto3 knows for the service."""
    if client is None or where(client.meta.endpoint_url) != "aws":
        return ""
    session = optional("boto3", "aws").Session()
    service = client.meta.service_model.service_name
    regions = {
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions(service, partition)
    }
    if client.meta.region_name in regions:
        return ""
    return f": {client.meta.region_name} is not among its regions ({', '.join(sorted(regions))})"


def call(client: Any, method: str, **arguments: Any) -> dict[str, Any]:
    """The answer of one operation; an error of boto3 is raised as `told`."""
    return _call(client, method, arguments, quoted=False)


_LOGGERS = ("botocore.endpoint", "botocore.parsers", "botocore.hooks", "botocore.regions")
"""boto3's loggers that write requests and answers, at DEBUG."""

_holds_text: ContextVar[bool] = ContextVar("_holds_text", default=False)


def _is_shown(record: logging.LogRecord) -> bool:
    return not _holds_text.get()


@contextmanager
def unlogged() -> Iterator[None]:
    """A request that holds a text, made inside, stays out of boto3's own log."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_shown)  # a logger keeps the same filter once
    before = _holds_text.set(True)
    try:
        yield
    finally:
        _holds_text.reset(before)


def _call(client: Any, method: str, arguments: dict[str, Any], quoted: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    failed: Exception | None = None
    try:
        answer = getattr(client, method)(**arguments)
    except Exception as error:
        cause = error.__context__  # of an upload: there boto3 hides the service's answer
        failed = cause if method == "upload_file" and isinstance(cause, Exception) else error
    if failed is not None:  # here, so that boto3's exception, which may hold a text, is no context of ours
        raise told(failed, f"{client.meta.service_model.service_id}, {method}", client, quoted=quoted)
    return answer


def patiently(
    client: Any, method: str, stop: threading.Event, pace: "Pace | None" = None, **arguments: Any
) -> dict[str, Any]:
    """As `call`, and again where it is throttled, or the service is down, for some minutes.

    For operations that may be repeated, and whose requests hold no text: what the service says
    is quoted. Raises CancelledError when stopped.
    """
    end, wait = time.monotonic() + PATIENCE, 0.5
    while pace is None or pace.wait(stop):
        try:
            return _call(client, method, arguments, quoted=True)
        except Refused as error:
            again = error.code in _THROTTLED or error.status == 429 or error.status >= 500
            if not again or time.monotonic() > end:
                raise
        if stop.wait(wait * random.uniform(0.5, 1)):
            break
        wait = min(2 * wait, LONGEST_WAIT)
    raise CancelledError


def fetch(s3: Any, bucket: str, key: str, stop: threading.Event) -> bytes:
    """What an object holds; asked for again where the connection breaks off. Errors as `patiently`."""
    exceptions = optional("botocore.exceptions", "aws")
    for left in reversed(range(ROUNDS)):
        body = patiently(s3, "get_object", stop, Bucket=bucket, Key=key)["Body"]
        try:
            return bytes(body.read())
        except (exceptions.HTTPClientError, exceptions.IncompleteReadError) as error:
            if not left:
                raise told(error, "S3, get_object", s3) from None
    raise CancelledError


class Pace:
    """Spreads calls evenly, below a quota of calls and of characters a second."""

    def __init__(self, tps: float, cps: float = float("inf")) -> None:
        self.tps, self.cps = tps, cps
        self._free = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event, characters: int = 0) -> bool:
        """Until it is our turn; False if stopped before."""
        with self._lock:
            start = max(time.monotonic(), self._free)
            self._free = start + max(1 / self.tps, characters / self.cps)
        return not stop.wait(max(0.0, start - time.monotonic()))


def wait_for(
    look: Callable[[], T | None], poll: float, timeout: float, stop: threading.Event | None = None
) -> T | None:
    """What ``look`` gives once it gives something; None after ``timeout`` seconds.

    It looks every ``poll`` seconds, then ever more rarely, down to once a minute. Raises
    CancelledError when stopped.
    """
    if not (poll > 0 and timeout > 0):
        raise InputError(f"poll={poll!r} and timeout={timeout!r}: expected seconds above 0")
    end = time.monotonic() + timeout
    while (found := look()) is None:
        left = end - time.monotonic()
        if left <= 0:
            return None
        if (stop or threading.Event()).wait(min(poll, left)):
            raise CancelledError
        poll = max(poll, min(1.5 * poll, 60.0))
    return found


def encryption(kms_key: str | None) -> dict[str, str]:
    """How S3 is asked to encrypt what is written: with this key, or with its own."""
    if kms_key:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
    return {"ServerSideEncryption": "AES256"}


def checked_bucket(bucket: str, prefix: str) -> str:
    """The prefix without slashes around it; raises `InputError` for what S3 would not take."""
    if not isinstance(bucket, str) or not re.fullmatch(r"[0-9a-z._-]{3,63}", bucket):
        raise InputError(f"bucket={bucket!r} is not the name of a bucket")
    prefix = prefix.strip("/")
    if "//" in prefix or len(prefix.encode()) > 900:
        raise InputError(f"prefix={prefix[:80]!r} is longer than 900 bytes, or holds //")
    return prefix


def s3_address(uri: str) -> tuple[str, str]:
    """Bucket and key of an object, from its address in any of the styles of S3.

    >>> s3_address("https://s3.us-east-1.amazonaws.com/notes/medtx/visit%281%29.json")
    ('notes', 'medtx/visit(1).json')
    >>> s3_address("https://my.notes.s3.eu-west-1.amazonaws.com/visit.json")
    ('my.notes', 'visit.json')
    """
    parts = urlsplit(uri)
    path = unquote(parts.path.removeprefix("/"))
    host = parts.hostname or ""
    if parts.scheme == "s3":
        return parts.netloc, path
    if virtual := re.match(r"(.+?)\.s3[.-]", host):
        return virtual[1], path
    bucket, _, key = path.partition("/")
    return bucket, key


def pages(client: Any, method: str, token: str, **arguments: Any) -> list[dict[str, Any]]:
    """All pages of a listing; ``token`` is the argument that asks for the next."""
    found = [call(client, method, **arguments)]
    following = {"NextToken": "NextToken", "ContinuationToken": "NextContinuationToken"}[token]
    while found[-1].get(following):
        found.append(call(client, method, **arguments, **{token: found[-1][following]}))
    return found
