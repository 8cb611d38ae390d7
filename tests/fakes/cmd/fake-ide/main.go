// Command fake-ide plays the editor: an extension server and its own language server.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"antigravity-proxy/fakes/internal/ide"
)

func main() {
	cfg := ide.Config{Events: os.Stdout, Log: os.Stderr}
	flag.StringVar(&cfg.Era, "era", "e1", "e1, e2 or `e3`")
	flag.StringVar(&cfg.LSBinary, "ls-binary", "", "language server `path`")
	flag.Func("workspace", "open `folder`, absolute; repeated, each has a language server of its own", func(folder string) error {
		if cfg.Workspace == "" {
			cfg.Workspace = folder
		} else {
			cfg.Workspaces = append(cfg.Workspaces, folder)
		}
		return nil
	})
	flag.BoolVar(&cfg.Core, "core", false, "one more language server without workspace and LSP")
	flag.BoolVar(&cfg.Hub, "hub", false, "the desktop application (e3): no extension server, no metadata")
	flag.BoolVar(&cfg.Persistent, "persistent", false, "the language server stays, and is taken over (e2, e3)")
	track := flag.String("track", "auto", "on, off or auto: AddTrackedWorkspace after the start; auto is off in e1")
	keys := flag.String("uss-keys", "", "`keys` of the login row: old, new; those of the era when empty")
	fail := flag.String("extension-fail", "", "METHOD=STATUS, comma separated: callbacks that are refused")
	flag.StringVar(&cfg.Endpoint, "cloud-code-endpoint", "https://daily-cloudcode-pa.googleapis.com", "`URL`")
	flag.StringVar(&cfg.AppDataDir, "app-data-dir", "", "data directory `name`; that of the era when empty")
	flag.StringVar(&cfg.IDEVersion, "ide-version", "", "product `version`; one of the era when empty")
	flag.StringVar(&cfg.CSRF, "csrf-token", "", "`token` of the first language server, in e1 of both directions; random when empty")
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
	cfg.Track = *track == "on" || (*track == "auto" && cfg.Era != "e1")
	for _, key := range strings.FieldsFunc(*keys, func(r rune) bool { return r == ',' }) {
		if ide.Keys[key] == "" {
			fmt.Fprintf(os.Stderr, "fake-ide: unknown key %q\n", key)
			os.Exit(2)
		}
		cfg.Keys = append(cfg.Keys, key)
	}
	for _, item := range strings.FieldsFunc(*fail, func(r rune) bool { return r == ',' }) {
		method, status, _ := strings.Cut(item, "=")
		number, err := strconv.Atoi(status)
		if err != nil {
			fmt.Fprintf(os.Stderr, "fake-ide: want METHOD=STATUS, got %q\n", item)
			os.Exit(2)
		}
		if cfg.Fail == nil {
			cfg.Fail = map[string]int{}
		}
		cfg.Fail[method] = number
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
