// An ordinary static program of another language: its runtime makes system calls by itself, from many threads.
package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"sync"
	"syscall"
)

func main() {
	top := os.Args[1]
	if len(os.Args) > 2 {
		cwd, err := os.Getwd()
		fmt.Println("started with", os.Args[2:], cwd, err)
		exe, err := os.Executable()
		fmt.Println(exe, err)
		os.Exit(9)
	}
	walk(top)
	read(top)
	trouble(top)
	start(top)
}

func walk(top string) {
	kinds := map[string]int{}
	sum := sha256.New()
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			fmt.Println("walk:", err)
			return nil
		}
		info, err := entry.Info()
		kinds[entry.Type().String()]++
		if err == nil && info.Mode().IsRegular() {
			fmt.Fprintln(sum, path, info.Size(), info.Mode(), info.ModTime().UTC())
		}
		return nil
	})
	fmt.Printf("%v %v %x\n", err, kinds, sum.Sum(nil))
	names, err := filepath.Glob(top + "/many/f00*")
	fmt.Println(len(names), err)
	real, err := filepath.EvalSymlinks(top + "/links/dir/../hello.txt")
	fmt.Println(real, err)
}

func read(top string) {
	var group sync.WaitGroup
	sums := make([]string, 64)
	for i := range sums {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			sum := sha256.New()
			for k := 0; k < 50; k++ {
				data, err := os.ReadFile(fmt.Sprintf("%s/many/f%04d", top, (i*3+k)%200))
				if err != nil {
					sums[i] = err.Error()
					return
				}
				sum.Write(data)
			}
			sums[i] = fmt.Sprintf("%x", sum.Sum(nil)[:8])
		}(i)
	}
	group.Wait()
	sort.Strings(sums)
	fmt.Println(sums)
	file, err := os.Open(top + "/hello.txt")
	line, _ := bufio.NewReader(file).ReadString('\n')
	info, _ := file.Stat()
	fmt.Printf("%v %q %d %v\n", err, line, info.Size(), info.Mode())
	data, err := syscall.Mmap(int(file.Fd()), 0, 13, syscall.PROT_READ, syscall.MAP_SHARED)
	fmt.Printf("%s %v\n", data, err)
	entries, err := os.ReadDir(top + "/dir")
	for _, entry := range entries {
		fmt.Println(entry.Name(), entry.Type())
	}
	fmt.Println(err)
}

func trouble(top string) {
	_, err := os.Stat(top + "/missing")
	fmt.Println(err, os.IsNotExist(err))
	_, err = os.ReadFile(top + "/dir")
	fmt.Println(err)
	fmt.Println(os.WriteFile(top+"/new", nil, 0o644), os.Remove(top+"/hello.txt"), os.Mkdir(top+"/dir", 0o755))
	fmt.Println(os.Chdir(top + "/hello.txt"))
	_, err = os.Open(top + "/links/loop")
	fmt.Println(err)
}

func start(top string) {
	fmt.Println(os.Chdir(top + "/dir/sub"))
	for _, name := range []string{top + "/bin/go-walker", "../../bin/go-walker"} {
		out, err := exec.Command(name, top, "again").CombinedOutput()
		fmt.Printf("%s%v\n", out, err)
	}
	command := exec.Command("cat", "leaf")
	out, err := command.Output()
	fmt.Printf("%s%v\n", out, err)
	command = exec.Command("pwd")
	command.Dir = top + "/links/dir"
	out, err = command.Output()
	fmt.Printf("%s%v\n", out, err)
}
