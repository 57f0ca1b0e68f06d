"""Walking a tree with several listings on their way at a time: each may have to fetch a catalog first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.repository import Repository

_LISTINGS = 8


def walk(repository: Repository, top: Inode) -> Iterator[Inode]:
    """Everything at and below *top*, a directory before what is in it, otherwise in any order.

    Links are not followed and bind mountpoints below *top* not entered.  Raises OSError.
    """

    def listing(directory: Inode) -> Sequence[Inode]:
        if directory is not top and repository.is_bind(directory):
            return ()
        return [entry.inode for entry in repository.listdir(directory)]

    yield top
    if not top.is_dir:
        return
    with ThreadPoolExecutor(_LISTINGS, "parrot-walk") as pool:
        waiting: set[Future[Sequence[Inode]]] = {pool.submit(listing, top)}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    for inode in future.result():
                        yield inode
                        if inode.is_dir:
                            waiting.add(pool.submit(listing, inode))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
