"""ManyToMany: a relation between two tables, defined once and used from both ends."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar, Unpack
from uuid import UUID

from useraim import validate
from useraim.core.frame import Frame
from useraim.core.operation import method
from useraim.core.parts import Parts, parts_method
from useraim.core.statement import Call, all_of
from useraim.core.stream import Paged, stream_method
from useraim.errors import InvalidValue
from useraim.page import Page, window
from useraim.relation import conditions, counting, framing, linked_records, reading, rules, writing
from useraim.relation.declaration import Ends, JoinTable, Record, Table
from useraim.values import Attributes, Changes, Link, Linked, LinkFilter, Must, OnMatch

SId = TypeVar("SId", bound=UUID)
S = TypeVar("S", bound=Record)
FId = TypeVar("FId", bound=UUID)
F = TypeVar("F", bound=Record)
New = TypeVar("New")
Edit = TypeVar("Edit")


class ManyToMany(Generic[SId, S, FId, F, New, Edit]):
    """The links of a *source* to records at the *far* end: `users.aims` and `aims.users` are two instances."""

    def __init__(self, join: JoinTable, source: Table[SId, S, Any, Any], far: Table[FId, F, New, Edit]) -> None:
        self._ends = Ends(join, source, far)

    @method
    def append(
        self,
        source: SId | S,
        links: Iterable[FId | F | Link[FId | F]],
        *,
        on_match: OnMatch = "ignore",
        must: Must[FId | F] = (),
        if_version: str | None = None,
        **given: Unpack[Attributes],
    ) -> Call[Changes]:
        """Link the source to far records; the keywords are the attributes of links that do not give their own.

        `on_match` says what happens to links that exist: ignore leaves them alone, update takes the attributes
        given, error raises `AlreadyExists` naming all. Raises `BrokenReference` naming all ids that do not exist.

        `must`, here and below, is what shall hold for the source afterwards, else `RuleBroken`; `if_version` the
        `version` that its links have still, else `Conflict`. Both lock the source first; then nothing is written.
        """
        return self._put(source, links, on_match, given, self._rules(must, if_version), replacing=False)

    @method
    def replace(
        self,
        source: SId | S,
        links: Iterable[FId | F | Link[FId | F]],
        *,
        on_match: OnMatch = "update",
        must: Must[FId | F] = (),
        if_version: str | None = None,
        **given: Unpack[Attributes],
    ) -> Call[Changes]:
        """Make these the only links of the source; those that stay keep joined_at and every attribute not given.

        The source's row is locked first, in the same round trip, so that of two callers at once the second sees what
        the first has left. `on_match` and errors as in `append`.
        """
        return self._put(source, links, on_match, given, self._rules(must, if_version), replacing=True)

    @method
    def remove(
        self, source: SId | S, ids: Iterable[FId | F], *, must: Must[FId | F] = (), if_version: str | None = None
    ) -> Call[Changes]:
        """Unlink far records; those that are not linked are not in `removed`."""
        demanded = self._rules(must, if_version)
        return writing.remove(self._ends, self._source(source), self._ends.far.ids(ids), demanded)

    @method
    def clear(self, source: SId | S, *, must: Must[FId | F] = (), if_version: str | None = None) -> Call[Changes]:
        """Unlink all far records."""
        return writing.remove(self._ends, self._source(source), None, self._rules(must, if_version))

    @method
    def update(
        self,
        source: SId | S,
        links: Iterable[FId | F | Link[FId | F]],
        *,
        must: Must[FId | F] = (),
        if_version: str | None = None,
        **given: Unpack[Attributes],
    ) -> Call[Changes]:
        """Change attributes of existing links; `NotFound` names all that do not exist, and then nothing changes."""
        wanted = writing.wanted(self._ends, links, self._ends.join.attributes.check(given))
        return writing.update(self._ends, self._source(source), wanted, self._rules(must, if_version))

    @method
    def create(
        self, source: SId | S, new: Iterable[New], *, must: Must[FId | F] = (), **given: Unpack[Attributes]
    ) -> Call[list[Linked[F]]]:
        """Create far records and link them, all or nothing; they come back in input order.

        Raises `BrokenReference` when the source does not exist, `AlreadyExists` for ids or e-mail addresses taken.
        """
        attributes = self._ends.join.attributes.check(given)
        records = validate.collection(new, "new")
        return linked_records.create(self._ends, self._source(source), records, attributes, self._rules(must))

    @method
    def direct_control(
        self,
        source: SId | S,
        items: Iterable[New | Edit | FId | F],
        *,
        must: Must[FId | F] = (),
        if_version: str | None = None,
    ) -> Call[Changes]:
        """Make the linked far records exactly these: new ones are created and linked, edited ones changed, those
        only named stay as they are, and linked records not mentioned are **deleted**, with all their links.

        Locks the source as `replace` does. Raises `BrokenReference` for ids that do not exist, `NotFound` for records
        that exist but are not linked, `AlreadyExists` for unique values that other records have when the call starts.
        """
        demanded = self._rules(must, if_version)
        records = validate.collection(items, "items")
        return linked_records.direct_control(self._ends, self._source(source), records, demanded)

    @method
    def of(
        self,
        source: SId | S,
        *,
        link: LinkFilter | None = None,
        order_by: str = "joined_at",
        limit: int | None = None,
        offset: int = 0,
    ) -> Call[list[Linked[F]]]:
        """Return the far records with the attributes of their links; of a source that does not exist, none.

        `order_by`: joined_at, role, created_at and title (aims) or name (users), `-` in front to descend; ties by id.
        """
        by, within = reading.order(self._ends, order_by), reading.limits(limit, offset)
        return reading.of(self._ends, self._source(source), link, by, within)

    @method
    def load(
        self,
        sources: Iterable[SId | S],
        *,
        link: LinkFilter | None = None,
        order_by: str = "joined_at",
        limit: int | None = None,
        offset: int = 0,
    ) -> Call[dict[SId, list[Linked[F]]]]:
        """Return what `of` returns for many sources at once; every source asked for is a key, existing or not.

        limit and offset count for each source. A far record of several sources is one object. All is of one snapshot.
        """
        by, within = reading.order(self._ends, order_by), reading.limits(limit, offset)
        return reading.load(self._ends, self._sources(sources), link, by, within)

    @method
    def page(
        self,
        source: SId | S,
        *,
        link: LinkFilter | None = None,
        order_by: str = "joined_at",
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
    ) -> Call[Page[Linked[F]]]:
        """Return one page of what `of` returns; a page starts at a link, wherever that is by then, not at a number.

        The page of a source that does not exist is empty.
        """
        key, by = self._source(source), reading.order(self._ends, order_by)
        asked = window(reading.scope(self._ends, key, link, by), reading.keys(self._ends, by), limit, after, before)
        return reading.page(self._ends, key, link, by, asked)

    @method
    def pages(
        self,
        after: Mapping[SId, str | None],
        *,
        link: LinkFilter | None = None,
        order_by: str = "joined_at",
        limit: int = 50,
    ) -> Call[dict[SId, Page[Linked[F]]]]:
        """Return the next page of `page` for each of many sources: `after` has the cursor of each, None for its first.

        A statement a source, all in one round trip and one transaction.
        """
        if not isinstance(after, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidValue("after", "a mapping of sources to cursors is needed")
        asked: dict[Any, str | None] = {}
        for source, cursor in after.items():
            asked.setdefault(self._source(source), cursor)
        pages = [
            self.page.call(source, link=link, order_by=order_by, limit=limit, after=cursor)
            for source, cursor in asked.items()
        ]
        return all_of(pages, lambda read: dict(zip(asked, read, strict=True)))

    @stream_method
    def stream(self, source: SId | S, *, link: LinkFilter | None = None) -> Paged[Linked[F]]:
        """Iterate over the links of a source by joined_at in bounded memory.

        Over a pool: one query, one snapshot, on a connection of its own until it ends. Over a connection: page after
        page, and others use it meanwhile. Then every link that stays as it is is met once, and none that comes behind
        the link that is the last at the start.
        """
        key, by = self._source(source), reading.order(self._ends, "joined_at")
        conditions.link_shape(link)
        return Paged(partial(reading.page, self._ends, key, link, by), reading.place_by(self._ends, by))

    @method
    def frame(self, sources: Iterable[SId | S], *, link: LinkFilter | None = None) -> Call[Frame]:
        """Return the links of many sources, with their far records, as Arrow columns; the rows are in no order.

        Columns: both ids, the attributes, and the far record's other columns. Needs the extra `[arrow]`.
        """
        return framing.links(self._ends, self._sources(sources), link).whole()

    @parts_method
    def frames(
        self, sources: Iterable[SId | S], *, link: LinkFilter | None = None, size: int = framing.SIZE
    ) -> Parts[Frame]:
        """Iterate over frames of at most `size` rows of what `frame` returns, by source and far id.

        Nothing is held between them; links that are written meanwhile may be met or not.
        """
        return framing.links(self._ends, self._sources(sources), link).parts(size)

    @method
    def count(self, sources: Iterable[SId | S], *, link: LinkFilter | None = None) -> Call[dict[SId, int]]:
        """Count the links of each source; those without links, or not there, count 0."""
        return counting.count(self._ends, self._sources(sources), link)

    @method
    def count_by_role(self, sources: Iterable[SId | S]) -> Call[dict[SId, dict[str, int]]]:
        """Count the links of each source role by role; those without links, or not there, have an empty dict."""
        return counting.count_by_role(self._ends, self._sources(sources))

    @method
    def has(self, source: SId | S, far: FId | F, *, link: LinkFilter | None = None) -> Call[bool]:
        """Say whether the two are linked; those that do not exist are not."""
        return counting.has(self._ends, self._source(source), self._ends.far.id(far, "far"), link)

    @method
    def version(self, source: SId | S) -> Call[str]:
        """Return what changes whenever a link of the source or an attribute of one does, for `if_version`.

        Sets of a source that are equal have equal versions. It is 64 hexadecimal digits, good for an ETag.
        """
        return rules.version(self._ends, self._source(source))

    @method
    def common(self, sources: Iterable[SId | S], *, link: LinkFilter | None = None) -> Call[list[F]]:
        """Return the far records that all of the sources are linked to, by title or name; ties by id.

        A source that does not exist is linked to nothing: the list is empty then.
        """
        return counting.common(self._ends, self._sources(sources), link)

    def _put(
        self,
        source: SId | S,
        links: Iterable[object],
        on_match: OnMatch,
        given: Attributes,
        demanded: rules.Rules,
        *,
        replacing: bool,
    ) -> Call[Changes]:
        wanted = writing.wanted(self._ends, links, self._ends.join.attributes.check(given))
        return writing.put(self._ends, self._source(source), wanted, on_match, demanded, replacing=replacing)

    def _rules(self, must: object, if_version: object = None) -> rules.Rules:
        return rules.rules(self._ends.far, must, if_version)

    def _source(self, source: SId | S) -> UUID:
        return self._ends.source.id(source, "source")

    def _sources(self, sources: object) -> list[Any]:
        return self._ends.source.ids(sources, "sources")
