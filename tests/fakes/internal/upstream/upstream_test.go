package upstream_test

import (
	"encoding/json"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"antigravity-proxy/fakes/internal/certs"
	"antigravity-proxy/fakes/internal/client"
	"antigravity-proxy/fakes/internal/dial"
	"antigravity-proxy/fakes/internal/upstream"
)

type rig struct {
	t     *testing.T
	truth *upstream.Truth
	s     *upstream.Server
	addr  string
	ca    string
	file  string
}

func start(t *testing.T, h2 bool) *rig {
	dir := t.TempDir()
	store, err := certs.Open(dir, upstream.DefaultNames)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "truth.jsonl")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	truth := upstream.NewTruth(f)
	alpn := []string{"http/1.1"}
	if h2 {
		alpn = upstream.DefaultALPN
	}
	s := upstream.New(upstream.Config{Certs: store, Truth: truth, Pace: time.Millisecond, ALPN: alpn})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	t.Cleanup(func() { l.Close(); f.Close() })
	return &rig{t, truth, s, l.Addr().String(), store.CAFile, file}
}

func (r *rig) options() client.Options {
	return client.Options{URL: "https://daily-cloudcode-pa.googleapis.com", Resolve: dial.Map{"*": r.addr},
		Models: []string{"gemini-3-flash"}, Count: 1, Parallel: 1, Stream: true, Gzip: true, ALPN: "http/1.1",
		KeepAlive: true, Prompt: "hello", Timeout: 20 * time.Second, Chunked: true, CAFile: r.ca, Expect: "any"}
}

func (r *rig) call(o client.Options) (client.Result, upstream.Call) {
	r.t.Helper()
	report, err := client.Run(o)
	if err != nil {
		r.t.Fatal(err)
	}
	calls, inFlight, err := r.truth.Calls(5 * time.Second)
	if err != nil || inFlight != 0 || len(calls) == 0 {
		r.t.Fatalf("truth: %d calls, %d in flight, %v; client: %+v", len(calls), inFlight, err, report.Calls)
	}
	return report.Calls[0], calls[len(calls)-1]
}

func TestEveryScenarioHasTheOutcomeTheTruthClaims(t *testing.T) {
	type want struct {
		status         int
		outcome, usage string
		broken         bool // the client sees a transport error
	}
	ok := want{200, "ok", "final", false}
	cases := map[string]want{
		"": ok, "slow": ok, "tiny-chunks": ok, "trailers": ok, "early-hints": ok, "until-close": ok,
		"concatenated-gzip": ok, "content-length": ok, "total-mismatch": ok, "huge-event;size=1M": ok,
		"many-events;count=300": ok, "big-bulk;size=2M": ok, "usage-last": ok, "usage-shrinks": ok,
		"stall;for=1ms": ok, "tool-round": ok, "identity": ok, "unterminated": ok, "max-tokens": ok,
		"until-close,tiny-chunks,concatenated-gzip;eol=crlf": ok,
		"no-usage":          {200, "ok", "none", false},
		"cut-midstream":     {200, "partial", "provisional", true},
		"cut-midevent":      {200, "partial", "provisional", true},
		"inband-error":      {200, "error", "provisional", false},
		"error429":          {429, "error", "none", false},
		"error503-sse-type": {503, "error", "none", false},
		"no-such-scenario":  {400, "error", "none", false},
	}
	for _, h2 := range []bool{false, true} {
		r := start(t, h2)
		for name, w := range cases {
			for _, zip := range []bool{true, false} {
				o := r.options()
				o.Scenario, o.Gzip = name, zip
				if h2 {
					o.ALPN = "h2,http/1.1"
				}
				got, truth := r.call(o)
				if got.Status != w.status || (got.Error != "") != w.broken {
					t.Errorf("%q h2=%v gzip=%v: client saw %+v", name, h2, zip, got)
				}
				if truth.Outcome != w.outcome || truth.UsageState != w.usage || truth.ID != got.CallID {
					t.Errorf("%q h2=%v gzip=%v: truth %+v", name, h2, zip, truth)
				}
				if truth.BodySHA256 != got.BodySHA256 || truth.BodyLength != got.BodyLength {
					t.Errorf("%q h2=%v gzip=%v: sent %d bytes, client got %d", name, h2, zip, truth.BodyLength, got.BodyLength)
				}
				if truth.RequestSHA256 != got.RequestSHA256 {
					t.Errorf("%q: the request changed on its way", name)
				}
				if h2 && got.Protocol != "http/2.0" || !h2 && got.Protocol != "http/1.1" {
					t.Errorf("protocol %q", got.Protocol)
				}
			}
		}
	}
}

