"""`NamedTuple` as typing has it, at a thirtieth of the price for a class.

typing compiles each field's annotation, and `collections.namedtuple` a constructor, when the class is defined: a third
of a millisecond. A link knows 180 such classes and makes instances of half of them, so that was a third of its time.
Here annotations stay text, and the constructor is compiled when the first instance is made.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for typing's; importing that costs more than all of this
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from _collections import _tuplegetter  # what collections.namedtuple gives its fields
    from types import FunctionType

    _codes = {}  # number of fields -> the code of a constructor for so many

    def _compiled_new(owner):
        """The constructor, with the fields as parameters, as collections.namedtuple makes it.

        One is compiled for each number of fields; the names are put into a copy.
        """
        names = owner._fields
        count = len(names)
        if count not in _codes:
            fields = "".join(f"_{n}, " for n in range(count))
            code = f"lambda _cls, {fields}: _new(_cls, ({fields}))"
            _codes[count] = eval(code, {}).__code__  # noqa: S307 - the text is made of numbers
        code = _codes[count].replace(
            co_varnames=("_cls", *names), co_name="__new__", co_qualname=f"{owner.__qualname__}.__new__"
        )
        new = FunctionType(code, {"_new": tuple.__new__, "__builtins__": {}}, "__new__")
        new.__defaults__ = tuple(owner._field_defaults.values())
        owner.__new__ = staticmethod(new)
        return new

    def _first_new(cls, /, *values, **named):
        return _compiled_new(_owner(cls))(cls, *values, **named)

    def _owner(cls):
        return next(base for base in cls.__mro__ if "_fields" in vars(base))

    class _Definition(type):
        """What a class body becomes: fields out of its annotations."""

        def __new__(mcs, name, bases, body):
            if bases == (tuple,):  # NamedTuple itself
                return super().__new__(mcs, name, bases, {**body, "__slots__": ()})
            if bases != (NamedTuple,):  # a subclass with more methods
                return super().__new__(mcs, name, bases, body)
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body.pop(field) for field in fields if field in body}
            if tuple(defaults) != fields[len(fields) - len(defaults) :]:
                raise TypeError(f"{name}: a field without a default follows one with")
            getters = {field: _tuplegetter(n, f"Alias for field number {n}") for n, field in enumerate(fields)}
            own = {"_fields": fields, "_field_defaults": defaults, "__match_args__": fields, "__slots__": ()}
            return super().__new__(mcs, name, bases, {**body, **getters, **own, "__new__": _first_new})

        @property
        def __signature__(cls):
            import inspect

            owner = _owner(cls)
            signature = inspect.signature(_compiled_new(owner))
            parameters = list(signature.parameters.values())[1:]
            hints = vars(owner).get("__annotations__", {})
            return signature.replace(parameters=[p.replace(annotation=hints[p.name]) for p in parameters])

    class NamedTuple(tuple, metaclass=_Definition):
        """A tuple whose fields have names."""

        @classmethod
        def _make(cls, values):
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **changes):
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"Got unexpected field names: {list(changes)!r}")
            return made

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            pairs = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({pairs})"

        def __getnewargs__(self):
            return tuple(self)


__all__ = ["NamedTuple"]
