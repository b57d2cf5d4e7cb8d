"""Turning pages, as a reader does."""

from typing import Any, TypeVar

from tests.worlds import World
from useraim.core.operation import Operation
from useraim.page import Page

T = TypeVar("T")


def onward(call: World, page: Operation[..., Page[T]], *args: Any, **kwargs: Any) -> list[Page[T]]:
    """All pages from the first to the last."""
    pages = [call(page, *args, **kwargs)]
    while cursor := pages[-1].next:
        pages.append(call(page, *args, after=cursor, **kwargs))
    return pages


def back(call: World, page: Operation[..., Page[T]], last: Page[T], *args: Any, **kwargs: Any) -> list[Page[T]]:
    """All pages before `last`, and itself, in reading order."""
    pages = [last]
    while cursor := pages[0].previous:
        pages.insert(0, call(page, *args, before=cursor, **kwargs))
    return pages


def there_and_back(call: World, page: Operation[..., Page[T]], *args: Any, **kwargs: Any) -> list[T]:
    """All rows, having seen that the pages are the same in both directions."""
    pages = onward(call, page, *args, **kwargs)
    assert pages[0].previous is None
    assert [one.items for one in back(call, page, pages[-1], *args, **kwargs)] == [one.items for one in pages]
    return [row for one in pages for row in one]
