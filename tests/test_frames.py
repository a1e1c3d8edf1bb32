"""Event-stream messages: botocore reads ours, and its own are as ours would be."""

import struct
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from medtx.engines.frames import encode
from medtx.errors import InputError

AUDIO = {
    ":message-type": "event",
    ":event-type": "AudioEvent",
    ":content-type": "application/octet-stream",
}
names = st.text(min_size=1, max_size=60)
HEADERS = st.dictionaries(names, st.text(max_size=200), max_size=8)


def decoded(data: bytes) -> list[tuple[dict, bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=2000)), max_size=4), st.data())
def test_botocore_reads_what_we_write_however_it_is_cut(messages, data):
    stream = b"".join(encode(headers, payload) for headers, payload in messages)
    buffer, found, at = EventStreamBuffer(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        buffer.add_data(stream[at : at + size])
        found += [(message.headers, message.payload) for message in buffer]
        at += size
    assert found == messages


@given(HEADERS, st.binary(max_size=500), st.data())
def test_a_flipped_bit_is_seen(headers, payload, data):
    message = bytearray(encode(headers, payload))
    # behind the length: a longer one makes the reader wait for more
    at = data.draw(st.integers(4, len(message) - 1))
    message[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Exception, match=r"(?i)checksum|length"):
        decoded(bytes(message))


def test_the_serializer_of_amazon_transcribe_writes_the_same():
    from amazon_transcribe.eventstream import EventStreamMessageSerializer

    for payload in (b"", b"\0\1" * 1600):
        theirs = EventStreamMessageSerializer().serialize(AUDIO, payload)
        assert encode(AUDIO, payload) == theirs


def test_a_message_by_hand():
    head = struct.pack(">II", 16, 0)
    head += struct.pack(">I", crc32(head))
    assert encode({}, b"") == head + struct.pack(">I", crc32(head))


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({"": "x"}, b""),
        ({"é" * 128: "x"}, b""),
        ({"x": "a" * 2**15}, b""),
        ({str(i): "a" * 32000 for i in range(5)}, b""),
        ({}, bytes(16 * 2**20 + 1)),
    ],
)
def test_what_does_not_fit_is_refused(headers, payload):
    with pytest.raises(InputError, match=r"does not fit|too long"):
        encode(headers, payload)
