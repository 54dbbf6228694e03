// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"sync"
	"syscall"
	"time"
)

const (
	warm  = 1000
	count = 200000
)

type sleeper struct {
	length, late time.Duration
}

var (
	all [count]sleeper
	wg  sync.WaitGroup
)

func sleepOnce(s *sleeper) {
	start := time.Now()
	time.Sleep(s.length)
	s.late = time.Since(start) - s.length
	wg.Done()
}

func sleepAll(n int, below time.Duration) {
	x := uint64(1)
	for i := 0; i < n; i++ {
		x = x*6364136223846793005 + 1442695040888963407 // the twin's sequence too
		all[i].length = time.Duration(x>>33) % below
		wg.Add(1)
		go sleepOnce(&all[i])
	}
	wg.Wait()
}

func cpuMS() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

func expect(ok bool, what string) {
	if !ok {
		panic("wrong result: " + what)
	}
}

func main() {
	sleepAll(warm, time.Second/100)
	before := cpuMS()
	sleepAll(count, time.Second)
	fmt.Println("cpu", cpuMS()-before, "ms")
	var late time.Duration
	for i := range all {
		expect(all[i].late >= 0, "nobody wakes early")
		late += all[i].late
	}
	fmt.Println("lateness", float64(late)/count/1e3, "us")
}
