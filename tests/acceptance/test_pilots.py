"""The scripts in share/ as a pilot or a batch system runs them: its directories, its environment, several slots."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.httpd import Server
from tests.support.sites import Site

SHARE = places.CHECKOUT / "share"

# What glideinWMS gives its custom scripts: functions that write into the pilot's configuration.
ADD_CONFIG_LINE = """
add_config_line() { echo "$*" >>"$glidein_config"; }
add_condor_vars_line() { echo "$*" >>"$condor_vars_file"; }
"""
ERROR_GEN = '#!/bin/bash\necho "$*" >>"$(dirname "$0")/error_gen.log"\n'


class Pilot:
    """A pilot's work directory: the unpacked parrot.tgz, the custom scripts, the configuration; and slots for jobs."""

    def __init__(self, home: Path, site: Site, proxy: str) -> None:
        self.home = home
        self.parrot = self._directory("parrot")
        self.config = home / "glidein_config"
        self.vars = home / "condor_vars.lst"
        for name in ("run_parrot", "exec_job"):
            self._copy(SHARE / "glidein" / name, self.parrot / name)
        self._write(self.parrot / "parrot_run", f'#!/bin/sh\nexec {shlex.join(places.launcher())} "$@"\n', 0o755)
        client = self._directory("client")
        for name in ("parrot_setup", "cvmfs_job_wrapper"):
            self._copy(SHARE / "glidein" / name, client / name)
        self.setup, self.wrapper = client / "parrot_setup", client / "cvmfs_job_wrapper"
        self.cfg = client / "parrot_cfg"
        self.configure(
            CVMFS_TEST_REPO=site.url(tree.NAME),
            CVMFS_TEST_PATH=f"{tree.TOP}/hello.txt",
            CVMFS_ADVERTISE=f"{tree.NAME} nowhere.example.org",
            CVMFS_PROXIES="DIRECT",
            PARROT_CVMFS_REPO=f"{tree.NAME}:url={site.url(tree.NAME)},pubkey={site.keys[tree.NAME]}",
        )
        self._write(home / "add_config_line.source", ADD_CONFIG_LINE)
        self._write(home / "error_gen.sh", ERROR_GEN, 0o755)
        self._write(self.vars, "")
        self._write(
            self.config,
            f"ADD_CONFIG_LINE_SOURCE {home}/add_config_line.source\nCONDOR_VARS_FILE {self.vars}\n"
            f"ERROR_GEN_PATH {home}/error_gen.sh\nGLIDEIN_PARROT {self.parrot}\nPROXY_URL {proxy}\n"
            "GLIDEIN_Entry_Start (TARGET.WantsUs)\n",
        )

    def configure(self, **values: str) -> None:
        self._write(self.cfg, "# test\n" + "".join(f"{key} {value}\n" for key, value in values.items()))

    def _directory(self, name: str) -> Path:
        return places.fresh(self.home / name)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        shutil.copy(source, target)
        places.give(target)

    @staticmethod
    def _write(path: Path, text: str, mode: int = 0o644) -> None:
        path.write_text(text)
        path.chmod(mode)
        places.give(path)

    def prepare(self) -> subprocess.CompletedProcess[str]:
        """What the pilot does before the first job."""
        return self._run([str(self.setup), str(self.config), "entry"], {"PATH": os.environ["PATH"]})

    def slot(self, number: int) -> Path:
        """The scratch directory of a job."""
        return self._directory(f"execute_dir_{number}")

    def start(self, scratch: Path, ad: str, argv: list[str], **more: str) -> subprocess.Popen[str]:
        """What the starter does for a job: its wrapper, in which our fragment is one of many, then the job."""
        (scratch / ".job.ad").write_text(ad)
        places.give(scratch / ".job.ad")
        environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "_CONDOR_SCRATCH_DIR": str(scratch),
            "_CONDOR_JOB_AD": str(scratch / ".job.ad"),
            "_CONDOR_SLOT": scratch.name[-1],
            "OSG_APP": "/osg/app",
            "MINE": "it's \"mine\"\n$HOME",
            **more,
        }
        script = f'. {self.wrapper}\nexec "$@"'
        return subprocess.Popen(
            ["/bin/bash", "-c", script, "wrapper", *argv],
            cwd=scratch, env=environ, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **places.as_job(),
        )  # fmt: skip

    def job(self, scratch: Path, ad: str, argv: list[str], **more: str) -> tuple[int, str, str]:
        """Status, output and errors of a job."""
        with self.start(scratch, ad, argv, **more) as process:
            out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def _run(self, argv: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=self.home, env=env, capture_output=True, text=True, timeout=120, check=False, **places.as_job()
        )

    def advertised(self) -> dict[str, str]:
        """What went into the machine's ClassAd."""
        named = [line.split()[0] for line in self.vars.read_text().splitlines()]
        values = dict(line.split(None, 1) for line in self.config.read_text().splitlines() if " " in line)
        return {name: values[name] for name in named}


