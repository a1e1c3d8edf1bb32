"""``python -m medtx``."""

from medtx.cli import main

main()
