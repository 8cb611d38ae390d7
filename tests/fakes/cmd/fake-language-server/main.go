// Command fake-language-server plays the Antigravity language server of era E1.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"antigravity-proxy/fakes/internal/ls"
)

func main() {
	flags := ls.ParseFlags(os.Args[0], os.Args[1:])
	binary, err := os.Executable()
	if err != nil {
		binary = os.Args[0]
	}
	knobs, err := ls.LoadKnobs(binary, os.Environ())
	if err != nil {
		fatal(err)
	}
	if flags.Standalone && knobs.StandaloneExits {
		os.Exit(0)
	}
	s, err := ls.New(flags, knobs, os.Stdin, os.Stderr)
	if err != nil {
		fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(s.Run(ctx))
}

func fatal(err error) {
	fmt.Fprintf(os.Stderr, "F%s %7d main.go:135] %v\n", time.Now().Format("0102 15:04:05.000000"), os.Getpid(), err)
	os.Exit(1)
}
