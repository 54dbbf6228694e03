// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var arrived, gate, gone sync.WaitGroup

func waiter() {
	arrived.Done()
	gate.Wait()
	gone.Done()
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

func main() {
	count := 1000000
	if len(os.Args) > 1 {
		count, _ = strconv.Atoi(os.Args[1])
	}
	arrived.Add(count)
	gate.Add(1)
	gone.Add(count)
	before := resident()
	start := time.Now()
	for i := 0; i < count; i++ {
		go waiter()
	}
	arrived.Wait()
	ns := float64(time.Since(start)) / float64(count)
	time.Sleep(20 * time.Millisecond) // the last to arrive get to park
	fmt.Println("memory", (resident()-before)/float64(count), "B")
	fmt.Println("time", ns, "ns")
	gate.Done()
	gone.Wait()
}
