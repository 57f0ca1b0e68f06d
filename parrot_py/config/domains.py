"""The public repositories that are known without any configuration: servers and master keys, as data.

Source: the public configuration repositories (cvmfs-contrib/config-repo, branch ``default``; ``egi`` or ``osg`` where
``default`` lacks a domain).  Servers stand in configured order; the content delivery network has aliases of the same
servers.  The keys are the files ``data/<name>.pub``.
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

_CDN_PORT = {
    "fnal": ":8080",
    "ihep": ":8080",
    "swinburne": ":8080",
    "sampa": ":8080",
    "triumf": ":8080",
    "osggoc": ":8080",
}


def _cdn(*places: str) -> tuple[str, ...]:
    """The aliases of servers in the content delivery network."""
    return tuple(f"http://s1{each}-cvmfs.openhtc.io{_CDN_PORT.get(each, '')}/cvmfs/@fqrn@" for each in places)


_CERN_KEYS = ("cern.ch", "cern-it1.cern.ch", "cern-it4.cern.ch", "cern-it5.cern.ch")
_OSG_KEYS = ("opensciencegrid.org",)


class Known(NamedTuple):
    """What is known of one repository or of all of one domain.

    Servers are templates with ``@fqrn@``; ``keys`` are names of master keys; ``cdn_urls`` take the place of ``urls``
    for who uses a content delivery network; ``parameters`` is what the public configuration sets besides.
    """

    urls: tuple[str, ...]
    keys: tuple[str, ...]
    cdn_urls: tuple[str, ...] = ()
    external_urls: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()


_GEO = (("CVMFS_USE_GEOAPI", "yes"),)
_INFO = (("CVMFS_SEND_INFO_HEADER", "yes"),)
_OSG_CDN = _cdn("ral", "nikhef", "bnl", "fnal", "ihep", "swinburne", "sampa")
_OSDF = """
    http://ucsd-t2-cache.nationalresearchplatform.org:8443/
    http://dtn-pas.bois.nrp.internet2.edu:8443/
    http://dtn-pas.cinc.nrp.internet2.edu:8443/
    http://dtn-pas.denv.nrp.internet2.edu:8443/
    http://dtn-pas.hous.nrp.internet2.edu:8443/
    http://dtn-pas.jack.nrp.internet2.edu:8443/
    http://unl-cache.nationalresearchplatform.org:8443/
    http://dtn-pas.kans.net.internet2.edu:8443/
    http://osdf1.chic.nrp.internet2.edu:8443/
    http://osg-new-york-stashcache.nrp.internet2.edu:8443/
    http://mghpcc-cache.nationalresearchplatform.org:8443/
    http://its-condor-xrootd1.syr.edu:8000/
    http://osg-gftp2.pace.gatech.edu:8000/
    http://osg-houston-stashcache.nrp.internet2.edu:8443/
    http://osg-sunnyvale-stashcache.nrp.internet2.edu:8443/
    http://sdsc-cache.nationalresearchplatform.org:8443/
    http://osg-stash-sfu-computecanada-ca.nationalresearchplatform.org:8443/
    http://stashcache.ligo.caltech.edu:8000/
    http://osg-hawk-cache.cc.lehigh.edu:8000/
    http://osdf-cache.sprace.org.br:8443/
    http://daejeon-kreonet-net.nationalresearchplatform.org:8443/
    http://singapore.nationalresearchplatform.org:8443/
    http://ligo.hpc.swin.edu.au:8000/
    http://amst-osdf-xcache01.es.net:8443/
    http://amst-fiona.nationalresearchplatform.org:8443/
    http://lond-osdf-xcache01.es.net:8443/
    http://stashcache-edi-scotgrid-ac-uk.nationalresearchplatform.org:8443/
    http://xcachevirgo.pic.es:8000/
    http://cf-ac-uk-cache.nationalresearchplatform.org:8443/
    http://stash.farm.particle.cz:8000/
    http://ccstashcacheli01.in2p3.fr:8000/
