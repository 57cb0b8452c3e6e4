"""Writes the docstrings of the built module into its stub, where editors look for them.

    maturin develop && python scripts/stub_docs.py

The texts live in `src/python/*.rs`; the signatures in `python/worldloom/_native.pyi`. `tests/python/test_stub.py`
fails where the two differ.
"""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

from worldloom import _native

STUB = Path(__file__).parent.parent / "python/worldloom/_native.pyi"
HEAD = "# Docstrings are written by scripts/stub_docs.py.\n\n"


def with_docs(source: str) -> str:
    """Return the stub with the module's docstrings."""
    tree = ast.parse(source)
    for node in tree.body:
        document(node, _native)
    return HEAD + ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def document(node: ast.stmt, owner: object) -> None:
    """Give a class, its methods, or a function the docstring that it has in the module."""
    if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or not hasattr(owner, node.name):
        return
    if node.name.startswith("__") and node.name != "__arrow_c_stream__":
        return
    if any(ast.unparse(d) == "overload" for d in node.decorator_list):
        return
    thing = getattr(owner, node.name)
    if isinstance(node, ast.ClassDef):
        for member in node.body:
            document(member, thing)
    body = [b for b in node.body if not (isinstance(b, ast.Expr) and isinstance(b.value, ast.Constant))]
    text = inspect.getdoc(thing)
    if text:
        indent = " " * (node.col_offset + 4)
        lines = text.splitlines()
        if len(lines) > 1:
            text = lines[0] + "".join("\n" + (indent + line if line else "") for line in lines[1:]) + "\n" + indent
        body.insert(0, ast.Expr(ast.Constant(text)))
    node.body = body or [ast.Expr(ast.Constant(...))]


if __name__ == "__main__":
    STUB.write_text(with_docs(STUB.read_text()))
    for command in (["check", "--quiet", "--select", "I", "--fix"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, STUB], check=True)
