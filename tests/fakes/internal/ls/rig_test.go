package ls

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"antigravity-proxy/fakes/internal/pb"
	"antigravity-proxy/fakes/internal/schema"
)

// brain is the upstream: it answers each model call with what the test gives it.
type brain struct {
	*httptest.Server
	mu       sync.Mutex
	requests []object
	others   []string // methods of auxiliary calls
	types    []string // their content types
	answer   func(n int, w http.ResponseWriter)
}

// sse writes one event of a streamed answer and sends it off.
func sse(w http.ResponseWriter, text, finish string) {
	candidate := object{"content": object{"role": "model", "parts": []any{object{"text": text}}}}
	if finish != "" {
		candidate["finishReason"] = finish
	}
	raw, _ := json.Marshal(object{"response": object{"candidates": []any{candidate}, "responseId": "R", "modelVersion": "m",
		"usageMetadata": object{"promptTokenCount": 10, "candidatesTokenCount": 5}}})
	fmt.Fprintf(w, "data: %s\n\n", raw)
	w.(http.Flusher).Flush()
}

func newBrain(t *testing.T) *brain {
	b := &brain{answer: func(_ int, w http.ResponseWriter) {
		sse(w, "Hello", "")
		sse(w, " there", "STOP")
	}}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		if !strings.Contains(r.URL.Path, "streamGenerateContent") {
			b.others = append(b.others, r.URL.Path[strings.LastIndexByte(r.URL.Path, ':')+1:])
			b.types = append(b.types, r.Header.Get("Content-Type"))
			b.mu.Unlock()
			return
		}
		var req object
		json.Unmarshal(raw, &req)
		b.requests = append(b.requests, req)
		n, answer := len(b.requests), b.answer
		b.mu.Unlock()
		answer(n, w)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *brain) request(n int) object {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n >= len(b.requests) {
		return object{}
	}
	return b.requests[n]
}

// rig is a server of some era in this process.
type rig struct {
	t     *testing.T
	s     *Server
	brain *brain
	url   string
	log   *logLines
	ended chan int
	stop  func()
}

