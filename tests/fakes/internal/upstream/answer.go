package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand"
	"regexp"
	"strings"
)

// counts is a usageMetadata object; zero values are left out on the wire, as proto3 JSON does.
type counts struct {
	Prompt     int64 `json:"promptTokenCount,omitempty"`
	Candidates int64 `json:"candidatesTokenCount,omitempty"`
	Total      int64 `json:"totalTokenCount,omitempty"`
	Cached     int64 `json:"cachedContentTokenCount,omitempty"`
	Thoughts   int64 `json:"thoughtsTokenCount,omitempty"`
	ToolUse    int64 `json:"toolUsePromptTokenCount,omitempty"`

	PromptDetails []modality `json:"promptTokensDetails,omitempty"`
	TrafficType   string     `json:"trafficType,omitempty"`
}

type modality struct {
	Modality   string `json:"modality"`
	TokenCount int64  `json:"tokenCount"`
}

// merge applies one snapshot: per field the last present value wins (wire-formats 2.2.2).
func (c *counts) merge(n counts) {
	set := func(to *int64, v int64) {
		if v != 0 {
			*to = v
		}
	}
	set(&c.Prompt, n.Prompt)
	set(&c.Candidates, n.Candidates)
	set(&c.Total, n.Total)
	set(&c.Cached, n.Cached)
	set(&c.Thoughts, n.Thoughts)
	set(&c.ToolUse, n.ToolUse)
}

// usage maps Google's numbers as wire-formats 3.2 says.
func (c counts) usage() *Usage {
	u := &Usage{
		InputTotal:    c.Prompt + c.ToolUse,
		CachedInput:   c.Cached,
		ToolUsePrompt: c.ToolUse,
		OutputTotal:   c.Candidates + c.Thoughts,
		Reasoning:     c.Thoughts,
		ReportedTotal: c.Total,
	}
	if u.InputUncached = u.InputTotal - u.CachedInput; u.InputUncached < 0 {
		u.InputUncached = 0
	}
	u.Total = u.InputTotal + u.OutputTotal
	return u
}

type part struct {
	Text             *string        `json:"text,omitempty"`
	Thought          bool           `json:"thought,omitempty"`
	InlineData       map[string]any `json:"inlineData,omitempty"`
	FunctionCall     map[string]any `json:"functionCall,omitempty"`
	ThoughtSignature string         `json:"thoughtSignature,omitempty"`
}

type content struct {
	Role  string `json:"role"`
	Parts []part `json:"parts"`
}

type candidate struct {
	Content      content `json:"content"`
	FinishReason string  `json:"finishReason,omitempty"`

	FinishMessage string `json:"finishMessage,omitempty"`
}

type response struct {
	Candidates   []candidate `json:"candidates"`
	Usage        *counts     `json:"usageMetadata,omitempty"`
	ModelVersion string      `json:"modelVersion"`
	ResponseID   string      `json:"responseId"`
}

type envelope struct {
	Response response          `json:"response"`
	TraceID  string            `json:"traceId"`
	Metadata map[string]string `json:"metadata"`
}

// event is one data: line, or one element of an array stream.
type event struct {
	kind   string // of Responses: the name of the event
	json   string
	usage  *counts
	finish bool
	error  bool
}

// answer is everything that follows from the request; the same request gives the same answer.
type answer struct {
	enveloped  bool
	model      string
	responseID string
	traceID    string
	final      counts
	every      bool // usage in every event
	last       bool // usage in the last event only
	shrinks    bool // the first snapshots claim a larger prompt
	cut        bool // it wanted to be longer than it was allowed to
	crlf       bool
	echo       string // the prompt, wherever an answer has room for content
	thoughts   []string
	texts      []string
	random     *rand.Rand
}

