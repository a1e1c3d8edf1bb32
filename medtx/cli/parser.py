"""What can be asked on the command line: every verb with its options."""

import argparse
from typing import Any

import medtx
from medtx.cli import analyse, recognise
from medtx.cli.arguments import Parser
from medtx.specialties import SPECIALTIES, TYPES

Verbs = Any  # argparse's own class for them is not public


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    made = Parser(prog="medtx", description=medtx.__doc__.splitlines()[0])
    made.add_argument("--version", action="version", version=f"medtx {medtx.__version__}")
    verbs = made.add_subparsers(required=True, metavar="VERB")
    _demo(verbs)
    _read(verbs)
    aws = _aws()
    _transcribe(verbs, aws)
    _vocabulary(verbs, aws)
    _stream(verbs)
    _models(verbs)
    against, limits = _against(), _limits()
    _score(verbs, against)
    _threshold(verbs, [against, limits])
    _review(verbs)
    _entities(verbs)
    _report(verbs, [against, limits])
    _serve(verbs)
    return made


def _demo(verbs: Verbs) -> None:
    verb = verbs.add_parser("demo", help="the whole chain on the shipped dictations, with a report")
    verb.add_argument("--out", default="medtx-demo", help="folder for results and report (%(default)s)")
    verb.set_defaults(run=recognise.demo)


def _names() -> argparse.ArgumentParser:
    names = argparse.ArgumentParser(add_help=False)
    names.add_argument(
        "--names",
        help="call recordings otherwise: a pattern such as '{name}_hyp', a column of the metadata, or a CSV "
        "file with two columns, the name as it is and the new one",
    )
    return names


def _read(verbs: Verbs) -> None:
    verb = verbs.add_parser(
        "read",
        parents=[_names()],
        help="what results or references hold, and their tables as Parquet or CSV",
        description="Exit status: 0 all was read, 1 some was not, 2 nothing was or the call was wrong.",
    )
    verb.add_argument("source", nargs="+", help="files, folders, globs, archives or s3:// addresses")
    verb.add_argument("--metadata", help="CSV or JSON with recording or file_name, and more columns")
    verb.add_argument("--encoding", help="of text files that are not UTF-8, such as cp1252")
    verb.add_argument("--tiers", help="tiers of a TextGrid to take, parted by commas")
    verb.add_argument("--column", help="column of a table of texts to read, such as pred_text")
    form = verb.add_mutually_exclusive_group()
    form.add_argument("--out", help="folder for the tables, as Parquet")
    form.add_argument("--csv", metavar="OUT", help="folder for the tables, as CSV")
    verb.set_defaults(run=analyse.read)


def _aws() -> argparse.ArgumentParser:
    aws = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    service = aws.add_argument_group("of Transcribe Medical")
    service.add_argument("--bucket", help="S3 bucket that the service reads from and writes to")
    service.add_argument("--prefix", help="folder in the bucket (medtx)")
    service.add_argument("--region", help="region (default: as AWS's own settings say)")
    service.add_argument("--profile", help="profile of AWS's own settings")
    service.add_argument("--endpoint-url", help="address of Transcribe and S3, if not Amazon's")
    service.add_argument("--kms-key", help="key that encrypts what lies in the bucket")
    return aws


def _asked() -> argparse.ArgumentParser:
    more = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    asked = more.add_argument_group("of Transcribe Medical, what is asked")
    asked.add_argument("--streaming-url", help="address of streams, if not Amazon's")
    asked.add_argument("--mode", help="batch or streaming (default: as the specialty is offered)")
    asked.add_argument("--output", help="folder in the bucket for results")
    asked.add_argument("--speakers", type=int, help="tell as many speakers apart, 2 to 10")
    asked.add_argument("--vocabulary", metavar="NAME", help="vocabulary to use (embedded: a table)")
    asked.add_argument("--phi", action="store_true", help="mark protected health information")
    asked.add_argument("--tag", dest="tags", action="append", metavar="NAME=VALUE", help="on each job")
    asked.add_argument(
        "--clean", action="store_true", help="delete audio and result in the bucket at the end"
    )
    asked.add_argument("--poll", type=float, metavar="SECONDS", help="between first looks at a job (10)")
    asked.add_argument("--max-cost", type=float, metavar="DOLLARS", help="send nothing if it costs more")
    return more


def _transcribe(verbs: Verbs, aws: argparse.ArgumentParser) -> None:
    verb = verbs.add_parser(
        "transcribe", parents=[aws, _asked()], help="recognise audio; keep a JSON result for each file"
    )
    verb.add_argument("audio", nargs="+", help="files, a folder or a glob")
    verb.add_argument("--specialty", required=True, help=", ".join(SPECIALTIES))
    verb.add_argument("--type", required=True, help=" or ".join(TYPES))
    verb.add_argument(
        "--engine",
        default="embedded",
        help="embedded, faster-whisper, sherpa-onnx or transcribe-medical (%(default)s)",
    )
    verb.add_argument("--model", help="stock, pooled or a folder; the other engines need one")
    verb.add_argument("--out", default="results", help="folder for the results (%(default)s)")
    verb.add_argument("--workers", type=int, help="processes (default: the cores), or files at once")
    verb.add_argument("--alternatives", type=int, help="hypotheses an utterance (embedded: 5)")
    verb.add_argument("--split-channels", action="store_true", help="recognise each channel by itself")
    verb.add_argument("--overwrite", action="store_true", help="recognise again what is already there")
    verb.add_argument("--dry-run", action="store_true", help="what the service would cost; nothing is sent")
    verb.set_defaults(run=recognise.transcribe)


