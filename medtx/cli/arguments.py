"""A parser of arguments that says what a misspelt verb, option or choice may be meant for."""

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from medtx.errors import did_you_mean, nearest


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` with a "did you mean" after what it does not know."""

    def error(self, message: str) -> NoReturn:
        if found := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            message += did_you_mean(found[1], re.findall(r"[\w-]+", found[2]))
        super().error(message)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As argparse does, but an option that is not known is refused before anything is missed."""
        given = list(sys.argv[1:] if args is None else args)
        verb = not any(isinstance(action, argparse._SubParsersAction) for action in self._actions)
        for one in given[: given.index("--")] if "--" in given else given:
            name = one.partition("=")[0]
            if verb and name.startswith("--") and not any(o.startswith(name) for o in self._options()):
                self.error(f"unrecognized option: {name}{self._meant(name)}")
        return super().parse_known_args(given, namespace)

    def _options(self) -> list[str]:
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]

    def _meant(self, name: str) -> str:
        """What an unknown option may be meant for: another, or what stands without a name."""
        bare = [action.dest for action in self._actions if not action.option_strings]
        known = [*self._options(), *(f"--{dest}" for dest in bare)]
        found = nearest(name, known)
        if found and found not in self._options():
            return f": {found[2:]} stands without a name: {self.prog} {' '.join(bare)}"
        return did_you_mean(name, known)
