"""How often 95 % intervals hold what they should: simulated recordings that differ a lot.

Each recording has an error rate of its own, drawn from a beta distribution with mean 0.2, and
50 to 400 words. The second system makes nine in ten of the first one's errors, on the same
recordings. Prints the share of 1,500 studies whose interval held the truth.
"""

import numpy as np
import pandas as pd

from medtx.scoring.compare import _differences
from medtx.scoring.rates import interval

STUDIES = 1500


def main() -> None:
    rng = np.random.default_rng(5)
    print(f"{'recordings':>10}{'rate':>10}{'paired difference':>20}")
    for n in (12, 20, 40, 100):
        held = [0, 0]
        for _ in range(STUDIES):
            hard, words = rng.beta(2, 8, n), rng.integers(50, 400, n)
            one, other = rng.binomial(words, hard), rng.binomial(words, 0.9 * hard)
            low, high = interval(one, words, replicates=499)
            parts = [pd.DataFrame({"errors": errors, "words": words}) for errors in (one, other)]
            [row] = _differences([tuple(parts)], paired=True, confidence=0.95, replicates=499)
            held[0] += low <= 0.2 <= high
            held[1] += row["low"] <= 0.02 <= row["high"]
        print(f"{n:10}{held[0] / STUDIES:10.3f}{held[1] / STUDIES:20.3f}")


if __name__ == "__main__":
    main()
