"""The rooms of the linker: no import circle, also none that only type checkers see; who may know whom."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from linker.registry import architectures, targets

ROOT = Path(__file__).resolve().parents[2]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(package: str) -> dict[str, set[str]]:
    """Module -> modules it imports anywhere: at the top, under TYPE_CHECKING, inside functions."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        found[module_name(path)] = names
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    # `from room import file` names the room too; a room's __init__ has nothing but its docstring and constants.
    edges = {name: {other for other in names if other in graph and other != name} for name, names in graph.items()}
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("package", ["linker", "afterburner"])
def test_no_import_circle(package: str) -> None:
    assert circle(imports(package)) == []


def test_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c", "x"}, "c": {"a"}}) != []


def test_flat_files_are_few() -> None:
    assert sorted(path.name for path in (ROOT / "linker").glob("*.py")) == [
        "__init__.py",
        "errors.py",
        "log.py",
        "registry.py",
    ]


def test_one_name_one_class() -> None:
    homes: dict[str, list[str]] = {}
    for package in ("previrt", "linker", "afterburner", "simulator"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    homes.setdefault(node.name, []).append(module_name(path))
    assert len(homes) > 250
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def test_named_tuples_are_the_quick_ones() -> None:
    slow = {module for module, names in imports("linker").items() if "typing.NamedTuple" in names}
    assert slow == {"linker.quick.tuples"}, "import NamedTuple from linker.quick.tuples, also when you solve conflicts"


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("linker/sites", ("simulator", "afterburner", "linker.hypervisors", "linker.plan", "linker.bind")),
        ("linker/hypervisors", ("linker.plan", "linker.bind", "linker.commands", "simulator", "afterburner")),
        ("linker/image", ("linker.plan", "linker.bind", "linker.commands", "linker.hypervisors")),
        ("linker/plan", ("linker.bind", "linker.commands")),
        (
            "linker/coverage",
            ("linker.bind", "linker.plan", "linker.hypervisors", "linker.inspection", "linker.commands"),
        ),
        ("linker/bind", ("linker.commands",)),
        ("afterburner", ("linker.image", "linker.table", "linker.plan", "linker.bind", "linker.commands")),
    ],
)
def test_rooms_know_only_what_is_below_them(room: str, forbidden: tuple[str, ...]) -> None:
    knows = {
        (module, name)
        for module, names in imports(room).items()
        for name in names
        if any(name == other or name.startswith(f"{other}.") for other in forbidden)
    }
    assert knows == set()


def test_every_target_and_architecture_is_found() -> None:
    assert sorted(targets()) == ["bare", "lol", "vnuma", "xen"]
    assert sorted(name for name, _ in architectures().values()) == ["i386", "ia64", "x86_64"]


DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_documents_name_is_there(document: Path) -> None:
    """Paths in backquotes that begin with a folder of ours, and links; patterns with <> or * stand for many."""
    text = document.read_text()
    tops = "linker|afterburner|simulator|previrt|tests|fixtures|benchmarks|docs"
    named = re.findall(rf"`((?:{tops})/[\w./{{}},<>*-]+)`", text)
    paths = [ROOT / name for name in named if not set(name) & set("<>*{")]
    paths += [document.parent / link for link in re.findall(r"\]\(([\w./-]+)\)", text)]
    assert [str(path) for path in paths if not path.exists()] == []


def test_each_room_is_described() -> None:
    said = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "linker").glob("*/*.py")}
    assert {room for room in rooms if f"`{room}/`" not in said} == set()
