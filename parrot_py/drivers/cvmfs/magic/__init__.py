"""The magic extended attributes, by which a repository tells about itself (docs/attributes.md)."""
