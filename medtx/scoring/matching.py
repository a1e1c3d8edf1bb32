"""Who is whom: a one-to-one match of voices that makes the sum of errors least."""

import numpy as np


def assign(cost: np.ndarray) -> list[int]:
    """The column of each row that makes the sum of a square matrix least.

    Kuhn 1955, in the form of shortest augmenting paths (Jonker & Volgenant 1987).

    >>> assign(np.array([[4.0, 1, 3], [2, 0, 5], [3, 2, 2]]))
    [1, 0, 2]
    """
    n = len(cost)
    row_price, column_price = np.zeros(n + 1), np.zeros(n + 1)
    owner = np.zeros(n + 1, dtype=int)  # the row of each column, from 1; 0: free
    for row in range(1, n + 1):
        owner[0], column = row, 0
        least = np.full(n + 1, np.inf)
        before = np.zeros(n + 1, dtype=int)
        used = np.zeros(n + 1, dtype=bool)
        while owner[column] or column == 0:
            used[column] = True
            here = owner[column]
            slack = np.append(np.inf, cost[here - 1] - row_price[here] - column_price[1:])
            better = ~used & (slack < least)
            least[better], before[better] = slack[better], column
            free = np.where(used, np.inf, least)
            free[0] = np.inf
            column_next = int(np.argmin(free))
            step = free[column_next]
            row_price[owner[used]] += step
            column_price[used] -= step
            least[~used] -= step
            column = column_next
        while column:
            owner[column] = owner[before[column]]
            column = before[column]
    result = [0] * n
    for column in range(1, n + 1):
        result[owner[column] - 1] = column - 1
    return result
