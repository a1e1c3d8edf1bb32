"""Amazon Comprehend Medical, asked sparingly: answers are kept, quotas respected, spending limited.

Characters are code points, as the service counts and bills them; limits are UTF-8 bytes.
Nothing of a text stands in an error or a log of ours.
"""

import hashlib
import json
import random
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from medtx.aws import (
    ROUNDS,
    Pace,
    Unusable,
    checked_endpoint,
    connect,
    maybe_billed,
    throttled,
    told,
    unlogged,
    where,
)
from medtx.errors import InputError, MedtxError, not_one_of, optional, reason
from medtx.files import cache_folder, private_folder, save_text


class Operation(NamedTuple):
    limit: int  # UTF-8 bytes of one text
    tps: float  # calls a second
    cps: float  # characters a second
    dollars: float  # for a unit of 100 characters


OPERATIONS = {
    "detect_entities_v2": Operation(20_000, 100, 40_000, 0.01),
    "detect_phi": Operation(20_000, 100, 40_000, 0.0014),
    "infer_icd10_cm": Operation(10_000, 100, 40_000, 0.0005),
    "infer_rx_norm": Operation(10_000, 100, 40_000, 0.00025),
    "infer_snomedct": Operation(5_000, 2, 5_000, 0.0075),
}
"""Operation -> its default quotas and public list price. An account may have others: check them."""


