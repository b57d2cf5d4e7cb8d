"""The reads of one page, who looks at whom: one after another, by those who cannot ask them all at once."""

from typing import Any
from uuid import UUID


def one_by_one(contender: Any, viewer: UUID, owner: UUID, aim: UUID) -> tuple[Any, ...]:
    return (
        contender.get_user(viewer),
        contender.get_user(owner),
        contender.load_one(owner),
        contender.count_1000([owner]),
        contender.has(owner, aim),
    )


async def one_by_one_async(contender: Any, viewer: UUID, owner: UUID, aim: UUID) -> tuple[Any, ...]:
    return (
        await contender.get_user(viewer),
        await contender.get_user(owner),
        await contender.load_one(owner),
        await contender.count_1000([owner]),
        await contender.has(owner, aim),
    )
