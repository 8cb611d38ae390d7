// Package upstream plays Google's side: Code Assist, the Gemini API and the hosts around them. It
// publishes the ground truth of every call, so that a meter can be checked to the token.
package upstream

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"antigravity-proxy/fakes/internal/certs"
	"antigravity-proxy/fakes/internal/uuid"
)

// DefaultNames are the hosts played when nothing else is asked for.
var DefaultNames = []string{
	"daily-cloudcode-pa.googleapis.com", "cloudcode-pa.googleapis.com",
	"generativelanguage.googleapis.com", "oauth2.googleapis.com", "accounts.google.com",
	"www.googleapis.com", "antigravity-unleash.goog", "api.anthropic.com", "api.openai.com",
	"plain.example.test",
}

// maxRequest bounds a request body.
const maxRequest = 64 << 20

// Config sets up a Server.
type Config struct {
	Certs *certs.Store
	Truth *Truth
	// ALPN is what a host without a profile speaks; nil stands for DefaultALPN.
	ALPN     []string
	Profiles []Profile
	Pace     time.Duration // between the events of the scenario "slow"
	Stall    time.Duration // how long "stall" holds; 0 holds until the client leaves
	Log      *log.Logger
}

// Server answers requests on any number of listeners.
type Server struct {
	cfg   Config
	mu    sync.Mutex
	conns []*Connection
	tls   map[string]*tls.Config
	other *tls.Config // of hosts without a profile
	raw   map[string]bool
	times map[string]int // failures already given, for error scenarios with times=N
}

// Connection is one TCP connection that came in.
type Connection struct {
	Time        time.Time `json:"time"`
	Remote      string    `json:"remote"`
	Local       string    `json:"local"`
	SNI         string    `json:"sni"`
	ALPNOffered []string  `json:"alpn_offered"`
	Handshake   string    `json:"handshake"` // none | hello | done | an error text
	ALPN        string    `json:"alpn"`      // what was agreed on, "" when nothing was
	TLS         string    `json:"tls"`       // 1.2 | 1.3
	Resumed     bool      `json:"resumed"`   // the handshake took up an earlier session
	Requests    int       `json:"requests"`
	Echoed      int64     `json:"echoed"` // octets sent back by a raw echo

	raw *net.TCPConn
	tls *tls.Conn
}

// New makes a server.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = log.New(io.Discard, "", 0)
	}
	if cfg.ALPN == nil {
		cfg.ALPN = DefaultALPN
	}
	s := &Server{cfg: cfg, times: map[string]int{}, tls: map[string]*tls.Config{}, raw: map[string]bool{}}
	s.other = s.config(Profile{ALPN: cfg.ALPN, MinTLS: tls.VersionTLS12})
	for _, p := range cfg.Profiles {
		s.tls[p.Name], s.raw[p.Name] = s.config(p), p.Raw == "echo"
	}
	return s
}

type connKey struct{}

// Serve answers TLS connections until the listener closes.
func (s *Server) Serve(l net.Listener) error {
	srv := &http.Server{
		Handler: http.HandlerFunc(s.handle),
		// Names h2 so that net/http is ready for it; the handshakes are made by secureListener.
		TLSConfig: &tls.Config{NextProtos: DefaultALPN},
		ErrorLog:  s.cfg.Log,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			if t, ok := c.(*trackedConn); ok {
				return context.WithValue(ctx, connKey{}, t.info)
			}
			return ctx
		},
	}
	base := &tls.Config{MinVersion: tls.VersionTLS10}
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		name := strings.ToLower(hello.ServerName)
		if c, ok := hello.Conn.(*trackedConn); ok {
			s.mu.Lock()
			c.info.SNI = name
			c.info.ALPNOffered = append([]string{}, hello.SupportedProtos...)
			c.info.Handshake = "hello"
			s.mu.Unlock()
		}
		if c, ok := s.tls[name]; ok {
			return c, nil
		}
		return s.other, nil
	}
	secure := &secureListener{Listener: &trackedListener{l, s}, s: s, config: base,
		ready: make(chan net.Conn), done: make(chan struct{})}
	go secure.run()
	return srv.Serve(secure)
}

