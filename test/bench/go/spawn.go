// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"sync"
	"time"
)

const (
	warm  = 100000
	count = 1000000
)

var wg sync.WaitGroup

func child() {
	wg.Done()
}

func spawn(n int) {
	for i := 0; i < n; i++ {
		wg.Add(1)
		go child()
	}
	wg.Wait()
}

func main() {
	spawn(warm)
	start := time.Now()
	spawn(count)
	fmt.Println("time", float64(time.Since(start))/count, "ns")
}
