// SPDX-License-Identifier: MIT
package main

import (
	"bytes"
	"fmt"
	"net"
)

var (
	answer = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" +
		"Content-Length: 13\r\n\r\nhello, world\n")
	blank = []byte("\r\n\r\n")
)

func serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 2048)
	have := 0
	for have < len(buf) {
		n, err := c.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		if !bytes.HasSuffix(buf[:have], blank) {
			continue
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
		have = 0
	}
}

func main() {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("port", l.Addr().(*net.TCPAddr).Port)
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go serve(c)
	}
}
