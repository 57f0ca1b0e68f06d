"""The interpreter of the shell language: the same as /bin/sh for what configuration files use, and never a hang."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from parrot_py.config.files import LocalFiles
from parrot_py.config.shell import Shell, Value

NAMES = ("A", "B", "C", "D", "E", "CVMFS_USE_CDN", "CVMFS_SERVER_URL", "CVMFS_HTTP_PROXY", "CVMFS_FALLBACK_PROXY")


def run(path: Path, **environ: str) -> tuple[dict[str, Value], list[str]]:
    warnings: list[str] = []
    return Shell(LocalFiles(), warnings.append).run(str(path), environ), warnings


def texts(place: Path, text: str, **environ: str) -> dict[str, str]:
    """What *text* sets, without any warning."""
    path = place / "script"
    path.write_text(text + "\n")
    found, warnings = run(path, **environ)
    assert warnings == []
    return {name: value.text for name, value in found.items()}


def warned(place: Path, text: str) -> tuple[dict[str, str], list[str]]:
    path = place / "script"
    path.write_text(text + "\n")
    found, warnings = run(path)
    assert all(line.startswith(f"{place}/") for line in warnings)
    return {name: value.text for name, value in found.items()}, [line[len(str(place)) + 1 :] for line in warnings]


def of_sh(place: Path, text: str, **environ: str) -> dict[str, str]:
    """The variables that the real shell has after *text*."""
    path = place / "script"
    path.write_text(text + "\n")
    show = "; ".join(f'printf "%s\\0" "{name}=${{{name}-(unset)}}"' for name in NAMES)
    done = subprocess.run(
        ["/bin/sh", "-c", f'. "{path}"; {show}'], env=environ, capture_output=True, text=True, check=True, cwd=place
    )
    pairs = (entry.partition("=") for entry in done.stdout.split("\0") if entry)
    return {name: value for name, _, value in pairs if value != "(unset)"}


SNIPPETS = [
    "A=1\nB=$A$A",
    "A='x y'  # comment\nB=\"$A z\"\nC=${A}q#no",
    "A=${B:-d} C=${B:=e} D=$B",
    "A=;B=${A:-x}${A-y}${A:+z}${A+w}",
    "A='a;b' B=\"c;d\" C=e\\;f",
    'A="a;\\\n  b"\nB=a\\\nb',
    'A="\\$B \\"q\\" \\n \\\\"\nB=\'\\$A\'',
    "A='it'\\''s'",
    "A=\"it's\" B='\"'",
    "A=a\"b c\"d'e f'g",
    'if [ "x$A" = x ]; then B=1; else B=2; fi',
    'if [ -z "$A" ]\nthen\n  B=1\nelif [ x = x ]; then B=2\nelse\n  B=3\nfi',
    "A=2\nif [ $A -eq 1 ]; then B=1; elif [ $A -gt 1 ] && [ $A -le 2 ]; then B=2; fi",
    "[ -f /etc/passwd ] && A=file || A=none\n[ -d /etc ] && B=dir\n[ -e /nonexistent ] || C=missing",
    "[ -r /etc/passwd ] && A=1; [ -s /dev/null ] || B=empty; ! [ -d /nonexist ] && C=1",
    'test -n "$A" || A=was-empty\ntest -z "$B" && B=also',
    '[ "$A" ] || A=1\n[ "$A" ] && B=1',
    "[ a = a -a b = b ] && A=1\n[ a = b -o b = b ] && B=1\n[ ! a = b -a \\( x = x \\) ] && C=1",
    '[ ! "$A" ] && A=1\n[ ! a = b ] && B=1\n[ -n = ] && C=1\n[ "" ] || D=1\n[ ] || E=1',
    "case abc in a*) A=1;; *) A=2;; esac\ncase x in y|x) B=1 ;; esac",
    "case \"$A\" in '') B=empty;; esac\ncase a.b in (*.b) C=1;; esac\ncase '*' in '*') D=star;; esac",
    "case [x] in \\[*) A=1;; esac\ncase b in [!a]) B=1;; esac\ncase c in [a-c]) C=1;; esac",
    "for A in 1 2 3; do B=$B$A; done",
    'B=\'x y\'; for A in $B "$B" z; do C="$C<$A>"; done',
    "for A in 1 2 3 4; do [ $A = 2 ] && continue; [ $A = 4 ] && break; B=$B$A; done",
    "A=0; while [ $A -lt 5 ]; do A=$((A+1)); done; until [ $A = 0 ]; do A=$((A-1)); B=x$B; done",
    "A=$((1+2*3)) B=$(( (4-6) % 4 )) C=$((7/2)) D=$((-7/2)) E=$((1<2&&2>1))",
    "A=5; B=$(($A*2)) C=$((A*2)) D=$(( A > 3 ? 1 : 2 )) E=$((0x10+010))",
    "A=x.y.z; B=${A#*.} C=${A##*.} D=${A%.*} E=${A%%.*}",
    "A=hello; B=${#A}; C=${#D}",
    'A=${B:-"q r"}\nC="${B:-\'x\'}"\nD=${B:-${A:-n}}',
    "export A=1 B\nreadonly C=3\nexport D=$A$C",
    "eval 'A=$((3))'\nA_B=x; B=A; eval \"C=\\$$B\"",
    "unset A; A=${A-unset}; B=; C=${B-set}; unset A",
    "(A=1; B=2)\n{ C=3; D=4\n}",
    "A=1;B=2; C=3 ;",
    "# only a comment\n   # and another\nA=1 # b=2",
    "A=a#b\nB=#\nC='#'",
    "true && A=1; false && B=1; : ; false || C=1",
    "A=1\nreturn\nA=2",
    "if false; then A=1; fi; B=$?\nfalse; C=$?\ntrue; D=$?",
    'A=$UNSET; B="$UNSET"; C=$',
    "A=~/x; B='~'; C=a~",
    "A=1 B=$A$A; C=$B",
    "if true; then if false; then A=1; else A=2; fi; fi >/dev/null 2>&1",
    "[ -f /etc/passwd ] 2>/dev/null && A=1",
    'CVMFS_HTTP_PROXY=\'auto;DIRECT\'\nif [ -z "$CVMFS_USE_CDN" ]; then\n  if [ "$CVMFS_HTTP_PROXY" = "DIRECT" ] ||\n'
    '     [ "$CVMFS_HTTP_PROXY" = "auto;DIRECT" ]; then\n    CVMFS_USE_CDN=yes\n  fi\nfi',
    'if [ x"$BASE" = x ]; then\n  readonly A=/cvmfs\n  readonly BASE=1\nfi\nB=$A/$C/etc',
]


@pytest.mark.parametrize("text", SNIPPETS)
def test_like_the_real_shell(text: str, tmp_path: Path) -> None:
    ours = texts(tmp_path, text, HOME="/home/me", UNRELATED="1")
    real = of_sh(tmp_path, text, HOME="/home/me", UNRELATED="1")
    assert {name: value for name, value in ours.items() if name in NAMES} == real


COMMON = """
if [ "$CVMFS_CLIENT_PROFILE" = "single" ] && [ "$CVMFS_HTTP_PROXY" = "" ]; then
  CVMFS_HTTP_PROXY="auto;DIRECT"
