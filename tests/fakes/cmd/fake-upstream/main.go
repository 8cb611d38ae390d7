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

// profiles keeps every text whole: a profile has commas nowhere, but is not split either.
type profiles []string

func (p *profiles) String() string     { return strings.Join(*p, " ") }
func (p *profiles) Set(s string) error { *p = append(*p, s); return nil }

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
	alpn := flag.String("alpn", strings.Join(upstream.DefaultALPN, ","), "`protocols` in the order of preference: h2, h1, none")
	var hosts profiles
	flag.Var(&hosts, "host", "`NAME;key=value…` in addition to --names, repeatable; keys alpn (h2+h1), tls (1.1, 1.2, 1.3), "+
		"tickets (on, off), cert ("+strings.Join(certs.KindNames(), ", ")+"), raw (echo)")
	fallback := flag.String("fallback", "", "`name` whose certificate answers unknown server names and none")
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
	store.Fallback = strings.ToLower(*fallback)
	var played []upstream.Profile
	for _, text := range hosts {
		p, err := upstream.ParseProfile(text, upstream.ParseALPN(*alpn))
		check(err)
		check(store.Make(p.Name, p.Cert))
		played = append(played, p)
	}
	var file io.Writer
	if *truthFile != "" {
		f, err := os.OpenFile(*truthFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		check(err)
		file = f
	}
	cfg := upstream.Config{Certs: store, Truth: upstream.NewTruth(file), Pace: *pace, Stall: *stall,
		ALPN: upstream.ParseALPN(*alpn), Profiles: played}
	if cfg.ALPN == nil {
		cfg.ALPN = []string{}
	}
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
