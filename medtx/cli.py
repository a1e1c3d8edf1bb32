"""The same verbs on the command line: ``medtx --help``."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import medtx
from medtx.errors import MedtxError, ReadError
from medtx.files import save_text
from medtx.specialties import SPECIALTIES, TYPES
from medtx.tables import minutes

MAX_ERROR = 0.1
"""Where no limit is given."""


def _demo(args: argparse.Namespace) -> None:
    from medtx.demo import demo

    demo(args.out)


def _transcribe(args: argparse.Namespace) -> None:
    audio = args.audio[0] if len(args.audio) == 1 else args.audio
    settings = _settings(args)
    here = {"model": args.model}
    if args.engine != "transcribe-medical" and "vocabulary" in settings:
        here["vocabulary"] = settings.pop("vocabulary")
    if settings and args.engine != "transcribe-medical":
        raise MedtxError(f"--{next(iter(settings)).replace('_', '-')} is for --engine transcribe-medical")
    ask = {
        "specialty": args.specialty,
        "type": args.type,
        "engine": medtx.engines.TranscribeMedical(**settings) if settings else args.engine,
        "out": args.out,
        "alternatives": args.alternatives,
        "split_channels": args.split_channels,
        "overwrite": args.overwrite,
        **here,
    }
    if args.dry_run:
        print(medtx.transcribe(audio, dry_run=True, **ask).to_string())
        return
    transcripts = medtx.transcribe(audio, workers=args.workers, **ask)
    print(f"{transcripts!r} in {args.out}")
    if len(transcripts.failures):
        sys.exit(1)


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """Those of `TranscribeMedical` that were given."""
    known = medtx.engines.TranscribeMedical.__dataclass_fields__
    settings = {name: value for name, value in vars(args).items() if name in known}
    if "tags" in settings:
        pairs = [tag.partition("=") for tag in settings["tags"]]
        settings["tags"] = {name: value for name, _, value in pairs}
    return settings


def _models(args: argparse.Namespace) -> None:
    from medtx.engines import models
    from medtx.specialties import specialty

    if not args.text:
        if args.out:
            raise MedtxError("--out is for a model of your own notes: name them with --text")
        for name in [specialty(args.specialty)] if args.specialty else SPECIALTIES:
            print(models.ready(name))
        return
    if not args.specialty or not args.out:
        raise MedtxError("a model of your own notes needs --specialty, whose text it adds to, and --out")
    from medtx.engines.models.adapt import adapt

    table = adapt(args.specialty, args.text, args.out)
    print(table.to_string(float_format="{:.3f}".format))
    print(f"model in {args.out}: medtx transcribe ... --model {args.out}")


def _vocabulary(args: argparse.Namespace) -> None:
    from medtx.engines import vocabulary

    if args.action == "check":
        found = vocabulary.check(args.table)
        for row in found.itertuples():
            place = ", ".join(filter(None, [f"line {row.line}" if row.line else "", row.column]))
            print(ReadError(args.table, row.problem, place))
        if len(found):
            sys.exit(1)
        print(f"{args.table}: {len(vocabulary.read_table(args.table)):,} phrases")
        return
    engine = medtx.engines.TranscribeMedical(**_settings(args))
    if args.action == "list":
        found = vocabulary.listing(engine)
        print(found.to_string(index=False) if len(found) else "no vocabularies")
    elif args.action == "delete":
        vocabulary.delete(args.name, engine)
        print(f"{args.name}: deleted")
    else:
        made = vocabulary.create if args.action == "create" else vocabulary.update
        print(f"{args.name}: {made(args.name, args.table, engine)}")


def _read(args: argparse.Namespace) -> None:
    found = medtx.read(args.source, metadata=args.metadata, errors="collect")
    _list_failures(found)
    if len(found):
        print(found.summary().to_string(na_rep="-"))
    print(repr(found)[1:-1])
    if not len(found):
        sys.exit(2)
    if args.out or args.csv:
        print(f"tables in {found.to_csv(args.csv) if args.csv else found.to_parquet(args.out)}")
    if len(found.failures):
        sys.exit(1)


def _stream(args: argparse.Namespace) -> None:
    import asyncio

    from medtx.engines import TranscribeMedical

    engine: str | TranscribeMedical = args.engine
    if args.engine == "transcribe-medical":
        service = {"vocabulary": args.vocabulary, "speakers": args.speakers, "region": args.region}
        engine = TranscribeMedical(**service, streaming_url=args.endpoint_url)
        args.vocabulary = None  # a name at the service
    live = sys.stderr.isatty()

    async def show() -> None:
        async for event in medtx.stream(
            args.audio,
            specialty=args.specialty,
            type=args.type,
            engine=engine,
            transport=args.transport,
            record=args.out,
            pace=args.pace,
            model=args.model,
            vocabulary=args.vocabulary,
        ):
            for result in event["data"]["Transcript"]["Results"]:
                text = "".join(one["Transcript"] for one in result["Alternatives"][:1])
                if not result["IsPartial"]:
                    print(f"{minutes(result['StartTime'])} {text}", flush=True)
                elif live:
                    print(f"\r\x1b[K{text[-100:]}\r", end="", file=sys.stderr, flush=True)

    asyncio.run(show())


def _list_failures(found: medtx.Transcripts) -> None:
    for failure in found.failures.itertuples():
        print(f"not read: {ReadError(failure.source, failure.problem, failure.place)}", file=sys.stderr)


def _results(args: argparse.Namespace) -> medtx.Transcripts:
    found = medtx.read(args.results, metadata=args.metadata, errors="collect")
    _list_failures(found)
    if not len(found):
        raise MedtxError("no result could be read")
    return found


def _alignment(args: argparse.Namespace) -> medtx.Alignment:
    alignment = medtx.align(medtx.read(args.references), _results(args), normalize=args.normalize)
    for side, names in (
        ("reference", alignment.only_hypothesis),
        ("result", alignment.only_reference),
    ):
        if names:
            print(f"without a {side}, left out: {', '.join(names)}", file=sys.stderr)
    return alignment


def _score(args: argparse.Namespace) -> None:
    from medtx.reports import rates_table, score_page

    alignment = _alignment(args)
    if args.format == "json":
        text = alignment.rates(args.by).to_json(orient="index", indent=2)
    elif args.format == "html":
        text = score_page(alignment, args.by)
    else:
        text = rates_table(alignment, args.by).to_string()
    if args.out:
        print(save_text(Path(args.out), text + "\n"))
    else:
        print(text)


def _threshold(args: argparse.Namespace) -> None:
    from medtx.reports import threshold_table

    if (args.signed_by or args.note) and not args.out:
        raise MedtxError("--signed-by and --note go into the file that --out names")
    heard = {"unit": _unit(args.unit), "unknown": args.unknown, "context": args.context}
    curves = medtx.sweep(_alignment(args), args.by, **heard)
    limits = {name: getattr(args, name) for name in ("max_missed_per_1000", "max_review", "cost_error")}
    if args.max_error is None and all(limit is None for limit in limits.values()):
        args.max_error = MAX_ERROR
    chosen: medtx.Threshold | medtx.Thresholds = (curves.choose_each if args.each else curves.choose)(
        max_error=args.max_error,
        cost_review=args.cost_review,
        confidence=args.confidence,
        worst=args.worst,
        unit=args.chance,
        **limits,
    )
    if isinstance(chosen, medtx.Threshold):
        print(threshold_table(curves, at=[chosen.value]).to_string(index=False))
        print(f"\n{'All groups together: ' if args.by else ''}{chosen}")
    else:
        print(f"{chosen.table.drop(columns='reason').to_string()}\n\n{chosen}")
    if args.out:
        print(f"kept in {chosen.save(args.out, signed_by=args.signed_by, note=args.note)}")


def _unit(text: str) -> str | int:
    return int(text) if text.isdecimal() and text.isascii() else text


def _review(args: argparse.Namespace) -> None:
    from medtx.listening import long
    from medtx.thresholds import to_hear
    from medtx.thresholds.mark import without

    threshold = medtx.load_threshold(args.threshold)
    found = _results(args)
    words = found.words[found.words["kind"] == "pronunciation"]
    with warnings.catch_warnings():  # it is said below
        warnings.filterwarnings("ignore", ".*'review' sends")
        marked = threshold.apply(found, unknown=args.unknown, context=args.context)
    spoken = marked[marked["kind"] == "pronunciation"]
    none = spoken["confidence"].isna()
    if len(words) and none.all() and not spoken["review"].any():
        raise MedtxError(without(len(words)).replace("unknown='review'", "--unknown review"))
    rate = spoken.groupby("recording", observed=False)["review"].agg(["size", "sum"])
    rate = rate.rename(columns={"size": "words", "sum": "to review"})
    print(rate.to_string())
    stretches = to_hear(marked)
    bare = (spoken["end"] - spoken["start"])[spoken["review"]].sum(skipna=False) / 60
    heard = (stretches["end"] - stretches["start"]).sum(skipna=False) / 60
    time = "minutes not known for want of times" if heard != heard else f"{long(heard)} to listen"
    print(
        f"{spoken['review'].sum():,} of {len(spoken):,} words are to be reviewed, "
        f"{len(stretches):,} stretches, {time}" + (f" ({long(bare)} of bare words)" if bare == bare else "")
    )
    if left := int((none & ~spoken["review"]).sum()):
        print(f"{left:,} words have no confidence and are not among them: --unknown review sends them")
    if args.out:
        positions = stretches["positions"].map(lambda at: " ".join(map(str, at)))
        print(save_text(Path(args.out), stretches.assign(positions=positions).to_csv(index=False)))
    if len(found.failures):
        sys.exit(1)


def _entities(args: argparse.Namespace) -> None:
    from medtx.clinical import save_worklist

    found = _results(args)
    ontologies = args.ontology or ()
    if args.dry_run:
        cost = medtx.entities(found, args.engine, ontologies=ontologies, phi=args.phi, dry_run=True)
        print(cost.to_string())
        return
    entities = medtx.entities(found, args.engine, ontologies=ontologies, phi=args.phi, errors="collect")
    top = entities.table[entities.top]
    print(top.groupby("category", observed=True).size().rename("entities").to_string())
    print(repr(entities)[1:-1])
    for failure in entities.failures.itertuples():
        print(f"not answered: {failure.source}, {failure.place}: {failure.problem}", file=sys.stderr)
    if args.out:
        print(save_text(Path(args.out), entities.table.to_csv(index=False)))
    if args.safety:
        threshold = medtx.load_threshold(args.threshold) if args.threshold else 0.8
        worklist = medtx.safety(entities, threshold=threshold)
        print(f"{save_worklist(worklist, args.safety)}: {len(worklist):,} rows")
    if len(found.failures) or len(entities.failures):
        sys.exit(1)


def _report(args: argparse.Namespace) -> None:
    path = medtx.report(
        _alignment(args),
        args.out,
        by=args.by,
        max_error=args.max_error or MAX_ERROR,
        confidence=args.confidence,
    )
    print(path)


def _serve(args: argparse.Namespace) -> None:
    from medtx.service import command

    command.run(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="medtx", description=medtx.__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"medtx {medtx.__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    verb = verbs.add_parser("demo", help="the whole chain on the shipped dictations, with a report")
    verb.add_argument("--out", default="medtx-demo", help="folder for results and report (%(default)s)")
    verb.set_defaults(run=_demo)

    verb = verbs.add_parser(
        "read",
        help="what results or references hold, and their tables as Parquet or CSV",
        description="Exit status: 0 all was read, 1 some was not, 2 nothing was or the call was wrong.",
    )
    verb.add_argument("source", nargs="+", help="files, folders, globs, archives or s3:// addresses")
    verb.add_argument("--metadata", help="CSV or JSON with recording or file_name, and more columns")
    form = verb.add_mutually_exclusive_group()
    form.add_argument("--out", help="folder for the tables, as Parquet")
    form.add_argument("--csv", metavar="OUT", help="folder for the tables, as CSV")
    verb.set_defaults(run=_read)

    aws = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    service = aws.add_argument_group("of Transcribe Medical")
    service.add_argument("--bucket", help="S3 bucket that the service reads from and writes to")
    service.add_argument("--prefix", help="folder in the bucket (medtx)")
    service.add_argument("--region", help="region (default: as AWS's own settings say)")
    service.add_argument("--profile", help="profile of AWS's own settings")
    service.add_argument("--endpoint-url", help="address of Transcribe and S3, if not Amazon's")
    service.add_argument("--kms-key", help="key that encrypts what lies in the bucket")
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

    verb = verbs.add_parser(
        "transcribe", parents=[aws, more], help="recognise audio; keep a JSON result for each file"
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
    verb.set_defaults(run=_transcribe)

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
        part.set_defaults(run=_vocabulary)

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
    verb.set_defaults(run=_stream)

    verb = verbs.add_parser("models", help="language models of the embedded engine")
    part = verb.add_subparsers(required=True, metavar="ACTION").add_parser(
        "build", help="build them ahead, or one from your own notes"
    )
    part.add_argument("--specialty", help=f"{', '.join(SPECIALTIES)}; without it all are built")
    part.add_argument("--text", help="notes to learn from, one a line")
    part.add_argument("--out", help="folder for the model of these notes")
    part.set_defaults(run=_models)

    against = argparse.ArgumentParser(add_help=False)
    against.add_argument("results", help="file, folder or glob of results")
    against.add_argument("references", help="file, folder or glob of references")
    against.add_argument("--metadata", help="CSV with recording or file_name, and more columns")
    against.add_argument(
        "--by", action="append", help="column to group by, such as specialty or speaker; may be repeated"
    )
    against.add_argument("--normalize", default="plain", help="plain, medical, whisper or none (%(default)s)")
    limits = argparse.ArgumentParser(add_help=False)
    limits.add_argument(
        "--max-error", type=float, help="share of recognised words that may slip through (0.1)"
    )
    limits.add_argument("--confidence", type=float, default=0.95, help="of the guarantee (%(default)s)")

    verb = verbs.add_parser("score", parents=[against], help="error rates against references")
    verb.add_argument("--format", choices=("table", "json", "html"), default="table", help="(%(default)s)")
    verb.add_argument("--out", help="file to write instead of printing")
    verb.set_defaults(run=_score)
    verb = verbs.add_parser("threshold", parents=[against, limits], help="what a threshold costs and misses")
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
    verb.set_defaults(run=_threshold)
    verb = verbs.add_parser("review", help="mark what a kept threshold sends to review in new results")
    verb.add_argument("threshold", help="file that `medtx threshold --out` kept")
    verb.add_argument("results", nargs="+", help="files, folders or globs of results")
    verb.add_argument("--metadata", help="CSV with recording or file_name, and more columns")
    verb.add_argument("--out", help="CSV file for the stretches to hear, with their times")
    verb.add_argument(
        "--unknown", metavar="WHAT", help="skip or review words without a confidence (as the threshold says)"
    )
    verb.add_argument("--context", type=float, help="seconds heard around each word (as the threshold says)")
    verb.set_defaults(run=_review)
    verb = verbs.add_parser("entities", help="drugs, doses, conditions, ... tied to time and confidence")
    verb.add_argument("results", nargs="+", help="files, folders or globs of results")
    verb.add_argument("--metadata", help="CSV with recording or file_name, and more columns")
    verb.add_argument("--engine", default="embedded", help="embedded or comprehend-medical (%(default)s)")
    verb.add_argument("--ontology", action="append", help="icd10cm, rxnorm or snomedct; may be repeated")
    verb.add_argument("--phi", action="store_true", help="ask for protected health information, too")
    verb.add_argument("--dry-run", action="store_true", help="what the service would cost; nothing is sent")
    verb.add_argument("--out", help="CSV file for the entities")
    verb.add_argument("--safety", help="HTML, CSV or Excel file for the list of what to listen to first")
    verb.add_argument("--threshold", help="file that `medtx threshold --out` kept (default: 0.8)")
    verb.set_defaults(run=_entities)
    verb = verbs.add_parser("report", parents=[against, limits], help="all of it as one HTML file")
    verb.add_argument("--out", default="medtx-report.html", help="(%(default)s)")
    verb.set_defaults(run=_report)
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
    verb.set_defaults(run=_serve)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb; a `MedtxError` ends it with one line and exit status 1."""
    args = _parser().parse_args(argv)
    warnings.showwarning = lambda message, *_: print(f"medtx: {message}", file=sys.stderr)
    try:
        args.run(args)
    except MedtxError as error:
        print(f"medtx: {error}", file=sys.stderr)
        sys.exit(2 if args.run is _read else 1)
    except BrokenPipeError:  # the reader of the output has gone, as after "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(130)