fi
if [ -z "$CVMFS_USE_CDN" ] && [ "$CVMFS_HTTP_PROXY" = "auto;DIRECT" ]; then
  CVMFS_USE_CDN=yes
fi
case "$CVMFS_CLIENT_PROFILE" in
  single|custom) ;;
  *) if [ -n "$CVMFS_HTTP_PROXY" ] && [ "$CVMFS_HTTP_PROXY" != DIRECT ] && [ "$CVMFS_USE_CDN" != yes ]; then
       CVMFS_FALLBACK_PROXY="http://b1:3126;http://b2:3126"
     fi ;;
esac
"""
DOMAIN = """
CVMFS_USE_CDN="$CVMFS_USE_CDN"
CVMFS_HTTP_PROXY="$CVMFS_HTTP_PROXY"
CVMFS_FALLBACK_PROXY="$CVMFS_FALLBACK_PROXY"
. ./common.conf
if [ "$CVMFS_USE_CDN" = "yes" ]; then
    CVMFS_SERVER_URL="http://cdn1/@fqrn@;\\
http://cdn2/@fqrn@"
else
    CVMFS_SERVER_URL="http://one:8000/@fqrn@"
fi
"""


@pytest.mark.parametrize("profile", ["", "single", "custom"])
@pytest.mark.parametrize("proxy", ["", "DIRECT", "auto;DIRECT", "http://squid:3128;DIRECT"])
@pytest.mark.parametrize("cdn", ["", "yes", "no"])
def test_a_domain_file_like_the_public_ones(profile: str, proxy: str, cdn: str, tmp_path: Path) -> None:
    (tmp_path / "common.conf").write_text(COMMON)
    environ = {"CVMFS_CLIENT_PROFILE": profile, "CVMFS_HTTP_PROXY": proxy, "CVMFS_USE_CDN": cdn}
    assert texts(tmp_path, DOMAIN, **environ) == of_sh(tmp_path, DOMAIN, **environ)


PUBLIC_DEFAULT = """
if [ "$((RANDOM % 2))" == 1 ] || [ "$(($$ % 2))" == 1 ]; then
  PAC="http://one/wpad.dat;http://two/wpad.dat"
else
  PAC="http://two/wpad.dat;http://one/wpad.dat"
fi
"""
DEBIAN = """
if [ -f /etc/passwd ] && grep -q "wheezy\\|jessie" /etc/passwd;
then
    :
else
    CONFIG=config.example.org
fi
"""


def test_default_files_like_the_public_ones(tmp_path: Path) -> None:
    assert texts(tmp_path, PUBLIC_DEFAULT)["PAC"].count("wpad.dat") == 2
    found, [warning] = warned(tmp_path, DEBIAN)
    assert found == {"CONFIG": "config.example.org"}
    assert warning == "script:2: left out: the command 'grep' is not run"


def test_where_a_value_was_said(tmp_path: Path) -> None:
    (tmp_path / "inner").write_text("\n\nB=2\n")
    (tmp_path / "script").write_text("A=1\n. ./inner\nC=3\nA=4\n: ${D:=5}\n")
    found, warnings = run(tmp_path / "script", E="0")
    assert not warnings
    assert {name: (value.text, Path(value.path).name, value.line) for name, value in found.items()} == {
        "A": ("4", "script", 4),
        "B": ("2", "inner", 3),
        "C": ("3", "script", 3),
        "D": ("5", "script", 5),
    }


def test_files_are_included_from_the_directory_of_the_one_that_does(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "common.conf").write_text("A=common\n")
    (tmp_path / "d" / "x").write_text(". ../common.conf\nB=x\n")
    assert texts(tmp_path, f"source d/x\n. {tmp_path}/common.conf\nC=$A$B") == {"A": "common", "B": "x", "C": "commonx"}


def test_names_of_files_in_a_loop(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.conf").write_text(f"A=${{A}}{name}\n")
    assert texts(tmp_path, f"for f in {tmp_path}/*.conf; do . $f; done")["A"] == "ab"
    assert texts(tmp_path, f"for A in '{tmp_path}/*.conf' /no/*; do B=$B$A; done")["B"] == f"{tmp_path}/*.conf/no/*"
