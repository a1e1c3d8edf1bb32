"""A trigram model of some text (Witten-Bell), mixed with a general bigram model into one ARPA file.

Words are numbers, and an n-gram is one number too (in base ``size``), so that an order of a
model is a sorted array: looking up a million n-grams is one ``searchsorted``.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

START, END = "<s>", "</s>"
NEVER = -99.0  # log10 of the probability of <s>, which no word is followed by


class Order(NamedTuple):
    """The n-grams of one order: sorted keys and their probabilities."""

    keys: np.ndarray
    p: np.ndarray

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(place in the order, whether it is there) of each key."""
        if not len(self.keys):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return at, self.keys[at] == keys


class Model(NamedTuple):
    """A back-off model: where an n-gram is not listed, ``back`` of its history times the shorter one."""

    words: list[str]
    orders: list[Order]
    back: list[np.ndarray]  # of each n-gram as a history; none for the last order

    def prob(self, keys: np.ndarray, order: int) -> np.ndarray:
        """The probability of each n-gram's last word after the others."""
        size = len(self.words)
        at, there = self.orders[order - 1].find(keys)
        p = self.orders[order - 1].p[at] if len(self.orders[order - 1].p) else np.zeros(len(keys))
        if order == 1 or there.all():
            return np.asarray(p)
        rest = keys[~there]
        history, known = self.orders[order - 2].find(rest // size)
        weight = np.where(known, self.back[order - 2][history], 1.0)
        p = p.copy()
        p[~there] = weight * self.prob(rest % size ** (order - 1), order - 1)
        return p


def witten_bell(sentences: Iterable[Sequence[str]], words: list[str], order: int = 3) -> Model:
    """The model of the sentences over ``words`` (which holds ``<s>`` and ``</s>``).

    p(w | h) = (c(hw) + t(h) p(w | h')) / (c(h) + t(h)), with t(h) the number of different
    words after h and h' the history less its first word; below it lies the uniform
    distribution. A word that is not in ``words`` breaks the n-grams that it stands in.
    """
    size = len(words)
    ids = {word: n for n, word in enumerate(words)}
    line: list[int] = []
    for sentence in sentences:
        line += [ids[START], *(ids.get(word, -1) for word in sentence), ids[END]]
    text = np.array(line, np.int64)
    starts = text == ids[START]
    orders: list[Order] = []
    backs: list[np.ndarray] = []
    model = Model(words, orders, backs)
    for n in range(1, order + 1):
        grams = [text[k : len(text) - n + k + 1] for k in range(n)]
        whole = np.all([gram >= 0 for gram in grams], axis=0)
        for k in range(1, n):
            whole &= ~starts[k : len(text) - n + k + 1]  # not across sentences
        if n == 1:
            whole &= ~starts
        keys = sum(gram * size ** (n - 1 - k) for k, gram in enumerate(grams))[whole]
        keys, counts = np.unique(keys, return_counts=True)
        if n == 1:
            every = np.arange(size)
            count = np.bincount(keys, counts, size)
            uniform = np.where(every == ids[START], 0, 1 / (size - 1))
            p = (count + len(keys) * uniform) / (counts.sum() + len(keys))
            orders.append(Order(every, p))
            continue
        histories, first, inside = np.unique(keys // size, return_index=True, return_inverse=True)
        total = np.add.reduceat(counts, first) if len(first) else counts
        types = np.bincount(inside, minlength=len(histories))
        shorter = model.prob(keys % size ** (n - 1), n - 1)
        p = (counts + types[inside] * shorter) / (total + types)[inside]
        back = np.ones(len(orders[-1].keys))
        at, _ = orders[-1].find(histories)
        back[at] = types / (total + types)
        backs.append(back)
        orders.append(Order(keys, p))
    return model


def mix(domain: Model, general: Model, weight: float) -> Model:
    """``weight`` of the domain and the rest of the general model, over the same words.

    It lists what either lists, with the mixture's probability; back-off weights make every
    history sum to one.
    """
    size = len(domain.words)
    orders: list[Order] = []
    backs: list[np.ndarray] = []
    mixed = Model(domain.words, orders, backs)
    for n in range(1, len(domain.orders) + 1):
        keys = domain.orders[n - 1].keys
        known = min(n, len(general.orders))
        if n <= len(general.orders):
            keys = np.union1d(keys, general.orders[n - 1].keys)
        p = weight * domain.prob(keys, n) + (1 - weight) * general.prob(keys % size**known, known)
        if n > 1:
            histories, inside = np.unique(keys // size, return_inverse=True)
            listed = np.bincount(inside, p)
            shorter = np.bincount(inside, mixed.prob(keys % size ** (n - 1), n - 1))
            back = np.ones(len(orders[-1].keys))
            at, _ = orders[-1].find(histories)
            back[at] = np.clip(1 - listed, 1e-9, 1) / np.clip(1 - shorter, 1e-9, 1)
            backs.append(back)
        orders.append(Order(keys, p))
    return mixed


def _listed(arpa: Path, order: int) -> pd.DataFrame:
    """The n-grams of one order of an ARPA file: column p, log10 of their probability, and their words."""
    counts: list[int] = []
    with open(arpa, encoding="utf-8") as file:
        for skip, line in enumerate(file, 1):  # noqa: B007
            if line.startswith("ngram "):
                counts.append(int(line.partition("=")[2]))
            elif line.startswith("\\1-grams:"):
                break
    names = [f"w{n}" for n in range(1, order + 1)]
    return pd.read_csv(
        arpa,
        skiprows=skip + sum(counts[: order - 1]) + 2 * (order - 1),  # a blank line and a heading between
        nrows=counts[order - 1],
        names=["p", *names],
        usecols=range(order + 1),
        dtype={"p": float} | dict.fromkeys(names, str),
        sep="\t",
        header=None,
        quoting=3,
        keep_default_na=False,
        skip_blank_lines=False,
        encoding="utf-8",
    )


def commonest(arpa: Path, count: int) -> list[str]:
    """The words of an ARPA file, the likeliest first."""
    table = _listed(arpa, 1).sort_values("p", ascending=False, kind="stable")
    return list(table["w1"].head(count))


def read_bigrams(arpa: Path, vocabulary: set[str]) -> Model:
    """The unigrams and bigrams of an ARPA file over its words that are in ``vocabulary``.

    Every word of ``vocabulary`` is in the model; one that the file lacks has probability 0.
    Back-off weights are made anew, as words were left out.
    """
    ones, twos = _listed(arpa, 1), _listed(arpa, 2)
    words = sorted(vocabulary)
    size, ids = len(words), pd.Index(words)
    at = ids.get_indexer(ones["w1"])
    p = np.zeros(size)
    p[at[at >= 0]] = 10 ** ones["p"].to_numpy()[at >= 0]
    p[ids.get_loc(START)] = 0
    p /= p.sum()
    h, w = ids.get_indexer(twos["w1"]), ids.get_indexer(twos["w2"])
    keep = (h >= 0) & (w >= 0)
    keys = h[keep].astype(np.int64) * size + w[keep]
    order = np.argsort(keys)
    keys, p2 = keys[order], 10 ** twos["p"].to_numpy()[keep][order]
    back = np.ones(size)
    listed = np.bincount(keys // size, p2, size)
    shorter = np.bincount(keys // size, p[keys % size], size)
    # What the left-out words had goes to the listed ones and to the back-off alike.
    back = np.clip(1 - listed, 1e-4, 1) / np.clip(1 - shorter, 1e-4, 1)
    total = listed + back * (1 - shorter)
    return Model(words, [Order(np.arange(size), p), Order(keys, p2 / total[keys // size])], [back / total])


def write_arpa(model: Model, path: Path) -> None:
    size, words = len(model.words), np.array(model.words, dtype=object)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("\\data\\\n")
        for n, order in enumerate(model.orders, 1):
            file.write(f"ngram {n}={len(order.keys)}\n")
        for n, order in enumerate(model.orders, 1):
            file.write(f"\n\\{n}-grams:\n")
            with np.errstate(divide="ignore"):
                columns: list[np.ndarray] = [np.char.mod("%.4f", np.maximum(np.log10(order.p), NEVER))]
                columns += [words[order.keys // size ** (n - 1 - k) % size] for k in range(n)]
                if n < len(model.orders):
                    columns.append(np.char.mod("%.4f", np.maximum(np.log10(model.back[n - 1]), NEVER)))
            file.write("".join("\t".join(row) + "\n" for row in zip(*columns)))
        file.write("\n\\end\\\n")


def perplexity(model: Model, sentences: Iterable[Sequence[str]]) -> tuple[float, float]:
    """(perplexity over the words that are known, share of words that are not) of some text."""
    size, ids = len(model.words), {word: n for n, word in enumerate(model.words)}
    keys: list[list[int]] = [[] for _ in model.orders]
    unknown = total = 0
    for sentence in sentences:
        line = [ids[START]]
        for word in [*sentence, END]:
            total += word != END
            if word not in ids:
                unknown += 1
                line = []  # nothing is known of what follows it
                continue
            line = [*line, ids[word]][-len(model.orders) :]
            keys[len(line) - 1].append(sum(one * size**k for k, one in enumerate(reversed(line))))
    p = np.concatenate([model.prob(np.array(held, np.int64), n) for n, held in enumerate(keys, 1) if held])
    return float(np.exp(-np.log(np.maximum(p, 1e-12)).mean())), unknown / max(total, 1)
