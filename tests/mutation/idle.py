"""Stretches of Python whose change cannot matter: types, docstrings, messages, sizes of caches, checks of types."""

import ast
from typing import Any

_PURE_SPEED = {"cache", "lru_cache", "overload", "override", "final"}
_FOR_TYPES = {"cast", "TypeVar", "ParamSpec", "NewType"}

Position = tuple[int, int]


def idle(source: str) -> list[tuple[Position, Position]]:
    """Find them all, each as its first and its last place."""
    found: list[tuple[Position, Position]] = []
    for node in ast.walk(ast.parse(source)):
        found += [_stretch(part) for part in _idle_parts(node) if part is not None]
    return found


def _idle_parts(node: ast.AST) -> list[Any]:  # noqa: PLR0911
    match node:
        case ast.AnnAssign(annotation=kind, value=value):
            alias = "TypeAlias" in ast.unparse(kind)
            return [kind, value] if alias else [kind]
        case ast.arg(annotation=kind):
            return [kind]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            decorators = [one for one in node.decorator_list if _name(one) in _PURE_SPEED]
            return [node if "overload" in map(_name, decorators) else None, node.returns, *decorators]
        case ast.ClassDef(bases=bases) if any(_name(base) == "Protocol" for base in bases):
            return [node]
        case ast.ClassDef(bases=bases):
            return [base for base in bases if isinstance(base, ast.Subscript)]
        case ast.If(test=test) if _name(test) == "TYPE_CHECKING":
            return [node]
        case ast.Call(func=func, args=args) if _name(func) in _FOR_TYPES:
            return args[:1] if _name(func) == "cast" else [node]
        case ast.keyword(arg="slots" | "maxsize" | "maxlen"):
            return [node]
        case ast.Assign(targets=[ast.Name(id="__slots__" | "__all__")]) | ast.JoinedStr() | ast.Assert():
            return [node]
        case ast.Expr(value=ast.Constant()):
            return [node]
        case _:
            return []


def _name(node: ast.AST) -> str:
    match node:
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return _name(inner)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _stretch(node: Any) -> tuple[Position, Position]:
    # A decorator begins with its @, one column before.
    return (node.lineno, max(node.col_offset - 1, 0)), (node.end_lineno, node.end_col_offset)
