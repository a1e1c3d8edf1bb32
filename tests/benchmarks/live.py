"""How late the words of streams come, and how often they change: two dictations of each specialty.

At the pace of speech, four at a time, in about four minutes; numbers only are printed.

    python tests/benchmarks/live.py [stock]
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import medtx
from medtx.engines import TranscribeMedical
from medtx.engines.models import ready
from medtx.service import Embedded, running


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else None
    data = medtx.load_dataset("dictations")
    some = data.metadata[data.metadata["type"] == "DICTATION"].groupby("specialty", sort=False).head(2)
    for specialty in [] if model else some["specialty"].unique():
        ready(specialty)

    def total(**settings: Any) -> None:
        def one(row: tuple[str, str]) -> medtx.Transcripts:
            audio = data.audio[row[0]]
            return medtx.stream(audio, specialty=row[1], type="DICTATION", pace=1, **settings).run()

        with ThreadPoolExecutor(4) as pool:
            heard = medtx.concat(list(pool.map(one, zip(some["recording"], some["specialty"]))))
        print(medtx.streaming_metrics(heard).loc[["TOTAL"]].round(2).to_string(index=False), flush=True)

    print("the embedded engine")
    total(engine="embedded", model=model)
    print("the embedded engine behind the endpoint, by WebSocket")
    with running(Embedded(model)) as endpoint:
        os.environ |= {
            "AWS_ACCESS_KEY_ID": endpoint.access_key,
            "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
            "AWS_DEFAULT_REGION": endpoint.region,
        }
        total(engine=TranscribeMedical(streaming_url=endpoint.streaming_url))


if __name__ == "__main__":
    main()
