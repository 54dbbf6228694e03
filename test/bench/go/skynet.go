// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	warm  = 1000
	count = 1000000
	fan   = 10
)

func skynet(up chan int64, number, size int64) {
	if size == 1 {
		up <- number
		return
	}
	c := make(chan int64)
	for i := int64(0); i < fan; i++ {
		go skynet(c, number+i*(size/fan), size/fan)
	}
	var sum int64
	for i := 0; i < fan; i++ {
		sum += <-c
	}
	up <- sum
}

func sum(leaves int64) int64 {
	c := make(chan int64)
	go skynet(c, 0, leaves)
	return <-c
}

// A number from /proc/self/status, in the unit it has there (KiB for memory).
func status(field string) float64 {
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), field)
	var n float64
	fmt.Sscan(rest, &n)
	return n
}

func expect(ok bool, what string) {
	if !ok {
		panic("wrong result: " + what)
	}
}

func main() {
	sum(warm)
	start := time.Now()
	expect(sum(count) == count*(count-1)/2, "sum of the leaves")
	fmt.Println("time", time.Since(start).Seconds()*1e3, "ms")
	fmt.Println("peak", (status("VmHWM:")+status("VmPTE:"))/1024, "MiB")
}
