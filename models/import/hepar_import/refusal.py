"""What an importer cannot take, told in one line."""
from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path


class Refusal(Exception):
    """A network that the manifest cannot express, or input that is broken. The message is one line for a person."""


def run(main: Callable[[], None]) -> None:
    """Runs an importer: exits with 2 and one line on standard error for what it refuses."""
    try:
        main()
    except Refusal as refusal:
        sys.exit(_told(str(refusal)))
    except OSError as error:
        sys.exit(_told(f'{error.filename or "file"}: {error.strerror or error}'))


def _told(line: str) -> int:
    one_line = ' '.join(line.split())
    print(f'{Path(sys.argv[0]).name}: {one_line}', file=sys.stderr)
    return 2