// newAnswer derives tokens, texts and the streaming style from the model and the prompt.
func newAnswer(model, prompt string, sc Scenario, nonce string) *answer {
	sum := sha256.Sum256([]byte(model + "\x00" + prompt))
	var seed int64
	for _, b := range sum[:8] {
		seed = seed<<8 | int64(b)
	}
	r := rand.New(rand.NewSource(seed))
	a := &answer{model: model, random: r, responseID: "fake-" + nonce, traceID: hex.EncodeToString(sum[8:16])}
	if sc.Has("model-base") {
		for _, suffix := range []string{"-low", "-medium", "-high"} {
			a.model = strings.TrimSuffix(a.model, suffix)
		}
	}
	a.final.Prompt = int64(len(prompt)/4) + 120 + r.Int63n(9000)
	if r.Intn(2) == 0 {
		a.final.Cached = a.final.Prompt * (1 + r.Int63n(9)) / 10
	}
	if r.Intn(4) > 0 {
		a.final.Thoughts = 16 + r.Int63n(1200)
	}
	a.final.Candidates = 4 + r.Int63n(900)
	if r.Intn(8) == 0 {
		a.final.ToolUse = 1 + r.Int63n(300)
	}
	a.final.Total = a.final.Prompt + a.final.Candidates + a.final.Thoughts + a.final.ToolUse
	if sc.Has("total-mismatch") {
		if a.final.Thoughts == 0 {
			a.final.Thoughts = 33
		}
		a.final.Total = a.final.Prompt + a.final.Candidates
	}
	a.final.PromptDetails = []modality{{"TEXT", a.final.Prompt}}
	style := r.Intn(4)
	a.every, a.last, a.shrinks = style <= 1, style == 3, r.Intn(4) == 0
	if sc.Has("usage-every") || sc.Has("cut-midstream") || sc.Has("cut-midevent") || sc.Has("inband-error") {
		a.every, a.last = true, false
	}
	if sc.Has("usage-last") {
		a.every, a.last = false, true
	}
	if sc.Has("usage-shrinks") {
		a.every, a.last, a.shrinks = true, false, true
	}
	a.crlf = r.Intn(2) == 0
	switch sc.Param("eol") {
	case "crlf":
		a.crlf = true
	case "lf":
		a.crlf = false
	}
	if a.final.Thoughts > 0 {
		for i := 1 + r.Intn(3); i > 0; i-- {
			a.thoughts = append(a.thoughts, "**Considering** "+words(r, 12))
		}
	}
	for i := 2 + r.Intn(5); i > 0; i-- {
		a.texts = append(a.texts, words(r, 10+r.Intn(30)))
	}
	// Text that looks like protocol must never count; UTF-8 must survive any split.
	a.texts = append(a.texts, ` look-alike "usageMetadata":{"promptTokenCount":7,"totalTokenCount":7}`+
		"\n\ndata: [DONE]\n\nÄ€😀 日本語 ")
	if sc.Has("echo") {
		a.echo = prompt
		a.thoughts, a.texts = append(a.thoughts, prompt), append([]string{prompt}, a.texts...)
		// An id is kept, but only its beginning.
		a.responseID += strings.Repeat("n", 300) + prompt
		a.traceID += strings.Repeat("n", 300) + prompt
	}
	return a
}

// limit is maxOutputTokens, which thoughts count against; 0 for none.
func (a *answer) limit(most int64) {
	c := &a.final
	if most <= 0 || c.Thoughts+c.Candidates <= most {
		return
	}
	a.cut = true
	if c.Thoughts > most {
		c.Thoughts = most
	}
	c.Candidates = most - c.Thoughts
	c.Total = c.Prompt + c.Candidates + c.Thoughts + c.ToolUse
	a.texts = a.texts[:1]
	if c.Candidates == 0 {
		a.texts = nil
	}
}

var lexicon = strings.Fields("the meter reads a stream of small events and never alters one byte while " +
	"tokens cascade through café relays naïve résumé Ω ≤ ∑ 数 字 🙂 quietly under load")

func words(r *rand.Rand, n int) string {
	var b strings.Builder
	for i := 0; i < n; i++ {
		b.WriteString(lexicon[r.Intn(len(lexicon))])
		b.WriteByte(' ')
	}
	return b.String()
}

// make renders one event in the form of the API.
func (a *answer) make(parts []part, finish string, usage *counts) event {
	resp := response{
		Candidates:   []candidate{{Content: content{Role: "model", Parts: parts}, FinishReason: finish}},
		Usage:        usage,
		ModelVersion: a.model,
		ResponseID:   a.responseID,
	}
	if finish != "" {
		resp.Candidates[0].FinishMessage = a.echo
	}
	return event{json: a.wrap(resp), usage: usage, finish: finish != ""}
}

