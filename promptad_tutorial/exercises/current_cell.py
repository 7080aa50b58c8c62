"""Is a learner's function what her last cell says? A cell with a syntax error defines nothing.

The name then keeps what an earlier run gave it, and a check would judge that. IPython remembers
every cell that was sent, also one that failed to parse.
"""

from __future__ import annotations

import re

from IPython import get_ipython


def left_behind(fn: object) -> bool:
    """Whether the last cell that defines a function of `fn`'s name could not be parsed.

    False outside of IPython, for cells run without history, and for a function that was imported
    or has no name.
    """
    shell, name = get_ipython(), str(getattr(fn, "__name__", ""))
    if shell is None or not name.isidentifier() or fn.__module__ != "__main__":
        return False
    defines = re.compile(rf"^\s*(?:(?:async\s+)?def\s+{name}\b|{name}\s*=(?!.*carry_on))", re.M)
    history = shell.history_manager
    cells = zip(history.input_hist_raw, history.input_hist_parsed, strict=False)
    for written, transformed in reversed(list(cells)):
        if defines.search(written):
            try:
                shell.compile.ast_parse(transformed)
            except SyntaxError:
                return True
            return False
    return False
