"""The stub says what the module has: names, signatures, docstrings."""

import ast
import inspect
from pathlib import Path

import pytest

import worldloom as wl
from worldloom import _native

STUB = Path(__file__).parent.parent.parent / "python/worldloom/_native.pyi"
TREE = ast.parse(STUB.read_text())
CLASSES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef) and hasattr(_native, node.name)}


def members(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}


def documented() -> list[tuple[str, object, ast.FunctionDef | ast.ClassDef]]:
    """Every public function, class, property and method: name, thing, stub."""
    found: list[tuple[str, object, ast.FunctionDef | ast.ClassDef]] = []
    for node in TREE.body:
        if isinstance(node, ast.FunctionDef):
            found.append((node.name, getattr(_native, node.name), node))
    for name, node in CLASSES.items():
        thing = getattr(_native, name)
        found.append((name, thing, node))
        for member, stub in members(node).items():
            if not member.startswith("_") or member == "__arrow_c_stream__":
                found.append((f"{name}.{member}", getattr(thing, member), stub))
    return found


def test_both_have_the_same_names() -> None:
    functions = {n.name for n in TREE.body if isinstance(n, ast.FunctionDef)}
    constants = {n.target.id for n in TREE.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    stub = functions | set(CLASSES) | {c for c in constants if c == "__version__"}
    module = {name for name in dir(_native) if not name.startswith("__") or name == "__version__"}
    assert stub == module


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_the_same_members(name: str) -> None:
    thing = getattr(_native, name)
    stub = set(members(CLASSES[name]))
    own = {m for m in vars(thing) if not m.startswith("__")}
    assert {m for m in stub if not m.startswith("__")} == own
    assert all(hasattr(thing, m) for m in stub)
    for member, node in members(CLASSES[name]).items():
        is_property = any(ast.unparse(d) == "property" for d in node.decorator_list)
        assert is_property == inspect.isgetsetdescriptor(getattr(thing, member)), member


@pytest.mark.parametrize(("name", "thing", "stub"), documented(), ids=lambda v: v if isinstance(v, str) else "")
def test_docstrings_are_there_and_the_same(name: str, thing: object, stub: ast.FunctionDef | ast.ClassDef) -> None:
    assert inspect.getdoc(thing), f"{name} has no docstring"
    assert ast.get_docstring(stub) == inspect.getdoc(thing), "run scripts/stub_docs.py"


@pytest.mark.parametrize(
    ("name", "thing", "stub"),
    [d for d in documented() if isinstance(d[2], ast.FunctionDef) and callable(d[1])],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_signatures_are_the_same(name: str, thing: object, stub: ast.FunctionDef) -> None:
    theirs = inspect.signature(thing).parameters.values()  # type: ignore[arg-type]
    given = stub.args
    ours = [a.arg for a in given.args + given.kwonlyargs]
    assert [p.name for p in theirs] == ours
    assert [p.name for p in theirs if p.kind is p.KEYWORD_ONLY] == [a.arg for a in given.kwonlyargs]
    defaults = [p.default for p in theirs if p.default is not p.empty]
    assert defaults == [ast.literal_eval(d) for d in given.defaults + given.kw_defaults if d is not None]


def test_everything_public_is_exported_and_documented() -> None:
    for name in wl.__all__:
        thing = getattr(wl, name)
        assert name == "__version__" or inspect.getdoc(thing), name
    public = {name for name in dir(_native) if not name.startswith("_")} - {"build", "main", "SampleIterator"}
    assert public <= {*wl.__all__, *wl.geo.__all__, *wl.render.__all__}
