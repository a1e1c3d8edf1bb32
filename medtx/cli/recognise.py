"""Verbs that turn speech into results, and what they need."""

import argparse
import sys
from typing import Any

import medtx
from medtx.errors import MedtxError, ReadError
from medtx.specialties import SPECIALTIES
from medtx.tables import minutes


def demo(args: argparse.Namespace) -> None:
    from medtx.demo import demo

    demo(args.out)


def transcribe(args: argparse.Namespace) -> None:
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


def models(args: argparse.Namespace) -> None:
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


def vocabulary(args: argparse.Namespace) -> None:
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


def stream(args: argparse.Namespace) -> None:
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
                    print(f"{minutes(result['StartTime'] or 0.0)} {text}", flush=True)
                elif live:
                    print(f"\r\x1b[K{text[-100:]}\r", end="", file=sys.stderr, flush=True)

    asyncio.run(show())


def serve(args: argparse.Namespace) -> None:
    from medtx.service import command

    command.run(args)
