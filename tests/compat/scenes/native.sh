# Go and Rust: static programs with threads of their own kind, and their compilers.

#: static go program fast needs=go
$R/bin/prog $R $W; cp $R/bin/prog own; ./own $R $W | tail -3; cd $R/bin; GOMAXPROCS=1 ./prog $R $W | head -3; ls $W

#: go build needs=go,gcc limit=400
export GOCACHE=$W/cache GOPATH=$W/go GOFLAGS=-mod=mod GOTOOLCHAIN=local; cd $R/gomod; go version; go build -o $W/a .; $W/a $R $W; go vet . 2>&1; go list -deps . | wc -l; go env GOMOD; go test ./sub 2>&1 | sed 's/\t[0-9.]*s$//'; go build -o $W/web ./web && $W/web $R | uniq -c
cp -r $R/gomod $W/m; cd $W/m; go build -o b .; ./b $R $W | tail -1; go build -x -o b . 2>&1 | grep -c 'compile -o'; sleep 0.02; echo '// changed' >>sub/sub.go; go build -x -o b . 2>&1 | grep -c 'compile -o'; echo 'func  x(){ }' >>sub/sub.go; gofmt -l .; go run ./sub 2>&1; cmp b $R/bin/prog; ls; go clean -cache

#: rustc needs=rustc limit=300
rustc --version; rustc --edition 2021 -C opt-level=1 -o a $R/rust/src/main.rs && ./a $R $W; rustc --crate-type lib --edition 2021 -o libpart.rlib $R/rust/src/part.rs && ls; rustc --edition 2021 -C codegen-units=8 -C debuginfo=2 -C incremental=inc -o b $R/rust/src/main.rs && ./b $R $W; rustc --edition 2021 -C incremental=inc -o b $R/rust/src/main.rs; echo 'fn main() { let x: i32 = "no"; }' | rustc - 2>&1 | head -3; (cd $R/rust && rustc --edition 2021 src/main.rs 2>&1 | tail -3)

#: cargo needs=cargo,rustc limit=300
export CARGO_HOME=$W/cargo CARGO_NET_OFFLINE=true; cd $R/rust; CARGO_TARGET_DIR=$W/t cargo build --release 2>&1 | sed 's/ in .*//'; $W/t/release/sample $R $W; cp -r $R/rust $W/r; cd $W/r; cargo build -q; cargo run -q -- $R $W; cargo build 2>&1 | sed 's/ in .*//'; sleep 0.02; touch src/part.rs; cargo build 2>&1 | sed 's/ in .*//'; cargo test 2>&1 | sed 's/ in .*//;s/-[0-9a-f]*)/)/'

#: cgo and vendored modules needs=go,gcc limit=400
export GOCACHE=$W/cache GOPATH=$W/go GOTOOLCHAIN=local; mkdir c; cd c; printf 'module c\n\ngo 1.19\n\nrequire example.com/m v0.0.0\n\nreplace example.com/m => %s/gomod\n' $R >go.mod; cat >main.go <<'END'
package main

// #include <stdlib.h>
// #include <sys/stat.h>
// static int kind(const char *path) { struct stat s; return stat(path, &s) ? -1 : (int)(s.st_mode >> 12); }
import "C"
import (
	"fmt"
	"os"
	"runtime"

	"example.com/m/sub"
)

func main() {
	done := make(chan int)
	for i := 0; i < 32; i++ {
		go func() { runtime.LockOSThread(); done <- int(C.kind(C.CString(os.Args[1]))) }()
	}
	sum := 0
	for i := 0; i < 32; i++ {
		sum += <-done
	}
	fmt.Println(sum, sub.Name())
}
END
go build -o c . 2>&1 && ./c $R; go mod vendor 2>&1; ls vendor/example.com/m; go build -mod=vendor -o d . && ./d $R; go build -buildmode=c-shared -o lib.so . && nm -D lib.so | grep -c ' T main'; go test -c -o t $R/gomod/sub 2>&1 | head -2; (cd $R/gomod && go test -count=1 -run Name ./sub 2>&1 | sed 's/\t[0-9.]*s$//'; go build ./... && go install . 2>&1); $W/go/bin/m $R $W | tail -1; chmod -R u+w $W/go
