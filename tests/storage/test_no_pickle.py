import ast
from pathlib import Path

import playfield

MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {("torch", "load"), ("torch", "save"), ("np", "load"), ("numpy", "load"), ("np", "save"), ("np", "savez")}


def pickles(source):
    """Lines of a module that could unpickle or pickle."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names) if any(name.name.split(".")[0] in MODULES for name in names):
                yield node.lineno
            case ast.ImportFrom(module=str(module), names=names):
                named = {(module.split(".")[0], name.name) for name in names}
                if module.split(".")[0] in MODULES or named & CALLS:
                    yield node.lineno
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if (owner, attribute) in CALLS:
                yield node.lineno
            case ast.keyword(arg="allow_pickle", value=value) if getattr(value, "value", True) is not False:
                yield value.lineno
            case ast.Call(func=ast.Name(id="eval" | "exec" | "__import__")):
                yield node.lineno


def test_nothing_in_the_package_pickles():
    root = Path(playfield.__file__).parent
    found = {f"{path.relative_to(root)}:{line}" for path in root.rglob("*.py") for line in pickles(path.read_text())}
    assert not found
    assert len(list(root.rglob("*.py"))) > 10


def test_the_lint_sees_what_it_should():
    bad = [
        "import pickle",
        "from torch import load",
        "torch.save(x, y)",
        "np.load(p, allow_pickle=True)",
        "f(allow_pickle=a)",
    ]
    assert all(list(pickles(source)) for source in bad)
