package truth

import "strings"

// responsesReader reads OpenAI Responses: events, the JSON body, and the messages of a WebSocket.
type responsesReader struct {
	s      *seen
	plain  bool // a JSON body may be the response itself
	counts counter
	status string
	reason string
	tier   string
	calls  map[string]string // server tools by item
}

func (r *responsesReader) done(data string) bool { return false }
func (r *responsesReader) whole()                {}

func (r *responsesReader) items(list []any) {
	for _, item := range list {
		if kind := text(at(item, "type")); kind == "function_call" || kind == "custom_tool_call" {
			r.s.tool(text(at(item, "name")))
		} else if tool, ok := serverTools[text(at(item, "type"))]; ok {
			if r.calls == nil {
				r.calls = map[string]string{}
			}
			r.calls[text(at(item, "id"))] = tool
		}
	}
}

var serverTools = map[string]string{"web_search_call": "web_search", "file_search_call": "file_search",
	"code_interpreter_call": "code_interpreter", "image_generation_call": "image_generation", "mcp_call": "mcp"}

// body takes a response object.
func (r *responsesReader) body(o object) {
	r.s.responseID(text(o["id"]))
	r.s.model(text(o["model"]))
	if tier := text(o["service_tier"]); tier != "" {
		r.tier = strings.ToLower(word(tier))
	}
	if reason := text(at(o, "incomplete_details", "reason")); reason != "" {
		r.reason = word(reason)
	}
	r.items(list(o["output"]))
	r.s.err(errorOf(o["error"]))
	u, ok := o["usage"].(object)
	if !ok {
		return
	}
	r.s.hasUsage = true
	take := func(path ...string) { r.counts.take(strings.Join(path, "."), at(u, path...)) }
	take("input_tokens")
	take("output_tokens")
	take("total_tokens")
	take("input_tokens_details", "cached_tokens")
	take("input_tokens_details", "cache_write_tokens")
	take("input_tokens_details", "cache_write_tokens_details", "ttl_30m_tokens")
	take("input_tokens_details", "cache_write_tokens_details", "ttl_12h_tokens")
	take("output_tokens_details", "reasoning_tokens")
}

func (r *responsesReader) event(name string, o object) {
	kind := text(o["type"])
	if kind == "" {
		kind = name
	}
	inner, _ := o["response"].(object)
	switch kind {
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		r.body(inner)
		r.status = strings.TrimPrefix(kind, "response.")
		if r.status == "failed" && r.s.record.Error == nil {
			r.s.record.Error = &CallError{Type: "unknown"}
		}
		r.s.ended = true
	case "response.created", "response.queued", "response.in_progress":
		r.s.responseID(text(inner["id"]))
		r.s.model(text(inner["model"]))
	case "response.output_item.added", "response.output_item.done":
		r.items([]any{o["item"]})
	case "error":
		e := errorOf(o["error"])
		if e == nil {
			code := scalar(o["code"])
			e = &CallError{Type: code, Code: code}
			if code == "" {
				e.Type = "unknown"
			}
		}
		r.s.err(e)
		r.s.ended = true
	case "":
		if e := errorOf(o["error"]); e != nil && o["status"] == nil {
			r.s.err(e)
			r.s.ended = true
			return
		}
		if !r.plain || name != "" {
			return
		}
		r.body(o)
		r.status = word(text(o["status"]))
		if r.status == "" && text(o["object"]) == "response.compaction" {
			r.status = "completed"
		}
		r.s.ended = r.status != "" && r.status != "queued" && r.status != "in_progress"
	}
}

func (r *responsesReader) end() {
	record := r.s.record
	for _, tool := range r.calls {
		if record.ServerTools == nil {
			record.ServerTools = map[string]uint64{}
		}
		record.ServerTools[tool]++
	}
	if r.tier != "" {
		record.ServiceTier = &r.tier
	}
	if r.s.ended && r.status != "" {
		raw := r.status
		if r.status == "incomplete" && r.reason != "" {
			raw = r.reason
		}
		record.FinishRaw, record.Finish = &raw, pointer(r.finish())
	}
	if r.counts.bad {
		r.s.flag("bad_number")
	}
	if !r.s.hasUsage {
		return
	}
	n := r.counts.get
	u := &Usage{InputTotal: n("input_tokens"), OutputTotal: n("output_tokens"),
		CachedInput:   n("input_tokens_details.cached_tokens"),
		Reasoning:     r.counts.maybe("output_tokens_details.reasoning_tokens"),
		ReportedTotal: r.counts.maybe("total_tokens")}
	short := r.counts.maybe("input_tokens_details.cache_write_tokens_details.ttl_30m_tokens")
	long := r.counts.maybe("input_tokens_details.cache_write_tokens_details.ttl_12h_tokens")
	r.s.writes(u, r.counts.maybe("input_tokens_details.cache_write_tokens"), "30m", short, "12h", long)
	record.Reported = r.counts.values
	r.s.settle(u)
}

