// Command truth makes randomised model calls through the proxy and compares every record with what
// must be recorded.
package main

import (
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"antigravity-proxy/fakes/internal/certs"
	"antigravity-proxy/fakes/internal/truth"
)

func main() {
	// Little lives long here and much is thrown away: collecting it less often saves more than it costs.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(200 << 20)
	var o truth.RunOptions
	certDir := flag.String("cert-dir", "", "`directory` of upstream's certificates; made when missing")
	onlyCerts := flag.Bool("make-certs", false, "make the certificates and exit")
	trust := flag.String("trust", "", "PEM `file` with the proxy's CA")
	listen := flag.String("listen", "", "`addr:443` of upstream")
	proxy := flag.String("proxy", "", "`addr:port` that takes HTTP CONNECT")
	wires := flag.String("wires", truth.AllWires, "`kinds` of exchanges")
	optional := flag.String("optional", "", "`fields` that the records need not have")
	prices := flag.String("prices", "", "`directory` of the price tables")
	flag.StringVar(&o.API, "api", "http://127.0.0.1:8741", "the proxy's `API`")
	flag.IntVar(&o.Exchanges, "exchanges", 2000, "make at least so many `calls`")
	flag.Int64Var(&o.Seed, "seed", 1, "`seed` of everything random")
	flag.IntVar(&o.Parallel, "parallel", 16, "`connections` at once")
	flag.IntVar(&o.Script, "script", -1, "play only the connection of this `number`, and print it")
	load := flag.Bool("load", false, "make calls until stdin ends, while somebody kills the proxy and says so there: kill MS")
	allowance := flag.Duration("allowance", 0, "with --load: how long before a kill an exchange may have ended without being recorded")
	flag.StringVar(&truth.Secret, "secret", "", "plant this `word` wherever there is room for content")
	flag.Parse()
	store, err := certs.Open(*certDir, truth.Hosts())
	check(err)
	if *onlyCerts {
		return
	}
	pem, err := os.ReadFile(*trust)
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	l, err := net.Listen("tcp", *listen)
	check(err)
	o.Prices, err = truth.ReadPrices(*prices)
	check(err)
	o.Wires = strings.Split(*wires, ",")
	o.Optional = strings.Split(*optional, ",")
	st := &truth.Stage{Options: truth.Options{Seed: o.Seed, UID: os.Getuid(), Wires: o.Wires, Notes: o.Script >= 0},
		Certs: store, Roots: roots, Proxy: *proxy, Target: *listen}
	go st.Serve(l)
	began := time.Now()
	var result *truth.Result
	if *load {
		result, err = st.Load(o, os.Stdin, *allowance)
	} else {
		result, err = st.Run(o)
	}
	check(err)
	for _, line := range result.Lines {
		fmt.Println(line)
	}
	summary, _ := json.Marshal(map[string]any{"event": "done", "seed": o.Seed, "connections": result.Connections, "exchanges": result.Exchanges,
		"expected": result.Expected, "recorded": result.Recorded, "failed_connections": result.Failed, "differences": result.Differences,
		"fields": result.Fields, "priced": result.Priced, "absent": result.AbsentNames(), "seconds": time.Since(began).Seconds(), "by_wire": result.ByWire,
		"doubtful": result.Doubtful, "doubtful_lost": result.Lost, "unknown": result.Unknown})
	fmt.Println(string(summary))
	if result.Differences > 0 || result.Failed > 0 && !*load {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "truth:", err)
		os.Exit(2)
	}
}
