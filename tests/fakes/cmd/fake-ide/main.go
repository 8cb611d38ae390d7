// Command fake-ide plays the editor: an extension server and its own language server.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"antigravity-proxy/fakes/internal/ide"
)

func main() {
	cfg := ide.Config{Events: os.Stdout, Log: os.Stderr}
	flag.StringVar(&cfg.LSBinary, "ls-binary", "", "language server `path`")
	flag.StringVar(&cfg.Workspace, "workspace", "", "open `folder`, absolute; none when empty")
	flag.StringVar(&cfg.Endpoint, "cloud-code-endpoint", "https://daily-cloudcode-pa.googleapis.com", "`URL`")
	flag.StringVar(&cfg.AppDataDir, "app-data-dir", "antigravity", "data directory `name`")
	flag.StringVar(&cfg.IDEVersion, "ide-version", "1.18.3", "product `version`")
	flag.StringVar(&cfg.CSRF, "csrf-token", "", "`token` of both directions; random when empty")
	loggedOut := flag.Bool("logged-out", false, "send no login row until SIGUSR1")
	upstream := flag.Bool("upstream", false, "let the own language server call the upstream")
	noUpstream := flag.Bool("no-upstream", false, "the own language server makes no calls (default)")
	env := flag.String("ls-env", "", "`K=V` for the language server, comma separated")
	extra := flag.String("ls-args", "", "further `arguments` of the language server, comma separated")
	flag.DurationVar(&cfg.RestartWait, "restart-wait", 500*time.Millisecond, "pause before a dead language server is started again")
	flag.Parse()
	if cfg.LSBinary == "" || flag.NArg() > 0 || (*upstream && *noUpstream) {
		fmt.Fprintln(os.Stderr, "fake-ide: --ls-binary is needed, and --upstream excludes --no-upstream")
		os.Exit(2)
	}
	cfg.LoggedIn, cfg.Upstream = !*loggedOut, *upstream
	if *env != "" {
		cfg.ExtraEnv = strings.Split(*env, ",")
	}
	if *extra != "" {
		cfg.ExtraArgs = strings.Split(*extra, ",")
	}
	i, err := ide.New(cfg)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		login := make(chan os.Signal, 1)
		signal.Notify(login, syscall.SIGUSR1)
		go func() {
			for range login {
				i.Login()
			}
		}()
		err = i.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake-ide:", err)
		os.Exit(1)
	}
}
