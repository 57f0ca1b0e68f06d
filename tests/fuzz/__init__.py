"""Coverage-guided fuzzing of everything that reads what others wrote.

A target is a function of bytes (targets/).  It raises when the code under it raises something undocumented, or answers
something that cannot be.  Time and memory of each input are bounded (limits.py).

    python -m tests.fuzz TARGET --seconds 600     look for new trouble with atheris (pip install 'parrot_py[fuzz]')
    python -m tests.fuzz TARGET FILE...           try these inputs again
    python -m tests.fuzz.seeds                    make the corpus anew

test_short.py replays the corpus, and simple mutations of it, with every run of the tests; that needs no atheris.
"""
