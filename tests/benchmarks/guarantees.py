"""How often a chosen threshold breaks its limit in new recordings: medtx, and two usual ways.

``python tests/benchmarks/guarantees.py`` prints the table of docs/thresholds.md (about three minutes).

Worlds: recordings of 1,500 words; the share of wrong words of a recording is drawn from a beta
distribution, so that words that slip through at the true limit have the design effect that is
named (1 + (words - 1) * intraclass correlation). Wrong words have low confidences more often than
right ones. The truth is known, so a choice is broken or not; nominal is 5 %.
"""

import sys

import numpy as np
from scipy.stats import beta, binom

from medtx.thresholds.guarantee import Limits, Losses, decide

WORDS = 1500
GRID = np.linspace(0.005, 1, 200)
WRONG_BELOW = beta.cdf(GRID, 2.2, 2.2)  # share of wrong words with a confidence below each threshold
RIGHT_BELOW = beta.cdf(GRID, 6, 1.2)
WORLDS = ((0.05, 0.2), (0.2, 0.4))  # limit, mean share of wrong words
NOMINAL = 0.05


def draw(rng: np.random.Generator, n: int, mean: float, spread: float) -> Losses:
    """Counts of one study of ``n`` recordings."""
    share = np.full(n, mean)
    if spread:
        size = mean * (1 - mean) / spread - 1
        share = rng.beta(mean * size, (1 - mean) * size, n)
    wrong = rng.binomial(WORDS, share)
    found = []
    for words, below in ((wrong, WRONG_BELOW), (WORDS - wrong, RIGHT_BELOW)):
        found.append(rng.multinomial(words, np.diff(below, prepend=0, append=1)).cumsum(axis=1)[:, :-1])
    caught, right = found
    last = np.full((n, 1), WORDS)
    heard = np.hstack([caught + right, last])
    missed = np.hstack([wrong[:, None] - caught, np.zeros((n, 1), int)])
    return Losses(np.append(GRID, np.inf), missed, heard, missed, *[np.full(n, WORDS)] * 2)


def by_words(losses: Losses, limit: float) -> int:
    """Clopper & Pearson's bound on the pooled words, from the strictest threshold down."""
    bad, words = losses.missed.sum(axis=0), losses.words.sum()
    fails = binom.cdf(bad, words, limit) > NOMINAL
    return int(np.flatnonzero(fails)[-1]) + 1 if fails.any() else 0


def plug_in(losses: Losses, limit: float) -> int:
    fails = (losses.missed / WORDS).mean(axis=0) > limit
    return int(np.flatnonzero(fails)[-1]) + 1 if fails.any() else 0


def main(tries: int = 2000) -> None:
    rng = np.random.default_rng(11)
    print(
        f"{tries} studies a row; at most {NOMINAL + 2 * np.sqrt(NOMINAL * (1 - NOMINAL) / tries):.1%} allowed"
    )
    print("| limit | design effect | recordings | medtx | by words | plug-in | finds one | reviews | ideal |")
    print("|---|---|---|---|---|---|---|---|---|")
    for limit, mean in WORLDS:
        limits = Limits(limit, None, 1.0, None, 1 - NOMINAL)
        truth = np.append(mean * (1 - WRONG_BELOW), 0)
        review = np.append(mean * WRONG_BELOW + (1 - mean) * RIGHT_BELOW, 1)
        slips = limit / mean  # share of the wrong words that may slip through
        ideal = review[np.flatnonzero(truth <= limit)[0]]
        for effect in (1, 15, 58):
            spread = (effect - 1) / (WORDS - 1) * limit * (1 - limit) / slips**2
            for n in (20, 50, 200):
                broken, found, heard = np.zeros(3), 0, 0.0
                for _ in range(tries):
                    losses = draw(rng, n, mean, spread)
                    ours, _ = decide(losses, limits, limits.level(1))
                    at = [ours, by_words(losses, limit), plug_in(losses, limit)]
                    broken += truth[at] > limit
                    found += ours < len(GRID)
                    heard += review[ours]
                cells = [f"{limit:.0%}", effect, n, *(f"{b / tries:.1%}" for b in broken)]
                cells += [f"{found / tries:.0%}", f"{heard / tries:.0%}", f"{ideal:.0%}"]
                print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
