package upstream

import (
	"encoding/json"
	"io"
	"sort"
	"sync"
	"time"
)

// Usage is the normalised usage of one call, with the product's field names.
type Usage struct {
	InputTotal    int64 `json:"input_total"`
	InputUncached int64 `json:"input_uncached"`
	CachedInput   int64 `json:"cached_input"`
	CacheWrite    int64 `json:"cache_write"`
	ToolUsePrompt int64 `json:"tool_use_prompt"`
	OutputTotal   int64 `json:"output_total"`
	Reasoning     int64 `json:"reasoning"`
	Total         int64 `json:"total"`
	ReportedTotal int64 `json:"reported_total"`
}

// Call is one request as the upstream saw and answered it: one line of the truth file.
type Call struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	ModelCall bool      `json:"model_call"`
	Host      string    `json:"host"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Protocol  string    `json:"protocol"`
	SNI       string    `json:"sni"`
	ALPN      string    `json:"alpn"`
	Remote    string    `json:"remote"`
	Local     string    `json:"local"`
	UserAgent string    `json:"user_agent"`
	Tag       string    `json:"tag"`
	Scenario  string    `json:"scenario"`
	Status    int       `json:"status"`

	Model        string `json:"model"`         // what the response names, else the URL, else the request
	RequestModel string `json:"request_model"` // what was asked for
	MaxOutput    int64  `json:"max_output_tokens,omitempty"`
	Stream       bool   `json:"stream"`
	Gzip         bool   `json:"gzip"`
	Coding       string `json:"coding,omitempty"` // of the scenario parameter coding=
	RequestID    string `json:"request_id"`
	RequestType  string `json:"request_type"`
	Cascade      string `json:"cascade"`
	Trajectory   string `json:"trajectory"`
	ResponseID   string `json:"response_id"`
	TraceID      string `json:"trace_id"`

	Outcome       string   `json:"outcome,omitempty"`     // ok | partial | error; model calls only
	UsageState    string   `json:"usage_state,omitempty"` // final | provisional | none
	Usage         *Usage   `json:"usage"`
	ExpectedFlags []string `json:"expected_flags,omitempty"`

	RequestLength int64  `json:"request_length"`
	RequestSHA256 string `json:"request_sha256"`
	BodyLength    int64  `json:"body_length"` // octets of the response body inside the HTTP framing,
	BodySHA256    string `json:"body_sha256"` // content coding included; empty with hash=0
	ClientGone    bool   `json:"client_gone"` // the peer left before the answer was complete
}

// nonce is what makes the response id of a call its own. The scenario parameter id=TEXT fixes it, so
// that two runs of a test get the same octets.
func (c *Call) nonce(sc Scenario) string {
	if id := sc.Param("id"); id != "" {
		return id
	}
	return c.ID[:8]
}

// Sums are totals with the product's names.
type Sums struct {
	Calls        int64 `json:"calls"`
	OK           int64 `json:"ok"`
	Partial      int64 `json:"partial"`
	Errors       int64 `json:"errors"`
	UsageUnknown int64 `json:"usage_unknown"`

	InputTotal    int64 `json:"input_total"`
	InputUncached int64 `json:"input_uncached"`
	CachedInput   int64 `json:"cached_input"`
	CacheWrite    int64 `json:"cache_write"`
	ToolUsePrompt int64 `json:"tool_use_prompt"`
	OutputTotal   int64 `json:"output_total"`
	Reasoning     int64 `json:"reasoning"`
	Total         int64 `json:"total"`
}

func (s *Sums) add(c Call) {
	s.Calls++
	switch c.Outcome {
	case "ok":
		s.OK++
	case "partial":
		s.Partial++
	default:
		s.Errors++
	}
	if c.Usage == nil {
		s.UsageUnknown++
		return
	}
	s.InputTotal += c.Usage.InputTotal
	s.InputUncached += c.Usage.InputUncached
	s.CachedInput += c.Usage.CachedInput
	s.CacheWrite += c.Usage.CacheWrite
	s.ToolUsePrompt += c.Usage.ToolUsePrompt
	s.OutputTotal += c.Usage.OutputTotal
	s.Reasoning += c.Usage.Reasoning
	s.Total += c.Usage.Total
}

// Group is the sums of one model.
type Group struct {
	Key map[string]string `json:"key"`
	Sums
}

// Totals is what the product should report for the same calls.
type Totals struct {
	Totals Sums    `json:"totals"`
	Groups []Group `json:"groups"`
}

// Sum adds up the model calls among them.
func Sum(calls []Call) Totals {
	out := Totals{Groups: []Group{}}
	models := map[string]*Sums{}
	for _, c := range calls {
		if !c.ModelCall {
			continue
		}
		out.Totals.add(c)
		if models[c.Model] == nil {
			models[c.Model] = &Sums{}
		}
		models[c.Model].add(c)
	}
	for model, sums := range models {
		out.Groups = append(out.Groups, Group{Key: map[string]string{"model": model}, Sums: *sums})
	}
	sort.Slice(out.Groups, func(i, j int) bool {
		return out.Groups[i].Key["model"] < out.Groups[j].Key["model"]
	})
	return out
}

// Truth is the ledger of what was really sent.
type Truth struct {
	mu       sync.Mutex
	idle     *sync.Cond
	inFlight int
	calls    []Call
	file     io.Writer
	failed   error
}

// NewTruth writes each call to file as well; file may be nil.
func NewTruth(file io.Writer) *Truth {
	t := &Truth{file: file}
	t.idle = sync.NewCond(&t.mu)
	return t
}

func (t *Truth) begin() {
	t.mu.Lock()
	t.inFlight++
	t.mu.Unlock()
}

// rest takes a call out of those under way although it has not ended: a WebSocket between messages.
func (t *Truth) rest() {
	t.mu.Lock()
	t.inFlight--
	t.idle.Broadcast()
	t.mu.Unlock()
}

func (t *Truth) end(c Call) {
	line, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight--
	t.calls = append(t.calls, c)
	if t.file != nil {
		if _, err := t.file.Write(append(line, '\n')); err != nil && t.failed == nil {
			t.failed = err
		}
	}
	t.idle.Broadcast()
}

// Calls returns a copy of all calls. It first waits until no answer is under way, at most so long:
// a client can be done with the last byte a moment before the upstream has noted the call.
func (t *Truth) Calls(wait time.Duration) (calls []Call, inFlight int, err error) {
	timer := time.AfterFunc(wait, func() {
		t.mu.Lock()
		t.idle.Broadcast()
		t.mu.Unlock()
	})
	defer timer.Stop()
	deadline := time.Now().Add(wait)
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.inFlight > 0 && time.Now().Before(deadline) {
		t.idle.Wait()
	}
	return append([]Call{}, t.calls...), t.inFlight, t.failed
}

// Reset forgets the calls; the file keeps its lines.
func (t *Truth) Reset() {
	t.mu.Lock()
	t.calls = nil
	t.mu.Unlock()
}