// writes maps a total of cache writes and its split by time to live.
func (s *seen) writes(u *Usage, total *uint64, shortName string, short *uint64, longName string, long *uint64) {
	sum := uint64(0)
	if short != nil || long != nil {
		u.CacheWriteByTTL = map[string]uint64{}
		for name, n := range map[string]*uint64{shortName: short, longName: long} {
			if n != nil {
				sum += *n
				if *n > 0 {
					u.CacheWriteByTTL[name] = *n
				}
			}
		}
	}
	u.CacheWrite = sum
	if total != nil {
		u.CacheWrite = *total
		if u.CacheWriteByTTL != nil && sum != *total {
			s.flag("partition_mismatch")
		}
	}
}

func (r *responsesReader) finish() string {
	switch r.status {
	case "completed":
		if len(r.s.tools) > 0 {
			return "tool_use"
		}
		return "stop"
	case "failed":
		return "error"
	case "cancelled":
		return "cancelled"
	}
	switch r.reason {
	case "max_output_tokens", "max_messages":
		return "length"
	case "content_filter":
		return "content_filter"
	case "steered":
		return "pause"
	}
	return "other"
}

// chatReader reads Chat Completions and the legacy completions.
type chatReader struct {
	s      *seen
	counts counter
	finish string
	tier   string
}

func (c *chatReader) done(data string) bool {
	c.s.ended = true
	return true
}
func (c *chatReader) whole() { c.s.ended = true }

func (c *chatReader) event(_ string, o object) {
	if e := errorOf(o["error"]); e != nil && o["choices"] == nil {
		c.s.err(e)
		return
	}
	// Other kinds of objects are not ours, whatever they count.
	if kind := text(o["object"]); o["choices"] == nil && !strings.HasPrefix(kind, "chat.completion") && kind != "text_completion" &&
		(kind != "" || text(o["type"]) != "") {
		return
	}
	c.s.responseID(text(o["id"]))
	c.s.model(text(o["model"]))
	if tier := text(o["service_tier"]); tier != "" {
		c.tier = strings.ToLower(word(tier))
	}
	for _, choice := range list(o["choices"]) {
		for _, where := range []string{"delta", "message"} {
			for _, call := range list(at(choice, where, "tool_calls")) {
				c.s.tool(text(at(call, "function", "name")))
				c.s.tool(text(at(call, "custom", "name")))
			}
			c.s.tool(text(at(choice, where, "function_call", "name")))
		}
		if reason := text(at(choice, "finish_reason")); reason != "" {
			c.finish = word(reason)
		}
	}
	c.s.err(errorOf(o["error"]))
	u, ok := o["usage"].(object)
	if !ok {
		return
	}
	c.s.hasUsage = true
	take := func(path ...string) { c.counts.take(strings.Join(path, "."), at(u, path...)) }
	take("prompt_tokens")
	take("completion_tokens")
	take("total_tokens")
	for _, name := range []string{"cached_tokens", "cache_write_tokens", "audio_tokens", "text_tokens", "image_tokens"} {
		take("prompt_tokens_details", name)
	}
	for _, name := range []string{"reasoning_tokens", "audio_tokens", "text_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"} {
		take("completion_tokens_details", name)
	}
}

func (c *chatReader) end() {
	r := c.s.record
	if c.tier != "" {
		r.ServiceTier = &c.tier
	}
	if c.finish != "" {
		c.s.ended = true
		finish := "other"
		switch c.finish {
		case "stop", "length", "content_filter":
			finish = c.finish
		case "tool_calls", "function_call":
			finish = "tool_use"
		}
		r.FinishRaw, r.Finish = &c.finish, &finish
	}
	if c.counts.bad {
		c.s.flag("bad_number")
	}
	if !c.s.hasUsage {
		return
	}
	n := c.counts.get
	u := &Usage{InputTotal: n("prompt_tokens"), OutputTotal: n("completion_tokens"),
		CachedInput:   n("prompt_tokens_details.cached_tokens"),
		CacheWrite:    n("prompt_tokens_details.cache_write_tokens"),
		Reasoning:     c.counts.maybe("completion_tokens_details.reasoning_tokens"),
		ReportedTotal: c.counts.maybe("total_tokens")}
	modalities := func(prefix string) map[string]uint64 {
		return filled(map[string]uint64{"audio": n(prefix + ".audio_tokens"), "text": n(prefix + ".text_tokens"),
			"image": n(prefix + ".image_tokens")})
	}
	u.InputByModality, u.OutputByModality = modalities("prompt_tokens_details"), modalities("completion_tokens_details")
	r.Reported = c.counts.values
	c.s.settle(u)
}
