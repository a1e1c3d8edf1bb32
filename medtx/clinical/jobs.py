"""Comprehend Medical's asynchronous jobs: one file a recording in S3, one answer a file.

For corpora that would take the single calls too long. A job is named after what it reads and
how, so that a second run finds the first one's job, or its answers, and pays nothing.
"""

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from medtx.aws import (
    Unusable,
    call,
    checked_bucket,
    checked_endpoint,
    connect,
    encryption,
    pages,
    wait_for,
)
from medtx.clinical.comprehend import utf8
from medtx.errors import InputError, MedtxError, not_one_of

JOBS = {
    "detect_entities_v2": "entities_detection_v2_job",
    "detect_phi": "phi_detection_job",
    "infer_icd10_cm": "icd10_cm_inference_job",
    "infer_rx_norm": "rx_norm_inference_job",
    "infer_snomedct": "snomedct_inference_job",
}
"""Operation -> its job in boto3, after ``start_``, ``describe_`` and ``list_`` (with an s)."""

FILE_BYTES, ALL_BYTES, FILES = 70_000, 1_000_000_000, 5_000_000  # the guide's quotas of one job

_UNDER_WAY = ("SUBMITTED", "IN_PROGRESS")
_DONE = ("COMPLETED", "PARTIAL_SUCCESS")


def run_job(
    texts: Mapping[str, str],
    operation: str,
    *,
    bucket: str,
    role_arn: str,
    prefix: str = "medtx",
    kms_key: str | None = None,
    client: Any = None,
    s3: Any = None,
    poll: float = 10.0,
    timeout: float = 86_400.0,
) -> dict[str, dict[str, Any]]:
    """Recording -> answer, from one batch job over all texts; it waits for the end of the job.

    The texts are written to ``bucket`` below ``prefix``, encrypted there (with ``kms_key``, or
    S3's own key), and stay until you delete them. ``role_arn`` is the role that lets the service
    read and write there. ``client`` and ``s3`` are boto3 clients of one region (default: made
    from AWS's own settings). The job is looked at after ``poll`` seconds, then ever more rarely,
    down to once a minute.

    A later run with the same texts and settings goes on with the job of this one. Recordings
    that the service did not answer are missing in the result, and warned of.

    Raises `InputError` for what the service would not take, and `MedtxError` for a job that
    failed, with the service's message, or is not done after ``timeout`` seconds (it goes on).
    """
    if operation not in JOBS:
        raise not_one_of("operation", operation, JOBS)
    if not (poll > 0 and timeout > 0):
        raise InputError(f"poll={poll!r} and timeout={timeout!r}: expected seconds above 0")
    prefix = checked_bucket(bucket, prefix)
    if not re.fullmatch(r"arn:aws(-[^:]+)?:iam::[0-9]{12}:role/.+", role_arn):
        raise InputError(f"role_arn={role_arn!r} is not like arn:aws:iam::123456789012:role/name")
    files = _files(texts)
    if files:
        client = client or connect("comprehendmedical")
        s3 = s3 or connect("s3", client.meta.region_name)
        for one in (client, s3):
            checked_endpoint(one.meta.endpoint_url)
    digest = _digest([operation, bucket, prefix, kms_key or ""], files)
    root = f"{prefix}/{digest[:32]}".lstrip("/")

    outputs = _outputs(s3, bucket, root, files)
    if len(outputs) < len(files):
        name = f"medtx-{operation}-{digest[:32]}"
        settings = {
            "InputDataConfig": {"S3Bucket": bucket, "S3Key": f"{root}/input/"},
            "OutputDataConfig": {"S3Bucket": bucket, "S3Key": f"{root}/output/"},
            "DataAccessRoleArn": role_arn,
            "JobName": name,
            "LanguageCode": "en",
        } | ({"KMSKey": kms_key} if kms_key else {})
        job, before = _earlier(client, operation, name)
        if job is None:
            _upload(s3, bucket, root, files, kms_key)
            # A token of its own for each attempt: an old one would only give the failed job again.
            settings["ClientRequestToken"] = f"medtx-{digest[:40]}-{before}"
            job = call(client, f"start_{JOBS[operation]}", **settings)["JobId"]
        _wait(client, operation, job, poll, timeout)
        outputs = _outputs(s3, bucket, root, files)

    stems = {stem: name for stem, (name, _) in files.items()}
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(outputs, pool.map(lambda key: _answer(s3, bucket, key), outputs.values())))
    answers = {stems[stem]: answer for stem, answer in found.items() if answer is not None}
    asked = set(stems.values())
    missing = [name for name in stems.values() if name not in answers]
    if missing:
        some = ", ".join(map(repr, missing[:5])) + (", ..." if len(missing) > 5 else "")
        what = (
            f"no answer in s3://{bucket}/{root}/output for {len(missing)} of {len(files)} recordings: {some}"
        )
        if not answers:
            raise MedtxError(f"{what}; with another prefix the job is run anew")
        warnings.warn(f"{what}; run_job with these alone asks for them again", stacklevel=2)
    return {
        name: answers.get(name, {"Entities": []}) for name in texts if name in answers or name not in asked
    }


