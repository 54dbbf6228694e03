// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"time"
)

const (
	warm  = 10000 // for each sender
	count = 250000
)

func producer(c chan int32, n int32) {
	for i := int32(0); i < n; i++ {
		c <- i
	}
}

func expect(ok bool, what string) {
	if !ok {
		panic("wrong result: " + what)
	}
}

func collect(n int32) {
	var c [4]chan int32
	var sum int64
	for i := range c {
		c[i] = make(chan int32)
		go producer(c[i], n)
	}
	for i := int32(0); i < 4*n; i++ {
		select {
		case v := <-c[0]:
			sum += int64(v)
		case v := <-c[1]:
			sum += int64(v)
		case v := <-c[2]:
			sum += int64(v)
		case v := <-c[3]:
			sum += int64(v)
		}
	}
	expect(sum == 4*(int64(n)*int64(n-1)/2), "sum of the items")
}

func main() {
	collect(warm)
	start := time.Now()
	collect(count)
	fmt.Println("time", float64(time.Since(start))/(4*count), "ns")
}
