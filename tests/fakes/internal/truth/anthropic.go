package truth

import (
	"strings"
)

var anthropicCounts = [][]string{{"input_tokens"}, {"cache_read_input_tokens"}, {"cache_creation_input_tokens"},
	{"cache_creation", "ephemeral_5m_input_tokens"}, {"cache_creation", "ephemeral_1h_input_tokens"}, {"output_tokens"},
	{"output_tokens_details", "thinking_tokens"}}

// anthropicReader reads Anthropic Messages, from Anthropic and from Vertex.
type anthropicReader struct {
	s          *seen
	counts     counter
	tools      counter
	stop       string
	tier       string
	iterations []any
}

func (a *anthropicReader) done(data string) bool { return false }
func (a *anthropicReader) whole()                {}

func (a *anthropicReader) message(o object) {
	a.s.responseID(text(o["id"]))
	a.s.model(text(o["model"]))
	for _, b := range list(o["content"]) {
		a.content(b)
	}
	a.reason(o["stop_reason"])
	a.usage(o["usage"])
}

func (a *anthropicReader) content(b any) {
	if text(at(b, "type")) == "tool_use" {
		a.s.tool(text(at(b, "name")))
	}
}

func (a *anthropicReader) reason(v any) {
	if reason := text(v); reason != "" {
		a.stop = word(reason)
	}
}

func (a *anthropicReader) usage(v any) {
	u, ok := v.(object)
	if !ok {
		return
	}
	a.s.hasUsage = true
	for _, path := range anthropicCounts {
		a.counts.take(strings.Join(path, "."), at(u, path...))
	}
	a.tools.take("web_search", at(u, "server_tool_use", "web_search_requests"))
	a.tools.take("web_fetch", at(u, "server_tool_use", "web_fetch_requests"))
	if tier := text(u["service_tier"]); tier != "" {
		a.tier = strings.ToLower(word(tier))
	}
	if speed := text(u["speed"]); speed != "" {
		a.s.record.Modifiers.Speed = pointer(strings.ToLower(word(speed)))
	}
	if geo := text(u["inference_geo"]); geo != "" {
		a.s.record.Modifiers.InferenceGeo = pointer(strings.ToLower(word(geo)))
	}
	if l, ok := u["iterations"].([]any); ok {
		a.iterations = l
	}
}

func (a *anthropicReader) event(name string, o object) {
	kind := text(o["type"])
	if kind == "" {
		kind = name
	}
	switch kind {
	case "message":
		a.message(o)
	case "message_start":
		if m, ok := o["message"].(object); ok {
			a.message(m)
		}
	case "content_block_start":
		a.content(o["content_block"])
	case "message_delta":
		a.reason(at(o, "delta", "stop_reason"))
		a.usage(o["usage"])
	case "message_stop":
		a.s.ended = true
	case "error":
		if e := errorOf(o["error"]); e != nil {
			a.s.err(e)
		} else {
			a.s.err(&CallError{Type: "unknown"})
		}
	}
}

func (a *anthropicReader) end() {
	r := a.s.record
	if a.tier != "" {
		r.ServiceTier = &a.tier
	}
	if a.stop != "" {
		a.s.ended = true
		finish := "other"
		switch a.stop {
		case "end_turn", "stop_sequence":
			finish = "stop"
		case "max_tokens", "model_context_window_exceeded":
			finish = "length"
		case "tool_use":
			finish = "tool_use"
		case "refusal":
			finish = "content_filter"
		case "pause_turn", "compaction":
			finish = "pause"
		}
		r.FinishRaw, r.Finish = &a.stop, &finish
	}
	for _, it := range a.iterations {
		kind := text(at(it, "type"))
		if kind == "" || kind == "message" {
			continue
		}
		own := &anthropicReader{s: &seen{record: &Record{}, flags: a.s.flags}}
		own.usage(it)
		own.map_()
		extra := Additional{Kind: word(kind), Usage: *own.s.record.Usage}
		if m := text(at(it, "model")); m != "" {
			extra.Model = pointer(modelName(m))
		}
		a.counts.bad = a.counts.bad || own.counts.bad
		r.AdditionalUsage = append(r.AdditionalUsage, extra)
	}
	if a.counts.bad || a.tools.bad {
		a.s.flag("bad_number")
	}
	if tools := filled(a.tools.values); tools != nil {
		r.ServerTools = tools
	}
	if a.s.hasUsage {
		a.map_()
	}
}

func (a *anthropicReader) map_() {
	n := a.counts.get
	u := &Usage{CachedInput: n("cache_read_input_tokens"), OutputTotal: n("output_tokens"),
		Reasoning: a.counts.maybe("output_tokens_details.thinking_tokens")}
	a.s.writes(u, a.counts.maybe("cache_creation_input_tokens"),
		"5m", a.counts.maybe("cache_creation.ephemeral_5m_input_tokens"),
		"1h", a.counts.maybe("cache_creation.ephemeral_1h_input_tokens"))
	u.InputTotal = n("input_tokens") + u.CachedInput + u.CacheWrite
	a.s.record.Reported = a.counts.values
	a.s.settle(u)
}

// interactionsReader reads the Interactions API.
type interactionsReader struct{ s *seen }

func (i *interactionsReader) done(string) bool     { return false }
func (i *interactionsReader) whole()               { i.s.ended = true }
func (i *interactionsReader) event(string, object) {}
func (i *interactionsReader) end()                 {}
