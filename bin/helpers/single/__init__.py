"""The making of the single file: bin/makedist (docs/distribution.md)."""
