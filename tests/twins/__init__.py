"""Twins: one program, natively on a read-only mount and under parrot_run on a repository; the outputs are equal."""
