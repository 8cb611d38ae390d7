package truth

import (
	"strings"
)

var anthropicCounts = [][]string{{"input_tokens"}, {"cache_read_input_tokens"}, {"cache_creation_input_tokens"},
	{"cache_creation", "ephemeral_5m_input_tokens"}, {"cache_creation", "ephemeral_1h_input_tokens"}, {"output_tokens"},
	{"output_tokens_details", "thinking_tokens"}, {"server_tool_use", "web_search_requests"}, {"server_tool_use", "web_fetch_requests"}}

// anthropicReader reads Anthropic Messages, from Anthropic and from Vertex.
type anthropicReader struct {
	s          *seen
	counts     counter
	output     bool // more than a placeholder has been seen
	requestID  string
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
	if id := text(o["request_id"]); id != "" && kind == "error" {
		a.requestID = clip(id, 256)
	}
	if kind == "message" || kind == "message_delta" {
		if _, present, _ := count(at(o, "usage", "output_tokens")); present {
			a.output = true
		}
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
		if kind != "compaction" && kind != "advisor_message" && kind != "fallback_message" {
			if it, ok := it.(object); ok {
				own := &anthropicReader{s: &seen{record: &Record{}, flags: map[string]bool{}}}
				own.usage(it)
				a.counts.bad = a.counts.bad || own.counts.bad
			}
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
	if a.counts.bad {
		a.s.flag("bad_number")
	}
	if tools := filled(map[string]uint64{"web_search": a.counts.get("server_tool_use.web_search_requests"),
		"web_fetch": a.counts.get("server_tool_use.web_fetch_requests")}); tools != nil {
		r.ServerTools = tools
	}
	if a.s.hasUsage {
		a.map_()
		a.s.noOutput = !a.output
	}
	if r.RequestID == nil && a.requestID != "" {
		r.RequestID = &a.requestID
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
type interactionsReader struct {
	s      *seen
	counts counter
	lists  map[string]map[string]uint64
	status string
	tier   string
}

func (i *interactionsReader) done(data string) bool { return false }
func (i *interactionsReader) whole()                {}

func (i *interactionsReader) interaction(o object) {
	i.s.responseID(text(o["id"]))
	i.s.model(text(o["model"]))
	if tier := text(o["service_tier"]); tier != "" {
		i.tier = strings.ToLower(word(tier))
	}
	for _, step := range list(o["steps"]) {
		i.step(step)
	}
	i.s.err(errorOf(o["error"]))
	if status := text(o["status"]); status != "" {
		i.status = word(status)
	}
	i.s.ended = i.status != "" && i.status != "in_progress" && i.status != "queued"
	if i.status == "failed" && i.s.record.Error == nil {
		i.s.err(&CallError{Type: "unknown"})
	}
	u, ok := o["usage"].(object)
	if !ok {
		return
	}
	i.s.hasUsage = true
	for _, name := range []string{"total_input_tokens", "total_cached_tokens", "total_output_tokens", "total_thought_tokens",
		"total_tool_use_tokens", "total_tokens"} {
		i.counts.take(name, u[name])
	}
	for _, name := range []string{"input_tokens_by_modality", "output_tokens_by_modality", "cached_tokens_by_modality"} {
		i.counts.takeList(&i.lists, u[name], name, "modality", "tokens")
	}
	i.counts.takeList(&i.lists, u["grounding_tool_count"], "grounding_tool_count", "type", "count")
}

func (i *interactionsReader) step(v any) {
	if text(at(v, "type")) == "function_call" {
		i.s.tool(text(at(v, "name")))
	}
}

func (i *interactionsReader) event(name string, o object) {
	kind := text(o["event_type"])
	if kind == "" {
		kind = name
	}
	switch {
	case strings.HasPrefix(kind, "interaction."):
		inner, _ := o["interaction"].(object)
		merged := object{}
		for k, v := range inner {
			merged[k] = v
		}
		if text(merged["status"]) == "" && text(o["status"]) != "" {
			merged["status"] = o["status"]
		}
		if status := text(merged["status"]); kind == "interaction.completed" && (status == "" || status == "in_progress" || status == "queued") {
			merged["status"] = "completed"
		}
		i.interaction(merged)
	case kind == "step.start":
		i.step(o["step"])
	case kind == "error" || kind == "" && o["error"] != nil && text(o["status"]) == "":
		if e := errorOf(o["error"]); e != nil {
			i.s.err(e)
		}
	case kind == "":
		i.interaction(o)
	}
}

func (i *interactionsReader) end() {
	r := i.s.record
	if i.tier != "" {
		r.ServiceTier = &i.tier
	}
	if i.s.ended {
		finish := map[string]string{"completed": "stop", "requires_action": "tool_use", "incomplete": "length", "budget_exceeded": "length",
			"failed": "error", "cancelled": "cancelled"}[i.status]
		if finish == "" {
			finish = "other"
		}
		if finish == "stop" && len(i.s.tools) > 0 {
			finish = "tool_use"
		}
		r.FinishRaw, r.Finish = &i.status, &finish
	}
	if tools := filled(i.lists["grounding_tool_count"]); tools != nil {
		r.ServerTools = tools
	}
	if i.counts.bad {
		i.s.flag("bad_number")
	}
	if !i.s.hasUsage {
		return
	}
	n := i.counts.get
	u := &Usage{ToolUsePrompt: n("total_tool_use_tokens"), CachedInput: n("total_cached_tokens"), Reasoning: pointer(n("total_thought_tokens")),
		ReportedTotal: i.counts.maybe("total_tokens")}
	u.InputTotal = n("total_input_tokens") + u.ToolUsePrompt
	u.OutputTotal = n("total_output_tokens") + n("total_thought_tokens")
	u.InputByModality = filled(i.lists["input_tokens_by_modality"])
	u.OutputByModality = filled(i.lists["output_tokens_by_modality"])
	u.CachedByModality = filled(i.lists["cached_tokens_by_modality"])
	r.Reported = reportedOf(i.counts, i.lists)
	i.s.settle(u)
}
