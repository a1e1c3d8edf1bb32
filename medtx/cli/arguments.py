"""A parser of arguments that says what a misspelt verb, option or choice may be meant for."""

import argparse
import re
from typing import NoReturn

from medtx.errors import did_you_mean


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` with a "did you mean" after what it does not know."""

    def error(self, message: str) -> NoReturn:
        super().error(message + self._hint(message))

    def _hint(self, message: str) -> str:
        if found := re.match(r"unrecognized arguments: (--[\w-]+)", message):
            # The verb's own parser has handed these on: its options are looked for below.
            return did_you_mean(found[1], self._options())
        if found := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            return did_you_mean(found[1], re.findall(r"[\w-]+", found[2]))
        return ""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As argparse does; an option that a verb does not know is refused by that verb."""
        found, rest = super().parse_known_args(args, namespace)
        if rest and self.prog.count(" "):
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def _options(self) -> list[str]:
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]
