// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"time"
)

const (
	warm  = 20000
	count = 1000000
)

var (
	ping = make(chan int32)
	pong = make(chan int32)
)

func echo() {
	for v := range ping {
		pong <- v + 1
	}
}

func expect(ok bool, what string) {
	if !ok {
		panic("wrong result: " + what)
	}
}

func trips(n int32) {
	for i := int32(0); i < n; i++ {
		ping <- i
		expect(<-pong == i+1, "echo")
	}
}

func main() {
	go echo()
	trips(warm)
	start := time.Now()
	trips(count)
	fmt.Println("time", float64(time.Since(start))/count, "ns")
}
