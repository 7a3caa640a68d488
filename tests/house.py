"""How the layout test reads the house: its modules, their sizes, and the rules that look at syntax."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("admin", "analytics", "models", "sender")
NOT_READ = ("models/migrations/versions/*",)
"""Generated once, then history."""
VAGUE = re.compile(r"(?:Manager|Helper|Utils?|Abstract|Impl)(?![a-z])|^_?Base(?![a-z])")
SYNONYMS = re.compile(r"(?:^|_)fragments?(?:_|$)|unsubscribe_list|recipient_number")
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def modules() -> tuple[str, ...]:
    """Every module of the four folders and the entry point, as a path from the root."""
    found = [ROOT / "wsgi.py", *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]
    names = [path.relative_to(ROOT).as_posix() for path in found if path.exists()]
    return tuple(name for name in names if not any(fnmatch(name, pattern) for pattern in NOT_READ))


@cache
def source(name: str) -> str:
    """The text of one file."""
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def tree(name: str) -> ast.Module:
    """The syntax tree of one module."""
    return ast.parse(source(name))


@cache
def code_lines(text: str) -> frozenset[int]:
    """Numbers of the lines that hold code: no blanks, comments or docstrings."""
    idle = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in idle:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return frozenset(lines)


def functions(name: str) -> Iterator[tuple[str, int, int]]:
    """Every function of a module: where it is, how many lines of code, how many blocks deep."""
    lines = code_lines(source(name))
    for node in ast.walk(tree(name)):
        if isinstance(node, FUNCTIONS):
            length = sum(node.lineno <= line <= (node.end_lineno or 0) for line in lines)
            yield f"{name}:{node.lineno} {node.name}", length, depth(node)


def depth(node: ast.AST, *, chained: bool = False) -> int:
    """Blocks nested in each other, counting this one; `elif` continues a block and is not a deeper one."""
    inner = 0
    for field, value in ast.iter_fields(node):
        children = [child for child in (value if isinstance(value, list) else [value]) if isinstance(child, ast.AST)]
        elif_branch = (
            field == "orelse" and isinstance(node, ast.If) and len(children) == 1 and isinstance(children[0], ast.If)
        )
        inner = max([inner, *(depth(child, chained=elif_branch) for child in children)])
    return inner + (isinstance(node, BLOCKS) and not chained)


def offences(rule: Callable[[ast.AST], str | None], *, allowed: tuple[str, ...] = ()) -> list[str]:
    """Where a rule about syntax is broken outside the places that may: "path:line what"."""
    return [
        f"{name}:{getattr(node, 'lineno', 0)} {found}"
        for name in modules()
        if not any(fnmatch(name, pattern) for pattern in allowed)
        for node in ast.walk(tree(name))
        if (found := rule(node))
    ]


def listing(lines: list[str]) -> str:
    """One offence a line, for a failure message."""
    return "".join(f"\n  {line}" for line in lines)


def clock(node: ast.AST) -> str | None:
    """A reading of the clock: datetime.now, utcnow, date.today, time.time; called or handed on."""
    if (
        isinstance(node, ast.ImportFrom)
        and node.module == "time"
        and any(name.name in {"time", "time_ns"} for name in node.names)
    ):
        return "from time import time"
    if not isinstance(node, ast.Attribute):
        return None
    owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    if (owner in {"datetime", "date"} and node.attr in {"now", "utcnow", "today"}) or node.attr == "utcnow":
        return f"{owner}.{node.attr}"
    return f"time.{node.attr}" if owner == "time" and node.attr in {"time", "time_ns", "localtime", "gmtime"} else None


def environment(node: ast.AST) -> str | None:
    """A reading of the environment."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
        return f"os.{node.attr}" if node.attr in {"environ", "getenv", "environb", "getenvb"} else None
    names = [name.name for name in node.names] if isinstance(node, ast.ImportFrom) and node.module == "os" else []
    return next((f"from os import {name}" for name in names if name in {"environ", "getenv"}), None)


def commit(node: ast.AST) -> str | None:
    """A commit."""
    return (
        ".commit()"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
        else None
    )


def floating(node: ast.AST) -> str | None:
    """A conversion to float."""
    return (
        "float()"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
        else None
    )


def unescaped(node: ast.AST) -> str | None:
    """Markup made from a composed string, which escapes nothing."""
    if not (isinstance(node, ast.Call) and node.args and "Markup" in ast.unparse(node.func).rsplit(".", 1)[-1:]):
        return None
    first = node.args[0]
    composed = isinstance(first, ast.JoinedStr | ast.BinOp) or (
        isinstance(first, ast.Call) and ast.unparse(first).count(".format(")
    )
    return "Markup of a composed string" if composed else None


def vague(node: ast.AST) -> str | None:
    """A class whose name says nothing."""
    return node.name if isinstance(node, ast.ClassDef) and VAGUE.search(node.name) else None


CALLED = {"_handle_view"}
"""What Flask-Admin calls on a mix-in of ours, which has no base to show it."""


def empty_verb(node: ast.AST) -> str | None:
    """A function of ours called get_, handle_ or process_; what a framework calls by such a name is a method of its subclass."""
    bodies = node.body if isinstance(node, ast.Module) or (isinstance(node, ast.ClassDef) and not node.bases) else []
    named = [child.name for child in bodies if isinstance(child, FUNCTIONS)]
    return next((name for name in named if name not in CALLED and re.match(r"_?(get|handle|process)_", name)), None)


def synonym(node: ast.AST) -> str | None:
    """An identifier of ours that the glossary has another word for."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        names = [node.name]
    elif isinstance(node, ast.arg):
        names = [node.arg]
    elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
        names = [node.id if isinstance(node, ast.Name) else node.attr]
    else:
        names = []
    return next((name for name in names if SYNONYMS.search(name)), None)