// secureListener hands out connections whose handshake is over, and keeps those that do not speak HTTP.
type secureListener struct {
	net.Listener
	s      *Server
	config *tls.Config
	ready  chan net.Conn
	done   chan struct{}
	err    error
}

func (l *secureListener) run() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			l.err = err
			close(l.done)
			return
		}
		go l.handshake(c)
	}
}

func (l *secureListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, l.err
	}
}

func (l *secureListener) handshake(c net.Conn) {
	t := tls.Server(c, l.config)
	info := c.(*trackedConn).info
	limit := time.AfterFunc(30*time.Second, func() { c.Close() })
	err := t.Handshake()
	limit.Stop()
	l.s.mu.Lock()
	if err != nil {
		info.Handshake = err.Error()
	} else {
		state := t.ConnectionState()
		info.Handshake, info.tls = "done", t
		info.ALPN, info.Resumed = state.NegotiatedProtocol, state.DidResume
		info.TLS = map[uint16]string{tls.VersionTLS10: "1.0", tls.VersionTLS11: "1.1",
			tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"}[state.Version]
	}
	echo := l.s.raw[info.SNI] || info.ALPN == EchoALPN
	l.s.mu.Unlock()
	if err != nil {
		l.s.cfg.Log.Printf("%s: %v", info.SNI, err)
		c.Close()
		return
	}
	if echo {
		n, _ := io.Copy(t, t)
		t.CloseWrite()
		l.s.mu.Lock()
		info.Echoed = n
		l.s.mu.Unlock()
		t.Close()
		return
	}
	select {
	case l.ready <- t:
	case <-l.done:
		c.Close()
	}
}

type trackedListener struct {
	net.Listener
	s *Server
}

type trackedConn struct {
	net.Conn
	info *Connection
}

func (l *trackedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	info := &Connection{Time: time.Now().UTC(), Remote: c.RemoteAddr().String(),
		Local: c.LocalAddr().String(), Handshake: "none", ALPNOffered: []string{}}
	info.raw, _ = c.(*net.TCPConn)
	l.s.mu.Lock()
	l.s.conns = append(l.s.conns, info)
	l.s.mu.Unlock()
	return &trackedConn{c, info}, nil
}

// bodySink hashes and counts what was accepted by the connection.
type bodySink struct {
	to  io.Writer
	sum hash.Hash
	n   int64
}

func (b *bodySink) Write(p []byte) (int, error) {
	n, err := b.to.Write(p)
	b.n += int64(n)
	if b.sum != nil {
		b.sum.Write(p[:n])
	}
	return n, err
}

func codeAssist(host string) bool {
	return strings.Contains(host, "cloudcode-pa") || host == "localhost" || net.ParseIP(host) != nil
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(host)
	call := Call{ID: uuid.New(), Time: time.Now().UTC(), Host: host, Method: r.Method,
		Path: r.URL.Path, Protocol: strings.ToLower(r.Proto), Remote: r.RemoteAddr,
		UserAgent: r.UserAgent(), Tag: r.Header.Get("X-Fake-Tag"), Status: 200}
	if r.ProtoMajor == 2 {
		call.Protocol = "h2"
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		call.Local = local.String()
	}
	if r.TLS != nil {
		call.SNI, call.ALPN = strings.ToLower(r.TLS.ServerName), r.TLS.NegotiatedProtocol
	}
	if info, ok := r.Context().Value(connKey{}).(*Connection); ok {
		s.mu.Lock()
		info.Requests++
		s.mu.Unlock()
	}
	s.cfg.Truth.begin()
	// Also reached when a scenario aborts the connection by panicking with ErrAbortHandler.
	defer func() { s.cfg.Truth.end(call) }()

	x := &exchange{s: s, w: w, r: r, call: &call, sink: &bodySink{to: w, sum: sha256.New()}}
	defer x.seal()
	w.Header().Set("X-Fake-Call-Id", call.ID)
	w.Header().Set("Server", "ESF")
	switch {
	case isGRPC(r):
		x.grpc()
		return
	case isWebSocket(r):
		x.webSocket(host)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	sum := sha256.Sum256(body)
	call.RequestLength, call.RequestSHA256 = int64(len(body)), hex.EncodeToString(sum[:])
	switch {
	case err != nil:
		call.ClientGone = true
		panic(http.ErrAbortHandler)
	case len(body) > maxRequest:
		x.plain(413, "text/plain", "request body above the limit of the double\n")
	default:
		x.route(host, body)
	}
}

// exchange is one request being answered.
type exchange struct {
	s    *Server
	w    http.ResponseWriter
	r    *http.Request
	call *Call
	sink *bodySink
	sc   Scenario
	// what has been sent so far
	seen     counts
	seenAny  bool
	finished bool
	failed   bool
}

// seal turns what was sent into the ground truth.
func (x *exchange) seal() {
	c := x.call
	c.BodyLength = x.sink.n
	if x.sink.sum != nil {
		c.BodySHA256 = hex.EncodeToString(x.sink.sum.Sum(nil))
	}
	if !c.ModelCall {
		return
	}
	switch {
	case x.failed || c.Status >= 400:
		c.Outcome = "error"
	case x.finished:
		c.Outcome = "ok"
	default:
		c.Outcome = "partial"
	}
	c.UsageState = "none"
	if x.seenAny {
		c.Usage = x.seen.usage()
		c.UsageState = "provisional"
		if x.finished {
			c.UsageState = "final"
		}
		if c.Usage.Total != c.Usage.ReportedTotal {
			c.ExpectedFlags = append(c.ExpectedFlags, "total_mismatch")
		}
	} else if c.Outcome == "ok" {
		c.ExpectedFlags = append(c.ExpectedFlags, "usage_missing")
	}
}

func (x *exchange) plain(status int, contentType, body string) {
	x.call.Status = status
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	io.WriteString(x.sink, body)
}

func (x *exchange) json(v any) {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	body := string(out) + "\n"
	if acceptsGzip(x.r) {
		x.call.Gzip = true
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		io.WriteString(z, body)
		z.Close()
		x.w.Header().Set("Content-Encoding", "gzip")
		body = b.String()
	}
	x.plain(200, "application/json; charset=UTF-8", body)
}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

func (x *exchange) route(host string, body []byte) {
	path := x.r.URL.Path
	method := path[strings.LastIndexByte(path, ':')+1:]
	post := x.r.Method == http.MethodPost
	generate := method == "generateContent" || method == "streamGenerateContent"
	switch {
	case post && codeAssist(host) && strings.HasPrefix(path, "/v1internal:") && generate:
		x.model(true, "", method, body)
	case post && host == "generativelanguage.googleapis.com" && generate && strings.Contains(path, "/models/"):
		name := path[strings.Index(path, "/models/")+len("/models/"):]
		name, _ = url.PathUnescape(strings.TrimSuffix(name, ":"+method))
		x.model(false, name, method, body)
	case post && codeAssist(host) && strings.HasPrefix(path, "/v1internal:"):
		x.auxiliary(method, body)
	case post && isResponses(host, path):
		x.responses(body)
	case path == "/echo": // the request's body as the answer's
		x.plain(200, "application/octet-stream", string(body))
	case path == "/bytes": // ?size=N, for clients that know nothing of models
		size, _ := strconv.Atoi(x.r.URL.Query().Get("size"))
		x.plain(200, "application/octet-stream", string(pattern(size)))
	case host == "oauth2.googleapis.com" && path == "/token":
		x.json(map[string]any{"access_token": "fake-access-token-refreshed", "expires_in": 3599,
			"token_type": "Bearer", "scope": "fake"})
	case host == "antigravity-unleash.goog":
		x.json(map[string]any{"version": 2, "features": []any{}})
	default:
		x.plain(200, "text/plain; charset=utf-8", "fake-upstream: this is "+host+"\n")
	}
}

// auxiliary answers the calls of ls-protocol 5.2 that cost no tokens.
func (x *exchange) auxiliary(method string, body []byte) {
	quota := map[string]any{"remainingFraction": 0.8, "resetTime": "2026-12-01T00:00:00Z"}
	switch method {
	case "loadCodeAssist":
		x.json(map[string]any{"currentTier": map[string]any{"id": "free-tier", "name": "Fake tier"},
			"cloudaicompanionProject": "fake-project"})
	case "onboardUser":
		x.json(map[string]any{"done": true, "response": map[string]any{
			"cloudaicompanionProject": map[string]any{"id": "fake-project"}}})
	case "fetchUserInfo":
		x.json(map[string]any{"userSettings": map[string]any{}, "regionCode": "XX"})
	case "fetchAvailableModels":
		models := map[string]any{}
		for _, id := range []string{"gemini-3-flash", "gemini-3-pro-high", "gemini-3-pro-low", "claude-opus-4-6-thinking"} {
			models[id] = map[string]any{"displayName": id, "quotaInfo": quota, "maxTokens": 1048576,
				"maxOutputTokens": 65536, "supportsThinking": true}
		}
		x.json(map[string]any{"models": models, "defaultAgentModelId": "gemini-3-flash"})
	case "retrieveUserQuota":
		x.json(map[string]any{"buckets": []any{map[string]any{"modelId": "gemini-3-flash",
			"remainingFraction": 0.8, "resetTime": "2026-12-01T00:00:00Z", "tokenType": "REQUESTS"}}})
	case "retrieveUserQuotaSummary":
		x.json(map[string]any{"groups": []any{map[string]any{"displayName": "Gemini",
			"buckets": []any{map[string]any{"bucketId": "gemini-5h", "displayName": "5 hours",
				"remainingFraction": 0.8, "resetTime": "2026-12-01T00:00:00Z"}}}}})
	case "countTokens":
		// A number that must not be metered.
		x.json(map[string]any{"totalTokens": 123456})
	case "listExperiments":
		x.json(map[string]any{"experimentIds": []any{}, "flags": []any{}})
	case "fetchAdminControls", "setUserSettings", "recordCodeAssistMetrics", "recordClientEvent",
		"recordTrajectoryAnalytics", "writeTrajectoryAcls", "webDocsOptions", "listWebDocsOptions",
		"listCascadeNuxes", "listAgentPlugins", "rewriteUri", "checkUrlDenylist", "registerInteraction",
		"getCodeAssistGlobalUserSetting", "setCodeAssistGlobalUserSetting":
		x.json(map[string]any{})
	default:
		x.plain(404, "application/json; charset=UTF-8",
			`{"error":{"code":404,"message":"Method not found.","status":"NOT_FOUND"}}`+"\n")
	}
}

// wireRequest is what is read from a request; Code Assist wraps the inner part.
type wireRequest struct {
	Model       string `json:"model"`
	RequestID   string `json:"requestId"`
	RequestType string `json:"requestType"`
	Request     struct {
		Contents   []wireContent     `json:"contents"`
		Labels     map[string]string `json:"labels"`
		Generation wireGeneration    `json:"generationConfig"`
	} `json:"request"`
	Contents   []wireContent  `json:"contents"`
	Generation wireGeneration `json:"generationConfig"`
}

type wireGeneration struct {
	MaxOutput int64 `json:"maxOutputTokens"`
}

type wireContent struct {
	Role  string `json:"role"`
	Parts []struct {
		Text             string          `json:"text"`
		FunctionResponse json.RawMessage `json:"functionResponse"`
	} `json:"parts"`
}

func (x *exchange) model(enveloped bool, urlModel, method string, body []byte) {
	c := x.call
	c.ModelCall = true
	c.Stream = method == "streamGenerateContent"
	var req wireRequest
	if err := json.Unmarshal(body, &req); err != nil {
		c.Model = urlModel
		x.plain(400, "application/json; charset=UTF-8", fmt.Sprintf(
			`{"error":{"code":400,"message":%q,"status":"INVALID_ARGUMENT"}}`, "Invalid JSON payload: "+err.Error())+"\n")
		return
	}
	contents := req.Contents
	c.MaxOutput = req.Generation.MaxOutput
	if enveloped {
		contents = req.Request.Contents
		c.MaxOutput = req.Request.Generation.MaxOutput
	} else {
		req.Model = urlModel
	}
	prompt, answered := "", false
	for _, item := range contents {
		answered = false
		for _, p := range item.Parts {
			// The result of a tool is part of the prompt, so the second call costs something else.
			prompt += p.Text + string(p.FunctionResponse)
			answered = answered || len(p.FunctionResponse) > 0
		}
	}
	c.RequestModel, c.Model = req.Model, req.Model
	c.RequestID, c.RequestType = req.RequestID, req.RequestType
	if seg := strings.Split(req.RequestID, "/"); len(seg) == 5 && seg[0] == "agent" {
		c.Cascade, c.Trajectory = seg[1], seg[3]
	} else {
		c.Trajectory = req.Request.Labels["trajectory_id"]
	}
	sc, err := scenarioOf(x.r.Header.Get("X-Fake-Scenario"), prompt)
	if err == nil && req.Model == "" {
		err = errors.New("model is required")
	}
	if err != nil {
		x.plain(400, "application/json; charset=UTF-8", fmt.Sprintf(
			`{"error":{"code":400,"message":%q,"status":"INVALID_ARGUMENT"}}`, err.Error())+"\n")
		return
	}
	if answered || req.RequestType == "checkpoint" {
		// The second half of a tool round, or the summary of a conversation whose text has a marker.
		delete(sc.names, "tool-round")
	}
	if req.RequestType == "checkpoint" {
		sc, _ = ParseScenario("")
	}
	x.sc, c.Scenario = sc, sc.text
	a := newAnswer(req.Model, prompt, sc, c.nonce(sc))
	a.enveloped = enveloped
	a.limit(c.MaxOutput)
	c.TraceID = a.traceID
	x.w.Header().Set("X-Cloudaicompanion-Trace-Id", a.traceID)
	if a.echo != "" {
		x.w.Header().Set("X-Debug", a.echo)
		x.w.Header().Set("Set-Cookie", "sid="+a.echo)
	}
	if sc.Has("error429") && x.failNow(prompt+req.Model) {
		x.plain(429, "application/json; charset=UTF-8", a.complain(error429(req.Model)))
		return
	}
	if sc.Has("error503-sse-type") && x.failNow(prompt+req.Model) {
		x.plain(503, "text/event-stream", a.complain(error503))
		return
	}
	c.ResponseID = a.responseID
	if sc.Has("early-hints") {
		x.w.Header().Set("Link", "</fake>; rel=preload")
		x.w.WriteHeader(http.StatusEarlyHints)
		x.w.WriteHeader(http.StatusEarlyHints)
		x.w.Header().Del("Link")
	}
	c.Coding = sc.Param("coding")
	c.Gzip = acceptsGzip(x.r) && !sc.Has("identity") && c.Coding == ""
	if c.Coding != "" {
		if _, err := newCoder(io.Discard, c.Coding); err != nil {
			c.Model = a.model
			x.plain(400, "text/plain; charset=utf-8", err.Error()+"\n")
			return
		}
	}
	c.Model = a.model
	if !c.Stream {
		x.sendWhole(a)
		return
	}
	x.sendStream(a)
}

// failNow tells whether an error scenario applies: always, or with times=N for the first N calls
// that ask the same.
func (x *exchange) failNow(key string) bool {
	limit := x.sc.Int("times", -1)
	if limit < 0 {
		return true
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.times[key]++
	return int64(x.s.times[key]) <= limit
}

func (x *exchange) note(ev event) {
	if ev.usage != nil {
		x.seen.merge(*ev.usage)
		x.seenAny = true
	}
	x.finished = x.finished || ev.finish
	x.failed = x.failed || ev.error
}

func (x *exchange) sendWhole(a *answer) {
	ev := a.whole(x.sc)
	var pretty bytes.Buffer
	json.Indent(&pretty, []byte(ev.json), "", "  ")
	pretty.WriteByte('\n')
	out := pretty.Bytes()
	h := x.w.Header()
	h.Set("Content-Type", "application/json; charset=UTF-8")
	if x.call.Gzip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(out)
		z.Close()
		h.Set("Content-Encoding", "gzip")
		out = b.Bytes()
	} else if x.call.Coding != "" {
		var b bytes.Buffer
		c, _ := newCoder(&b, x.call.Coding)
		c.Write(out)
		c.Close()
		h.Set("Content-Encoding", codingHeader(x.call.Coding))
		out = b.Bytes()
	}
	h.Set("Content-Length", strconv.Itoa(len(out)))
	if x.sc.Has("cut-midstream") || x.sc.Has("cut-midevent") {
		x.sink.Write(out[:len(out)/2])
		x.flush()
		panic(http.ErrAbortHandler)
	}
	if x.sc.Has("until-close") && x.r.ProtoMajor == 1 {
		h.Del("Content-Length")
		conn := x.hijack()
		defer conn.Close()
	}
	if _, err := x.sink.Write(out); err != nil {
		x.call.ClientGone = true
		panic(http.ErrAbortHandler)
	}
	x.note(ev)
}

func (x *exchange) flush() {
	if f, ok := x.w.(http.Flusher); ok {
		f.Flush()
	}
}

// hijack takes the connection away from the server, writes the head by hand and leaves the body to
// end with the connection.
func (x *exchange) hijack() net.Conn {
	hj, ok := x.w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := hj.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\n")
	x.w.Header().Write(&head)
	head.WriteString("\r\n")
	conn.Write(head.Bytes())
	x.sink.to = conn
	return conn
}

// tinyWriter hands on a few bytes at a time, each as a chunk of its own.
type tinyWriter struct {
	to    io.Writer
	flush func()
	n     int
}

func (t *tinyWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		t.n = t.n%7 + 1
		end := done + t.n
		if end > len(p) {
			end = len(p)
		}
		n, err := t.to.Write(p[done:end])
		done += n
		if err != nil {
			return done, err
		}
		t.flush()
	}
	return done, nil
}

var errGone = errors.New("client left")

// sendStream sends the answer as SSE, or as a JSON array when alt=sse was not asked for.
func (x *exchange) sendStream(a *answer) {
	h := x.w.Header()
	sse := x.r.URL.Query().Get("alt") == "sse"
	h.Set("Content-Type", "application/json; charset=UTF-8")
	if sse {
		h.Set("Content-Type", "text/event-stream")
		h.Set("Content-Disposition", "attachment")
	}
	if x.call.Gzip {
		h.Set("Content-Encoding", "gzip")
	} else if x.call.Coding != "" {
		h.Set("Content-Encoding", codingHeader(x.call.Coding))
	}
	if x.sc.Has("goaway") {
		// On h2 net/http turns this into GOAWAY with the head, while the stream goes on.
		h.Set("Connection", "close")
	}
	if x.sc.Param("hash") == "0" {
		x.sink.sum = nil
	}
	var buffered *bytes.Buffer
	flush := x.flush
	switch {
	case x.sc.Has("until-close") && x.r.ProtoMajor == 1:
		conn := x.hijack()
		defer conn.Close()
		flush = func() {}
	case x.sc.Has("content-length"):
		buffered = &bytes.Buffer{}
		flush = func() {}
	case x.sc.Has("trailers"):
		h.Set("Trailer", "X-Fake-Checksum, X-Fake-Done")
	}
	var raw io.Writer = x.sink
	if buffered != nil {
		raw = buffered
	} else if x.sc.Has("tiny-chunks") {
		raw = &tinyWriter{to: x.sink, flush: flush}
	}
	w := raw
	var z coder
	if x.call.Gzip {
		z = gzip.NewWriter(raw)
		w = z
	} else if x.call.Coding != "" {
		z, _ = newCoder(raw, x.call.Coding)
		w = z
	}
	push := func() error {
		if z != nil {
			if member, ok := z.(*gzip.Writer); ok && x.sc.Has("concatenated-gzip") {
				if err := member.Close(); err != nil {
					return err
				}
				member.Reset(raw)
			} else if err := z.Flush(); err != nil {
				return err
			}
		}
		flush()
		return nil
	}
	var pending []event // with content-length nothing is sent before the end
	nth := 0
	emit := func(ev event) error {
		nth++
		data := frame(ev, nth, sse, a.crlf)
		if x.sc.Has("unterminated") && ev.finish {
			data = strings.TrimRight(data, "\r\n")
		}
		cut := int(x.sc.Int("after", 2))
		if nth > cut && (x.sc.Has("cut-midstream") || x.sc.Has("cut-midevent")) {
			if x.sc.Has("cut-midevent") {
				io.WriteString(w, data[:len(data)/2])
				push()
			}
			panic(http.ErrAbortHandler)
		}
		if nth > cut && (x.sc.Has("reset-midstream") || x.sc.Has("fin-midchunk")) {
			x.breakOff()
		}
		if nth > cut && x.sc.Has("stall") {
			if !x.hold(x.sc.Duration("for", x.s.cfg.Stall)) {
				return errGone
			}
		}
		if x.sc.Has("slow") && nth > 1 {
			if !x.wait(x.sc.Duration("pace", x.s.cfg.Pace)) {
				return errGone
			}
		}
		if _, err := io.WriteString(w, data); err != nil {
			return err
		}
		if !x.sc.Has("big-bulk") || ev.finish {
			if err := push(); err != nil {
				return err
			}
		}
		if buffered != nil {
			pending = append(pending, ev)
		} else {
			x.note(ev)
		}
		return nil
	}
	err := a.stream(x.sc, emit)
	if err == nil && !sse {
		_, err = io.WriteString(w, "\n]\n")
	}
	if err == nil && z != nil {
		// With one member per event the last one is closed already, and an empty one is legal too.
		err = z.Close()
	}
	if err == nil && buffered != nil {
		h.Set("Content-Length", strconv.Itoa(buffered.Len()))
		if _, err = x.sink.Write(buffered.Bytes()); err == nil {
			for _, ev := range pending {
				x.note(ev)
			}
		}
	}
	if err != nil {
		x.call.ClientGone = true
		panic(http.ErrAbortHandler)
	}
	if x.sc.Has("trailers") {
		h.Set("X-Fake-Done", "yes")
		if x.sink.sum != nil {
			h.Set("X-Fake-Checksum", hex.EncodeToString(x.sink.sum.Sum(nil)))
		}
	}
}

// breakOff ends the connection as no server should: with a reset, or with a FIN inside of a chunk and
// without the TLS farewell.
func (x *exchange) breakOff() {
	info, ok := x.r.Context().Value(connKey{}).(*Connection)
	if !ok || info.raw == nil {
		panic(http.ErrAbortHandler)
	}
	if x.sc.Has("fin-midchunk") && x.r.ProtoMajor == 1 {
		io.WriteString(info.tls, "400\r\ndata: half a chunk")
		info.raw.CloseWrite()
		// What the client still says is taken, so that the kernel does not turn the FIN into a reset.
		io.Copy(io.Discard, info.raw)
	} else {
		info.raw.SetLinger(0)
	}
	info.raw.Close()
	panic(http.ErrAbortHandler)
}

func frame(ev event, nth int, sse, crlf bool) string {
	if !sse {
		if nth == 1 {
			return "[" + ev.json
		}
		return ",\r\n" + ev.json
	}
	if crlf {
		return "data: " + ev.json + "\r\n\r\n"
	}
	return "data: " + ev.json + "\n\n"
}

func (x *exchange) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// hold keeps silent for d, or for ever when d is 0.
func (x *exchange) hold(d time.Duration) bool {
	if d > 0 {
		return x.wait(d)
	}
	<-x.r.Context().Done()
	return false
}

// Control answers the plain HTTP control address.
func (s *Server) Control() http.Handler {
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		e.Encode(v)
	}
	pick := func(r *http.Request) ([]Call, int, error) {
		wait := 2 * time.Second
		q := r.URL.Query()
		if d, err := time.ParseDuration(q.Get("wait")); err == nil {
			wait = d
		}
		calls, inFlight, err := s.cfg.Truth.Calls(wait)
		kept := calls[:0]
		for _, c := range calls {
			peer, _, _ := net.SplitHostPort(c.Remote)
			if (q.Has("tag") && c.Tag != q.Get("tag")) || (q.Has("not_tag") && c.Tag == q.Get("not_tag")) ||
				(q.Has("host") && c.Host != q.Get("host")) || (q.Has("peer") && peer != q.Get("peer")) {
				continue
			}
			kept = append(kept, c)
		}
		return kept, inFlight, err
	}
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[string]any{"status": "ok", "ca": s.cfg.Certs.CAFile})
	})
	mux.HandleFunc("/truth", func(w http.ResponseWriter, r *http.Request) {
		calls, inFlight, err := pick(r)
		out := map[string]any{"calls": []Call{}, "other": []Call{}, "in_flight": inFlight, "error": nil}
		if err != nil {
			out["error"] = err.Error()
		}
		var model, other = []Call{}, []Call{}
		for _, c := range calls {
			if c.ModelCall {
				model = append(model, c)
			} else {
				other = append(other, c)
			}
		}
		sums := Sum(calls)
		out["calls"], out["other"], out["totals"], out["groups"] = model, other, sums.Totals, sums.Groups
		reply(w, out)
	})
	mux.HandleFunc("/truth/totals", func(w http.ResponseWriter, r *http.Request) {
		calls, _, _ := pick(r)
		reply(w, Sum(calls))
	})
	mux.HandleFunc("/reset", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.Error(w, "POST only", http.StatusMethodNotAllowed)
			return
		}
		s.cfg.Truth.Calls(2 * time.Second)
		s.cfg.Truth.Reset()
		s.mu.Lock()
		s.conns, s.times = nil, map[string]int{}
		s.mu.Unlock()
		reply(w, map[string]any{})
	})
	mux.HandleFunc("/connections", func(w http.ResponseWriter, r *http.Request) {
		byHost, byPeer, list := map[string]int{}, map[string]int{}, []Connection{}
		resumed := 0
		s.mu.Lock()
		for _, c := range s.conns {
			peer, _, _ := net.SplitHostPort(c.Remote)
			byHost[c.SNI]++
			byPeer[peer]++
			if c.Resumed {
				resumed++
			}
			list = append(list, *c)
		}
		s.mu.Unlock()
		reply(w, map[string]any{"total": len(list), "resumed": resumed, "by_host": byHost, "by_peer": byPeer, "connections": list})
	})
	return mux
}
