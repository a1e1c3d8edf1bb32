"""Verbs that read results, score them and find what to hear."""

import argparse
import sys
import warnings
from pathlib import Path

import medtx
from medtx.errors import MedtxError, ReadError
from medtx.files import save_text
from medtx.names import Names, load_names

MAX_ERROR = 0.1
"""Where no limit is given."""


def read(args: argparse.Namespace) -> None:
    found = medtx.read(
        args.source,
        metadata=args.metadata,
        names=_names(args.names),
        errors="collect",
        encoding=args.encoding,
        tiers=args.tiers and args.tiers.split(","),
        column=args.column,
    )
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


def _list_failures(found: medtx.Transcripts) -> None:
    for failure in found.failures.itertuples():
        print(f"not read: {ReadError(failure.source, failure.problem, failure.place)}", file=sys.stderr)


def _names(text: str | None) -> Names | None:
    return None if text is None else load_names(text)


def _results(args: argparse.Namespace) -> medtx.Transcripts:
    names = None if hasattr(args, "references") else _names(args.names)  # else the pairs are named so
    found = medtx.read(args.results, metadata=args.metadata, names=names, errors="collect")
    _list_failures(found)
    if not len(found):
        raise MedtxError("no result could be read")
    return found


def _alignment(args: argparse.Namespace) -> medtx.Alignment:
    given = [_names(text) for text in args.names or ()]
    names = given if len(given) > 1 else given[0] if given else None
    references, results = medtx.read(args.references), _results(args)
    alignment = medtx.align(references, results, normalize=args.normalize, names=names)
    for side, names in (
        ("reference", alignment.only_hypothesis),
        ("result", alignment.only_reference),
    ):
        if names:
            print(f"without a {side}, left out: {', '.join(names)}", file=sys.stderr)
    return alignment


def score(args: argparse.Namespace) -> None:
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


def threshold(args: argparse.Namespace) -> None:
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


def review(args: argparse.Namespace) -> None:
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


def entities(args: argparse.Namespace) -> None:
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


def report(args: argparse.Namespace) -> None:
    path = medtx.report(
        _alignment(args),
        args.out,
        by=args.by,
        max_error=args.max_error or MAX_ERROR,
        confidence=args.confidence,
    )
    print(path)
