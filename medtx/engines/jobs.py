"""Transcribe Medical's batch jobs: a file goes up, its job is followed, its result comes back.

A job is named after its audio and settings. So whoever asks for it again, after a crash or from
another machine, finds the job or its result, and nothing is paid for twice.
"""

import threading
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

from medtx.aws import (
    Pace,
    Refused,
    Unusable,
    checked_bucket,
    connect,
    encryption,
    fetch,
    pages,
    patiently,
    s3_address,
    wait_for,
)
from medtx.engines.journal import Journal
from medtx.engines.medical import FORMATS, Ask, Wanted
from medtx.errors import ReadError

QUOTAS = {"start": 25.0, "get": 30.0}
"""Calls a second, as the service's defaults are. An account may have others: check them."""

JOBS = 250
"""Jobs at once."""

UPLOADS = 8  # at once

_STARTED = ("QUEUED", "IN_PROGRESS", "COMPLETED")


class Batch:
    """The batch jobs of one call; its methods may be used from many threads at once.

    Raises `Unusable` at the start for what would fail for all files: no bucket, no credentials.
    """

    def __init__(self, wanted: Wanted, journal: Journal, overwrite: bool, stop: threading.Event) -> None:
        service = self.service = wanted.service
        self.wanted, self.journal, self.overwrite, self.stop = wanted, journal, overwrite, stop
        self.bucket = str(service.bucket)
        self.prefix = checked_bucket(self.bucket, service.prefix)
        default = f"{self.prefix}/results".lstrip("/")
        self.output = default if service.output is None else checked_bucket(self.bucket, service.output)
        connection = (service.region, service.endpoint_url, service.profile, 2 * UPLOADS)
        self.s3, self.client = connect("s3", *connection), connect("transcribe", *connection)
        self._uploads = threading.Semaphore(UPLOADS)
        self._paces = {name: Pace(QUOTAS[name]) for name in ("start", "get")}
        listed = pages(
            self.s3, "list_objects_v2", "ContinuationToken", Bucket=self.bucket, Prefix=self._at("")
        )
        self._check_region(listed[0])
        self.there = {one["Key"] for page in listed for one in page.get("Contents", [])}

    def _at(self, file: str) -> str:
        return f"{self.output}/{file}".lstrip("/")

    def _check_region(self, answer: dict[str, Any]) -> None:
        """Transcribe reads a bucket of its own region only; S3 says in which one it lies."""
        lies = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        region = self.client.meta.region_name
        if lies and lies != region:
            raise Unusable(
                f"the bucket {self.bucket} lies in {lies}, and Transcribe is asked in {region}: "
                f"use region={lies!r}, or a bucket in {region}"
            )

    def result(self, one: Ask) -> bytes:
        """The service's own JSON for this file, verbatim, from wherever it is nearest.

        Raises `ReadError` for a job that failed, with the service's reason.
        """
        known = self.journal.get(one.job)
        attempt, state = known.get("attempt") or 1, known.get("state")
        name = _name(one.job, attempt)
        if not self.overwrite and self._at(f"{name}.json") in self.there:
            return self._fetched(one, self.bucket, self._at(f"{name}.json"))
        if state == "FAILED" or (self.overwrite and state == "KEPT"):
            attempt, state = attempt + 1, None
        if not (state in _STARTED and self._get(name)):
            name = self._start(one, attempt, state == "UPLOADED")
            if self.stop.wait(self.service.poll):
                raise CancelledError
        job = self._followed(one, name)
        if job["TranscriptionJobStatus"] == "FAILED":
            why = " ".join(str(job.get("FailureReason", "no reason was given")).split())[:500]
            raise ReadError(one.file, f"the service could not transcribe it: {why}", f"job {name}")
        return self._fetched(one, *s3_address(job["Transcript"]["TranscriptFileUri"]))

    def clean(self, one: Ask) -> None:
        """Delete what lies in the bucket of this file: its audio and its results."""
        keys = [key for key in self.there if key.startswith(self._at(one.job))]
        attempt = self.journal.get(one.job).get("attempt") or 1
        for key in {*keys, self._at(f"{_name(one.job, attempt)}.json"), self._audio(one)}:
            patiently(self.s3, "delete_object", self.stop, Bucket=self.bucket, Key=key)

    def _audio(self, one: Ask) -> str:
        return f"{self.prefix}/audio/{one.job}{Path(one.file).suffix.lower()}".lstrip("/")

    def _start(self, one: Ask, attempt: int, uploaded: bool) -> str:
        """Start the job, or find it; its name is new where that of an earlier attempt failed."""
        while True:
            name = _name(one.job, attempt)
            found = self._get(name) if self.overwrite else None
            if found is None:
                if not uploaded:
                    self._upload(one)
                    uploaded = True
                self.journal.note(one.job, state="STARTING", attempt=attempt)
                if self._started(one, name) or self.overwrite:  # it was free a moment ago: it is ours
                    break
                found = self._get(name)
            if found and found["TranscriptionJobStatus"] != "FAILED" and not self.overwrite:
                break
            attempt += 1
        self.journal.note(one.job, state="QUEUED", attempt=attempt)
        return name

    def _upload(self, one: Ask) -> None:
        with self._uploads:
            patiently(
                self.s3,
                "upload_file",
                self.stop,
                Filename=one.file,
                Bucket=self.bucket,
                Key=self._audio(one),
                ExtraArgs=encryption(self.service.kms_key),
            )
        self.journal.note(one.job, state="UPLOADED")

    def _started(self, one: Ask, name: str) -> bool:
        """Whether the job was started now; False where it had been before."""
        asked = self._request(one, name)

        def look() -> bool | None:
            try:
                patiently(
                    self.client, "start_medical_transcription_job", self.stop, self._paces["start"], **asked
                )
            except Refused as error:
                if error.code == "LimitExceededException":  # other programs have jobs, too
                    return None
                if error.code != "ConflictException":
                    raise
                return False
            return True

        started = wait_for(look, self.service.poll, self.service.timeout, self.stop)
        if started is None:
            raise ReadError(one.file, "the service has too many jobs under way: run this again later")
        return started

    def _request(self, one: Ask, name: str) -> dict[str, Any]:
        service, (_, alternatives, split_channels) = self.service, self.wanted
        settings: dict[str, Any] = {}
        if service.speakers:
            settings |= {"ShowSpeakerLabels": True, "MaxSpeakerLabels": service.speakers}
        if split_channels:
            settings["ChannelIdentification"] = True
        if alternatives:
            settings |= {"ShowAlternatives": True, "MaxAlternatives": alternatives}
        if service.vocabulary:
            settings["VocabularyName"] = service.vocabulary
        asked: dict[str, Any] = {
            "MedicalTranscriptionJobName": name,
            "LanguageCode": "en-US",
            "MediaFormat": FORMATS[one.facts.format],
            "Media": {"MediaFileUri": f"s3://{self.bucket}/{self._audio(one)}"},
            "OutputBucketName": self.bucket,
            "OutputKey": self._at(f"{name}.json"),
            "Specialty": one.specialty,
            "Type": one.type,
        }
        if settings:
            asked["Settings"] = settings
        if service.phi:
            asked["ContentIdentificationType"] = "PHI"
        if service.kms_key:
            asked["OutputEncryptionKMSKeyId"] = service.kms_key
        if service.kms_context:
            asked["KMSEncryptionContext"] = dict(service.kms_context)
        if service.tags:
            asked["Tags"] = [{"Key": key, "Value": value} for key, value in service.tags.items()]
        return asked

    def _get(self, name: str) -> dict[str, Any] | None:
        """The job as the service describes it; None where it has none of that name."""
        method = "get_medical_transcription_job"
        try:
            answer = patiently(
                self.client, method, self.stop, self._paces["get"], MedicalTranscriptionJobName=name
            )
        except Refused as error:
            if error.code == "NotFoundException" or "couldn't be found" in str(error):
                return None
            raise
        job: dict[str, Any] = answer["MedicalTranscriptionJob"]
        return job

    def _followed(self, one: Ask, name: str) -> dict[str, Any]:
        """The job when it has ended; each new state is in the journal."""
        state = ""

        def look() -> dict[str, Any] | None:
            nonlocal state
            job = self._get(name)
            if job is None:
                raise ReadError(one.file, "its job is not at the service any more", f"job {name}")
            if job["TranscriptionJobStatus"] != state:
                state = job["TranscriptionJobStatus"]
                self.journal.note(one.job, state=state, reason=job.get("FailureReason"))
            return job if state in ("COMPLETED", "FAILED") else None

        job = wait_for(look, self.service.poll, self.service.timeout, self.stop)
        if job is None:
            raise ReadError(
                one.file,
                f"{state} after {self.service.timeout:g} s of waiting; the job goes on, and running "
                "this again waits for it again",
                f"job {name}",
            )
        return job

    def _fetched(self, one: Ask, bucket: str, key: str) -> bytes:
        try:
            return fetch(self.s3, bucket, key, self.stop)
        except Refused as error:
            if error.code != "NoSuchKey":
                raise
        raise ReadError(
            one.file,
            "it was transcribed, but the result is not in the bucket any more: overwrite asks, and "
            "pays, for it again",
            f"s3://{bucket}/{key}",
        )


def _name(job: str, attempt: int) -> str:
    return job if attempt == 1 else f"{job}-{attempt}"
