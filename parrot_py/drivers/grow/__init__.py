"""GROW-FS: a tree behind any web server, described by one listing that ``make_growfs`` writes (docs/grow.md)."""