func (a *answer) wrap(resp response) string {
	var v any = resp
	if a.enveloped {
		metadata := map[string]string{}
		if a.echo != "" {
			metadata[a.echo] = a.echo
		}
		v = envelope{Response: resp, TraceID: a.traceID, Metadata: metadata}
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// snapshot is the cumulative usage after a share of thoughts and of candidates, in hundredths.
func (a *answer) snapshot(thoughts, candidates int64) *counts {
	c := a.final
	c.PromptDetails = nil
	c.Thoughts = c.Thoughts * thoughts / 100
	c.Candidates = c.Candidates * candidates / 100
	if a.shrinks && candidates < 50 {
		c.Prompt += 100
	}
	c.Total = c.Prompt + c.Candidates + c.Thoughts + c.ToolUse
	return &c
}

func text(s string) []part { return []part{{Text: &s}} }

// stream hands out the events one by one until emit fails.
func (a *answer) stream(sc Scenario, emit func(event) error) error {
	early := func(thoughts, candidates int64, nth int) *counts {
		if sc.Has("no-usage") || a.last {
			return nil
		}
		if a.every || nth%2 == 1 {
			return a.snapshot(thoughts, candidates)
		}
		return nil
	}
	final := a.final
	last := &final
	if sc.Has("no-usage") {
		last = nil
	}
	finish := "STOP"
	if sc.Has("max-tokens") || a.cut {
		finish = "MAX_TOKENS"
	}
	nth := 0
	for i, t := range a.thoughts {
		nth++
		t := t
		usage := early(int64(100*(i+1)/len(a.thoughts)), 0, nth)
		if err := emit(a.make([]part{{Text: &t, Thought: true}}, "", usage)); err != nil {
			return err
		}
	}
	switch {
	case sc.Has("tool-round"):
		nth++
		call := map[string]any{"id": "call-" + a.traceID, "name": "run_command",
			"args": map[string]any{"CommandLine": "echo fake " + a.echo, "Cwd": "/"}}
		parts := []part{{FunctionCall: call, ThoughtSignature: "ZmFrZQ=="}}
		if err := emit(a.make(parts, "", early(100, 50, nth))); err != nil {
			return err
		}
	case sc.Has("big-bulk"):
		filler := strings.Repeat("0123456789abcdef", 1024)
		bulk := a.make(text(filler), "", early(100, 1, 1))
		for left := sc.Int("size", 64<<20); left > 0; left -= int64(len(bulk.json)) {
			if err := emit(bulk); err != nil {
				return err
			}
		}
	case sc.Has("many-events"):
		n := sc.Int("count", 5000)
		for i := int64(0); i < n; i++ {
			if err := emit(a.make(text("x "), "", early(100, 100*i/n, int(i)))); err != nil {
				return err
			}
		}
	case sc.Has("huge-event"):
		data := strings.Repeat("QUJD", int(sc.Int("size", 10<<20)/4))
		blob := []part{{InlineData: map[string]any{"mimeType": "image/png", "data": data}}}
		if err := emit(a.make(blob, "", early(100, 90, 1))); err != nil {
			return err
		}
	default:
		for i, t := range a.texts {
			nth++
			usage := early(100, int64(100*(i+1)/(len(a.texts)+1)), nth)
			if err := emit(a.make(text(t), "", usage)); err != nil {
				return err
			}
			if sc.Has("inband-error") && i == 1 {
				return emit(event{json: a.complain(inbandError), error: true})
			}
		}
	}
	empty := ""
	return emit(a.make([]part{{Text: &empty, ThoughtSignature: "c2ln"}}, finish, last))
}

// whole is the one object of a call that does not stream.
func (a *answer) whole(sc Scenario) event {
	var parts []part
	if sc.Has("tool-round") {
		parts = []part{{FunctionCall: map[string]any{"id": "call-" + a.traceID, "name": "run_command",
			"args": map[string]any{"CommandLine": "echo fake " + a.echo}}}}
	} else {
		for _, t := range a.thoughts {
			t := t
			parts = append(parts, part{Text: &t, Thought: true})
		}
		parts = append(parts, text(strings.Join(a.texts, ""))...)
	}
	final := a.final
	usage := &final
	if sc.Has("no-usage") {
		usage = nil
	}
	finish := "STOP"
	if sc.Has("max-tokens") || a.cut {
		finish = "MAX_TOKENS"
	}
	return a.make(parts, finish, usage)
}

var message = regexp.MustCompile(`"message": *"`)

// complain is an error that repeats what it is about, as real ones do.
func (a *answer) complain(body string) string {
	if a.echo == "" {
		return body
	}
	quoted, err := json.Marshal(a.echo)
	if err != nil {
		panic(err)
	}
	at := message.FindStringIndex(body)[1]
	inner := string(quoted[1 : len(quoted)-1])
	return body[:at] + inner + `","` + inner + `":"` + inner + `","about":"` + body[at:]
}

const inbandError = `{"error":{"code":503,"message":"The model is overloaded. Please try again later.",` +
	`"status":"UNAVAILABLE"}}`

// error429 is the body of ls-protocol 5.6.
func error429(model string) string {
	return fmt.Sprintf(`{"error":{"code":429,"message":"You have exhausted your capacity on this model. Your quota will reset after 135h9m46s.","status":"RESOURCE_EXHAUSTED","details":[
 {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"QUOTA_EXHAUSTED","domain":"cloudcode-pa.googleapis.com",
  "metadata":{"model":%q,"quotaResetDelay":"135h9m46s","quotaResetTimeStamp":"2026-11-28T12:00:00Z"}},
 {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.957s"}]}}
`, model)
}

const error503 = `{
  "error": {
    "code": 503,
    "message": "No capacity available for this model on the server",
    "status": "UNAVAILABLE",
    "details": [
      {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "MODEL_CAPACITY_EXHAUSTED",
        "domain": "cloudcode-pa.googleapis.com"
      }
    ]
  }
}
`
