"""The public repositories that are known without any configuration: servers and master keys, as data.

Source: the public configuration repositories (cvmfs-contrib/config-repo, branch ``default``; ``egi`` or ``osg`` where
``default`` lacks a domain).  Servers stand in configured order.  The keys are the files ``data/<name>.pub``.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"
DEMO = Path(__file__).parent.parent / "data" / "demo"

_CERN = "http://cvmfs-stratum-one.cern.ch:8000/cvmfs/@fqrn@"
_RAL = "http://cvmfs-egi.gridpp.rl.ac.uk:8000/cvmfs/@fqrn@"
_BNL = "http://cvmfs-s1bnl.opensciencegrid.org:8000/cvmfs/@fqrn@"
_FNAL = "http://cvmfs-s1fnal.opensciencegrid.org:8000/cvmfs/@fqrn@"
_GOC = "http://cvmfs-s1goc.opensciencegrid.org:8000/cvmfs/@fqrn@"
_IHEP = "http://cvmfs-stratum-one.ihep.ac.cn:8000/cvmfs/@fqrn@"
_SWIN = "http://cvmfs-s1.hpc.swin.edu.au:8000/cvmfs/@fqrn@"
_SAMPA = "http://sampacs01.if.usp.br:8000/cvmfs/@fqrn@"
_NIKHEF = "http://cvmfs01.nikhef.nl:8000/cvmfs/@fqrn@"
_TRIUMF = "http://cvmfsrepo.lcg.triumf.ca:8000/cvmfs/@fqrn@"
_DESY = "http://grid-cvmfs-one.desy.de:8000/cvmfs/@fqrn@"
_HEPVM = "http://hepvm.cern.ch/cvmfs/@fqrn@"
_NIGHTLIES = ("http://cvmfs-stratum-one.cern.ch/cvmfs/@fqrn@", _BNL, _SAMPA)

_CERN_KEYS = ("cern.ch", "cern-it1.cern.ch", "cern-it4.cern.ch", "cern-it5.cern.ch")
_OSG_KEYS = ("opensciencegrid.org",)


class Known(NamedTuple):
    """Servers (templates with ``@fqrn@``) and names of the master keys of one repository or one domain."""

    urls: tuple[str, ...]
    keys: tuple[str, ...]
    external_urls: tuple[str, ...] = ()


DOMAINS: dict[str, Known] = {
    "ardc.edu.au": Known(
        (_RAL, _NIKHEF, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA, _GOC, "http://cvmfs-brisbane.neurodesk.org/cvmfs/@fqrn@"),
        ("ardc.edu.au",),
    ),
    "cern.ch": Known((_CERN, _RAL, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA), _CERN_KEYS),
    "computecanada.ca": Known(
        (
            "http://cvmfs-s1-arbutus.computecanada.ca:8000/cvmfs/@fqrn@",
            "http://cvmfs-s1-beluga.computecanada.ca:8000/cvmfs/@fqrn@",
            "http://cvmfs-s1-graham.computecanada.ca:8000/cvmfs/@fqrn@",
            "http://cvmfs-s1.computecanada.net/cvmfs/@fqrn@",
        ),
        ("soft-shared.computecanada.ca",),
    ),
    "cta-observatory.org": Known((_DESY, "http://cccvmfsctas1.in2p3.fr/cvmfs/@fqrn@"), ("cta-observatory.org",)),
    "desy.de": Known((_DESY, _CERN, _RAL, _SWIN), ("desy.de",)),
    "eessi.io": Known(
        (
            "http://aws-eu-central-s1.eessi.science/cvmfs/@fqrn@",
            "http://azure-us-east-s1.eessi.science/cvmfs/@fqrn@",
            "http://ral-uk-s1.eessi.science:8000/cvmfs/@fqrn@",
        ),
        ("eessi.io",),
    ),
    "egi.eu": Known((_RAL, _NIKHEF, _TRIUMF, _IHEP, _SWIN, _SAMPA), ("egi.eu",)),
    "escape.eu": Known((_CERN,), ("cern.ch", "cern-it4.cern.ch", "cern-it5.cern.ch")),
    "gridpp.ac.uk": Known(
        (
            "http://cvmfs-egi.gridpp.rl.ac.uk:8000/cvmfs/@org@.gridpp.ac.uk",
            "http://cvmfs01.nikhef.nl/cvmfs/@org@.gridpp.ac.uk",
        ),
        ("gridpp.ac.uk",),
    ),
    "gsi.de": Known(("http://cvmfs-s1.gsi.de/cvmfs/@fqrn@",), ("masterkey.gsi.de",)),
    "hsf.org": Known(
        (_CERN, _RAL, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA),
        ("cern-it1.cern.ch", "cern-it4.cern.ch", "cern-it5.cern.ch", "opensciencegrid.org"),
    ),
    "igwn.org": Known((_RAL, _NIKHEF, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA), _OSG_KEYS),
    "iris.ac.uk": Known((_RAL,), ("iris.ac.uk",)),
    "kek.jp": Known(
        ("http://cvmfs-stratum-one.cc.kek.jp:8000/cvmfs/@fqrn@", _RAL, _DESY, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA),
        ("kek.jp",),
    ),
    "lsst.eu": Known((_CERN, "http://cclssts1.in2p3.fr/cvmfs/@fqrn@"), ("lsst.eu",)),
    "opensciencegrid.org": Known((_RAL, _NIKHEF, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA), _OSG_KEYS),
    "osgstorage.org": Known(
        (_RAL, _NIKHEF, _FNAL, _GOC, _BNL, _IHEP, _SWIN, _SAMPA),
        _OSG_KEYS,
        # The first five of the public list: CVMFS_EXTERNAL_MAX_SERVERS is 5 there.
        (
            "http://ucsd-t2-cache.nationalresearchplatform.org:8443/",
            "http://dtn-pas.bois.nrp.internet2.edu:8443/",
            "http://dtn-pas.cinc.nrp.internet2.edu:8443/",
            "http://dtn-pas.denv.nrp.internet2.edu:8443/",
            "http://dtn-pas.hous.nrp.internet2.edu:8443/",
        ),
    ),
    "pacific-neutrino.org": Known(
        ("http://object-arbutus.cloud.computecanada.ca:8880/cvmfs-@fqrn@/@fqrn@",), ("pacific-neutrino.org",)
    ),
    "sdcc.bnl.gov": Known((_BNL, _FNAL, _GOC), ("sdcc.bnl.gov", "opensciencegrid.org")),
    "skatelescope.eu": Known((_RAL,), ("skatelescope.eu",)),
    "xsede.org": Known((_BNL, _FNAL, _GOC), ("xsede.org",)),
}
"""Domain → what serves every repository of it (``*.<domain>``)."""

REPOSITORIES: dict[str, Known] = {
    "atlas-nightlies.cern.ch": Known(_NIGHTLIES, _CERN_KEYS),
    "sft-nightlies.cern.ch": Known(_NIGHTLIES, _CERN_KEYS),
    "cernvm-devel.cern.ch": Known((_HEPVM,), ("cernvm-devel.cern.ch",)),
    "cernvm-sl7.cern.ch": Known((_HEPVM,), ("cernvm-sl7.cern.ch",)),
    "cernvm-slc4.cern.ch": Known((_HEPVM,), ("cernvm-slc4.cern.ch",)),
    "cernvm-slc5.cern.ch": Known((_HEPVM,), ("cernvm-slc5.cern.ch",)),
    "code-rade.africa-grid.org": Known((_RAL,), ("code-rade.africa-grid.org",)),
    "euclid.in2p3.fr": Known(("http://cceuclids1.in2p3.fr/cvmfs/@fqrn@",), ("euclid.in2p3.fr",)),
    "euclid-dev.in2p3.fr": Known(("http://cceuclids1.in2p3.fr/cvmfs/@fqrn@",), ("euclid-dev.in2p3.fr",)),
    "softdrive.nl": Known((_RAL, _NIKHEF), ("softdrive.nl",)),
}
"""Single repositories whose servers or keys differ from their domain's, or whose domain has no entry."""


def key_file(name: str) -> Path | None:
    """The built-in master key *name* (``cern.ch``), or None if there is none of that name."""
    if "/" in name:
        return None
    paths = (directory / f"{name}.pub" for directory in (DATA, DEMO))
    return next((path for path in paths if path.is_file()), None)


def known(fqrn: str) -> Known | None:
    """What is known of the repository *fqrn*: its own entry, else that of the nearest enclosing domain."""
    found = REPOSITORIES.get(fqrn)
    domain = fqrn
    while found is None and "." in domain:
        domain = domain.partition(".")[2]
        found = DOMAINS.get(domain)
    return found
