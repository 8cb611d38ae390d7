// Command fake-upstream imitates the model hosts and publishes the ground truth of every call.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"antigravity-proxy/fakes/internal/certs"
	"antigravity-proxy/fakes/internal/upstream"
)

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, strings.Split(s, ",")...); return nil }

func main() {
	var listen list
	flag.Var(&listen, "listen", "TLS `addr:port`, repeatable; v6 as [::1]:443")
	control := flag.String("control", "", "plain HTTP control `addr:port`")
	certDir := flag.String("cert-dir", "", "`directory` of the certificates; made when missing")
	names := flag.String("names", strings.Join(upstream.DefaultNames, ","), "server `names` to play")
	moreNames := flag.String("more-names", "", "`names` in addition to --names")
	truthFile := flag.String("truth", "", "`file` that gets one JSON line per call")
	pace := flag.Duration("pace", 100*time.Millisecond, "pause between events of the scenario slow")
	stall := flag.Duration("stall", 0, "how long the scenario stall holds; 0 until the client leaves")
	h2 := flag.Bool("h2", false, "offer h2 besides http/1.1")
	initOnly := flag.Bool("make-certs", false, "make the certificates and exit")
	verbose := flag.Bool("v", false, "log TLS errors")
	flag.Parse()
	if *certDir == "" || (len(listen) == 0 && !*initOnly) || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "fake-upstream: --cert-dir and at least one --listen are needed")
		os.Exit(2)
	}
	all := strings.Split(*names, ",")
	if *moreNames != "" {
		all = append(all, strings.Split(*moreNames, ",")...)
	}
	store, err := certs.Open(*certDir, all)
	check(err)
	if *initOnly {
		return
	}
	var file io.Writer
	if *truthFile != "" {
		f, err := os.OpenFile(*truthFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		check(err)
		file = f
	}
	cfg := upstream.Config{Certs: store, Truth: upstream.NewTruth(file), Pace: *pace, Stall: *stall, H2: *h2}
	if *verbose {
		cfg.Log = log.New(os.Stderr, "fake-upstream: ", log.LstdFlags)
	}
	s := upstream.New(cfg)
	failed := make(chan error, 8)
	for _, addr := range listen {
		l, err := net.Listen("tcp", addr)
		check(err)
		fmt.Fprintf(os.Stderr, "fake-upstream: TLS on %s\n", l.Addr())
		go func() { failed <- s.Serve(l) }()
	}
	if *control != "" {
		l, err := net.Listen("tcp", *control)
		check(err)
		fmt.Fprintf(os.Stderr, "fake-upstream: control on http://%s\n", l.Addr())
		go func() { failed <- http.Serve(l, s.Control()) }()
	}
	fmt.Printf("{\"event\":\"ready\",\"ca\":%q}\n", store.CAFile)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-failed:
		check(err)
	case <-stop:
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake-upstream:", err)
		os.Exit(1)
	}
}
