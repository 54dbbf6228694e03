// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

const (
	warm  = 100000
	count = 5000000
)

var wg sync.WaitGroup

func yielder(n int) {
	for ; n > 0; n-- {
		runtime.Gosched()
	}
	wg.Done()
}

func two(n int) {
	wg.Add(2)
	go yielder(n)
	go yielder(n)
	wg.Wait()
}

func main() {
	two(warm)
	start := time.Now()
	two(count)
	fmt.Println("time", float64(time.Since(start))/(2*count), "ns")
}
