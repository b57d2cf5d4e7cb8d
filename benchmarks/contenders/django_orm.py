"""Django: managers, `select_related` and `prefetch_related`, `add`, `set` and `remove` of a many-to-many field."""

import uuid
from datetime import datetime
from typing import Any
from uuid import UUID

import django
from django.conf import settings
from django.db import connection, models
from django.db.models import Count, Q
from django.utils import timezone
from psycopg.conninfo import conninfo_to_dict

from .profile import one_by_one

settings.configure(
    USE_TZ=True, INSTALLED_APPS=["benchmarks"], DATABASES={"default": {"ENGINE": "django.db.backends.postgresql"}}
)
django.setup()
from django.contrib.postgres.fields import ArrayField  # noqa: E402


class Aim(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    title = models.TextField()
    description = models.TextField(default="")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "benchmarks"
        db_table = "aims"


class User(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.TextField()
    email = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    aims = models.ManyToManyField(Aim, through="UserAim")

    class Meta:
        app_label = "benchmarks"
        db_table = "users"


class UserAim(models.Model):
    pk = models.CompositePrimaryKey("user_id", "aim_id")
    user = models.ForeignKey(User, models.CASCADE)
    aim = models.ForeignKey(Aim, models.CASCADE)
    role = models.TextField(default="member")
    permissions = ArrayField(models.TextField(), default=list)
    joined_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "benchmarks"
        db_table = "user_aims"


LINKS = UserAim.objects
WITH_AIM = LINKS.select_related("aim").order_by("joined_at", "aim_id")
WITH_AIMS = LINKS.prefetch_related("aim").order_by("joined_at", "aim_id")
WITH_USER = LINKS.select_related("user")


def links(rows: list[Any]) -> list[UserAim]:
    return [UserAim(user_id=user, aim_id=aim, role=role, permissions=given) for user, aim, role, given in rows]


class Django:
    asynchronous = False

    def open(self, conninfo: str) -> None:
        given = conninfo_to_dict(conninfo)
        own = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password", "NAME": "dbname"}
        connection.close()
        connection.settings_dict.update({name: given.pop(key, None) or "" for name, key in own.items()})
        connection.settings_dict["OPTIONS"] = {**given, "server_side_binding": True, "prepare_threshold": 1}

    def close(self) -> None:
        connection.close()

    def get_user(self, user: UUID) -> User:
        return User.objects.get(id=user)

    def create_user(self, name: str, email: str) -> User:
        return User.objects.create(name=name, email=email)

    def create_one(self, user: UUID, aim: UUID) -> UserAim:
        return LINKS.create(user_id=user, aim_id=aim)

    def append_100(self, user: UUID, aims: list[UUID]) -> None:
        User(id=user).aims.add(*aims)

    def load_one(self, user: UUID) -> list[UserAim]:
        return list(WITH_AIM.filter(user_id=user))

    def load_1000(self, users: list[UUID]) -> dict[UUID, list[UserAim]]:
        links: dict[UUID, list[UserAim]] = {user: [] for user in users}
        for link in WITH_AIMS.filter(user_id__in=users):
            links[link.user_id].append(link)
        return links

    def replace(self, user: UUID, aims: list[UUID]) -> None:
        User(id=user).aims.set(aims)

    def delete_one(self, user: UUID, aim: UUID) -> bool:
        return bool(LINKS.filter(user_id=user, aim_id=aim).delete()[0])

    def remove_100(self, user: UUID, aims: list[UUID]) -> None:
        User(id=user).aims.remove(*aims)

    def has(self, user: UUID, aim: UUID) -> bool:
        return LINKS.filter(user_id=user, aim_id=aim).exists()

    def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        counted = LINKS.filter(user_id__in=users).values_list("user_id").annotate(Count("aim_id"))
        return {**dict.fromkeys(users, 0), **dict(counted)}

    def page(self, aim: UUID, joined_at: datetime, user: UUID) -> list[UserAim]:
        after = Q(joined_at__gt=joined_at) | Q(user_id__gt=user)
        members = WITH_USER.filter(after, aim_id=aim, joined_at__gte=joined_at)
        return list(members.order_by("joined_at", "user_id")[:100])

    batch = one_by_one

    def put_many(self, rows: list[Any]) -> None:
        LINKS.bulk_create(links(rows), ignore_conflicts=True)

    def list_100k(self, aim: UUID) -> list[UserAim]:
        return list(WITH_USER.filter(aim_id=aim).order_by("joined_at", "user_id"))

    def stream_100k(self, aim: UUID) -> int:
        return sum(1 for _ in WITH_USER.filter(aim_id=aim).iterator(chunk_size=1_000))

    def bulk_100k(self, rows: list[Any]) -> None:
        LINKS.bulk_create(links(rows), ignore_conflicts=True, batch_size=1_000)
