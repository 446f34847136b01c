"""`linker.quick.tuples.NamedTuple` is typing's in all that is used of it."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import typing
from types import SimpleNamespace
from typing import Any

import pytest

from linker.quick import tuples

BODY = '''
from __future__ import annotations
class Base({base}):
    """What it is."""
    name: str
    width: int | None
    rest: tuple[Unknown, ...] = ()
    flag: bool = False

    @property
    def double(self) -> int:
        """Twice."""
        return 2 * self.width

class More(Base):
    def triple(self):
        return 3 * self.width

class One({base}):
    value: int
'''


def defined(base: type | Any) -> SimpleNamespace:
    space: dict[str, Any] = {"__name__": __name__, "B": base}
    exec(BODY.format(base="B"), space)
    return SimpleNamespace(**{name: space[name] for name in ("Base", "More", "One")})


MINE, THEIRS = defined(tuples.NamedTuple), defined(typing.NamedTuple)
Base, More = MINE.Base, MINE.More  # pickle looks for them here


@pytest.mark.parametrize("cls", ["Base", "More"])
@pytest.mark.parametrize(
    ("values", "named"),
    [
        (("a", 1), {}),
        (("a", 1, (2,), True), {}),
        ((), {"width": 2, "name": "b", "flag": 3}),
        (("a",), {}),
        (("a", 1, 2, 3, 4), {}),
        (("a", 1), {"name": 2}),
        (("a", 1), {"other": 2}),
    ],
)
def test_made_and_shown_alike(cls: str, values: tuple[Any, ...], named: dict[str, Any]) -> None:
    made: list[tuple[Any, ...]] = []
    for space in (MINE, THEIRS):
        try:
            one = getattr(space, cls)(*values, **named)
        except TypeError as error:
            made.append(("TypeError", str(error).rpartition(".")[2]))
        else:
            assert not hasattr(one, "__dict__") or cls == "More"
            again = one._replace(width=7)
            made.append((repr(one), one._asdict(), hash(one), tuple(one), one.double, repr(again), again.flag))
    assert made[0] == made[1]


@pytest.mark.parametrize("what", ["_fields", "_field_defaults", "__match_args__", "__doc__", "__slots__"])
def test_class_says_the_same(what: str) -> None:
    assert getattr(MINE.Base, what, None) == getattr(THEIRS.Base, what, None)


def test_signature_and_annotations() -> None:
    mine, theirs = inspect.signature(MINE.Base), inspect.signature(THEIRS.Base)
    assert [(p.name, p.default, p.kind) for p in mine.parameters.values()] == [
        (p.name, p.default, p.kind) for p in theirs.parameters.values()
    ]
    assert inspect.signature(MINE.Base).parameters["width"].annotation == "int | None"
    assert str(inspect.signature(MINE.More)) == str(mine)


def test_refused_alike() -> None:
    one = MINE.One(3)
    assert one == (3,)
    for space in (MINE, THEIRS):
        with pytest.raises(TypeError, match="Expected 1 arguments, got 2"):
            space.One._make((1, 2))
        with pytest.raises(ValueError, match="unexpected field names"):
            space.One(1)._replace(other=2)
        with pytest.raises(AttributeError):
            space.One(1).value = 2


def test_defaults_come_last() -> None:
    for base in (tuples.NamedTuple, typing.NamedTuple):
        with pytest.raises(TypeError):
            exec("class Bad(B):\n    a: int = 1\n    b: int", {"B": base, "__name__": "x"})


def test_copied_and_pickled() -> None:
    for one in (MINE.Base("a", 1), MINE.More("b", 2)):
        assert copy.copy(one) == copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
        assert type(pickle.loads(pickle.dumps(one))) is type(one)


def test_matched_by_position() -> None:
    match MINE.Base("a", 1):
        case Base(name, width):
            assert (name, width) == ("a", 1)


def test_typing_is_not_imported() -> None:
    program = "import sys, linker.quick.tuples; sys.exit('typing' in sys.modules)"
    assert subprocess.run([sys.executable, "-I", "-c", program], check=False).returncode == 0
