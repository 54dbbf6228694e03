// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

const (
	warm       = 1000
	count      = 20000
	goroutines = 64
	alone      = 20000000
)

var (
	mu      sync.Mutex
	wg      sync.WaitGroup
	counter int64
)

func contender(n int) {
	for ; n > 0; n-- {
		mu.Lock()
		if counter++; counter%16 == 0 {
			runtime.Gosched()
		}
		mu.Unlock()
	}
	wg.Done()
}

func expect(ok bool, what string) {
	if !ok {
		panic("wrong result: " + what)
	}
}

func contend(n int) {
	counter = 0
	wg.Add(goroutines)
	for i := 0; i < goroutines; i++ {
		go contender(n)
	}
	wg.Wait()
	expect(counter == int64(n)*goroutines, "the count under the lock")
}

func main() {
	contend(warm)
	start := time.Now()
	contend(count)
	fmt.Println("contended", float64(time.Since(start))/(count*goroutines), "ns")

	start = time.Now()
	for i := 0; i < alone; i++ {
		mu.Lock()
		counter++
		mu.Unlock()
	}
	fmt.Println("alone", float64(time.Since(start))/alone, "ns")
}
