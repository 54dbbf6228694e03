// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"time"
)

const (
	warm  = 100000
	count = 10000000
)

var c = make(chan int32, 128)

func producer(n int32) {
	for i := int32(0); i < n; i++ {
		c <- i
	}
}

func expect(ok bool, what string) {
	if !ok {
		panic("wrong result: " + what)
	}
}

func transfer(n int32) {
	var sum int64
	go producer(n)
	for i := int32(0); i < n; i++ {
		sum += int64(<-c)
	}
	expect(sum == int64(n)*int64(n-1)/2, "sum of the items")
}

func main() {
	transfer(warm)
	start := time.Now()
	transfer(count)
	fmt.Println("time", float64(time.Since(start))/count, "ns")
}
