"""Parts of a statement that vary: lists of columns and arrays, rendered for the slots of files in sql/."""

from collections.abc import Iterable, Mapping

from useraim.core import files


def from_file(path: str, /, **slots: str) -> str:
    """Read a statement of sql/ without its comments and fill its slots."""
    lines = files.sql(path).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--")).strip().format(**slots)


def listed(parts: Iterable[str]) -> str:
    """Join parts, each with a comma in front."""
    return "".join(f", {part}" for part in parts)


def columns(names: Iterable[str], alias: str = "") -> str:
    """List columns, of an alias if one is named."""
    return ", ".join(f"{alias}.{name}" if alias else name for name in names)


def assigned(new: Mapping[str, str]) -> str:
    """Render the assignments of new values to columns."""
    return ", ".join(f"{name} = {value}" for name, value in new.items())


def differs(held: str, new: Mapping[str, str]) -> str:
    """Ask whether a new value differs from the one that the alias `held` has, none of which is NULL.

    IS DISTINCT FROM would take an operator for arrays from any schema of the search_path.
    """
    return " OR ".join(f"{held}.{name} OPERATOR(pg_catalog.<>) {value}" for name, value in new.items()) or "false"


def rows_from(*arrays: str) -> str:
    """Render arrays as the columns of a table; `unnest` of one alone could be another schema's."""
    return f"ROWS FROM ({', '.join(f'pg_catalog.unnest({array})' for array in arrays)})"


def literal(holds: bool) -> str:
    """Render a condition that is decided already: the planner leaves out what it rules out."""
    return "true" if holds else "false"


def existing(keys: str, new: Mapping[str, str]) -> str:
    """Render what becomes of a row that exists, `m`: the new values where one differs; without any it is left alone."""
    if not new:
        return from_file("on_match/ignore.sql", keys=keys)
    return from_file("on_match/update.sql", keys=keys, changes=assigned(new), differs=differs("m", new))
