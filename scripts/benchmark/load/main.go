// Command load is both ends of scripts/bench: an upstream that serves Code Assist answers as fast
// or as evenly as asked, and a client that measures what arrives. Standard library only.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
)

func main() {
	// A collection in the middle of a measurement would look like latency of the proxy.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(1 << 30)
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "upstream":
			exit(upstreamMain(os.Args[2:]))
		case "client":
			exit(clientMain(os.Args[2:]))
		}
	}
	fmt.Fprintln(os.Stderr, "usage: load upstream|client [options]; -h after either lists them")
	os.Exit(64)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