"""


DOMAINS: dict[str, Known] = {
    "ardc.edu.au": Known(
        (_RAL, _NIKHEF, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA, _GOC, "http://cvmfs-brisbane.neurodesk.org/cvmfs/@fqrn@"),
        ("ardc.edu.au",),
        (*_OSG_CDN, *_cdn("osggoc", "brisbane")),
        parameters=_GEO,
    ),
    "cern.ch": Known(
        (_CERN, _RAL, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA),
        _CERN_KEYS,
        _cdn("cern", "ral", "bnl", "fnal", "ihep", "swinburne", "sampa"),
        parameters=_GEO + _INFO,
    ),
    "computecanada.ca": Known(
        (
            "http://cvmfs-s1-arbutus.computecanada.ca:8000/cvmfs/@fqrn@",
            "http://cvmfs-s1-beluga.computecanada.ca:8000/cvmfs/@fqrn@",
            "http://cvmfs-s1-graham.computecanada.ca:8000/cvmfs/@fqrn@",
            "http://cvmfs-s1.computecanada.net/cvmfs/@fqrn@",
        ),
        ("soft-shared.computecanada.ca",),
        ("http://cvmfs-s1.computecanada.net/cvmfs/@fqrn@",),
        parameters=_GEO + _INFO,
    ),
    "cta-observatory.org": Known((_DESY, "http://cccvmfsctas1.in2p3.fr/cvmfs/@fqrn@"), ("cta-observatory.org",)),
    "desy.de": Known((_DESY, _CERN, _RAL, _SWIN), ("desy.de",), _cdn("desy", "cern", "ral", "ihep", "swinburne")),
    "eessi.io": Known(
        (
            "http://aws-eu-central-s1.eessi.science/cvmfs/@fqrn@",
            "http://azure-us-east-s1.eessi.science/cvmfs/@fqrn@",
            "http://ral-uk-s1.eessi.science:8000/cvmfs/@fqrn@",
        ),
        ("eessi.io",),
        _cdn("eessieu1", "eessina1", "ral"),
        parameters=_GEO,
    ),
    "egi.eu": Known(
        (_RAL, _NIKHEF, _TRIUMF, _IHEP, _SWIN, _SAMPA),
        ("egi.eu",),
        _cdn("ral", "nikhef", "triumf", "ihep", "swinburne", "sampa"),
        parameters=_GEO + _INFO,
    ),
    "escape.eu": Known((_CERN,), ("cern.ch", "cern-it4.cern.ch", "cern-it5.cern.ch"), _cdn("cern")),
    "gridpp.ac.uk": Known(
        (
            "http://cvmfs-egi.gridpp.rl.ac.uk:8000/cvmfs/@org@.gridpp.ac.uk",
            "http://cvmfs01.nikhef.nl/cvmfs/@org@.gridpp.ac.uk",
        ),
        ("gridpp.ac.uk",),
        _cdn("ral", "nikhef"),
    ),
    "gsi.de": Known(("http://cvmfs-s1.gsi.de/cvmfs/@fqrn@",), ("masterkey.gsi.de",), parameters=_INFO),
    "hsf.org": Known(
        (_CERN, _RAL, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA),
        ("cern-it1.cern.ch", "cern-it4.cern.ch", "cern-it5.cern.ch", "opensciencegrid.org"),
        _cdn("cern", "ral", "bnl", "fnal", "ihep", "swinburne", "sampa"),
        parameters=_GEO + _INFO,
    ),
    "igwn.org": Known((_RAL, _NIKHEF, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA), _OSG_KEYS, _OSG_CDN, parameters=_GEO + _INFO),
    "iris.ac.uk": Known((_RAL,), ("iris.ac.uk",)),
    "kek.jp": Known(
        ("http://cvmfs-stratum-one.cc.kek.jp:8000/cvmfs/@fqrn@", _RAL, _DESY, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA),
        ("kek.jp",),
        _cdn("kek", "ral", "desy", "bnl", "fnal", "ihep", "swinburne", "sampa"),
        parameters=_GEO + _INFO,
    ),
    "lsst.eu": Known((_CERN, "http://cclssts1.in2p3.fr/cvmfs/@fqrn@"), ("lsst.eu",), _cdn("cern", "in2p3lsst")),
    "opensciencegrid.org": Known(
        (_RAL, _NIKHEF, _BNL, _FNAL, _IHEP, _SWIN, _SAMPA), _OSG_KEYS, _OSG_CDN, parameters=_GEO + _INFO
    ),
    "osgstorage.org": Known(
        (_RAL, _NIKHEF, _FNAL, _GOC, _BNL, _IHEP, _SWIN, _SAMPA),
        _OSG_KEYS,
        _cdn("ral", "nikhef", "fnal", "osggoc", "bnl", "ihep", "swinburne", "sampa"),
        tuple(_OSDF.split()),
        (
            *_GEO,
            *_INFO,
            ("CVMFS_EXTERNAL_MAX_SERVERS", "5"),
            ("CVMFS_FOLLOW_REDIRECTS", "yes"),
            ("CVMFS_LOW_SPEED_LIMIT", "512"),
            ("CVMFS_MAGIC_XATTRS_VISIBILITY", "always"),
        ),
    ),
    "pacific-neutrino.org": Known(
        ("http://object-arbutus.cloud.computecanada.ca:8880/cvmfs-@fqrn@/@fqrn@",), ("pacific-neutrino.org",)
    ),
    "sdcc.bnl.gov": Known((_BNL, _FNAL, _GOC), ("sdcc.bnl.gov", "opensciencegrid.org"), _cdn("bnl", "fnal", "osggoc")),
    "skatelescope.eu": Known((_RAL,), ("skatelescope.eu",)),
    "xsede.org": Known((_BNL, _FNAL, _GOC), ("xsede.org",), _cdn("bnl", "fnal", "osggoc")),
}
"""Domain → what serves every repository of it (``*.<domain>``)."""

_NIGHTLIES = Known(
    ("http://cvmfs-stratum-one.cern.ch/cvmfs/@fqrn@", _BNL, _SAMPA),
    _CERN_KEYS,
    tuple(url.replace(":8080", "") for url in _cdn("cern", "bnl", "sampa")),
    parameters=_GEO + _INFO,
)


def _cernvm(name: str) -> Known:
    return Known((_HEPVM,), (name,), _cdn("cernvmdev"))


REPOSITORIES: dict[str, Known] = {
    "atlas-nightlies.cern.ch": _NIGHTLIES,
    "sft-nightlies.cern.ch": _NIGHTLIES,
    "cernvm-devel.cern.ch": _cernvm("cernvm-devel.cern.ch"),
    "cernvm-sl7.cern.ch": _cernvm("cernvm-sl7.cern.ch"),
    "cernvm-slc4.cern.ch": _cernvm("cernvm-slc4.cern.ch"),
    "cernvm-slc5.cern.ch": _cernvm("cernvm-slc5.cern.ch"),
    "code-rade.africa-grid.org": Known((_RAL,), ("code-rade.africa-grid.org",)),
    "euclid.in2p3.fr": Known(("http://cceuclids1.in2p3.fr/cvmfs/@fqrn@",), ("euclid.in2p3.fr",)),
    "euclid-dev.in2p3.fr": Known(("http://cceuclids1.in2p3.fr/cvmfs/@fqrn@",), ("euclid-dev.in2p3.fr",)),
    # Referred to by links of a public repository, but closed: it has to fail at once.
    "restricted.computecanada.ca": Known(("http://NULL",), ("soft-shared.computecanada.ca",)),
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
