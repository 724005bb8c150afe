"""Properties that are computed once and kept, without a lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Result = TypeVar("Result")


class cached_property(Generic[Result]):
    """As functools.cached_property of Python 3.12: threads that meet both compute, and the values are equal.

    That of Python 3.10 and 3.11 holds a lock meanwhile, one for all objects, which a fork leaves locked in the child.
    """

    def __init__(self, compute: Callable[[Any], Result]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> cached_property[Result]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Result: ...
    def __get__(self, instance: object | None, owner: type) -> cached_property[Result] | Result:
        if instance is None:
            return self
        result = instance.__dict__[self._name] = self._compute(instance)
        return result
