# Compilers and build tools: sources, headers and libraries in the tree, objects outside of it.

#: make fast needs=make,gcc,g++
make -s -j4 -f $R/project/Makefile TOP=$R/project 2>&1; ./program x y; sha256sum *.o program | sort -k2
make -j4 -f $R/project/Makefile TOP=$R/project 2>&1
touch part3.o; make -n -f $R/project/Makefile TOP=$R/project 2>&1
rm part5.o; make -f $R/project/Makefile TOP=$R/project 2>&1; ./program

#: copied and changed needs=make,gcc,g++
cp -r --preserve=timestamps $R/project $R/include $R/lib .; cd project; make -s -j4 2>&1; ./program
make -j4 2>&1; sleep 0.02; touch src/part2.c; make -j4 2>&1 | sort; sleep 0.02; touch include/common.h; make -j4 2>&1 | wc -l
touch -d '2001-01-01' src/part4.c; make 2>&1; sha256sum program; make clean; ls

#: hello fast needs=gcc
cd ~; gcc -O2 $R/hello.c -o h && ./h; gcc -E $R/hello.c | grep -c printf; (cd $R && gcc hello.c -o $W/h2 && gcc hello.c 2>&1); ./h2
gcc -c $R/missing.c 2>&1; gcc -I$R/include -x c - -L$R/lib -lshape -o s <<<'#include "shape.h"
#include <stdio.h>
int main(void) { printf("%s %g\n", shape_name(1), area(0, 2, 3)); return 0; }' && LD_LIBRARY_PATH=$R/lib ./s; readelf -d s | grep NEEDED
gcc -I$R/include -Wl,-rpath,$R/lib -x c - -L$R/lib -lshape -o r <<<'#include "shape.h"
int main(void) { return area(0, 2, 3); }'; ./r; echo $?; ldd ./r | sed 's/(.*//'
gcc -pipe -O2 -flto $R/hello.c -o h3 && ./h3; gcc -save-temps -c $R/hello.c; ls; gcc -M -I$R/include $R/project/src/main.cpp -I$R/project/include | grep -c cvmfs
cpp -v $R/hello.c 2>&1 >/dev/null | grep -A9 'search starts'

#: wrappers needs=gcc,python3
$R/bin/wcc $R/hello.c -o a && ./a; $R/bin/wc++ -x c++ $R/project/src/main.cpp -I$R/project/include -c -o m.o && nm m.o | grep -c part; $R/bin/pycc $R/hello.c -o b && ./b
PATH=$R/bin:$PATH make CC=wcc CXX=wc++ -j4 -f $R/project/Makefile TOP=$R/project 2>&1 | sort; ./program z; CC=$R/bin/wcc make -f /dev/null --eval "h: $R/hello.c; \$(CC) -o \$@ \$<" h; ./h

#: configure needs=gcc,make
mkdir b; cd b; CPPFLAGS=-I$R/include $R/autoconf/configure; cat Makefile; make; ./hello; grep -c error config.log; make

#: cmake and make needs=cmake,make,gcc,g++ limit=240
cmake -S $R/project -B b -DCMAKE_BUILD_TYPE=Release 2>&1; make -C b -j4 2>&1 | sed 's/^\[ *[0-9]*%\]//' | sort; ./b/program q; make -C b -j4 2>&1; (cd b; ctest 2>&1 | grep -v Total); cmake --install b --prefix $W/inst; find inst -type f
cmake --build b --target clean; cmake --build b -j 4 2>&1 | sed 's/^\[ *[0-9]*%\]//' | sort; cat b/config.h; cmake -L -N -B b | head -5; (cd b && cpack --version)

#: cmake and ninja needs=cmake,ninja,gcc,g++ limit=240
cmake -G Ninja -S $R/project -B b -DCMAKE_C_COMPILER=$R/bin/wcc 2>&1; ninja -C b -j4 2>&1 | tail -1; ./b/program; ninja -C b 2>&1; touch b/CMakeFiles/program.dir/src/main.cpp.o; ninja -C b -n 2>&1
rm b/CMakeFiles/parts.dir/src/part1.c.o; ninja -C b -v -j1 2>&1 | sed 's/^.* -o //' ; ninja -C b -t deps | sed 's/mtime [0-9]*//' | sort | uniq -c | sort; ninja -C b -t clean; (cd b && ctest -N); cmake -G Ninja -S $R/project -B $R/b 2>&1 | tail -3
cp -r $R/project p; mkdir -p lib include; cp -r $R/lib/. lib; cp -r $R/include/. include; cmake -G Ninja -S p -B c >/dev/null && ninja -C c | tail -1; sleep 0.02; touch p/include/common.h; ninja -C c -n | wc -l; echo 'int part9(void){return 9;}' >p/src/part9.c; ninja -C c | tail -1; nm c/program | grep -c part; nm c/libparts.a | grep part9

#: ccache-like needs=gcc,make
for i in 1 2 3 4; do for j in 1 2 3 4 5; do (gcc -DN=$i$j -c $R/hello.c -o $i$j.o) & done; wait; done; ls; sha256sum *.o | awk '{print $1}' | sort -u | wc -l; ar rcs all.a *.o; ar t all.a; ranlib all.a; strip -o h11 11.o; ld -r -o all.o 11.o $R/lib/libshape.a; objdump -d $R/lib/libshape.so | wc -l

#: archives and precompiled headers needs=gcc,g++,make
cp $R/lib/libshape.a .; ar x libshape.a && ls *.o; ar rcT thin.a $R/lib/libshape.a shape.o; ar t thin.a; printf '#include "shape.h"\nint main(void) { return area(0, 2, 3); }\n' >m.c; gcc -I$R/include m.c thin.a -o t; ./t; echo $?
for linker in bfd gold; do gcc -fuse-ld=$linker -I$R/include m.c -L$R/lib -lshape -Wl,-rpath,$R/lib -o g && ./g; echo $linker $?; done; gcc -shared -fPIC -o plugin.so -x c - <<<'int answer(void) { return 42; }'; cp plugin.so p2.so
g++ -x c++-header $R/include/shape.h -o shape.h.gch; g++ -H -I. -I$R/include -include shape.h -x c++ -c m.c -o m.o 2>&1 | grep -c gch; gcc -fprofile-arcs -ftest-coverage -I$R/include m.c $R/lib/libshape.a -o cov; ./cov; gcov -n cov-m.c 2>&1 | head -2 | sed "s#$W##"; ls *.gc*
gcc -g -I$R/include m.c $R/lib/libshape.a -o dbg; readelf -wi dbg | grep -c cvmfs; gdb --version >/dev/null 2>&1; addr2line -e dbg main | sed "s#$W##"; nm -C dbg | grep -c area; size $R/lib/libshape.so; strings -n 8 $R/lib/libshape.so | head -3; gcc -Wp,-MD,dep.d -I$R/include -c m.c; cat dep.d; echo "-c m.c -I$R/include -o at.o" >arguments; gcc -DX=1 @arguments && ls at.o; gcc -E -P -include $R/include/shape.h - </dev/null | head -3

#: submakes and job server needs=make,gcc
mkdir -p sub{1,2,3}; for i in 1 2 3; do printf ".PHONY: all\nall: $(echo f{1..6}.o)\n%%.o:\n\t@gcc -DN=\$* -c $R/hello.c -o \$@\n" >sub$i/Makefile; done; printf 'SUBS = sub1 sub2 sub3\nall: $(SUBS)\n.PHONY: all $(SUBS)\n$(SUBS):\n\t@+$(MAKE) -s -C $@\n' >Makefile
make -j6 -s 2>&1; find . -name '*.o' | sort | xargs sha256sum | awk '{print $1}' | sort -u | wc -l; find . -name '*.o' | wc -l; make -j6 -q; echo $?; make -f - -j3 --output-sync <<<"$(printf 'all: a b c\na b c:\n\t@sleep 0.0$$RANDOM; echo $@; cat %s/hello.c | wc -l' $R)" 2>&1 | sort; make -k -f - 2>&1 <<<"$(printf 'all: %s/missing.o\n%s/missing.o: %s/hello.c\n\tgcc -c $< -o $@' $R $R $R)" | tail -3
