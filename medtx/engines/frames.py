"""Messages of AWS's event-stream encoding, as audio is sent in them; botocore.eventstream reads them.

A message is: its length and that of its headers (4 bytes each), the CRC-32 of these, the
headers, the payload, and the CRC-32 of all before. A header is the length of its name (1 byte),
the name, 7 for a string or 6 for bytes, the length of the value (2 bytes), the value; or 8 and a time,
in milliseconds since 1970 (8 bytes). All numbers big-endian.

Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
"""

import struct
from collections.abc import Mapping
from datetime import datetime
from zlib import crc32

from medtx.errors import InputError

MOST = 16 * 2**20
"""Bytes of payload that a reader takes; of headers it takes 128 KiB."""


def encode(headers: Mapping[str, str | bytes | datetime], payload: bytes) -> bytes:
    """One message.

    >>> encode({":event-type": "AudioEvent"}, b"\\1\\2").hex(" ", -4)
    '0000002b 00000019 b75869bc 0b3a6576 656e742d 74797065 07000a41 7564696f 4576656e 7401028f 7097ff'

    Raises `InputError` for what does not fit.
    """
    written = b"".join(header(name, value) for name, value in headers.items())
    if len(written) > 128 * 2**10 or len(payload) > MOST:
        raise InputError(f"a message of {len(payload):,} bytes and {len(written):,} of headers is too long")
    prelude = struct.pack(">II", 16 + len(written) + len(payload), len(written))
    message = prelude + struct.pack(">I", crc32(prelude)) + written + payload
    return message + struct.pack(">I", crc32(message))


def audio(samples: bytes) -> bytes:
    """The message that brings audio, as clients send it."""
    kind = {":message-type": "event", ":event-type": "AudioEvent"}
    return encode(kind | {":content-type": "application/octet-stream"}, samples)


def header(name: str, value: str | bytes | datetime) -> bytes:
    key = name.encode()
    start = struct.pack(">B", len(key)) + key if 0 < len(key) < 2**8 else b""
    if isinstance(value, datetime):
        return start + struct.pack(">Bq", 8, round(1000 * value.timestamp()))
    held = value.encode() if isinstance(value, str) else value
    if not start or len(held) >= 2**15:
        raise InputError(f"a header of {len(key)} bytes with a value of {len(held):,} does not fit")
    return start + struct.pack(">BH", 7 if isinstance(value, str) else 6, len(held)) + held
