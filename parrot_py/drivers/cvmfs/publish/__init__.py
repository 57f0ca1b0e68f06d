"""Making signed repositories of directories, for any web server (docs/publishing.md)."""

from __future__ import annotations

from parrot_py.drivers.cvmfs.publish.publication import Published, PublishOptions, publish

__all__ = ["PublishOptions", "Published", "publish"]
