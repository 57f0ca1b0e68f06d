# The programs themselves: copies of what Debian installs, laid out below the tree as below /usr.
mkdir -p usr/bin usr/lib usr/share usr/libexec
for program in git sqlite3 redis-server redis-cli node x86_64-linux-gnu-gcc-12 x86_64-linux-gnu-g++-12 make ninja; do
    [ ! -e /usr/bin/$program ] || cp -L /usr/bin/$program usr/bin
done
[ ! -e usr/bin/x86_64-linux-gnu-gcc-12 ] || ln -s x86_64-linux-gnu-gcc-12 usr/bin/gcc
mkdir -p usr/lib/x86_64-linux-gnu
for program in usr/bin/*; do
    ldd $program 2>/dev/null | awk '$3 ~ "^/" {print $3}' | grep -v -e 'libc\.so' -e libpthread -e 'ld-linux' | while read -r library; do cp -Ln $library usr/lib/x86_64-linux-gnu; done
done
[ ! -d /usr/lib/git-core ] || { mkdir usr/lib/git-core; for each in git git-remote-http git-sh-setup git-submodule git-sh-i18n; do cp -L /usr/lib/git-core/$each usr/lib/git-core; done; cp -r /usr/share/git-core usr/share; }
[ ! -d /usr/lib/gcc/x86_64-linux-gnu/12 ] || { mkdir -p usr/lib/gcc/x86_64-linux-gnu; cp -rL /usr/lib/gcc/x86_64-linux-gnu/12 usr/lib/gcc/x86_64-linux-gnu; rm -rf usr/lib/gcc/x86_64-linux-gnu/12/32 usr/lib/gcc/x86_64-linux-gnu/12/x32; }
[ ! -d /usr/include/c++/12 ] || { mkdir -p usr/include/c++ usr/include/x86_64-linux-gnu/c++; cp -rL /usr/include/c++/12 usr/include/c++; cp -rL /usr/include/x86_64-linux-gnu/c++/12 usr/include/x86_64-linux-gnu/c++; }
[ ! -d /usr/lib/postgresql/15 ] || { mkdir -p usr/lib/postgresql usr/share/postgresql; cp -rL /usr/lib/postgresql/15 usr/lib/postgresql; cp -rL /usr/share/postgresql/15 usr/share/postgresql; rm -rf usr/lib/postgresql/15/lib/bitcode; }
[ ! -d /usr/lib/jvm/java-17-openjdk-amd64 ] || { mkdir -p usr/lib/jvm; cp -rL /usr/lib/jvm/java-17-openjdk-amd64 usr/lib/jvm 2>/dev/null || true; rm -rf usr/lib/jvm/*/lib/src.zip usr/lib/jvm/*/jmods usr/lib/jvm/*/docs; chmod -R u+rwX usr/lib/jvm; }
printf '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n' >hello.c
