"""What patients said stays out of logs, also of those of the libraries that we call."""

import logging

import boto3
import pytest

import medtx
from medtx.clinical import ComprehendMedical
from medtx.service import running

SECRET = "Jane Roe of Elm Street takes warfarin 5 mg"


@pytest.fixture
def endpoint():
    with running(buckets=["audio"]) as one:
        yield one


def test_boto3_at_debug_writes_none_of_comprehends_texts(endpoint, caplog, tmp_path):
    client = boto3.client("comprehendmedical", **endpoint.client)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "botocore")
    found = medtx.entities(
        medtx.from_text({"visit": SECRET}), ComprehendMedical(client=client, cache=tmp_path)
    )
    assert found.table["text"].tolist()
    assert "warfarin" not in caplog.text
    client.detect_entities_v2(Text="metoprolol")  # of others it writes as before
    assert "metoprolol" in caplog.text
