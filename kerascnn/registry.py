"""A folder is a registry: each public module in it is one entry, named by its file.

An entry may also be the user's own: a path (`my_model.py`) or a dotted module
(`lab.my_model`) where a name is expected. Everything here reads file names and
source text; nothing is imported until `load`, so that a command line can list
and check families before Keras is there.
"""

import ast
import difflib
import functools
import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any


def names(package: str) -> tuple[str, ...]:
    """Returns the entries of `package`, sorted; `_workshop` modules are not entries."""
    path = importlib.import_module(package).__path__
    found = (module.name for module in pkgutil.iter_modules(path))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def load(package: str, name: str) -> ModuleType:
    """Imports one entry of `package`, or the user's module at a path or dotted name.

    Raises:
        ValueError: If there is no such entry. The message lists those there are.
    """
    path = source_file(package, name)
    if name in names(package):
        return importlib.import_module(f"{package}.{name}")
    if not name.endswith(".py"):
        return importlib.import_module(name)
    return _load_file(path)


def source_file(package: str, name: str) -> Path:
    """Returns the file that holds an entry, without importing it.

    Raises:
        ValueError: If there is no such entry. The message lists those there are.
    """
    if name in names(package):
        spec = importlib.util.find_spec(f"{package}.{name}")
    elif name.endswith(".py"):
        if not Path(name).is_file():
            raise ValueError(f"There is no file {name!r}.")
        return Path(name).resolve()
    else:
        spec = _find_dotted(name) if "." in name else None
    if spec is None or spec.origin is None:
        raise ValueError(unknown(package.rpartition(".")[2], name, names(package)))
    return Path(spec.origin)


def is_own(package: str, name: str) -> bool:
    """Returns whether `name` is the user's own module rather than an entry of `package`."""
    return name not in names(package)


def code_hash(package: str, name: str) -> str:
    """Returns 12 hex digits of the user's own module's content; "" for an entry of ours."""
    if not is_own(package, name):
        return ""
    return hashlib.sha256(source_file(package, name).read_bytes()).hexdigest()[:12]


def keywords(package: str, name: str, function: str) -> dict[str, Any]:
    """Returns keyword -> default of a function's keyword-only arguments, read from its source.

    Raises:
        ValueError: If the entry, or the function in it, is not there, or a default is missing
            or not a literal.
    """
    return dict(_keywords(source_file(package, name), function))


def constant(package: str, name: str, variable: str, default: Any = None) -> Any:
    """Returns a module-level literal of an entry, read from its source; `default` if absent."""
    for node in _parse(source_file(package, name)).body:
        if isinstance(node, ast.Assign):
            targets = node.targets
            value = node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
            value = node.value
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == variable for target in targets):
            return ast.literal_eval(value)
    return default


def summary(package: str, name: str) -> str:
    """Returns the first line of an entry's docstring."""
    return docstring(package, name).partition("\n")[0]


def docstring(package: str, name: str) -> str:
    """Returns an entry's docstring; "" if it has none."""
    return ast.get_docstring(_parse(source_file(package, name))) or ""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Words the error for a name that is not there: the valid ones, and the closest match."""
    known = list(known)
    if not known:
        return f"No {name!r} in {kind}: there are none."
    close = closest(name, known)
    hint = "" if close is None else f" Did you mean {close!r}?"
    return f"No {name!r} in {kind}. Expected one of: {', '.join(known)}.{hint}"


def closest(name: str, known: Iterable[str]) -> str | None:
    """Returns the one of `known` that `name` was probably meant to be, if any is close."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


@functools.cache
def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path} is not valid Python: {error}") from None


@functools.cache
def _keywords(path: Path, function: str) -> dict[str, Any]:
    for node in _parse(path).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            return {argument.arg: _literal(path, argument.arg, value) for argument, value in pairs}
    raise ValueError(f"`{function}` must be defined at the top of {path}. Found none.")


def _literal(path: Path, name: str, node: ast.expr | None) -> Any:
    try:
        return ast.literal_eval(node)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        raise ValueError(
            f"Every hyperparameter needs a literal default. {name!r} in {path} has none."
        ) from None


def _find_dotted(name: str) -> importlib.machinery.ModuleSpec | None:
    """Finds a module as importing does, but for the packages on the way: none is imported."""
    words = name.split(".")
    if not all(word.isidentifier() for word in words):
        return None
    found, where = None, None
    for count in range(1, len(words) + 1):
        if found is not None and where is None:
            return None  # It is a module, and holds no other.
        part = ".".join(words[:count])
        finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
        specs = (find(part, where, None) for find in finders if find is not None)
        found = next((spec for spec in specs if spec is not None), None)
        if found is None:
            return None
        where = found.submodule_search_locations
    return found


def _load_file(path: Path) -> ModuleType:
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"kerascnn_user_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"A Python file was expected. Received: {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
