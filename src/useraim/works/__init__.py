"""What is shared: aims."""

from useraim.works import aims

__all__ = ["aims"]
