"""Transcribe's medical operations: jobs with real states over an engine, vocabularies, tags."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from botocore import xform_name

from medtx.engines.models.custom import Entry
from medtx.errors import InputError, ReadError
from medtx.service import checks, vocabularies
from medtx.service.beside import add_to_job
from medtx.service.engines import Engine, Wanted
from medtx.service.faults import Quotas
from medtx.service.protocol import ACCOUNT, Refused, bad_request
from medtx.service.storage import Store

_PLACES = (r"s3://([^/]+)/(.+)", r"https?://s3[^/]*/([^/]+)/(.+)", r"https?://([^/]+)\.s3[^/]*/(.+)")
_JOB_FIELDS = (
    "LanguageCode",
    "MediaSampleRateHertz",
    "MediaFormat",
    "Media",
    "Settings",
    "ContentIdentificationType",
    "Specialty",
    "Type",
    "Tags",
)
_SUMMARY = (
    "MedicalTranscriptionJobName",
    "CreationTime",
    "StartTime",
    "CompletionTime",
    "LanguageCode",
    "TranscriptionJobStatus",
    "FailureReason",
    "Specialty",
    "ContentIdentificationType",
    "Type",
)
_RUNNING = ("QUEUED", "IN_PROGRESS")


@dataclass
class _Job:
    shown: dict[str, Any]
    asked: dict[str, Any]
    media: tuple[str, str]
    output: tuple[str, str]


@dataclass
class Transcribe:
    """Its operations, each a method that takes and gives the JSON of the protocol; raises `Refused`."""

    store: Store
    engine: Engine
    quotas: Quotas
    region: str
    pending: float
    spawn: Callable[[Coroutine[Any, Any, None]], Any]
    _jobs: dict[str, _Job] = field(default_factory=dict)
    _vocabularies: dict[str, dict[str, Any]] = field(default_factory=dict)
    _phrases: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    _tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def call(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        model = checks.operation("transcribe", name)
        method = getattr(self, xform_name(name), None) if model else None
        if model is None or method is None:
            raise Refused("UnknownOperationException", "medtx serve does not answer this operation")
        if wrong := checks.problem(model.input_shape, asked):
            raise bad_request(f"1 validation error detected: {wrong}")
        made: dict[str, Any] = method({key: value for key, value in asked.items() if value is not None})
        return made

    def start_medical_transcription_job(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["MedicalTranscriptionJobName"]
        if asked["LanguageCode"] != "en-US":
            raise bad_request("The language code that you specified isn't supported. Use en-US.")
        settings = asked.get("Settings", {})
        _check_settings(settings)
        if (vocabulary := settings.get("VocabularyName")) is not None:
            self.ready(vocabulary)
        media = self._place(asked["Media"].get("MediaFileUri", ""))
        if media not in self.store.objects:
            raise bad_request(
                "The S3 URI that you provided can't be accessed. Make sure that you have read permission "
                "and try your request again."
            )
        if asked["OutputBucketName"] not in self.store.buckets:
            raise bad_request(
                "The specified output bucket can't be accessed. Make sure that it is there, and that you "
                "have write permission."
            )
        if name in self._jobs:
            raise Refused("ConflictException", "The requested job name already exists.")
        if (
            sum(job.shown["TranscriptionJobStatus"] in _RUNNING for job in self._jobs.values())
            >= self.quotas.jobs
        ):
            raise Refused("LimitExceededException", "You have too many jobs in progress. Try again later.")
        now = time.time()
        shown = {
            "MedicalTranscriptionJobName": name,
            "TranscriptionJobStatus": "QUEUED",
            "CreationTime": now,
            **{key: asked[key] for key in _JOB_FIELDS if key in asked},
        }
        job = self._jobs[name] = _Job(shown, asked, media, (asked["OutputBucketName"], _output_key(asked)))
        self._tags[self._arn("medical-transcription-job", name)] = _tags(asked)
        self.spawn(self._run(job))
        return {"MedicalTranscriptionJob": dict(shown)}

    def get_medical_transcription_job(self, asked: dict[str, Any]) -> dict[str, Any]:
        job = self._jobs.get(asked["MedicalTranscriptionJobName"])
        if job is None:
            raise Refused("NotFoundException", "The requested job couldn't be found. Check the job name.")
        return {"MedicalTranscriptionJob": dict(job.shown)}

    def list_medical_transcription_jobs(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [
            {key: job.shown[key] for key in _SUMMARY if key in job.shown}
            | {"OutputLocationType": "CUSTOMER_BUCKET"}
            for name, job in reversed(self._jobs.items())
            if asked.get("Status") in (None, job.shown["TranscriptionJobStatus"])
            and asked.get("JobNameContains", "").lower() in name.lower()
        ]
        status = {"Status": asked["Status"]} if "Status" in asked else {}
        return status | _page(found, asked, "MedicalTranscriptionJobSummaries")

    def delete_medical_transcription_job(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["MedicalTranscriptionJobName"]
        job = self._jobs.get(name)
        if job is None:
            raise bad_request("The requested job couldn't be found. Check the job name.")
        if job.shown["TranscriptionJobStatus"] in _RUNNING:
            raise bad_request("The job can't be deleted while it is in progress.")
        del self._jobs[name], self._tags[self._arn("medical-transcription-job", name)]
        return {}

    def create_medical_vocabulary(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["VocabularyName"]
        if name in self._vocabularies:
            raise Refused("ConflictException", "The requested vocabulary name already exists.")
        made = self._vocabulary(name, asked)
        self._tags[self._arn("medical-vocabulary", name)] = _tags(asked)
        return made

    def update_medical_vocabulary(self, asked: dict[str, Any]) -> dict[str, Any]:
        known = self._known(asked["VocabularyName"])
        if known["VocabularyState"] == "PENDING":
            raise Refused("ConflictException", "The vocabulary is still being made.")
        return self._vocabulary(asked["VocabularyName"], asked)

    def get_medical_vocabulary(self, asked: dict[str, Any]) -> dict[str, Any]:
        known = self._known(asked["VocabularyName"])
        return {key: value for key, value in known.items() if key != "place"}

    def list_medical_vocabularies(self, asked: dict[str, Any]) -> dict[str, Any]:
        keys = ("VocabularyName", "LanguageCode", "LastModifiedTime", "VocabularyState")
        found = [
            {key: one[key] for key in keys}
            for name, one in sorted(self._vocabularies.items())
            if asked.get("StateEquals") in (None, one["VocabularyState"])
            and asked.get("NameContains", "").lower() in name.lower()
        ]
        status = {"Status": asked["StateEquals"]} if "StateEquals" in asked else {}
        return status | _page(found, asked, "Vocabularies")

    def delete_medical_vocabulary(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["VocabularyName"]
        self._known(name)
        used = [
            job
            for job in self._jobs.values()
            if job.shown["TranscriptionJobStatus"] in _RUNNING
            and job.asked.get("Settings", {}).get("VocabularyName") == name
        ]
        if used:
            raise bad_request("The vocabulary can't be deleted while a job uses it.")
        del self._vocabularies[name], self._tags[self._arn("medical-vocabulary", name)]
        self._phrases.pop(name, None)
        return {}

    def tag_resource(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._tagged(asked["ResourceArn"]).update(_tags(asked))
        return {}

    def untag_resource(self, asked: dict[str, Any]) -> dict[str, Any]:
        tags = self._tagged(asked["ResourceArn"])
        for key in asked["TagKeys"]:
            tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, asked: dict[str, Any]) -> dict[str, Any]:
        arn = asked["ResourceArn"]
        tags = [{"Key": key, "Value": value} for key, value in self._tagged(arn).items()]
        return {"ResourceArn": arn, "Tags": tags}

    def ready(self, vocabulary: str) -> tuple[Entry, ...]:
        """The phrases of a vocabulary. Raises `Refused` for one that a job or stream cannot use."""
        state = self._vocabularies.get(vocabulary, {}).get("VocabularyState")
        if state != "READY":
            raise bad_request(
                "The vocabulary that you specified couldn't be found. Check the name."
                if state is None
                else "The vocabulary that you specified isn't ready."
            )
        return self._phrases[vocabulary]

    async def _run(self, job: _Job) -> None:
        await asyncio.sleep(self.pending)
        try:
            wanted = self._wanted(job)
            async with self.engine.slot():
                job.shown |= {"TranscriptionJobStatus": "IN_PROGRESS", "StartTime": time.time()}
                path = self.store.path(*job.media)
                if not path.exists():
                    raise ReadError("", "The media file is no longer there")
                made = await self.engine.results(path, wanted)
            settings = job.asked.get("Settings", {})
            phi = "ContentIdentificationType" in job.asked
            made["results"] = add_to_job(made["results"], bool(settings.get("ShowSpeakerLabels")), phi)
            name = job.shown["MedicalTranscriptionJobName"]
            content = {"jobName": name, "accountId": ACCOUNT, "status": "COMPLETED", **made}
            self.store.write(*job.output, [json.dumps(content).encode()], _written(job.asked))
            uri = f"https://s3.{self.region}.amazonaws.com/{job.output[0]}/{quote(job.output[1])}"
            done = {"TranscriptionJobStatus": "COMPLETED", "Transcript": {"TranscriptFileUri": uri}}
        except ReadError as error:  # without its source: that is our own file
            where = f" at {error.place}" if error.place else ""
            done = {"TranscriptionJobStatus": "FAILED", "FailureReason": f"{error.problem}{where}"}
        except Refused as refused:
            done = {"TranscriptionJobStatus": "FAILED", "FailureReason": refused.message}
        except Exception as error:  # the job must end, whatever its engine raises
            done = {"TranscriptionJobStatus": "FAILED", "FailureReason": f"Internal: {type(error).__name__}"}
        job.shown |= {"CompletionTime": time.time(), **done}

    def _wanted(self, job: _Job) -> Wanted:
        settings = job.asked.get("Settings", {})
        return Wanted(
            names=(Path(job.media[1]).stem, job.asked["MedicalTranscriptionJobName"]),
            specialty=job.asked["Specialty"],
            vocabulary=self.ready(settings["VocabularyName"]) if "VocabularyName" in settings else (),
            alternatives=settings.get("MaxAlternatives", 1),
            split_channels=bool(settings.get("ChannelIdentification")),
            format=job.asked.get("MediaFormat"),
            rate=job.asked.get("MediaSampleRateHertz"),
        )

    def _vocabulary(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["LanguageCode"] != "en-US":
            raise bad_request("The language code that you specified isn't supported. Use en-US.")
        if "VocabularyFileUri" not in asked:
            raise bad_request("VocabularyFileUri is missing.")
        place = self._place(asked["VocabularyFileUri"])
        if place not in self.store.objects:
            raise bad_request("The S3 URI that you provided can't be accessed.")
        made = {
            "VocabularyName": name,
            "LanguageCode": "en-US",
            "VocabularyState": "PENDING",
            "LastModifiedTime": time.time(),
        }
        self._vocabularies[name] = made | {"DownloadUri": self._link(place)}
        self.spawn(self._prepare(name, self._vocabularies[name], self.store.read(*place)))
        return made

    async def _prepare(self, name: str, one: dict[str, Any], table: bytes) -> None:
        await asyncio.sleep(self.pending)
        wrong = vocabularies.problem(table)
        if not wrong:
            try:
                self._phrases[name] = await asyncio.to_thread(vocabularies.phrases, table)
            except InputError as error:
                wrong = error.args[0]
        one["VocabularyState"] = "FAILED" if wrong else "READY"
        if wrong:
            one["FailureReason"] = wrong

    def _known(self, name: str) -> dict[str, Any]:
        if name not in self._vocabularies:
            raise Refused("NotFoundException", "The requested vocabulary couldn't be found. Check the name.")
        return self._vocabularies[name]

    def _place(self, uri: str) -> tuple[str, str]:
        for pattern in _PLACES:
            if found := re.fullmatch(pattern, uri):
                bucket, key = found.groups()
                return bucket, key if uri.startswith("s3:") else unquote(key)
        raise bad_request("The URI that you provided doesn't point to an object in S3.")

    def _link(self, place: tuple[str, str]) -> str:
        return f"https://s3.{self.region}.amazonaws.com/{place[0]}/{quote(place[1])}"

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:transcribe:{self.region}:{ACCOUNT}:{kind}/{name}"

    def _tagged(self, arn: str) -> dict[str, str]:
        if arn not in self._tags:
            raise Refused("NotFoundException", "The requested resource couldn't be found.")
        return self._tags[arn]


def _check_settings(settings: dict[str, Any]) -> None:
    for shown, most in (("ShowSpeakerLabels", "MaxSpeakerLabels"), ("ShowAlternatives", "MaxAlternatives")):
        if bool(settings.get(shown)) != (most in settings):
            raise bad_request(f"{shown} and {most} go together: set both or neither.")
    if settings.get("ShowSpeakerLabels") and settings.get("ChannelIdentification"):
        raise bad_request("You can't set both ShowSpeakerLabels and ChannelIdentification.")


def _output_key(asked: dict[str, Any]) -> str:
    name = asked["MedicalTranscriptionJobName"]
    key: str | None = asked.get("OutputKey")
    if key is None:
        return f"medical/{name}.json"
    return key if key.endswith(".json") else f"{key.removesuffix('/')}/{name}.json"


def _written(asked: dict[str, Any]) -> dict[str, str]:
    """What S3 says of a transcript: encrypted, with the key that was named."""
    headers = {"content-type": "application/json", "x-amz-server-side-encryption": "AES256"}
    if key := asked.get("OutputEncryptionKMSKeyId"):
        headers["x-amz-server-side-encryption"] = "aws:kms"
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = key
    return headers


def _tags(asked: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in asked.get("Tags", [])}


def _page(found: list[dict[str, Any]], asked: dict[str, Any], name: str) -> dict[str, Any]:
    token = asked.get("NextToken", "0")
    if not token.isdigit():
        raise bad_request("The NextToken that you provided isn't valid.")
    first, last = int(token), int(token) + asked.get("MaxResults", 5)
    return {name: found[first:last]} | ({"NextToken": str(last)} if last < len(found) else {})
