"""SegLST, the segment-wise JSON of the CHiME challenges, which meeteval takes."""

import json
from pathlib import Path
from typing import Any

from medtx.files import save_text
from medtx.transcripts import Transcripts
from medtx.writing.common import Target, field, utterances, voice


def to_seglst(t: Transcripts, path: Target, punctuation: bool = True) -> Path:
    rows = []
    for s in utterances(t, punctuation=punctuation):
        times = {"start_time": s.start, "end_time": s.end}
        row: dict[str, Any] = {
            "session_id": s.recording,
            "speaker": field(voice(s.speaker, s.channel), "unknown"),
        }
        row |= {key: value for key, value in times.items() if value == value}
        if isinstance(s.channel, str):
            row["channel"] = s.channel
        rows.append(row | {"words": s.text})
    return save_text(Path(path), json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
