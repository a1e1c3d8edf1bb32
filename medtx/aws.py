"""boto3 clients for what AWS offers, and their errors as one sentence each.

Nothing that is sent goes over an open line, and nothing of it stands in an error or a log of ours.
"""

import ipaddress
import re
import threading
from typing import Any
from urllib.parse import urlsplit

from medtx.errors import InputError, MedtxError, optional


class Unusable(MedtxError):
    """The service as a whole cannot be used: no other request would get through either."""


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
_THROTTLED = {"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded"}


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


def told(error: Exception, doing: str, client: Any = None) -> MedtxError:
    """An exception of boto3 as one sentence, without the service's message: it may quote the text."""
    exceptions = optional("botocore.exceptions", "aws")
    if isinstance(error, MedtxError):
        return error
    code, status = _code(error)
    if code:
        if code in _KEYS or status == 401:
            return Unusable(f"{doing}: AWS does not know these credentials ({code}): check key and secret")
        if "Expired" in code:
            return Unusable(f"{doing}: the AWS credentials have expired ({code}): get new ones")
        if code == "RequestTimeTooSkewed":
            return Unusable(f"{doing}: the clock of this machine is wrong ({code})")
        if code.startswith("AccessDenied") or status == 403:
            return Unusable(
                f"{doing}: these AWS credentials may not do that ({code}): ask for the permission"
            )
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", code.removesuffix("Exception")).lower()
        return MedtxError(f"{doing}: {words} (HTTP status {status})")
    name = type(error).__name__
    if isinstance(error, exceptions.NoRegionError):
        return Unusable(f"{doing}: no AWS region is set: name a region, or set AWS_DEFAULT_REGION")
    if isinstance(error, exceptions.ProfileNotFound):
        return Unusable(f"{doing}: the AWS profile is not in the configuration of this machine")
    if isinstance(error, exceptions.ConnectionError):
        return Unusable(f"{doing}: {_address(client)} cannot be reached ({name}){_region(client)}")
    if isinstance(error, exceptions.HTTPClientError):
        return MedtxError(f"{doing}: no answer came ({name})")
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
    answer: dict[str, Any] = {}
    failed = None
    try:
        answer = getattr(client, method)(**arguments)
    except Exception as error:
        failed = error
    if failed is not None:  # here, so that boto3's exception, which may hold a text, is no context of ours
        raise told(failed, f"{client.meta.service_model.service_id}, {method}", client)
    return answer


def pages(client: Any, method: str, token: str, **arguments: Any) -> list[dict[str, Any]]:
    """All pages of a listing; ``token`` is the argument that asks for the next."""
    found = [call(client, method, **arguments)]
    following = {"NextToken": "NextToken", "ContinuationToken": "NextContinuationToken"}[token]
    while found[-1].get(following):
        found.append(call(client, method, **arguments, **{token: found[-1][following]}))
    return found
