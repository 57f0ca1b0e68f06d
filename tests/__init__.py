"""The tests of parrot_py."""