WANTS = "RequiresCVMFS = true\n"


@pytest.fixture
def squid() -> Iterator[Server]:
    """The site's proxy: it serves what the servers have, with the age that a cache states."""
    published = tree.twin_tree()

    class Proxy(Server):
        def note(self, path: str, headers: dict[str, str], target: str, method: str):  # type: ignore[no-untyped-def]
            fault = super().note(path, headers, target, method)
            fault.headers = {"Age": "7"}
            return fault

    with Proxy({f"/cvmfs/{tree.NAME}": published.web / tree.NAME}) as server:
        yield server


@pytest.fixture
def pilot(home: Path, twin: Site, squid: Server) -> Pilot:
    made = Pilot(home, twin, squid.url)
    done = made.prepare()
    assert done.returncode == 0, done
    return made


def test_the_setup_announces_what_works(pilot: Pilot, squid: Server) -> None:
    name = tree.NAME.replace(".", "_").replace("-", "_")
    assert pilot.advertised() == {"HasParrotCVMFS": "True", f"HAS_CVMFS_{name}": "True"}
    assert f"HTTP_PROXY='{squid.url};DIRECT'" in (pilot.parrot / "setup.sh").read_text()
    assert (pilot.home / "error_gen.log").read_text() == "-ok parrot_setup\n"
    assert squid.count("*/data/*") > 0


def test_a_job_that_asks_for_it_sees_cvmfs(pilot: Pilot) -> None:
    script = f'cat {tree.TOP}/hello.txt && printf %s "$MINE" && exit 3'
    status, out, err = pilot.job(pilot.slot(1), WANTS, ["/bin/sh", "-c", script])
    assert (status, err) == (3, "")
    assert out == (tree.twin_tree().plain / "hello.txt").read_text() + "it's \"mine\"\n$HOME"


def test_the_environment_is_the_job_s_own(pilot: Pilot) -> None:
    _, out, _ = pilot.job(pilot.slot(1), WANTS, ["/usr/bin/env"])
    names = {line.partition("=")[0] for line in out.splitlines() if "=" in line}
    assert {"MINE", "OSG_APP", "_CONDOR_SCRATCH_DIR", "PARROT_ENABLED"} <= names
    assert not {"HTTP_PROXY", "GLIDEIN_PARROT", "PARROT_CVMFS_REPO"} & names


@pytest.mark.parametrize("ad", ["", "RequiresCVMFS = false\n", 'Comment = "RequiresCVMFS = true"\n'])
def test_other_jobs_are_left_alone(pilot: Pilot, ad: str) -> None:
    status, out, _ = pilot.job(pilot.slot(1), ad, ["/bin/sh", "-c", "echo ${PARROT_ENABLED-no} $OSG_APP"])
    assert (status, out) == (0, "no /osg/app\n")


def test_ssh_to_job_is_left_alone(pilot: Pilot) -> None:
    _, out, _ = pilot.job(pilot.slot(1), WANTS, ["/bin/sh", "-c", "echo ${PARROT_ENABLED-no}"], _CONDOR_JOB_PIDS="17")
    assert out == "no\n"


def test_the_job_has_a_tmp_of_its_own(pilot: Pilot) -> None:
    scratch = pilot.slot(1)
    script = (
        "echo text >/tmp/made && cat /tmp/made && cd /tmp && pwd &&"
        "test -d $_CONDOR_SCRATCH_DIR && cd - >/dev/null && pwd"
    )
    status, out, err = pilot.job(scratch, WANTS, ["/bin/sh", "-c", script])
    assert (status, out, err) == (0, f"text\n/tmp\n{scratch}\n", "")
    assert (scratch / "tmp" / "made").read_text() == "text\n"
    assert not Path("/tmp/made").exists()


