#!/bin/sh
# Checks that this repository behaves as a mounted /cvmfs would.  One line each; exit status 1 if anything failed.
LC_ALL=C
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd -P) || exit 1
passed=0
failed=0
skipped=0

good() { passed=$((passed + 1)); echo "✓ $1"; }
bad() { failed=$((failed + 1)); echo "✗ $1"; [ -z "$2" ] || echo "    got: $2"; }
skip() { skipped=$((skipped + 1)); echo "- $1 (skipped: $2)"; }

# same NAME EXPECTED GOT
same() { if [ "$2" = "$3" ]; then good "$1"; else bad "$1" "$3"; fi; }

# says NAME PATTERN OUTPUT: the output must contain the pattern
says() { case $3 in *"$2"*) good "$1" ;; *) bad "$1" "$3" ;; esac; }

# refused NAME COMMAND...: must fail with EROFS
refused() {
    name=$1
    shift
    if output=$("$@" 2>&1); then bad "$name" "it succeeded"; else says "$name" "Read-only file system" "$output"; fi
}

cd "$here" || exit 1
same "cd and pwd" "$here/data" "$(cd data && pwd -P)"
same "cd .. out of a nested catalog" "$here" "$(cd modules/constants && cd ../.. && pwd -P)"
same "a relative name" "one inode, two names" "$(cd python && cat ../data/first)"
same "a name with spaces" "spaces are fine" "$(cat "data/a name with spaces")"
same "a name that is not ASCII" "Grüße" "$(cat data/grüße)"
same "an empty file" "0" "$(wc -c <data/empty | tr -d ' ')"
says "reading a directory is refused" "Is a directory" "$(cat data 2>&1)"
says "a missing file is missing" "No such file or directory" "$(cat data/missing 2>&1)"
says "a file is no directory" "Not a directory" "$(cat README.md/x 2>&1)"
same "find" "$(wc -l <data/listing | tr -d ' ')" "$(find . | wc -l | tr -d ' ')"

refused "touch" touch data/new
refused "writing into a file" sh -c ': >>data/first'
refused "rm" rm -f data/first
refused "mkdir" mkdir data/directory
refused "mv" mv data/first data/third
refused "ln -s" ln -s first data/link

same "a symbolic link" "$(cat README.md)" "$(cat links/readme)"
same "readlink" "../README.md" "$(readlink links/readme)"
same "a link to a directory in a nested catalog" "299792458" "$(cat links/constants/speed_of_light)"
# parrot_run knows no variable of the job, so this is the default unless its own environment says something else
case $(readlink links/flavour) in
    ../flavours/plain | ../flavours/fancy) good "a variant link: $(readlink links/flavour)" ;;
    *) bad "a variant link" "$(readlink links/flavour)" ;;
esac
says "what a variant link leads to" "flavour" "$(cat links/flavour/label)"
says "a link to nowhere" "No such file or directory" "$(cat links/dangling 2>&1)"
same "a link out of the repository" "$(cd /tmp && pwd -P)" "$(cd links/tmp && pwd -P)"
if [ data/first -ef data/second ]; then good "two names, one file"; else bad "two names, one file" "two files"; fi
scratch=${TMPDIR:-/tmp}/parrot-demo.$$
if ln -s "$here/data/first" "$scratch" 2>/dev/null; then
    same "a link from outside into the repository" "one inode, two names" "$(cat "$scratch")"
    rm -f "$scratch"
else
    skip "a link from outside into the repository" "cannot write to ${TMPDIR:-/tmp}"
fi

same "a script" "Hello from $here/hello.sh" "$("$here/hello.sh" | head -n 1)"
if [ "$(uname -m)" = x86_64 ]; then
    says "a program" "I am $here/bin/hello" "$("$here/bin/hello")"
    says "a file next to the program" "the file next to the program" "$("$here/bin/hello")"
else
    skip "a program" "bin/hello is for x86_64"
fi
if command -v python3 >/dev/null 2>&1; then
    says "python3 and a package" "Hello, parrot, in 3 languages" "$(python3 "$here/python/greet.py" parrot 2>&1)"
else
    skip "python3 and a package" "there is no python3 here"
fi
if command -v sha256sum >/dev/null 2>&1; then
    if output=$(sha256sum -c SHA256SUMS 2>&1); then
        good "sha256sum -c ($(wc -l <SHA256SUMS | tr -d ' ') files)"
    else
        bad "sha256sum -c" "$(echo "$output" | grep -v ': OK$' | head -n 3)"
    fi
else
    skip "sha256sum -c" "there is no sha256sum here"
fi

echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