def _files(texts: Mapping[str, str]) -> dict[str, tuple[str, bytes]]:
    """Name of the file -> recording and its text. Names of people may stand in a recording's
    name, and any character: S3 gets a hash of it. Blank texts need no answer."""
    files = {}
    for name, text in texts.items():
        if not isinstance(name, str):
            raise InputError(f"expected names of recordings, not {type(name).__name__}")
        data = utf8(text, f"recording {name!r}")
        if len(data) > FILE_BYTES:
            raise InputError(f"recording {name!r}: {len(data):,} bytes are above the limit of {FILE_BYTES:,}")
        if data.strip():
            files[hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]] = (name, data)
    size = sum(len(data) for _, data in files.values())
    if size > ALL_BYTES or len(files) > FILES:
        raise InputError(
            f"{len(files):,} files of {size:,} bytes are above the limits of a job, "
            f"{FILES:,} and {ALL_BYTES:,}: make several"
        )
    return files


def _digest(settings: list[str], files: dict[str, tuple[str, bytes]]) -> str:
    every = [[stem, hashlib.sha256(data).hexdigest()] for stem, (_, data) in sorted(files.items())]
    return hashlib.sha256(json.dumps([1, settings, every]).encode()).hexdigest()


def _earlier(client: Any, operation: str, name: str) -> tuple[str | None, int]:
    """The newest job of that name that runs or is done, and how many there were."""
    method = f"list_{JOBS[operation]}s"
    found = pages(client, method, "NextToken", Filter={"JobName": name}, MaxResults=500)
    jobs = [job for page in found for job in page.get("ComprehendMedicalAsyncJobPropertiesList", [])]
    jobs = [job for job in jobs if job.get("JobName") == name]
    usable = [job for job in jobs if job.get("JobStatus") in _UNDER_WAY + _DONE]
    newest = max(usable, key=lambda job: job["SubmitTime"], default=None)
    return (newest["JobId"] if newest else None), len(jobs)


def _upload(
    s3: Any, bucket: str, root: str, files: dict[str, tuple[str, bytes]], kms_key: str | None
) -> None:
    def put(stem: str) -> None:
        key, data = f"{root}/input/{stem}.txt", files[stem][1]
        kind = "text/plain; charset=utf-8"
        call(s3, "put_object", Bucket=bucket, Key=key, Body=data, ContentType=kind, **encryption(kms_key))

    _each(put, list(files))


def _each(work: Callable[[str], None], names: list[str]) -> None:
    pool = ThreadPoolExecutor(8)
    try:
        for _ in pool.map(work, names):
            pass
    finally:
        pool.shutdown(cancel_futures=True)


def _wait(client: Any, operation: str, job: str, poll: float, timeout: float) -> None:
    status = ""

    def look() -> bool | None:
        nonlocal status
        known = call(client, f"describe_{JOBS[operation]}", JobId=job).get(
            "ComprehendMedicalAsyncJobProperties", {}
        )
        status = known.get("JobStatus", "unknown")
        if status in (*_DONE, *_UNDER_WAY):
            return status in _DONE or None
        message = " ".join(str(known.get("Message", "")).split())[:300]
        raise MedtxError(f"{operation}, job {job}: {status}" + (f": {message}" if message else ""))

    if not wait_for(look, poll, timeout):
        raise MedtxError(
            f"{operation}, job {job}: {status} after {timeout:g} s of waiting; it goes on, and "
            "running this again waits for it again"
        )


def _outputs(s3: Any, bucket: str, root: str, files: dict[str, tuple[str, bytes]]) -> dict[str, str]:
    """File -> key of its answer. The service writes <input>.out into a folder it names after
    account, kind of job and job id; the content is the same whichever job wrote it."""
    if not files:
        return {}
    listed = pages(s3, "list_objects_v2", "ContinuationToken", Bucket=bucket, Prefix=f"{root}/output/")
    keys = [one["Key"] for page in listed for one in page.get("Contents", [])]
    found = {key.rpartition("/")[2].partition(".")[0]: key for key in keys if key.endswith(".out")}
    return {stem: found[stem] for stem in files if stem in found}


def _answer(s3: Any, bucket: str, key: str) -> dict[str, Any] | None:
    try:
        answer = json.loads(call(s3, "get_object", Bucket=bucket, Key=key)["Body"].read())
    except Unusable:
        raise
    except Exception:  # of this one file: it is listed with those that have no answer
        return None
    return answer if isinstance(answer, dict) and isinstance(answer.get("Entities"), list) else None
