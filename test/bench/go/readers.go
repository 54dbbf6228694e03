// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	most  = 100000
	spare = 64
)

type ends struct {
	r, w *os.File
}

var arrived, gone sync.WaitGroup

func reader(p *ends) {
	var b [1]byte
	arrived.Done()
	n, _ := p.r.Read(b[:])
	expect(n == 1, "the byte read")
	gone.Done()
}

// Two descriptors a goroutine: ask for all of them, take what we get.
func affordable() int {
	r := syscall.Rlimit{Cur: 2*most + spare, Max: 2*most + spare}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
		r.Cur = r.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r)
	}
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
	return min(int(r.Cur-spare)/2, most)
}

// A number from /proc/self/status, in the unit it has there (KiB for memory).
func status(field string) float64 {
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), field)
	var n float64
	fmt.Sscan(rest, &n)
	return n
}

// Bytes of memory this process costs now, its page tables included.
func resident() float64 {
	return 1024 * (status("VmRSS:") + status("VmPTE:"))
}

func expect(ok bool, what string) {
	if !ok {
		panic("wrong result: " + what)
	}
}

func main() {
	count := affordable()
	pipes := make([]ends, count)
	for i := range pipes {
		r, w, err := os.Pipe()
		expect(err == nil, "pipe")
		pipes[i] = ends{r, w}
	}
	arrived.Add(count)
	gone.Add(count)
	before := resident()
	for i := range pipes {
		go reader(&pipes[i])
	}
	arrived.Wait()
	time.Sleep(200 * time.Millisecond) // the last to arrive get to block
	fmt.Println("memory", (resident()-before)/float64(count), "B")
	fmt.Println("threads", status("Threads:"))
	fmt.Println("goroutines", count)
	for i := range pipes {
		n, _ := pipes[i].w.Write([]byte("x"))
		expect(n == 1, "write")
	}
	gone.Wait()
}
