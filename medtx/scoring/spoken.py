"""Numbers as they are said, read out of tokens: "five hundred", "two point five"."""

import re

from medtx.scoring.rules import rules

INTEGER = re.compile(r"\d+")
_DECIMAL = re.compile(r"\d+\.\d+")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)")


def plain_number(text: str) -> str:
    """
    >>> [plain_number(n) for n in ("1.50", ".5", "5.0", "05", "1000")]
    ['1.5', '0.5', '5', '05', '1000']
    """
    if "." in text:
        text = text.rstrip("0").rstrip(".")
        text = f"0{text}" if text.startswith(".") else text
    return text or "0"


UNITS = frozenset(
    "mg mcg g kg ng ml dl l mcl mm cm m km meq mmol mcmol iu units hr min sec day week cc lb oz mmhg".split()
)


def is_unit(token: str) -> bool:
    token = rules().words.get(token, (token,))[-1]
    return token in UNITS or token in rules().units


_OH = frozenset(("oh", "o", "zero", "0"))


class Reader:
    """Reads numbers out of tokens, whether they are words or digits."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = [*tokens, "", "", "", ""]  # so that looking ahead needs no bounds
        self.value, self.kind, self.parts = rules().value, rules().kind, rules().parts
        self.counted = rules().counted

    def below_hundred(self, i: int) -> tuple[int, int]:
        """Value and end of "five", "fifteen", "fifty" or "fifty five"; end ``i`` where there is none."""
        kind = self.kind.get(self.tokens[i])
        if kind == "ten":
            value = self.value[self.tokens[i]]
            after = self.tokens[i + 1]
            if self.kind.get(after) == "digit" and after != "zero":
                return value + self.value[after], i + 2
            return value, i + 1
        if kind in ("digit", "teen"):
            return self.value[self.tokens[i]], i + 1
        return 0, i

    def cardinal(self, i: int) -> tuple[int, int]:
        """Value and end of a number in words; "five hundred", "2 million" and "a hundred" too."""
        total, end = 0, i
        at = i
        last = 10**12  # scales must fall: "two thousand three million" are two numbers
        while True:
            value, after = self.below_hundred(at)
            token = self.tokens[at]
            if (
                after == at
                and len(token) < 16
                and INTEGER.fullmatch(token)
                and self.kind.get(self.tokens[at + 1])
                in (
                    "hundred",
                    "scale",
                )
            ):
                value, after = int(token), at + 1
            if after == at and token == "a" and self.kind.get(self.tokens[at + 1]) in ("hundred", "scale"):
                value, after = 1, at + 1
            if after == at and self.kind.get(token) == "hundred":
                value, after = 1, at
            elif after == at:
                break
            if self.kind.get(self.tokens[after]) == "hundred" and 0 < value < 100:
                value, after = value * 100, after + 1
                joined = after + (self.tokens[after] == "and")
                rest, stop = self.below_hundred(joined)
                if stop > joined and rest and self.kind.get(self.tokens[stop]) != "hundred":
                    value, after = value + rest, stop
            scale = self.value[self.tokens[after]] if self.kind.get(self.tokens[after]) == "scale" else 1
            if scale > 1 and scale < last:
                total, end, last = total + value * scale, after + 1, scale
                at = end + (self.tokens[end] == "and" and self.below_hundred(end + 1)[1] > end + 1)
                continue
            if end == i or (value < last and last > 1 and value < 1000):
                total, end = total + value, after
            break
        return total, end

    def digits(self, i: int) -> tuple[str, int]:
        """A run of spoken digits: "three four five", "oh five"."""
        said = []
        first = i
        while (
            i - first < 20
            and (token := self.tokens[i])
            and (self.kind.get(token) == "digit" or token == "oh")
        ):
            said.append("0" if token == "oh" else str(self.value[token]))
            i += 1
        return "".join(said), i

    def hundreds(self, i: int) -> tuple[str, int]:
        """ "one twenty" as 120 and "one oh five" as 105, which only a context allows."""
        value, end = self.below_hundred(i)
        if end == i + 1 and 1 <= value <= 9:
            if self.tokens[end] in _OH and self.kind.get(self.tokens[end + 1]) == "digit":
                return f"{value}0{self.value[self.tokens[end + 1]]}", end + 2
            if self.kind.get(self.tokens[end]) in ("teen", "ten"):
                rest, stop = self.below_hundred(end)
                return f"{value}{rest}", stop
        return "", i

    def year(self, i: int) -> tuple[str, int]:
        """ "nineteen ninety eight", "twenty oh five", "twenty twenty four"."""
        century = {"nineteen": "19", "twenty": "20"}.get(self.tokens[i])
        if century is None:
            return "", i
        after = self.tokens[i + 1]
        if after in ("oh", "o") and self.kind.get(self.tokens[i + 2]) == "digit":
            return f"{century}0{self.value[self.tokens[i + 2]]}", i + 3
        if self.kind.get(after) == "teen" or (
            self.kind.get(after) == "ten" and (century == "19" or after == "twenty")
        ):
            rest, end = self.below_hundred(i + 1)
            return f"{century}{rest}", end
        return "", i

    def decimals(self, i: int) -> tuple[str, int]:
        """What follows "point": "two five", "oh five", "seventy five", "25"."""
        said, end = self.digits(i)
        if end > i:
            return said, end
        if INTEGER.fullmatch(self.tokens[i]):
            end = i
            while INTEGER.fullmatch(self.tokens[end]) and (end == i or len(self.tokens[end]) == 1):
                said += self.tokens[end]
                end += 1
            return said, end
        value, end = self.below_hundred(i)
        return (str(value), end) if end > i else ("", i)

    def part(self, i: int) -> tuple[str, int]:
        """What is added by "and a half", "and three quarters", "1/2"."""
        token = self.tokens[i]
        if token in ("1/2", "1/4", "3/4"):
            after = self.tokens[i + 1]
            if len(self.tokens[i - 1]) > 1 and self.tokens[i - 1] not in self.kind:
                return "", i  # "aspirin 81 1/2 tablet" is no 81.5
            if self.tokens[i - 1] != "and" and not (is_unit(after) or after.endswith("s")):
                return "", i  # nor is "warfarin 5 1/2 tablet" 5.5
            return {"1/2": "5", "1/4": "25", "3/4": "75"}[token], i + 1
        if token == "and":
            if self.tokens[i + 1] in ("1/2", "1/4", "3/4"):
                return self.part(i + 1)
            count, name = self.tokens[i + 1], self.tokens[i + 2]
            if name in ("half", "quarter") and count in ("a", "one", "1"):
                return ("5" if name == "half" else "25"), i + 3
            if name == "quarters" and count in ("three", "3"):
                return "75", i + 3
        return "", i

    def number(self, i: int, context: str) -> tuple[str, int]:
        """The token of the number at ``i`` and its end, or ``i`` where there is none."""
        tokens = self.tokens
        first = tokens[i]
        if ratio := self.over(i):
            return ratio
        if first[:1].isdigit() and first[-1:].isalpha():  # an ordinal in digits
            return (first, i + 1) if _ORDINAL.fullmatch(first) else ("", i)
        said, end = self.digits(i)
        if end - i >= 3 and self.kind.get(tokens[end]) not in ("hundred", "scale", "ten", "teen"):
            return self.pointed(said, end)
        if (context == "clock" or tokens[i] in self.kind) and (clock := self.clock(i, context)):
            return clock
        if context == "vital":
            said, end = self.hundreds(i)
            if end > i and tokens[end] not in self.counted and tokens[end] not in ("min", "hr", "sec"):
                return said, end
        said, end = self.year(i)
        told = context == "year" or first == "nineteen" or tokens[end] in ("", "\n")
        if end > i and told and not is_unit(tokens[end]) and tokens[end] not in ("%", "point"):
            return said, end
        if first in ("half", "quarter") or (
            first in ("a", "one", "1") and tokens[i + 1] in ("half", "quarter")
        ):
            n = i + (first not in ("half", "quarter"))
            if first in ("half", "quarter") and tokens[i + 1] not in ("a", "an"):
                return "", i  # "the left half": no number
            return f"1/{self.parts[tokens[n]]}", n + 1
        if INTEGER.fullmatch(first) or _DECIMAL.fullmatch(first):
            return self.after_digits(i)
        if self.kind.get(first) == "ordinal":
            return _ordinal(self.value[first]), i + 1
        value, end = self.cardinal(i)
        if end == i:
            return self.leading_point(i)
        last = tokens[end]
        if value < 10 and end == i + 1:
            plural = value > 1
            if last in self.parts and last.endswith("s") == plural and last not in ("half", "halves"):
                return f"{value}/{self.parts[last]}", end + 1
        if (
            self.kind.get(last) == "ordinal"
            and (last != "second" or context == "month")
            and self.value[last] < 10
        ):
            tens, hundreds = value % 10 == 0 and value % 100 >= 20, value % 100 == 0 and value
            if tens or hundreds:
                return _ordinal(value + self.value[last]), end + 1
        return self.pointed(str(value), end)

    def after_digits(self, i: int) -> tuple[str, int]:
        """A number in digits, with what may follow it in words."""
        tokens = self.tokens
        text = tokens[i]
        follows = self.kind.get(tokens[i + 1])
        if follows in ("hundred", "scale"):
            if "." in text and (scaled := self.scaled(text, i + 1)):
                return scaled, i + 2
            value, end = self.cardinal(i)
            return self.pointed(str(value), end)
        return self.pointed(text, i + 1)

    def pointed(self, text: str, end: int) -> tuple[str, int]:
        """A whole number with the decimals, the part or the scale said after it."""
        if "." in text:
            return text, end
        if self.tokens[end] == "point":
            decimals, after = self.decimals(end + 1)
            if after > end + 1:
                text = plain_number(f"{text}.{decimals}")
                if self.kind.get(self.tokens[after]) == "scale" and (scaled := self.scaled(text, after)):
                    return scaled, after + 1
                return text, after
        part, after = self.part(end)
        return (f"{text}.{part}", after) if after > end else (text, end)

    def scaled(self, text: str, i: int) -> str:
        """A decimal times the "hundred" or "million" at ``i``, where that is whole: 2.3 million."""
        zeros = len(str(self.value[self.tokens[i]])) - 1
        whole, _, decimals = text.partition(".")
        if len(decimals) > zeros:
            return ""
        return (whole + decimals.ljust(zeros, "0")).lstrip("0") or "0"

    def leading_point(self, i: int) -> tuple[str, int]:
        """ "point five" is 0.5."""
        if self.tokens[i] == "point":
            decimals, end = self.decimals(i + 1)
            if end > i + 1:
                return plain_number(f"0.{decimals}"), end
        return "", i

    def simple(self, i: int) -> tuple[str, int]:
        """A whole number, in words (with "one twenty" as 120) or digits."""
        said, end = self.hundreds(i)
        if end > i:
            return said, end
        value, end = self.cardinal(i)
        if end > i:
            return str(value), end
        return (self.tokens[i], i + 1) if INTEGER.fullmatch(self.tokens[i]) else ("", i)

    def over(self, i: int) -> tuple[str, int] | None:
        """ "one twenty over eighty" is 120/80."""
        above, end = self.simple(i)
        if end > i and self.tokens[end] == "over":
            below, after = self.simple(end + 1)
            if after > end + 1:
                return f"{above}/{below}", after
        return None

    def clock(self, i: int, context: str) -> tuple[str, int] | None:
        """ "eight thirty" after "at" or before "am"; "eight o'clock"."""
        hour, end = self.below_hundred(i)
        if end == i and INTEGER.fullmatch(self.tokens[i]) and len(self.tokens[i]) < 3:
            hour, end = int(self.tokens[i]), i + 1
        if end != i + 1 or not 1 <= hour <= 12:
            return None
        if self.tokens[end] == "o'clock":
            return f"{hour}:00", end + 1
        minute, after = self.below_hundred(end)
        if self.tokens[end] in ("oh", "o"):
            digit, after = self.below_hundred(end + 1)
            minute = digit if after == end + 2 and digit < 10 else 0
        elif minute < 10:
            return None
        if after > end and 0 < minute < 60:
            told = self.tokens[after] in ("am", "pm") or (
                self.tokens[after] in ("a", "p") and self.tokens[after + 1] == "m"
            )
            if told or (context == "clock" and not is_unit(self.tokens[after])):
                return f"{hour}:{minute:02}", after
        return None


def _ordinal(value: int) -> str:
    """
    >>> [_ordinal(n) for n in (1, 2, 3, 4, 11, 12, 23, 113)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '23rd', '113th']
    """
    ending = "th" if 10 <= value % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{ending}"
