"""Why a threshold was chosen, or none can be: the sentences."""

from dataclasses import replace

import numpy as np

from medtx.thresholds.guarantee import Limits, Losses, decide, recordings_needed


def reason_of(
    losses: Losses,
    holds: bool,
    limits: Limits,
    level: float,
    unit: str,
    tests: int,
    whose: tuple[str, str],
) -> str:
    n = len(losses.words)
    error, review = limits.error, limits.review
    if error is None and review is None:
        return f"The least cost on these {n} {unit}s; nothing is promised for others."
    if not holds:
        return _refusal(losses, limits, level, unit)
    if limits.confidence is None:
        return f"Measured on these {n} {unit}s; promises nothing for others."
    promises = []
    if error is not None:
        of = f"the {whose[0]}words of a new {whose[1]}{unit} like these {n}"
        promises.append(f"at most {percent(error)} of {of} are wrong and not reviewed")
    if review is not None:
        of = "its words" if promises else f"the {whose[0]}words of a new {whose[1]}{unit} like these {n}"
        promises.append(f"at most {percent(review)} of {of} are reviewed")
    if limits.worst < 1:
        promises[0] += f" (if in none more than {percent(limits.worst)} are)"
    together = f" (for all {tests} groups together)" if tests > 1 else ""
    return f"With {percent(limits.confidence)} confidence{together}, on average {' and '.join(promises)}."


def _refusal(losses: Losses, limits: Limits, level: float, unit: str) -> str:
    """Why no threshold can be defended, and what would help."""
    n = len(losses.words)
    error, review = limits.error, limits.review
    if error is None:
        share = losses.review[:, 0]
        needed = recordings_needed(share, review or 0.0, level) if limits.confidence is not None else None
        advice = _advice(needed, n, unit)
        return f"{n} {unit}s do not defend a review of {percent(review or 0.0)} at any threshold{advice}."
    strictest = losses.error[:, -2] if len(losses.grid) > 1 else np.ones(n)
    needed = (
        recordings_needed(strictest / limits.worst, error / limits.worst, level)
        if limits.confidence is not None
        else None
    )
    alone, _ = decide(losses, replace(limits, review=None, cost_error=None), level)
    if review is not None and alone < len(losses.grid) - 1:
        mean = losses.review[:, alone].mean()
        needs = f"at most {percent(error)} slipping through needs a review of some {mean:.1%} of the words"
        if mean < review:
            return f"{n} {unit}s are too few to promise both limits: {needs}, too near to {percent(review)}."
        return f"No threshold keeps both limits: {needs}, and at most {percent(review)} were allowed."
    if needed is None:
        return f"No lower threshold keeps what slips through within {percent(error)} here."
    advice = _advice(needed, n, unit)
    return f"{n} {unit}s are too few to defend a limit of {percent(error)} at any threshold{advice}."


def percent(share: float) -> str:
    """As it was given, not rounded.

    >>> percent(0.05), percent(0.999), percent(0.005)
    ('5%', '99.9%', '0.5%')
    """
    return f"{100 * share:.6g}%"


def _advice(needed: int | None, n: int, unit: str) -> str:
    return "" if needed is None else f": about {max(needed, n + 1):,} {unit}s like these would be needed"
