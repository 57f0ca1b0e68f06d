# shellcheck shell=sh
# Sourced by the front ends in this directory: find the finished set-up, or make it.
#
#   pp__root   set by the caller: the checkout, absolute
#   pp_setup WANT   WANT is "run" or "test"; afterwards pp__dir is the set-up and "pp_exec ARGS" starts its Python
#
# The road of the second and every later run is this file alone: two small processes (cksum), no Python.
# Names begin with pp__ because a plain name that the caller happens to export would change in the job's environment.

# What a set-up is made from, as one number: changed sources mean a new set-up, a touched file does not.
# shellcheck disable=SC2154  # pp__root comes from the caller
pp__checksum() {
    (
        cd "$pp__root" || exit 1
        LC_ALL=C    # the order of a glob follows the locale; the number must not
        export LC_ALL
        cksum pyproject.toml setup.py bin/helpers/builder.py parrot_py/engine/_build.py \
            parrot_py/engine/src/*.[ch] parrot_py/engine/src/*/*.[ch] 2>/dev/null | cksum
    )
}

# Is there a finished set-up in directory $1 for the wish $2 that this caller can start?
pp__usable() {
    [ -e "$1/parrot/$2-$pp__key" ] && [ -x "$1/bin/python" ]
}

# The caller's own places, for a checkout that the caller can't write: the first fitting one wins.
pp__own_places() {
    pp__name=$(printf '%s' "$pp__root" | cksum)
    pp__name=venv-${pp__name%% *}
    pp__own1='' pp__own2='' pp__own3=/tmp
    case ${TMPDIR:-} in /*) pp__own3=$TMPDIR ;; esac
    pp__own3=$pp__own3/parrot_py-$(id -u)/$pp__name
    case ${XDG_CACHE_HOME:-} in /*) pp__own1=$XDG_CACHE_HOME/parrot_py/$pp__name ;; esac
    case ${HOME:-} in /*) pp__own2=$HOME/.cache/parrot_py/$pp__name ;; esac
}

# A Python that can run the set-up program; it chooses the Python of the set-up among all that it finds.
pp__bootstrap() {
    for pp__python in python3 /usr/bin/python3 /usr/local/bin/python3 python3.14 python3.13 python3.12 python3.11 \
        python3.10 python3.9 python; do
        "$pp__python" -I -c 'import sys; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1 </dev/null && return
    done
    echo "parrot_py: no Python 3.9 or newer can be started by this user; install one (Debian: apt-get install python3) [PP902]" >&2
    exit 1
}

pp_setup() {
    pp__key=$(pp__checksum) || exit 1
    pp__key=${pp__key%% *}
    pp__dir=$pp__root/.venv
    pp__usable "$pp__dir" "$1" && return
    pp__own_places
    for pp__dir in "$pp__own1" "$pp__own2" "$pp__own3"; do
        # -O: in a shared directory such as /tmp somebody else may have made a directory of this name
        [ -n "$pp__dir" ] && [ -O "$pp__dir" ] && pp__usable "$pp__dir" "$1" && return
    done
    pp__bootstrap
    pp__dir=$(
        "$pp__python" -I -B -c 'import sys; sys.path.insert(0, sys.argv.pop(1)); from helpers.main import main; sys.exit(main())' \
            "$pp__root/bin" --root "$pp__root" --key "$pp__key" --want "$1" \
            "$pp__root/.venv" "$pp__own1" "$pp__own2" "$pp__own3" </dev/null
    ) || exit 1
}

# Hand the environment that this shell got on as it was: shells drop what is no name to them (dash: the functions that
# bash exports), add PWD or SHLVL, and change the order.  parrot_py/config/environment.py takes it from these variables.
pp_keep_environ() {
    pp__parts=$(base64 -w 65536 "/proc/$$/environ" 2>/dev/null) || return 0
    export pp__environ_0=
    pp__count=0
    for pp__part in $pp__parts; do
        export "pp__environ_$pp__count=$pp__part"
        pp__count=$((pp__count + 1))
    done
    # What acts on every program that is started is meant for the job, which gets it back with the rest.
    unset LD_PRELOAD LD_AUDIT LD_DEBUG
}

# Python ignores SIGPIPE, and nobody can tell afterwards whether the caller did so before: parrot_py/caller.py is told.
pp_keep_ignored() {
    while read -r pp__line pp__part; do
        case $pp__line in
        SigIgn:)
            export "pp__ignored=$pp__part"
            return
            ;;
        esac
    done 2>/dev/null <"/proc/$$/status"
}

# Become the set-up's Python.  -I: the job's PYTHON* variables are for the job, and nothing is exported here for us.
pp_exec() {
    if [ "$pp__dir" = "$pp__root/.venv" ]; then
        exec "$pp__dir/bin/python" -I "$@"
    fi
    # The checkout can't be written, so without a place of our own every start would compile every module again.
    exec "$pp__dir/bin/python" -I -X "pycache_prefix=$pp__dir/pycache" "$@"
}
