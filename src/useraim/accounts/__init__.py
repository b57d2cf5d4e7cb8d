"""Who shares it: users, and the memberships that join them to aims."""

from useraim.accounts import user_aims, users

__all__ = ["user_aims", "users"]
