"""The command ``parrot_cvmfs``: looking at repositories and at the cache, without running a job.

One module per subcommand; each has ``NAME``, ``HELP``, ``add(parser)`` and ``run(arguments, context) -> status``.
``rich`` is imported only when something is shown on a terminal, and ``parrot_run`` imports nothing of this package.
"""
