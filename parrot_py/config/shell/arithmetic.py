"""The value of ``$((…))``: integers, the operators of C, variables by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_TOKEN = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|\d+)|([A-Za-z_][A-Za-z0-9_]*)|(<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%()<>!~&|^?:]))"
)
_LEVELS = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<", "<=", ">", ">="),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)
_BITS = 64
_LONGEST = 1000
_DEPTH = 12


def _wrap(value: int) -> int:
    """*value* as a signed number of 64 bits, as shells compute."""
    value &= (1 << _BITS) - 1
    return value - (1 << _BITS) if value >> (_BITS - 1) else value


def _divide(left: int, right: int) -> int:
    if not right:
        raise ValueError("division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "||": lambda a, b: int(bool(a or b)),
    "&&": lambda a, b: int(bool(a and b)),
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    "<=": lambda a, b: int(a <= b),
    ">": lambda a, b: int(a > b),
    ">=": lambda a, b: int(a >= b),
    "<<": lambda a, b: a << (b % _BITS),
    ">>": lambda a, b: a >> (b % _BITS),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": lambda a, b: a - b * _divide(a, b),
}


def evaluate(text: str, variables: Mapping[str, str]) -> int:
    """The value of the expression *text*.  Raises ValueError, saying what is wrong."""
    if len(text) > _LONGEST:
        raise ValueError("longer than 1000 characters")
    if not text.strip():
        return 0
    return _Expression(text, variables).value()


def integer(text: str) -> int:
    """The number *text*: decimal, ``0x…`` or octal with a leading zero.  Raises ValueError."""
    text = text.strip()
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-") if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isalnum() or len(digits) > 30:
        raise ValueError(f"not a number: {text!r}")
    base = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" and len(digits) > 1 else 10
    try:
        return _wrap(sign * int(digits, base))
    except ValueError:
        raise ValueError(f"not a number: {text!r}") from None


class _Expression:
    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._tokens: list[str] = []
        self._depth = 0
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match:
                raise ValueError(f"not understood: {text[at:].strip()[:20]!r}")
            self._tokens.append(match[1] or match[2] or match[3])
            at = match.end()

    def value(self) -> int:
        result = self._choice()
        if self._tokens:
            raise ValueError(f"not understood: {self._tokens[0]!r}")
        return result

    def _take(self) -> str:
        if not self._tokens:
            raise ValueError("the expression is not complete")
        return self._tokens.pop(0)

    def _next_is(self, *texts: str) -> bool:
        return bool(self._tokens) and self._tokens[0] in texts

    def _choice(self) -> int:
        self._depth += 1
        if self._depth > _DEPTH:
            raise ValueError("nested too deeply")
        condition = self._binary(0)
        self._depth -= 1
        if not self._next_is("?"):
            return condition
        self._take()
        chosen = self._choice()
        if self._take() != ":":
            raise ValueError("':' is missing")
        other = self._choice()
        return chosen if condition else other

    def _binary(self, level: int) -> int:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._next_is(*_LEVELS[level]):
            operator = self._take()
            left = _wrap(_OPERATORS[operator](left, self._binary(level + 1)))
        return left

    def _unary(self) -> int:
        token = self._take()
        if token in ("-", "+", "!", "~") and self._next_is("-", "+", "!", "~"):
            self._depth += 1  # a row of signs is nesting, too
            if self._depth > _DEPTH:
                raise ValueError("nested too deeply")
        if token in ("-", "+", "!", "~"):
            value = self._unary()
            return _wrap({"-": -value, "+": value, "!": int(not value), "~": ~value}[token])
        if token == "(":
            value = self._choice()
            if self._take() != ")":
                raise ValueError("')' is missing")
            return value
        if token[0].isdigit():
            return integer(token)
        if token in _OPERATORS or token in ")?:":
            raise ValueError(f"not understood: {token!r}")
        return integer(self._variables.get(token) or "0")
