"""Which statements of a notebook an answer needs: found from names, without running anything."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

CHECKS = "checks"  # statements that mention it are the notebook's feedback, and no part of answers
# Magics that run the Python below or behind them; what others get is no Python, or runs elsewhere.
RUNNING = frozenset(
    {"time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "pyinstrument"}
)
OPTIONS = re.compile(r"(-\S+\s+(\d+\s+)?)*")  # of a magic, as in %timeit -n 10 -q f(x)


@dataclass(frozen=True)
class Question:
    """A call of a check, as a notebook writes it: `checks.<exercise>(<answer>, <other>, ...)`."""

    exercise: str  # the check's name
    answer: str  # the name of the learner's function or value
    others: tuple[str, ...] = ()  # what else the check is given

    @classmethod
    def parse(cls, call: str) -> Question:
        """From the source of the call. Raises ValueError for anything else."""
        match _parsed(call):
            case [
                ast.Expr(
                    ast.Call(ast.Attribute(ast.Name("checks"), exercise), [ast.Name(answer), *more])
                )
            ] if all(isinstance(each, ast.Name) for each in more):
                return cls(exercise, answer, tuple(each.id for each in more))
        raise ValueError(f"expected a call as checks.auroc(auroc), found {call!r}")


def needed_source(cells: Sequence[str], names: Sequence[str], whole: str | None = None) -> str:
    """The statements of `cells`, in their order, that the top-level `names` rest on.

    The last cell that binds the name `whole` is taken as it stands, with its loops and its
    prints. Statements that mention `checks` are left out, and so are cells that do not parse.
    """
    parts = [(number, part) for number, cell in enumerate(cells) for part in _parts(cell)]
    last = max((n for n, part in parts if whole in part.bound), default=None)
    wanted = {*names, whole} - {None}
    taken: set[int] = set()
    grown = True
    while grown:  # until nothing that was taken needs more
        grown = False
        for i, (number, part) in enumerate(parts):
            if i not in taken and (number == last or part.bound & wanted):
                taken.add(i)
                wanted |= part.used
                grown = True
    return "\n".join(parts[i][1].source for i in sorted(taken))


def binds(cell: str, name: str) -> bool:
    """Whether a statement of a cell, `checks` aside, gives a value to a top-level name."""
    return any(name in part.bound for part in _parts(cell))


@dataclass(frozen=True)
class _Part:
    source: str
    bound: frozenset[str]  # top-level names that it gives a value to
    used: frozenset[str]  # top-level names that it, or a function in it, reads


def _parts(cell: str) -> Iterator[_Part]:
    for statement in _parsed(cell):
        for one in _one_name_each(statement):
            try:
                source = ast.unparse(one)
                table = symtable.symtable(source, "<cell>", "exec")
            except (SyntaxError, RecursionError):  # as a return outside of a function
                continue
            symbols = table.get_symbols()
            bound = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
            used = {s.get_name() for s in symbols if s.is_referenced()} | set(_globals(table))
            if CHECKS not in used:
                yield _Part(source, frozenset(bound), frozenset(used))


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    for child in table.get_children():
        yield from (s.get_name() for s in child.get_symbols() if s.is_global())
        yield from _globals(child)


def _one_name_each(statement: ast.stmt) -> Iterator[ast.stmt]:
    """An import of several names as several imports: only the needed ones are taken."""
    if isinstance(statement, ast.ImportFrom):
        for name in statement.names:
            yield ast.ImportFrom(statement.module, [name], statement.level)
    elif isinstance(statement, ast.Import):
        yield from (ast.Import([name]) for name in statement.names)
    else:
        yield statement


def _parsed(cell: str) -> list[ast.stmt]:
    """The statements of a cell; none if it is no Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        code = TransformerManager().transform_cell(cell)
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return _WithoutMagics().visit(compile(code, "<cell>", "exec", flags)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


class _WithoutMagics(ast.NodeTransformer):
    """The Python that magics run, in their place: an answer below %%time is an answer."""

    def visit_Expr(self, node: ast.Expr) -> Any:
        magic = _magic(node.value)
        return self.generic_visit(node) if magic is None else _parsed(magic) or ast.Pass()

    def visit_Call(self, node: ast.Call) -> Any:
        magic = _magic(node)  # x = %time f(3)
        match None if magic is None else _parsed(magic):
            case [ast.Expr(value)]:
                return value
        return self.generic_visit(node)


def _magic(node: ast.expr) -> str | None:
    """What IPython's call of a magic in RUNNING runs; None for any other expression."""
    match node:
        case ast.Call(
            ast.Attribute(ast.Call(ast.Name("get_ipython")), kind),
            [ast.Constant(name), *_, ast.Constant(str(code))],
        ) if name in RUNNING:
            return OPTIONS.sub("", code, count=1) if kind == "run_line_magic" else code
    return None
