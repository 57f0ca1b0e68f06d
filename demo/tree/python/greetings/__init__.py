"""A package that is imported from a repository; Python can't write its __pycache__ there and goes on without."""

from .words import WORDS

__all__ = ["WORDS", "greet"]


def greet(name: str) -> list:
    """One greeting for each language."""
    return [f"{WORDS[language]}, {name}!" for language in sorted(WORDS)]
