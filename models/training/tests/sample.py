"""Which of many cases are tried: a few of them as a rule, all of them in the full set of tests."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar('Case')


def of(cases: Sequence[Case], share: float) -> Sequence[Case]:
    """The first share of the cases; all of them where HEPAR_TEST_FULL is set."""
    return cases if os.environ.get('HEPAR_TEST_FULL') else cases[: max(1, round(share * len(cases)))]
