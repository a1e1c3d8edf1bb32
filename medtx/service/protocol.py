"""Requests and refusals, as every part of the endpoint sees them."""

import json
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

ACCOUNT = "000000000000"
"""The account that owns everything here: no real one has this number."""


@dataclass
class Request:
    method: str
    scheme: str
    path: str  # as it was sent, percent-encoded
    query: str
    headers: dict[str, str]  # names in small letters
    body: bytes = b""

    @property
    def url(self) -> str:
        url = f"{self.scheme}://{self.headers.get('host', 'localhost')}{self.path}"
        return f"{url}?{self.query}" if self.query else url

    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None  # of a HEAD's object, which has no body


_STATUS = {
    "NotFoundException": 404,
    "ConflictException": 409,
    "LimitExceededException": 429,
    "TooManyRequestsException": 429,
    "InternalFailureException": 500,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
}


class Refused(Exception):
    """An error that the client is told of. Its message holds nothing of a text or a recording."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(code, message)
        self.code, self.message, self.status = code, message, status or _STATUS.get(code, 400)


def bad_request(message: str) -> Refused:
    return Refused("BadRequestException", message)


def json_answer(content: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps(content).encode(), (("content-type", "application/x-amz-json-1.1"),))


def json_refusal(refused: Refused) -> Answer:
    body = json.dumps({"__type": refused.code, "Message": refused.message, "message": refused.message})
    headers = (("content-type", "application/x-amz-json-1.1"), ("x-amzn-errortype", refused.code))
    return Answer(refused.status, body.encode(), headers)


def request_id() -> str:
    return str(uuid.uuid4())
