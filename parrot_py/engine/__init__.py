"""The engine: a C core that traces the job, behind one typed Python wrapper.

Only :mod:`parrot_py.engine.core` touches the C side; everything else speaks to :class:`~parrot_py.engine.core.Engine`.
"""