func TestFramingsAreWhatWasAskedFor(t *testing.T) {
	r := start(t, false)
	for scenario, framing := range map[string]string{"": "chunked", "until-close": "close", "content-length": "length"} {
		o := r.options()
		o.Scenario = scenario
		if got, _ := r.call(o); got.Framing != framing {
			t.Errorf("%q came %s", scenario, got.Framing)
		}
	}
	o := r.options()
	o.Scenario = "early-hints,trailers"
	got, truth := r.call(o)
	if len(got.Interim) != 2 || got.Interim[0] != 103 || got.Trailers["X-Fake-Checksum"] != truth.BodySHA256 {
		t.Errorf("interim %v, trailers %v", got.Interim, got.Trailers)
	}
	o.Stream, o.Scenario = false, ""
	if got, truth = r.call(o); got.Framing != "length" || truth.Outcome != "ok" || truth.Stream {
		t.Errorf("whole answer: %+v %+v", got, truth)
	}
}

func TestSameRequestHasTheSameUsageStreamedOrNot(t *testing.T) {
	r := start(t, false)
	o := r.options()
	_, a := r.call(o)
	o.Stream, o.Gzip = false, false
	_, b := r.call(o)
	if a.Usage == nil || b.Usage == nil || *a.Usage != *b.Usage {
		t.Fatalf("%+v and %+v", a.Usage, b.Usage)
	}
	o.Prompt = "another"
	if _, c := r.call(o); *c.Usage == *b.Usage {
		t.Fatal("usage does not depend on the prompt")
	}
}

func TestTotalsAddUpTheModelCallsOnly(t *testing.T) {
	r := start(t, false)
	o := r.options()
	o.Models, o.Count, o.Parallel = []string{"gemini-3-flash", "claude-opus-4-6-thinking"}, 10, 3
	r.call(o)
	o.Count, o.Parallel = 1, 1
	o.URL = "https://daily-cloudcode-pa.googleapis.com/v1internal:countTokens"
	r.call(o)
	o.URL = "https://oauth2.googleapis.com/token"
	r.call(o)
	o.URL = "https://generativelanguage.googleapis.com"
	r.call(o)
	web := httptest.NewServer(r.s.Control())
	defer web.Close()
	resp, err := web.Client().Get(web.URL + "/truth")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc struct {
		Calls, Other []upstream.Call
		upstream.Totals
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Calls) != 11 || len(doc.Other) != 2 || doc.Totals.Totals.Calls != 11 || doc.Totals.Totals.OK != 11 || len(doc.Groups) != 2 {
		t.Fatalf("%d calls, %d other, %+v", len(doc.Calls), len(doc.Other), doc.Totals)
	}
	var sum int64
	for _, c := range doc.Calls {
		sum += c.Usage.InputTotal + c.Usage.OutputTotal
	}
	if sum == 0 || sum != doc.Totals.Totals.Total {
		t.Fatalf("sum of calls %d, total %d", sum, doc.Totals.Totals.Total)
	}
	if lines, _ := os.ReadFile(r.file); len(lines) == 0 || lines[len(lines)-1] != '\n' {
		t.Fatal("truth file is not made of whole lines")
	}
}

func TestErrorsWithATimesLimitGoAway(t *testing.T) {
	r := start(t, false)
	o := r.options()
	o.Scenario = "error429;times=2"
	for i, status := range []int{429, 429, 200} {
		if got, _ := r.call(o); got.Status != status {
			t.Fatalf("attempt %d: %d", i, got.Status)
		}
	}
}

func TestClientLeavingDuringAStallIsPartial(t *testing.T) {
	r := start(t, false)
	o := r.options()
	o.Scenario, o.Gzip, o.StopAfter, o.KeepAlive = "stall,usage-every", false, 100, false
	got, truth := r.call(o)
	if got.BodyLength != 100 || truth.Outcome != "partial" || !truth.ClientGone || truth.UsageState != "provisional" {
		t.Fatalf("%+v %+v", got, truth)
	}
}

func TestUnknownNameAndUntrustedRootFailTheHandshake(t *testing.T) {
	r := start(t, false)
	for _, change := range []func(*client.Options){
		func(o *client.Options) { o.URL = "https://unknown.example.test" },
		func(o *client.Options) { o.Reject = true },
	} {
		o := r.options()
		change(&o)
		o.Expect = "tls-error"
		report, err := client.Run(o)
		if err != nil || report.Failed != 0 {
			t.Fatalf("%v %+v", err, report)
		}
	}
}

func TestCertificatesAreReused(t *testing.T) {
	dir := t.TempDir()
	a, err := certs.Open(dir, []string{"a.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := certs.Open(dir, []string{"a.example.test", "b.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	if !a.Root.Equal(b.Root) {
		t.Fatal("a second start made a new root")
	}
	if _, err := b.Leaf("b.example.test"); err != nil {
		t.Fatal(err)
	}
}
