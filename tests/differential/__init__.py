"""The differential fuzzer: random sequences of system calls, on a mounted read-only tree and under parrot_run.

    bin/differ --minutes 30 [--seed N] [--jobs N]        look for differences
    bin/differ --sweep --minutes 30                      the same with all calls on all shapes of paths, in turn
    bin/differ --replay FILE                             run the sequences of a file on both sides and show the lines

How it works: ``generate.py`` makes sequences from a seed (``sweep.py`` in turn), ``program/`` (C) runs a batch of them
and writes one line for each call, ``jail.py`` holds the two worlds that it runs in: one where the trees of ``trees.py``
are mounted, and one without /cvmfs, in which parrot_run runs the program on the same trees as repositories.  Nothing
but the scratch directory can be written in either.  ``compare.py`` compares the lines, ``known.py`` is the list of what
may differ and why, ``minimise.py`` makes a finding small.  What is found becomes a twin case.
"""