class ComprehendMedical:
    """The five operations of Comprehend Medical, through boto3.

    ``client`` is a boto3 client of ``comprehendmedical``; without it one is made for ``region``,
    ``endpoint_url`` and ``profile`` (or what AWS's own settings say) when it is first needed.
    ``cache`` is a folder that keeps each answer in a file readable by its owner only (default:
    ``medtx/comprehend-medical`` in the user's cache folder; ``False`` for none), so that no text
    is paid for twice, in whichever region. ``max_cost`` is in dollars: the call that would pass
    it is not made. ``workers`` is how many calls of one operation may be under way.

    ``spent`` counts by the public list prices of `OPERATIONS` what this object asked for, the
    calls under way included. A call that is repeated because its answer was lost counts once.
    """

    name = "comprehend-medical"

    def __init__(
        self,
        client: Any = None,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        profile: str | None = None,
        cache: str | PathLike[str] | bool | None = None,
        max_cost: float | None = None,
        workers: int = 8,
    ) -> None:
        if max_cost is not None and not max_cost >= 0:
            raise InputError(f"max_cost={max_cost!r} is not a number of dollars, 0 or more")
        if not isinstance(workers, int) or workers < 1:
            raise InputError(f"workers={workers!r} is not 1 or more")
        checked_endpoint(endpoint_url if client is None else client.meta.endpoint_url)
        self._client = client
        self._settings = (region, endpoint_url, profile)
        self._where: str | None = where(client.meta.endpoint_url) if client is not None else None
        self.cache = (
            None
            if cache is False
            else cache_folder("comprehend-medical")
            if cache in (None, True)
            else Path(str(cache))
        )
        self.max_cost, self.workers = max_cost, workers
        self.spent = 0.0
        self._lock = threading.Lock()
        self._connecting = threading.Lock()
        self._asked: dict[str, Future[str]] = {}
        self._unsaved: dict[str, str] = {}  # what was paid for, but could not be written
        self._trouble = ""
        self._paces = {name: Pace(one.tps, one.cps) for name, one in OPERATIONS.items()}

    def detect(self, operation: str, text: str) -> dict[str, Any]:
        """The service's answer, without ``ResponseMetadata``; ``{"Entities": []}`` for blank text.

        Raises `InputError` for an unknown operation and for a text above its limit, `MedtxError`
        for what the service refuses, and where ``max_cost`` would be passed.
        """
        if _blank(operation, text):
            return {"Entities": []}
        answer: dict[str, Any] = json.loads(self._answer(operation, text, threading.Event()))
        self._warn()
        return answer

    def detect_many(
        self, requests: Sequence[tuple[str, str]], progress: bool = True
    ) -> list[dict[str, Any] | Exception]:
        """The answers to (operation, text) in their order; an exception where one failed.

        What would fail for all (no credentials, no access, no connection) is raised at once;
        the answers so far are in the cache.
        """
        answers: list[dict[str, Any] | Exception] = [{"Entities": []} for _ in requests]
        places: dict[tuple[str, str], list[int]] = {}  # the same text is asked for once
        for i, (operation, text) in enumerate(requests):
            _known(operation)
            try:
                if not _blank(operation, text):
                    places.setdefault((operation, text), []).append(i)
            except InputError as refused:
                answers[i] = refused
        if not places:
            return answers
        bar = optional("tqdm.auto", "aws").tqdm(
            total=sum(map(len, places.values())), desc="asking", unit="text", disable=not progress
        )
        stop = threading.Event()
        # A pool for each operation: the slow one must not keep the others waiting.
        pools = {
            name: ThreadPoolExecutor(self.workers, thread_name_prefix=f"medtx-{name}")
            for name in {operation for operation, _ in places}
        }
        with bar:
            try:
                futures = {pools[one[0]].submit(self._answer, *one, stop): one for one in places}
                for future in as_completed(futures):
                    error = future.exception()
                    if isinstance(error, Unusable) or (error and not isinstance(error, Exception)):
                        raise error
                    for i in places[futures[future]]:
                        answers[i] = error if isinstance(error, Exception) else json.loads(future.result())
                    bar.update(len(places[futures[future]]))
            finally:
                stop.set()
                for pool in pools.values():  # without waiting: a call may hang until its timeout
                    pool.shutdown(wait=False, cancel_futures=True)
        self._warn()
        return answers

    def estimate(self, requests: Sequence[tuple[str, str]]) -> pd.DataFrame:
        """What the requests would cost by the public list prices; nothing is sent.

        A row an operation, and a TOTAL: ``requests``, how many of them are ``cached``, and
        ``characters``, ``units`` (of 100 characters, one a call at least) and ``dollars`` of the
        calls that would be made, one for each new text.

        Raises `InputError` for a text above its operation's limit.
        """
        rows = {name: [0, 0, 0, 0] for name in OPERATIONS if any(name == one for one, _ in requests)}
        seen: dict[str, bool] = {}
        for operation, text in requests:
            blank = _blank(operation, text)
            row = rows[operation]
            row[0] += 1
            if blank:
                continue
            key = self._key(operation, text)
            if key not in seen:
                seen[key] = self._kept(key) is not None
                if not seen[key]:
                    row[2] += len(text)
                    row[3] += units(text)
            row[1] += seen[key]
        frame = pd.DataFrame.from_dict(
            rows, orient="index", columns=["requests", "cached", "characters", "units"], dtype="int64"
        ).rename_axis("operation")
        frame["dollars"] = [row[3] * OPERATIONS[name].dollars for name, row in rows.items()]
        frame.loc["TOTAL"] = frame.sum()
        return frame.astype(dict.fromkeys(frame.columns[:-1], "int64") | {"dollars": "float64"})

    def _answer(self, operation: str, text: str, stop: threading.Event) -> str:
        """The answer as JSON. Whoever asks for what is being asked for waits for that answer."""
        key = self._key(operation, text)
        while True:
            with self._lock:
                other = self._asked.get(key)
                if other is None:
                    mine = self._asked[key] = Future()
                    break
            try:
                return other.result()
            except CancelledError:  # its batch was stopped, ours perhaps not
                if stop.is_set():
                    raise
        try:
            found = self._kept(key) or self._ask(operation, text, stop)
            mine.set_result(found)
            return found
        except CancelledError:
            mine.cancel()
            raise
        except Exception as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._asked[key]
            mine.cancel()  # no effect, unless it was interrupted

    def _ask(self, operation: str, text: str, stop: threading.Event) -> str:
        if stop.is_set():
            raise CancelledError
        client = self._connected()
        if self.cache:
            try:  # before anything is paid that could not be kept
                private_folder(self.cache)
            except OSError as error:
                raise Unusable(f"{self.cache}: cannot be used as a folder: {reason(error)}") from None
        price = units(text) * OPERATIONS[operation].dollars
        self._reserve(operation, text, price)
        for attempt in range(ROUNDS):
            if not self._paces[operation].wait(stop, len(text)):
                break
            # Raised below, outside of the except: an exception of boto3 may hold the text, and
            # would stay in ours as its context.
            failed, response = None, {}
            try:
                with unlogged():
                    response = getattr(client, operation)(Text=text)
            except Exception as error:
                failed = error
            if failed is None:
                return self._keep(operation, text, response)
            if not (throttled(failed) and attempt < ROUNDS - 1):
                if not maybe_billed(failed):
                    self._reserve(operation, text, -price)
                raise told(failed, f"Comprehend Medical, {operation}", client)
            if stop.wait(2**attempt * random.uniform(0.5, 1)):
                break
        self._reserve(operation, text, -price)
        raise CancelledError

    def _keep(self, operation: str, text: str, response: dict[str, Any]) -> str:
        response.pop("ResponseMetadata", None)
        if not _whole(response):
            raise MedtxError(f"Comprehend Medical, {operation}: the answer has no list of Entities")
        found = json.dumps(response)
        if self.cache:
            # The key anew: only now is it certain which endpoint answered.
            key = self._key(operation, text)
            try:
                save_text(self.cache / f"{key}.json", found)
            except MedtxError as error:
                self._unsaved[key], self._trouble = found, str(error)
        return found

    def _kept(self, key: str) -> str | None:
        """An earlier answer; a file that is not whole is as none."""
        if self.cache is None:
            return None
        if key in self._unsaved:
            return self._unsaved[key]
        try:
            found = (self.cache / f"{key}.json").read_text(encoding="utf-8")
            return found if _whole(json.loads(found)) else None
        except (OSError, ValueError, RecursionError):
            return None

    def _warn(self) -> None:
        if self._trouble:
            trouble, self._trouble = self._trouble, ""
            warnings.warn(f"an answer could not be kept in the cache: {trouble}", stacklevel=3)

    def _reserve(self, operation: str, text: str, price: float) -> None:
        with self._lock:
            after = self.spent + price
            # a ten-millionth of a dollar is for the rounding of floats
            if price > 0 and self.max_cost is not None and after > self.max_cost + 1e-7:
                raise MedtxError(
                    f"{operation} of {len(text):,} characters was not sent: its ${price:.4f} and the "
                    f"${self.spent:.4f} already spent would pass max_cost=${self.max_cost:.4f}"
                )
            self.spent = max(after, 0.0)

    def _key(self, operation: str, text: str) -> str:
        """The same in every region; another for an endpoint that is not Amazon's."""
        if self._where is None:
            try:
                self._connected()
            except MedtxError:  # answers of Amazon can be read without boto3 and without an account
                self._where = where(self._settings[1])
        content = json.dumps([1, self._where, operation, text])
        return hashlib.sha256(content.encode()).hexdigest()

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None:
                region, endpoint_url, profile = self._settings
                self._client = connect("comprehendmedical", region, endpoint_url, profile, 5 * self.workers)
                self._where = where(self._client.meta.endpoint_url)
            return self._client


def units(text: str) -> int:
    """What is billed: each 100 characters begun."""
    return -(-len(text) // 100)


def _known(operation: str) -> Operation:
    if operation not in OPERATIONS:
        raise not_one_of("operation", operation, OPERATIONS)
    return OPERATIONS[operation]


def _blank(operation: str, text: str) -> bool:
    """Whether there is nothing to ask. Raises `InputError` for what the operation would not take."""
    limit = _known(operation).limit
    size = len(utf8(text, operation))
    if not text.strip():
        return True
    if size > limit:
        raise InputError(f"{operation}: a text of {size:,} bytes is above the limit of {limit:,}: cut it")
    return False


def utf8(text: object, what: str) -> bytes:
    if not isinstance(text, str):
        raise InputError(f"{what}: expected a text, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        place = error.start
    raise InputError(f"{what}: the text has half a surrogate pair at character {place}, which UTF-8 has not")


def _whole(answer: object) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("Entities"), list)
