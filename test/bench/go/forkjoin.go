// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"sync"
	"time"
)

const (
	top    = 32
	leaf   = 12
	repeat = 5
	fibTop = 2178309
)

type half struct {
	n     int
	value int64
	done  sync.WaitGroup
}

func serial(n int) int64 {
	if n < 2 {
		return int64(n)
	}
	return serial(n-1) + serial(n-2)
}

func run(h *half) {
	h.value = fib(h.n)
	h.done.Done()
}

func fib(n int) int64 {
	if n <= leaf {
		return serial(n)
	}
	h := half{n: n - 1}
	h.done.Add(1)
	go run(&h)
	other := fib(n - 2)
	h.done.Wait()
	return h.value + other
}

func expect(ok bool, what string) {
	if !ok {
		panic("wrong result: " + what)
	}
}

func main() {
	expect(fib(top) == fibTop, "fib(32)")
	start := time.Now()
	for i := 0; i < repeat; i++ {
		expect(fib(top) == fibTop, "fib(32)")
	}
	fmt.Println("time", time.Since(start).Seconds()*1e3/repeat, "ms")
}
