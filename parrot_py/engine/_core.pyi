"""What mypy is to know of the compiled core: cdata has no static types, so core.py gives its results explicit ones."""

from typing import Any

ffi: Any
lib: Any