def test_force_parrot_and_osg_app(pilot: Pilot) -> None:
    (pilot.parrot / "FORCE_PARROT").touch()
    with (pilot.parrot / "setup.sh").open("a") as setup:
        setup.write("export CVMFS_OSG_APP=/cvmfs/osg/app\n")
    _, out, _ = pilot.job(pilot.slot(1), "", ["/bin/sh", "-c", "echo $PARROT_ENABLED $OSG_APP $LOCAL_OSG_APP"])
    assert out == "TRUE /cvmfs/osg/app /osg/app\n"


def test_slots_at_the_same_time(pilot: Pilot) -> None:
    script = f"cat {tree.TOP}/hello.txt; pwd >/tmp/who; cat /tmp/who"
    jobs = [pilot.start(pilot.slot(number), WANTS, ["/bin/sh", "-c", script]) for number in range(1, 5)]
    text = (tree.twin_tree().plain / "hello.txt").read_text()
    for number, process in enumerate(jobs, 1):
        with process:
            out, err = process.communicate(timeout=120)
        assert (out, err) == (f"{text}{pilot.home}/execute_dir_{number}\n", "")


def test_a_job_that_dies_by_a_signal(pilot: Pilot) -> None:
    status, _, _ = pilot.job(pilot.slot(1), WANTS, ["/bin/sh", "-c", "kill -9 $$"])
    assert status == -9


def test_where_it_does_not_work_jobs_that_need_it_go_elsewhere(home: Path, twin: Site) -> None:
    pilot = Pilot(home, twin, "None")
    with pilot.cfg.open("a") as cfg:
        cfg.write(f"CVMFS_TEST_PATH {tree.TOP}/not-there\n")
    assert pilot.prepare().returncode == 0
    assert pilot.advertised() == {"HasParrotCVMFS": "False"}
    assert "GLIDEIN_Entry_Start ((TARGET.WantsUs))&&(TARGET.RequiresCVMFS=!=True)" in pilot.config.read_text()
    with pilot.cfg.open("a") as cfg:
        cfg.write("GlideinRequiresParrotCVMFS True\n")
    assert pilot.prepare().returncode == 1
    assert "-error parrot_setup WN_Resource" in (pilot.home / "error_gen.log").read_text()


def test_htcondor(home: Path, twin: Site) -> None:
    scratch = places.fresh(home / "execute")
    programs = places.fresh(home / "bin")
    Pilot._write(programs / "parrot_run", f'#!/bin/sh\nexec {shlex.join(places.launcher())} "$@"\n', 0o755)
    Pilot._write(home / "parrot.conf", f"# the site's\n-r\n{twin.entry(tree.NAME)}\n")
    (scratch / ".job.ad").write_text(WANTS)

    def job(*argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "_CONDOR_SCRATCH_DIR": str(scratch),
            "_CONDOR_JOB_AD": str(scratch / ".job.ad"),
            "_CONDOR_WRAPPER_ERROR_FILE": str(scratch / "wrapper.err"),
            "PARROT_CONF": str(home / "parrot.conf"),
            **more,
        }
        command = ["/bin/bash", str(SHARE / "htcondor" / "parrot_job_wrapper"), *argv]
        return subprocess.run(
            command,
            env=environ,
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **places.as_job(),
        )

    told = job("/bin/cat", f"{tree.TOP}/hello.txt")
    assert (told.stdout, told.stderr, told.returncode) == ((tree.twin_tree().plain / "hello.txt").read_text(), "", 0)
    (scratch / ".job.ad").write_text("")
    assert job("/bin/sh", "-c", "echo ${PARROT_ENABLED-no}").stdout == "no\n"
    assert job("/not/there").returncode == 1
    assert "cannot start /not/there" in (scratch / "wrapper.err").read_text()


def test_slurm_s_task_prolog(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# site\nHTTP_PROXY=http://squid:3128;DIRECT\nPARROT_CVMFS_REPO=a b\nbad-name=1\n")
    site = {"PARROT_ENV": str(tmp_path / "env"), "SLURM_TMPDIR": "/job"}
    environ = {"PATH": "/usr/bin:/bin", "HTTP_PROXY": "mine", **site}
    told = subprocess.run(
        [str(SHARE / "slurm" / "task_prolog")], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout == f"export PARROT_CVMFS_REPO=a b\nexport PARROT_TEMP_DIR=/job/parrot.{os.getuid()}\n"