// logLines tells when the server is up.
type logLines struct {
	mu   sync.Mutex
	text bytes.Buffer
	up   chan struct{}
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if bytes.Contains(p, []byte("initialized server")) {
		close(l.up)
	}
	return len(p), nil
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var metadata = pb.AppendString(pb.AppendString(nil, 1, "antigravity"), 7, "9.9.9")

func setting(t *testing.T, era string, change func(*Knobs)) Knobs {
	t.Helper()
	k, err := DefaultKnobs(era)
	if err != nil {
		t.Fatal(err)
	}
	k.PreMS, k.PostMS, k.RetryMS, k.Aux = 0, 0, 1, false
	if change != nil {
		change(&k)
	}
	if err := k.check(); err != nil {
		t.Fatal(err)
	}
	return k
}

// build makes a server without running it.
func build(t *testing.T, era string, change func(*Knobs), args ...string) (*Server, *logLines, *brain) {
	t.Helper()
	k := setting(t, era, change)
	b := newBrain(t)
	f, set := newFlags("ls", k, flag.ContinueOnError)
	given := append([]string{"--csrf_token", "tok", "--cloud_code_endpoint", b.URL}, args...)
	if !strings.Contains(strings.Join(args, " "), "gemini_dir") {
		given = append(given, "--gemini_dir", t.TempDir())
	}
	if era != "e3" {
		given = append(given, "--random_port")
	}
	if err := set.Parse(given); err != nil {
		t.Fatal(err)
	}
	lines := &logLines{up: make(chan struct{})}
	s, err := New("language_server", *f, k, bytes.NewReader(metadata), lines)
	if err != nil {
		t.Fatal(err)
	}
	return s, lines, b
}

// launch runs a server that is logged in.
func launch(t *testing.T, era string, change func(*Knobs), args ...string) *rig {
	t.Helper()
	r := launchLoggedOut(t, era, change, args...)
	if r.s.loggedIn() == "" {
		r.s.loggedInAs("fake-access-token", "")
	}
	return r
}

func launchLoggedOut(t *testing.T, era string, change func(*Knobs), args ...string) *rig {
	t.Helper()
	s, lines, b := build(t, era, change, args...)
	ctx, stop := context.WithCancel(context.Background())
	r := &rig{t: t, s: s, brain: b, log: lines, ended: make(chan int, 1), stop: stop}
	go func() { r.ended <- s.Run(ctx) }()
	t.Cleanup(r.end)
	select {
	case <-lines.up:
	case status := <-r.ended:
		t.Fatalf("ended with %d\n%s", status, lines)
	}
	r.url = fmt.Sprintf("https://127.0.0.1:%d", s.HTTPSPort)
	return r
}

// end stops the server and every turn, so that nothing is written when the test is over.
func (r *rig) end() {
	r.stop()
	r.s.mu.Lock()
	var all []*cascade
	for _, c := range r.s.cascades {
		all = append(all, c)
	}
	r.s.mu.Unlock()
	for _, c := range all {
		c.mu.Lock()
		busy, ended := c.busy, c.ended
		if c.queue = nil; c.stop != nil {
			c.stop()
		}
		c.mu.Unlock()
		if busy {
			<-ended
		}
	}
}

// web trusts what the server made at its start.
var web = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{ForceAttemptHTTP2: true,
	DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

func (r *rig) do(method, contentType string, body []byte, headers ...string) (*http.Response, error) {
	req, err := http.NewRequest("POST", r.url+servicePath+method, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set(CSRFHeader, "tok")
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	return web.Do(req)
}

func (r *rig) raw(method, contentType string, body []byte, headers ...string) (int, []byte, http.Header) {
	r.t.Helper()
	resp, err := r.do(method, contentType, body, headers...)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, raw, resp.Header
}

// try makes a unary call in JSON.
func (r *rig) try(method string, body any) (int, object) {
	r.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	status, answer, _ := r.raw(method, "application/json", raw)
	var out object
	json.Unmarshal(answer, &out)
	return status, out
}

// must is try where only success will do.
func (r *rig) must(method string, body any) object {
	r.t.Helper()
	status, out := r.try(method, body)
	if status != 200 {
		r.t.Fatalf("%s: %d %v", method, status, out)
	}
	return out
}

func message(cascade, text string) object {
	return object{"cascadeId": cascade, "items": []any{object{"text": text}}, "cascadeConfig": object{
		"plannerConfig": object{"conversational": object{}, "requestedModel": object{"model": "MODEL_PLACEHOLDER_M18"}}}}
}

func (r *rig) begin() string {
	r.t.Helper()
	return r.must("StartCascade", object{})["cascadeId"].(string)
}

// say runs a whole turn in a new conversation.
func (r *rig) say(text string) string {
	r.t.Helper()
	id := r.begin()
	r.must("SendUserCascadeMessage", message(id, text))
	r.done(id)
	return id
}

func (r *rig) cascade(id string) *cascade {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return r.s.cascades[id]
}

// done waits until no turn runs.
func (r *rig) done(id string) {
	c := r.cascade(id)
	c.mu.Lock()
	busy, ended := c.busy, c.ended
	c.mu.Unlock()
	if busy {
		<-ended
	}
}

// when waits until something holds for a conversation.
func (r *rig) when(id string, holds func(*cascade) bool) {
	c := r.cascade(id)
	for {
		next := c.bell.next()
		c.mu.Lock()
		ok := holds(c)
		c.mu.Unlock()
		if ok {
			return
		}
		<-next
	}
}

func (r *rig) get(id string) object {
	r.t.Helper()
	return r.must("GetCascadeTrajectory", object{"cascadeId": id})
}

// dig follows keys and indices into a JSON value.
func dig(v any, path ...any) any {
	for _, p := range path {
		switch key := p.(type) {
		case string:
			o, _ := v.(object)
			v = o[key]
		case int:
			l, _ := v.([]any)
			if key < 0 {
				key += len(l)
			}
			if key < 0 || key >= len(l) {
				return nil
			}
			v = l[key]
		}
	}
	return v
}

// kinds of all steps, without their prefix.
func (r *rig) steps(id string) (out []string) {
	r.t.Helper()
	list, _ := dig(r.get(id), "trajectory", "steps").([]any)
	for _, s := range list {
		out = append(out, strings.TrimPrefix(dig(s, "type").(string), "CORTEX_STEP_TYPE_")+" "+
			strings.TrimPrefix(dig(s, "status").(string), "CORTEX_STEP_STATUS_"))
	}
	return out
}

// listener is the client's side of a stream.
type listener struct {
	t       *testing.T
	body    io.ReadCloser
	message string
	binary  bool
}

func (r *rig) listen(method string, body object, binary bool) *listener {
	r.t.Helper()
	known := r.s.streaming[method]
	raw, _ := json.Marshal(body)
	contentType := "application/connect+json"
	if binary {
		contentType = "application/connect+proto"
		var err error
		if raw, err = schema.Encode(known.in, body); err != nil {
			r.t.Fatal(err)
		}
	}
	resp, err := r.do(method, contentType, pb.Envelope(0, raw))
	if err != nil {
		r.t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != contentType {
		r.t.Fatalf("%s: %d %s", method, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	r.t.Cleanup(func() { resp.Body.Close() })
	return &listener{r.t, resp.Body, known.out, binary}
}

// next is the next message, or the end frame's text, or an error of the transport.
func (l *listener) next() (object, string, error) {
	flags, payload, err := pb.ReadEnvelope(l.body)
	if err != nil {
		return nil, "", err
	}
	if flags&pb.EndOfStream != 0 {
		return nil, string(payload), nil
	}
	var out any
	if l.binary {
		if out, err = schema.Decode(l.message, payload); err == nil {
			out, err = schema.Plain(out)
		}
	} else {
		out, err = schema.Plain(json.RawMessage(payload))
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return out.(object), "", nil
}