def _vocabulary(verbs: Verbs, aws: argparse.ArgumentParser) -> None:
    verb = verbs.add_parser("vocabulary", help="custom vocabularies of Transcribe Medical")
    actions = verb.add_subparsers(required=True, metavar="ACTION", dest="action")
    for action, means in (
        ("check", "whether the service would take a table; all that it would not, by line"),
        ("create", "make a vocabulary of a table"),
        ("update", "put another table into a vocabulary"),
        ("list", "those of the account"),
        ("delete", "delete one"),
    ):
        part = actions.add_parser(action, help=means, parents=[] if action == "check" else [aws])
        if action in ("create", "update", "delete"):
            part.add_argument("name")
        if action in ("check", "create", "update"):
            part.add_argument("table", help="tab-separated: Phrase, IPA, SoundsLike, DisplayAs; or CSV")
        part.set_defaults(run=recognise.vocabulary)


def _stream(verbs: Verbs) -> None:
    verb = verbs.add_parser("stream", help="recognise a file or the microphone while it comes")
    verb.add_argument("audio", help="a file, or microphone")
    verb.add_argument("--specialty", required=True, help=", ".join(SPECIALTIES))
    verb.add_argument("--type", required=True, help=" or ".join(TYPES))
    verb.add_argument(
        "--engine", default="transcribe-medical", help="transcribe-medical or embedded (%(default)s)"
    )
    verb.add_argument("--transport", default="websocket", help="websocket or http2 (%(default)s)")
    verb.add_argument("--out", help="file for the events, a JSON line each as it arrives")
    verb.add_argument("--vocabulary", help="name of one at the service (embedded: a table)")
    verb.add_argument("--speakers", type=int, help="tell so many voices apart")
    verb.add_argument("--region", help="of AWS")
    verb.add_argument("--endpoint-url", help="where streams go, such as the one that medtx serve names")
    verb.add_argument("--model", help="of the embedded engine: stock, pooled, or a folder of your own")
    verb.add_argument("--pace", type=float, help="times faster than speech (1; the service takes no more)")
    verb.set_defaults(run=recognise.stream)


def _models(verbs: Verbs) -> None:
    verb = verbs.add_parser("models", help="language models of the embedded engine")
    part = verb.add_subparsers(required=True, metavar="ACTION").add_parser(
        "build", help="build them ahead, or one from your own notes"
    )
    part.add_argument("--specialty", help=f"{', '.join(SPECIALTIES)}; without it all are built")
    part.add_argument("--text", help="notes to learn from, one a line")
    part.add_argument("--out", help="folder for the model of these notes")
    part.set_defaults(run=recognise.models)


def _against() -> argparse.ArgumentParser:
    against = argparse.ArgumentParser(add_help=False)
    against.add_argument("results", help="file, folder or glob of results")
    against.add_argument("references", help="file, folder or glob of references")
    against.add_argument("--metadata", help="CSV with recording or file_name, and more columns")
    against.add_argument(
        "--by", action="append", help="column to group by, such as specialty or speaker; may be repeated"
    )
    against.add_argument(
        "--names",
        action="append",
        help="the results' names among the references: a pattern such as '{name}_hyp', a column of the "
        "metadata, a CSV file with two columns (result, reference), or alike, for names that differ in case, "
        "folder, extension or marks; given twice, for the references and for the results",
    )
    against.add_argument(
        "--normalize",
        default="plain",
        help="plain, medical, whisper or none, with options: 'medical, fillers=False' (%(default)s)",
    )
    return against


def _limits() -> argparse.ArgumentParser:
    limits = argparse.ArgumentParser(add_help=False)
    limits.add_argument(
        "--max-error", type=float, help="share of recognised words that may slip through (0.1)"
    )
    limits.add_argument("--confidence", type=float, default=0.95, help="of the guarantee (%(default)s)")
    return limits


def _score(verbs: Verbs, against: argparse.ArgumentParser) -> None:
    verb = verbs.add_parser("score", parents=[against], help="error rates against references")
    verb.add_argument("--format", choices=("table", "json", "html"), default="table", help="(%(default)s)")
    verb.add_argument("--out", help="file to write instead of printing")
    verb.set_defaults(run=analyse.score)


