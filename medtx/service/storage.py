"""What the endpoint keeps: buckets and their objects, each a file of the owner."""

import hashlib
import json
import warnings
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from medtx.files import save
from medtx.service.protocol import Refused


@dataclass
class Object:
    bucket: str
    key: str
    size: int
    etag: str
    modified: float
    headers: dict[str, str]


class Store:
    """Buckets and their objects, each a file in ``folder`` with its description beside it."""

    def __init__(self, folder: Path, buckets: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.buckets = dict.fromkeys(buckets, datetime.now(UTC))
        self.objects: dict[tuple[str, str], Object] = {}
        self.uploads: dict[str, tuple[str, str, dict[str, str], dict[int, tuple[str, int]]]] = {}
        for file in sorted(folder.glob("*.json")):
            try:
                one = Object(**json.loads(file.read_text(encoding="utf-8")))
                whole = file.with_suffix("").stat().st_size == one.size
            except (OSError, ValueError, TypeError):
                whole = False
            if not whole:
                warnings.warn(f"{file}: passed over, as this object is torn", stacklevel=2)
                continue
            self.objects[one.bucket, one.key] = one
            self.buckets.setdefault(one.bucket, datetime.now(UTC))

    def path(self, bucket: str, key: str) -> Path:
        return self.folder / hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()

    def find(self, bucket: str, key: str) -> Object:
        self.bucket(bucket)
        if (bucket, key) not in self.objects:
            raise Refused("NoSuchKey", "The specified key does not exist.", 404)
        return self.objects[bucket, key]

    def bucket(self, bucket: str) -> None:
        if bucket not in self.buckets:
            raise Refused("NoSuchBucket", "The specified bucket does not exist", 404)

    def read(self, bucket: str, key: str) -> bytes:
        self.find(bucket, key)
        return self.path(bucket, key).read_bytes()

    def write(
        self, bucket: str, key: str, parts: list[bytes] | list[Path], headers: dict[str, str], etag: str = ""
    ) -> Object:
        self.bucket(bucket)
        if len(key.encode()) > 1024:
            raise Refused("KeyTooLongError", "Your key is too long")
        digest, size = hashlib.md5(usedforsecurity=False), 0

        def put(file: Path) -> None:
            nonlocal size
            with open(file, "wb") as out:
                for part in parts:
                    data = part if isinstance(part, bytes) else part.read_bytes()
                    digest.update(data)
                    size += out.write(data)

        path = save(self.path(bucket, key), put)
        now = datetime.now(UTC).timestamp()
        one = Object(bucket, key, size, etag or digest.hexdigest(), now, headers)
        save(path.with_suffix(".json"), lambda file: file.write_text(json.dumps(asdict(one))))
        self.objects[bucket, key] = one
        return one

    def delete(self, bucket: str, key: str) -> None:
        self.bucket(bucket)
        if self.objects.pop((bucket, key), None):
            self.path(bucket, key).with_suffix(".json").unlink(missing_ok=True)
            self.path(bucket, key).unlink(missing_ok=True)

    def names(self, bucket: str) -> list[str]:
        """Its keys, in the order of their UTF-8 bytes."""
        self.bucket(bucket)
        return sorted((key for owner, key in self.objects if owner == bucket), key=str.encode)
