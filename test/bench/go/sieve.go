// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"time"
)

const (
	warm      = 100
	count     = 2000
	prime2000 = 17389
)

func generate(out chan int32) {
	for i := int32(2); ; i++ {
		out <- i
	}
}

func pass(in, out chan int32, prime int32) {
	for {
		v := <-in
		if v%prime != 0 {
			out <- v
		}
	}
}

func sieve(n int) (prime int32) {
	c := make(chan int32)
	go generate(c)
	for i := 0; i < n; i++ {
		prime = <-c
		out := make(chan int32)
		go pass(c, out, prime)
		c = out
	}
	return prime
}

func expect(ok bool, what string) {
	if !ok {
		panic("wrong result: " + what)
	}
}

func main() {
	sieve(warm)
	start := time.Now()
	expect(sieve(count) == prime2000, "the 2000th prime")
	fmt.Println("time", time.Since(start).Seconds()*1e3, "ms")
}
