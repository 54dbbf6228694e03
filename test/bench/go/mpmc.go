// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"time"
)

const (
	warm  = 10000 // for each sender
	count = 500000
	sides = 8
)

var (
	c    = make(chan int32, 128)
	sums = make(chan int64)
)

func producer(n int32) {
	for i := int32(0); i < n; i++ {
		c <- i
	}
}

func consumer(n int32) {
	var sum int64
	for ; n > 0; n-- {
		sum += int64(<-c)
	}
	sums <- sum
}

func expect(ok bool, what string) {
	if !ok {
		panic("wrong result: " + what)
	}
}

func transfer(n int32) {
	var sum int64
	for i := 0; i < sides; i++ {
		go producer(n)
		go consumer(n)
	}
	for i := 0; i < sides; i++ {
		sum += <-sums
	}
	expect(sum == int64(n)*int64(n-1)/2*sides, "sum of the items")
}

func main() {
	transfer(warm)
	start := time.Now()
	transfer(count)
	fmt.Println("time", float64(time.Since(start))/(count*sides), "ns")
}
