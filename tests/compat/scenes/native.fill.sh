# Sources of Go and Rust programs, a static Go program.
mkdir -p gomod/sub rust/src bin
printf 'module example.com/m\n\ngo 1.19\n' >gomod/go.mod
cat >gomod/main.go <<'END'
package main

import (
	"bufio"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"example.com/m/sub"
)

//go:embed data.txt
var files embed.FS

func must(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func files200(top, work string, count *int) {
	var group sync.WaitGroup
	var lock sync.Mutex
	for i := 0; i < 200; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			_, err := os.Stat(filepath.Join(top, "gomod", "main.go"))
			must(err)
			name := fmt.Sprintf("%s/g%d", work, i)
			must(os.WriteFile(name, []byte(name), 0o644))
			text, err := os.ReadFile(name)
			must(err)
			must(os.Remove(name))
			lock.Lock()
			defer lock.Unlock()
			if string(text) == name {
				*count++
			}
		}(i)
	}
	group.Wait()
}

func processes(top string, total *int) {
	var group sync.WaitGroup
	var lock sync.Mutex
	for i := 0; i < 20; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			out, err := exec.Command("cat", top+"/gomod/data.txt").Output()
			must(err)
			lock.Lock()
			defer lock.Unlock()
			*total += len(out)
		}()
	}
	group.Wait()
}

func mapped(work string) {
	file, err := os.Create(work + "/mapped")
	must(err)
	must(file.Truncate(4096))
	m, err := syscall.Mmap(int(file.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	must(err)
	m[7] = 42
	b := make([]byte, 8)
	file.ReadAt(b, 0)
	fmt.Println(b)
}

func main() {
	top, work := os.Args[1], os.Args[2]
	data, _ := files.ReadFile("data.txt")
	fmt.Print(string(data), sub.Name(), "\n")
	n, count, total := 0, 0, 0
	must(filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error { n++; return err }))
	files200(top, work, &count)
	processes(top, &total)
	fmt.Println("walked", n > 5, "goroutines", count, "processes", total)
	_, err := os.Create(top + "/x")
	fmt.Println(err)
	fmt.Println(os.Rename(top+"/gomod/data.txt", work+"/x"))
	must(os.Chdir(top + "/gomod"))
	wd, _ := os.Getwd()
	self, _ := os.Executable()
	fmt.Println(wd, filepath.Base(self))
	f, err := os.Open("data.txt")
	must(err)
	for s := bufio.NewScanner(f); s.Scan(); {
		fmt.Println(len(s.Text()))
	}
	mapped(work)
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-c)
	fmt.Println(exec.Command("/not/there").Run(), exec.Command("sh", "-c", "exit 3").Run(), exec.Command("sh", "-c", "kill -9 $$").Run())
}
END
mkdir gomod/web
cat >gomod/web/main.go <<'END'
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, http.FileServer(http.Dir(os.Args[1])))
	for i := 0; i < 20; i++ {
		answer, err := http.Get("http://" + listener.Addr().String() + "/gomod/data.txt")
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(answer.Body)
		fmt.Print(answer.StatusCode, " ", string(body))
	}
}
END
echo embedded >gomod/data.txt
printf 'package sub\n\nfunc Name() string { return "sub" }\n' >gomod/sub/sub.go
printf 'package sub\n\nimport "testing"\n\nfunc TestName(t *testing.T) {\n\tif Name() != "sub" {\n\t\tt.Fatal(Name())\n\t}\n}\n' >gomod/sub/sub_test.go
if command -v go >/dev/null; then export GOCACHE=$HOME/cache GOPATH=$HOME/go; (cd gomod && go build -o ../bin/prog .); fi
cat >rust/Cargo.toml <<'END'
[package]
name = "sample"
version = "0.1.0"
edition = "2021"
END
printf 'version = 3\n\n[[package]]\nname = "sample"\nversion = "0.1.0"\n' >rust/Cargo.lock
cat >rust/src/main.rs <<'END'
use std::{collections::BTreeMap, env, fs, io::Write, process::Command, sync::mpsc, thread};
mod part;
fn main() {
    let args: Vec<String> = env::args().collect();
    let (top, work) = (args[1].clone(), args[2].clone());
    let (send, receive) = mpsc::channel();
    for i in 0..8 { let (send, top, work) = (send.clone(), top.clone(), work.clone()); thread::spawn(move || { let text = fs::read_to_string(format!("{top}/rust/src/part.rs")).unwrap(); let name = format!("{work}/r{i}"); fs::File::create(&name).unwrap().write_all(text.as_bytes()).unwrap(); let n = fs::metadata(&name).unwrap().len(); fs::remove_file(&name).unwrap(); send.send(n).unwrap(); }); }
    drop(send); println!("{}", receive.iter().sum::<u64>());
    let mut names = BTreeMap::new(); for e in fs::read_dir(format!("{top}/rust")).unwrap() { let e = e.unwrap(); names.insert(e.file_name(), e.file_type().unwrap().is_dir()); } println!("{names:?} {}", part::name());
    let out = Command::new("cat").arg(format!("{top}/rust/Cargo.toml")).output().unwrap(); println!("{} {}", out.status, out.stdout.len());
    println!("{:?} {:?}", fs::write(format!("{top}/x"), "").unwrap_err().kind(), fs::canonicalize(format!("{top}/rust/../rust/src")).unwrap());
    println!("{:?}", Command::new("/not/there").status().unwrap_err().kind());
}
END
echo 'pub fn name() -> &'"'"'static str { "part" }' >rust/src/part.rs
