"""A stream in a notebook: partial results in grey, final ones in black, on orange where they are unsure."""

import threading
import time
from html import escape
from os import PathLike
from typing import Any

from medtx.engines.streaming import Stream, stream
from medtx.engines.streaming.tape import Source
from medtx.errors import MedtxError, optional
from medtx.tables import minutes
from medtx.transcripts import Transcripts

SHOWN = 30
"""Final results that stay in sight, the last ones: a panel of four hours would choke a browser."""
UNSURE = 0.5
"""Confidence below which a word is underlined."""
BETWEEN = 0.1
"""Seconds between two changes of the panel, at least."""

_STYLE = """<style>
.medtx-live { font: 15px/1.7 system-ui, sans-serif; max-width: 60rem; overflow-wrap: anywhere }
.medtx-live p { margin: .2em 0 } .medtx-live .at { opacity: .6; font-size: .8em; margin-right: .6em }
.medtx-live .partial { color: #808080 } .medtx-live b { font-weight: inherit }
.medtx-live b, .medtx-live u { border-radius: 3px }
</style>"""


def live(source: Source, *, specialty: str, type: str, **settings: Any) -> "LiveView":
    """A panel for notebooks that shows a stream while it runs, with *Start* and *Stop*.

    Takes what `medtx.stream` takes. Partial results are grey, final ones black on orange: the
    less sure of a word the engine is, the deeper, and underlined below 0.5; its confidence shows on
    hover. It runs beside the notebook; `LiveView.wait` blocks until it has ended, and gives its
    `Transcripts`.

    Raises `InputError` for what `medtx.stream` would refuse. What goes wrong later stands in the
    panel, and `LiveView.wait` raises it. The words are not kept in the notebook, unless it is told
    to keep the state of its widgets.

    >>> ask = {"specialty": "cardiology", "type": "dictation", "engine": "embedded", "model": "stock"}
    >>> view = live([bytes(32000)], **ask)
    >>> view.start()
    >>> view.wait()
    <Transcripts: 1 recordings, 0 words>
    >>> view
    <LiveView: ended, 0 words>
    """
    return LiveView(source, settings | {"specialty": specialty, "type": type})


