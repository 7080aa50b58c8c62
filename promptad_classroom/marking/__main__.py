"""What a graded cell of a lab calls: `python -P -m promptad_classroom.marking`.

stdin: JSON with `call` (the check's call), `setup` and `cells`. stdout: the verdict. The exit code
is 0 for a pass, 1 for not yet, so a text that says "pass" is worth nothing.
"""

from __future__ import annotations

import json
import sys

from promptad_classroom.marking.cells import Question
from promptad_classroom.marking.judge import mark


def main() -> int:
    """Mark one answer."""
    task = json.load(sys.stdin)
    verdict = mark(Question.parse(task["call"]), task["cells"], task["setup"])
    sys.stdout.write(f"{verdict!r}\n")
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