def _threshold(verbs: Verbs, parents: list[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("threshold", parents=parents, help="what a threshold costs and misses")
    verb.add_argument("--max-missed-per-1000", type=float, help="the same limit, of 1,000 words")
    verb.add_argument("--max-review", type=float, help="share of words that may go to review")
    verb.add_argument("--cost-review", type=float, default=1.0, help="of hearing a word (%(default)s)")
    verb.add_argument("--cost-error", type=float, help="of a wrong word that slips through")
    verb.add_argument(
        "--worst", type=float, default=1.0, help="no recording is wrong in more than this share"
    )
    verb.add_argument(
        "--unit", default="word", help="word, segment, recording, or words in a window (%(default)s)"
    )
    verb.add_argument(
        "--chance", default="recording", metavar="COLUMN", help="what goes wrong together (%(default)s)"
    )
    verb.add_argument("--each", action="store_true", help="a threshold for each group of --by")
    verb.add_argument(
        "--unknown",
        default="skip",
        metavar="WHAT",
        help="skip or review words without a confidence (%(default)s)",
    )
    verb.add_argument(
        "--context", type=float, default=1.5, help="seconds heard around each word (%(default)s)"
    )
    verb.add_argument("--out", help="file to keep the threshold in, with its evidence, as JSON")
    verb.add_argument("--signed-by", default="", metavar="NAME")
    verb.add_argument("--note", default="")
    verb.set_defaults(run=analyse.threshold)


def _review(verbs: Verbs) -> None:
    verb = verbs.add_parser(
        "review", parents=[_names()], help="mark what a kept threshold sends to review in new results"
    )
    verb.add_argument("threshold", help="file that `medtx threshold --out` kept")
    verb.add_argument("results", nargs="+", help="files, folders or globs of results")
    verb.add_argument("--metadata", help="CSV with recording or file_name, and more columns")
    verb.add_argument("--out", help="CSV file for the stretches to hear, with their times")
    verb.add_argument(
        "--unknown", metavar="WHAT", help="skip or review words without a confidence (as the threshold says)"
    )
    verb.add_argument("--context", type=float, help="seconds heard around each word (as the threshold says)")
    verb.set_defaults(run=analyse.review)


def _entities(verbs: Verbs) -> None:
    verb = verbs.add_parser(
        "entities", parents=[_names()], help="drugs, doses, conditions, ... tied to time and confidence"
    )
    verb.add_argument("results", nargs="+", help="files, folders or globs of results")
    verb.add_argument("--metadata", help="CSV with recording or file_name, and more columns")
    verb.add_argument("--engine", default="embedded", help="embedded or comprehend-medical (%(default)s)")
    verb.add_argument("--ontology", action="append", help="icd10cm, rxnorm or snomedct; may be repeated")
    verb.add_argument("--phi", action="store_true", help="ask for protected health information, too")
    verb.add_argument("--dry-run", action="store_true", help="what the service would cost; nothing is sent")
    verb.add_argument("--out", help="CSV file for the entities")
    verb.add_argument("--safety", help="HTML, CSV or Excel file for the list of what to listen to first")
    verb.add_argument("--threshold", help="file that `medtx threshold --out` kept (default: 0.8)")
    verb.set_defaults(run=analyse.entities)


def _report(verbs: Verbs, parents: list[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("report", parents=parents, help="all of it as one HTML file")
    verb.add_argument("--out", default="medtx-report.html", help="(%(default)s)")
    verb.set_defaults(run=analyse.report)


def _serve(verbs: Verbs) -> None:
    verb = verbs.add_parser("serve", help="an endpoint on this machine that speaks AWS's protocols")
    verb.add_argument("--results", help="recorded results to answer with (default: recognise)")
    verb.add_argument("--model", help="of the embedded engine: stock, pooled or a folder (each specialty's)")
    verb.add_argument("--audio", help="folder of their recordings: streams are answered by what they send")
    verb.add_argument("--speed", type=float, default=1.0, help="of recorded streams (%(default)s)")
    verb.add_argument("--port", type=int, default=8099, help="http and WebSocket (%(default)s)")
    verb.add_argument("--tls-port", type=int, default=8443, help="https with HTTP/2 (%(default)s)")
    verb.add_argument("--bucket", action="append", default=[], help="to be there from the start; may repeat")
    verb.add_argument("--storage", help="folder to keep what is uploaded (default: until it ends)")
    verb.add_argument("--region", default="us-east-1", help="(%(default)s)")
    verb.add_argument("--any-key", action="store_true", help="take requests without checking signatures")
    verb.add_argument("--quotas", action="store_true", help="throttle as the service does")
    for share in ("throttled", "failed", "lost", "bad-frames"):
        verb.add_argument(f"--{share}", type=float, default=0.0, metavar="SHARE", help="see docs/serve.md")
    verb.add_argument("--slow", type=float, default=0.0, metavar="SECONDS", help="that answers take longer")
    verb.add_argument("--drop-after", type=int, metavar="FRAMES", help="cut streams after so many")
    verb.add_argument("--drops", type=int, default=1, help="how many streams (%(default)s)")
    verb.add_argument("--seed", type=int, default=0, help="of what goes wrong (%(default)s)")
    verb.set_defaults(run=recognise.serve)
