# Sources, headers, a static library and compiler wrappers for builds out of the tree.
mkdir -p project/src project/include project/cmake lib include bin
cat >include/shape.h <<'END'
#ifndef SHAPE_H
#define SHAPE_H
#ifdef __cplusplus
extern "C" {
#endif
double area(int kind, double a, double b);
const char *shape_name(int kind);
#ifdef __cplusplus
}
#endif
#endif
END
cat >shape.c <<'END'
#include "shape.h"
double area(int kind, double a, double b) { return kind == 0 ? a * b : kind == 1 ? a * b / 2 : 3.0 * a * a; }
const char *shape_name(int kind) { static const char *n[] = {"box", "triangle", "circle"}; return n[kind % 3]; }
END
gcc -O2 -fPIC -Iinclude -c shape.c -o shape.o
ar rcs lib/libshape.a shape.o
gcc -shared -o lib/libshape.so shape.o
rm shape.o
for i in 1 2 3 4 5 6 7 8; do
    cat >project/src/part$i.c <<END
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common.h"
#include "shape.h"
int part$i(int n)
{
    double sum = 0;
    for (int k = 0; k < n; k++)
        sum += area(k, k, $i);
    printf("part $i: %d %.1f %s\n", n, sum, shape_name($i));
    return $i;
}
END
    echo "int part$i(int n);" >>project/include/parts.h
done
cat >project/include/common.h <<'END'
#pragma once
#include "parts.h"
#define VERSION 7
END
cat >project/src/main.cpp <<'END'
#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>
extern "C" {
#include "common.h"
}
int main(int argc, char **argv)
{
    std::map<std::string, int> m;
    for (int i = 0; i < argc; i++) m[i ? argv[i] : "program"] = i;
    for (auto &p : m) std::cout << p.first << "=" << p.second << "\n";
    std::vector<std::thread> t;
    int sum = 0;
    for (int i = 0; i < 4; i++) { t.emplace_back([&sum] { __atomic_fetch_add(&sum, VERSION, __ATOMIC_SEQ_CST); }); }
    for (auto &x : t) x.join();
    std::cout << "sum " << sum << std::endl;
    return part1(1) + part2(2) + part3(3) + part4(4) + part5(5) + part6(6) + part7(7) + part8(8) - 36;
}
END
cat >project/Makefile <<'END'
TOP ?= .
VPATH = $(TOP)/src
CC ?= gcc
CXX ?= g++
CFLAGS = -O1 -g -I$(TOP)/include -I$(TOP)/../include -MMD -MP
CXXFLAGS = $(CFLAGS)
OBJECTS = $(patsubst $(TOP)/src/%.c,%.o,$(wildcard $(TOP)/src/*.c)) main.o
program: $(OBJECTS)
	$(CXX) -o $@ $(OBJECTS) -L$(TOP)/../lib -Wl,-Bstatic -lshape -Wl,-Bdynamic -pthread
clean:
	rm -f program *.o *.d
-include *.d
END
cat >project/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.18)
project(sample C CXX)
list(APPEND CMAKE_MODULE_PATH ${CMAKE_SOURCE_DIR}/cmake)
include(Shape)
find_package(Threads REQUIRED)
file(GLOB SOURCES CONFIGURE_DEPENDS src/*.c)
add_library(parts STATIC ${SOURCES})
target_include_directories(parts PUBLIC include ${SHAPE_TOP}/include)
configure_file(config.h.in config.h)
add_executable(program src/main.cpp)
target_include_directories(program PRIVATE ${CMAKE_BINARY_DIR})
target_link_libraries(program parts ${SHAPE_TOP}/lib/libshape.a Threads::Threads)
enable_testing()
add_test(NAME runs COMMAND program a b)
install(TARGETS program DESTINATION bin)
install(FILES include/common.h DESTINATION include)
END
echo '#define CONFIGURED "@PROJECT_NAME@"' >project/config.h.in
echo 'get_filename_component(SHAPE_TOP ${CMAKE_SOURCE_DIR}/.. ABSOLUTE)' >project/cmake/Shape.cmake
printf '#!/bin/sh\n# A wrapper as compiler modules have them.\nexec /usr/bin/gcc -DWRAPPED=1 "$@"\n' >bin/wcc
printf '#!/bin/bash\ntop=$(cd "$(dirname "$0")/.." && pwd)\nexec /usr/bin/env g++ -I"$top/include" "$@"\n' >bin/wc++
printf '#!/usr/bin/env python3\nimport os, sys\nos.execvp("gcc", ["gcc", *sys.argv[1:]])\n' >bin/pycc
chmod +x bin/*
printf '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n' >hello.c
mkdir autoconf
cat >autoconf/configure <<'END'
#!/bin/sh
# What a configure script does all day: probe headers and functions with the compiler.
srcdir=$(dirname "$0")
for header in stdio.h sys/stat.h not/there.h unistd.h shape.h; do
    printf 'checking for %s... ' $header
    printf '#include <%s>\nint main(void) { return 0; }\n' $header >conftest.c
    if ${CC:-gcc} $CPPFLAGS -c conftest.c -o conftest.o 2>>config.log; then echo yes; else echo no; fi
done
for function in printf not_a_function pthread_create dlopen; do
    printf 'checking for %s... ' $function
    printf 'char %s(void); int main(void) { return %s(); }\n' $function $function >conftest.c
    if ${CC:-gcc} -w -fno-builtin conftest.c -o conftest 2>>config.log; then echo yes; else echo no; fi
done
rm -f conftest*
sed "s#@srcdir@#$srcdir#" <"$srcdir/Makefile.in" >Makefile
END
printf 'VPATH=@srcdir@\nhello: hello.c\n\t$(CC) -o $@ $<\n' >autoconf/Makefile.in
cp hello.c autoconf; chmod +x autoconf/configure
