// Command fake-client makes model calls as whatever uid runs it and prints what arrived.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"antigravity-proxy/fakes/internal/client"
	"antigravity-proxy/fakes/internal/dial"
)

func main() {
	o := client.Options{Resolve: dial.Map{}}
	flag.StringVar(&o.URL, "url", "https://daily-cloudcode-pa.googleapis.com",
		"`URL`; without a path the method follows from --stream")
	flag.Var(o.Resolve, "resolve", "connect to `name=ip[:port]` instead; repeatable")
	flag.StringVar(&o.Network, "network", "", "tcp4 or tcp6")
	model := flag.String("model", "gemini-3-flash", "`models`, comma separated, used in turn")
	flag.IntVar(&o.Count, "count", 1, "number of calls")
	flag.IntVar(&o.Parallel, "parallel", 1, "calls at the same time")
	flag.BoolVar(&o.Stream, "stream", true, "stream as SSE")
	noStream := flag.Bool("no-stream", false, "one JSON answer")
	flag.BoolVar(&o.Gzip, "gzip", true, "accept gzip")
	noGzip := flag.Bool("no-gzip", false, "do not accept gzip")
	flag.StringVar(&o.Scenario, "scenario", "", "value of X-Fake-Scenario")
	flag.StringVar(&o.ALPN, "alpn", "http/1.1", "none, http/1.1 or h2,http/1.1")
	flag.BoolVar(&o.KeepAlive, "keepalive", true, "reuse connections")
	flag.StringVar(&o.Prompt, "prompt", "Say something short.", "prompt text")
	flag.StringVar(&o.Cascade, "cascade", "", "cascade id; default a new one per call")
	flag.StringVar(&o.Tag, "tag", "", "value of X-Fake-Tag, to tell calls apart in the ground truth")
	flag.DurationVar(&o.Timeout, "timeout", 60*time.Second, "limit of one call")
	flag.BoolVar(&o.Chunked, "chunked", true, "send the request body without Content-Length")
	flag.StringVar(&o.Method, "method", "POST", "HTTP method; others than POST send no body")
	flag.StringVar(&o.CAFile, "ca", "", "trust this `file` instead of Go's default")
	flag.BoolVar(&o.Reject, "reject-cert", false, "trust nothing, so refuse any certificate")
	flag.BoolVar(&o.Insecure, "insecure", false, "verify nothing")
	flag.Int64Var(&o.StopAfter, "stop-after", 0, "close after so many body octets")
	flag.StringVar(&o.Expect, "expect", "", "ok, an HTTP status, error, tls-error or any (default ok; tls-error with --reject-cert)")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "fake-client: stray argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	o.Stream = o.Stream && !*noStream
	o.Gzip = o.Gzip && !*noGzip
	o.Models = strings.Split(*model, ",")
	if o.Expect == "" && o.Reject {
		o.Expect = "tls-error"
	}
	report, err := client.Run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake-client:", err)
		os.Exit(2)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", " ")
	e.Encode(report)
	if report.Failed > 0 {
		os.Exit(1)
	}
}
