"""Users. Each function takes a connection or a pool first; with an async one, await it."""

from typing import Final

from useraim import validate
from useraim.core.clauses import from_file
from useraim.core.operation import operation
from useraim.core.pypika import Q, folded, negate, param, table
from useraim.core.pypika import exists as any_row
from useraim.core.rows import maker, single
from useraim.core.statement import Call, Statement, first_or_none, together
from useraim.errors import Conflict
from useraim.ids import UserId, new_id
from useraim.page import MOST
from useraim.relation.records import Records
from useraim.relation.relationship import ManyToMany
from useraim.relation.tables import AIMS, USER_AIMS, USERS
from useraim.validate import UNSET, Unset
from useraim.values import Aim, NewUser, User, UserRef

_RECORDS: Final = Records(USER_AIMS, USERS, AIMS)

aims: Final = ManyToMany(USER_AIMS, USERS, AIMS)
"""The aims of users: the relation with a user as its source."""

get = _RECORDS.get
find = _RECORDS.find
find_many = _RECORDS.find_many
exists = _RECORDS.exists
create_many = _RECORDS.create_many
delete = _RECORDS.delete
delete_many = _RECORDS.delete_many
page = _RECORDS.page
count = _RECORDS.count
stream = _RECORDS.stream
frame = _RECORDS.frame
frames = _RECORDS.frames

_users: Final = table("users")
_user: Final = maker(User)
_same_email: Final = folded(_users.email) == folded(param("email", "text"))


def _by_email(name: str) -> Statement[User]:
    return Statement(name, Q.from_(_users).select(*USERS.columns).where(_same_email), _user)


_FIND_BY_EMAIL: Final = _by_email("users.find_by_email")
# One that another caller creates at the same time is waited for.
_ENSURE: Final = Statement(
    "users.ensure",
    Q.into(_users)
    .columns("id", "email", "name")
    .select(param("id"), param("email"), param("name"))
    .where(negate(any_row(Q.from_(_users).select(1).where(_same_email))))
    .on_conflict()
    .do_nothing()
    .returning("id"),
    single,
)
_ENSURED: Final = _by_email("users.ensure (found)")

_LIKENESS: Final = from_file("similar/likeness.sql")
_SIMILAR: Final = Statement(
    "users.similar", from_file("similar/users.sql", likeness=_LIKENESS, columns=USERS.listed("u")), _user
)
_SUGGEST_AIMS: Final = Statement(
    "users.suggest_aims",
    from_file("similar/aims.sql", likeness=_LIKENESS, columns=AIMS.listed("a")),
    maker(Aim),
)


@operation
def create(*, email: str, name: str, id: UserId | None = None) -> Call[User]:
    """Create a user; `AlreadyExists` when the e-mail address or the id is taken."""
    return _RECORDS.creation_of_one(NewUser(email, name, id))


@operation
def ensure(*, email: str, name: str) -> Call[tuple[User, bool]]:
    """Find the user with this e-mail address, whose name stays, or create one; say whether it was created.

    Two statements in one round trip, as only a second one sees a user that another caller creates at the same time.
    `Conflict` when the user is deleted, or gets another address, between the two: try again.
    """
    values = {"email": USERS.given["email"](email, "email"), "name": USERS.given["name"](name, "name")}
    created = _ENSURE.call(bool, {"id": new_id(), **values})
    return together(created, _ENSURED.call(first_or_none, {"email": values["email"]}), _ensured)


def _ensured(created: bool, user: User | None) -> tuple[User, bool]:
    if user is None:
        raise Conflict("the user was deleted, or got another address, meanwhile")
    return user, created


@operation
def find_by_email(email: str) -> Call[User | None]:
    """Return the user with this e-mail address, however it is spelt, or None."""
    return _FIND_BY_EMAIL.call(first_or_none, {"email": validate.plain_text(email, "email")})


@operation
def update(id: UserRef, *, name: str | Unset = UNSET, email: str | Unset = UNSET) -> Call[User]:
    """Change what is given, and `updated_at` only if a value really changes; return the user as it is then.

    Raises `NotFound`, or `AlreadyExists` when another user has the e-mail address.
    """
    return _RECORDS.change(id, name=name, email=email)


@operation
def similar(user: UserRef, *, limit: int = 10) -> Call[list[User]]:
    """Return the users who share most of their aims with this one, by Jaccard index, best first; ties by id."""
    return _SIMILAR.call(list, _likest(user, limit))


@operation
def suggest_aims(user: UserRef, *, limit: int = 10) -> Call[list[Aim]]:
    """Return aims that similar users hold and this one does not, best first; ties by id.

    An aim scores the sum of its holders' Jaccard indexes.
    """
    return _SUGGEST_AIMS.call(list, _likest(user, limit))


def _likest(user: UserRef, limit: int) -> dict[str, object]:
    return {"user": USERS.id(user, "user"), "limit": validate.number(limit, "limit", 1, MOST)}