class LiveView:
    """What `live` shows: ``panel`` is the widget, ``html`` what it says now."""

    def __init__(self, source: Source, settings: dict[str, Any]) -> None:
        self._source, self._settings = source, settings
        self._stream: Stream | None = stream(source, **settings)  # not used yet
        self._running: Stream | None = None
        self._thread: threading.Thread | None = None
        self._transcripts: Transcripts | None = None
        self._error: BaseException | None = None
        self.state = "not started"
        w = optional("ipywidgets", "notebook")
        button = w.Layout(width="100px")
        self._start = w.Button(description="Start", icon="play", layout=button)
        self._stop = w.Button(description="Stop", icon="stop", layout=button, disabled=True)
        self._status, self._text = w.HTML(self.state), w.HTML()
        self._status.add_class("medtx-live-status")
        self._start.on_click(lambda _: self.start())
        self._stop.on_click(lambda _: self.stop())
        row = w.HBox([self._start, self._stop, self._status], layout=w.Layout(align_items="center"))
        self.panel = w.VBox([row, self._text])
        self._clear()

    def _clear(self) -> None:
        self._finals: list[str] = []
        self._open: dict[str | None, str] = {}  # by channel: a connection that broke leaves its partial open
        self._words, self._said, self._late, self._drawn = 0, 0.0, float("nan"), 0.0
        self._transcripts, self._error, self._why = None, None, ""

    def start(self) -> None:
        """Listen, in a thread; while it listens already, nothing happens."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._clear()
        self._running, self._stream = self._stream or stream(self._source, **self._settings), None
        self.state = "listening"
        self._start.disabled, self._stop.disabled = True, False
        self._show()
        self._thread = threading.Thread(target=self._listen, args=[self._running], daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the audio here; what was said so far is still recognised."""
        if self._running is not None and self.state == "listening":
            self.state = "ending"
            self._stop.disabled = True
            self._running.stop()
            self._show()

    def wait(self, timeout: float | None = None) -> Transcripts:
        """Start if that was not done, block until the stream has ended, and give what was said.

        Of a stream that failed, what was heard before, as `medtx.stream` gives it. Raises the error of one
        of which nothing was heard, and `MedtxError` if it goes on after ``timeout`` seconds.
        """
        if self._thread is None:
            self.start()
        assert self._thread is not None
        self._thread.join(timeout)
        if self._error is not None:
            raise self._error
        return self.transcripts

    @property
    def transcripts(self) -> Transcripts:
        """What was said. Raises `MedtxError` while the stream has not ended."""
        if self._transcripts is None:
            raise MedtxError(f"the stream has not ended, it is {self.state}")
        return self._transcripts

    @property
    def html(self) -> str:
        """The text as it is shown, for ``IPython.display.HTML``: it holds the words."""
        more = f"<p class='at'>{len(self._finals) - SHOWN} results before</p>" if self._finals[SHOWN:] else ""
        shown = [more, *self._finals[-SHOWN:], *self._open.values()]
        return f'{_STYLE}<div class="medtx-live">{"".join(shown)}</div>'

    def _listen(self, running: Stream) -> None:
        try:
            self._transcripts = running.run(self._take)
            how = self._transcripts.recordings.iloc[0]
            self.state = "failed" if how["status"] == "FAILED" else "ended"
            self._why = str(how["reason"]) if self.state == "failed" else ""
        except BaseException as error:  # raised again by `wait`
            self._error, self.state, self._why = error, "failed", str(error)
        self._open.clear()
        self._stop.disabled = True
        self._start.disabled = not isinstance(self._source, str | PathLike)  # an iterator is used up
        self._show()

    def _take(self, event: dict[str, Any]) -> None:
        """One event, as `medtx.stream` gives it."""
        partial = True
        for result in event["data"]["Transcript"]["Results"]:
            best: dict[str, Any] = next(iter(result["Alternatives"]), {})
            end = result["EndTime"]  # None where the service said what cannot be
            self._said = max(self._said, end or 0.0)
            self._open.pop(result.get("ChannelId"), None)
            items = best.get("Items") or []
            if not items:
                continue
            shown = _paragraph(result, items)
            if result["IsPartial"]:
                self._open[result.get("ChannelId")] = shown
            else:
                partial = False
                self._finals.append(shown)
                self._words += sum(item["Type"] == "pronunciation" for item in items)
                self._late = self._late if end is None else event["t"] / 1000 - end
        if not partial or time.monotonic() - self._drawn > BETWEEN:
            self._show()

    def _show(self) -> None:
        self._drawn = time.monotonic()
        told = f"{self.state}: {self._why}" if self._why else self.state
        if self._words:
            told += f", {self._words:,} words in {minutes(self._said)}"
        paced = self._settings.get("pace", None if self._settings.get("engine") == "embedded" else 1)
        if paced == 1 and self._late == self._late:
            told += f", last final result {self._late:.1f} s after it was said"
        self._status.value, self._text.value = escape(told), self.html

    def __repr__(self) -> str:
        return f"<LiveView: {self.state}, {self._words:,} words>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {**self.panel._repr_mimebundle_(), "text/plain": repr(self)}


def _paragraph(result: dict[str, Any], items: list[dict[str, Any]]) -> str:
    kind = "partial" if result["IsPartial"] else "final"
    who = result.get("ChannelId") or next((item["Speaker"] for item in items if item.get("Speaker")), "")
    place = escape(f"{minutes(result['StartTime'] or 0.0)} {who}".strip())
    at = f'<span class="at">{place}</span>'
    return f'<p class="{kind}">{at}{"".join(map(_word, items)).strip()}</p>'


def _word(item: dict[str, Any]) -> str:
    if item["Type"] not in ("pronunciation", "punctuation"):  # such as speaker-change
        return ""
    space = " " if item["Type"] == "pronunciation" else ""
    word, sure = escape(item.get("Content") or ""), item.get("Confidence")
    if sure is None or not space:
        return space + word
    shade = round(0.85 * (1 - min(max(sure, 0), 1)), 2)
    tag = "u" if sure < UNSURE else "b"  # underlined where styles are taken away, too
    return f'{space}<{tag} style="background: rgb(230 159 0 / {shade})" title="{sure:.2f}">{word}</{tag}>'
