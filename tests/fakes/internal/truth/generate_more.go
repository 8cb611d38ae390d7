package truth

import (
	"strings"
)

func anthropicError(g *generator) func(int) any {
	return func(int) any {
		o := obj{{"type", "error"}, {"error", obj{{"type", g.pick("rate_limit_error", "overloaded_error", secretWord("api_error"), "invalid_request_error")}, {"message", prose(g.rng, 60)}}}}
		return shuffled(g.rng, o)
	}
}

var anthropicModels = []string{"claude-sonnet-4-6", "claude-opus-4-6", "claude-haiku-4-5", "claude-opus-5-5", "claude-sonnet-4-5", "claude-opus-4-1",
	"Claude-Sonnet-4.5", "claude-sonnet-5-5"}

// anthropic invents a call of the Messages API, at Anthropic or on Vertex.
func (g *generator) anthropic(x *exchange) {
	x.isCall, x.f.wire, x.f.api, x.method, x.f.status = true, "anthropic", "messages", "POST", 200
	model := g.model(anthropicModels...)
	stream := !g.chance(3)
	body := obj{{"stream", stream}, {"max_tokens", 100}, {"messages", arr{obj{{"role", "user"}, {"content", prose(g.rng, g.rng.Intn(2000))}}}}}
	if g.chance(3) {
		x.f.provider, x.f.host = "google", g.pick("aiplatform.googleapis.com", "us-central1-aiplatform.googleapis.com")
		x.f.urlModel = model + "@20260101"
		action := ":rawPredict"
		if stream {
			action = ":streamRawPredict"
		}
		x.f.path = "/v1/projects/p/locations/us/publishers/anthropic/models/" + x.f.urlModel + action
		body = append(body, kv{"anthropic_version", "vertex-2023-10-16"})
	} else {
		x.f.provider, x.f.host, x.f.path = "anthropic", "api.anthropic.com", "/v1/messages"
		if g.chance(2) {
			x.query = "beta=true"
		}
		x.f.requestModel = model
		body = append(body, kv{"model", model})
	}
	x.request = []byte(newStyle(g.rng).text(shuffled(g.rng, body)))
	g.idField(x)
	if g.chance(12) {
		g.refuse(x, anthropicError(g))
		return
	}
	var (
		bad           = g.chance(25)
		id            = g.id("msg_")
		input         = g.tokens()
		read          = g.part(g.tokens())
		short, long   = g.part(g.tokens()) / 10, g.part(g.tokens()) / 10
		output        = g.tokens()
		stop          = g.pick("end_turn", "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded", "compaction", secretWord("new_reason"))
		withSplit     = g.chance(2)
		thinks        = g.chance(3)
		tier          = g.pick("", "standard", "priority", "batch")
		speed, geo    = g.pick("", "", "fast", secretWord("standard")), g.pick("", "", "us", secretWord("global"))
		searches      = g.rng.Intn(3)
		hasIterations = g.chance(8)
		named         = g.pick(model, model, model, "-")
	)
	counters := func(out uint64, full bool) obj {
		u := obj{}
		if full {
			g.take(&u, bad, "input_tokens", input)
			g.take(&u, bad, "cache_read_input_tokens", read)
			total := short + long
			if g.chance(15) {
				total++
			}
			g.take(&u, bad, "cache_creation_input_tokens", total)
			if withSplit {
				s := obj{}
				g.take(&s, bad, "ephemeral_5m_input_tokens", short)
				g.take(&s, bad, "ephemeral_1h_input_tokens", long)
				u = append(u, kv{"cache_creation", dressed(g.rng, s)})
			}
		}
		g.take(&u, bad, "output_tokens", out)
		return u
	}
	usage := func(out uint64, full, last bool) any {
		u := counters(out, full)
		if tier != "" {
			u = append(u, kv{"service_tier", tier})
		}
		if speed != "" {
			u = append(u, kv{"speed", speed})
		}
		if geo != "" {
			u = append(u, kv{"inference_geo", geo})
		}
		if last && thinks {
			u = append(u, kv{"output_tokens_details", obj{{"thinking_tokens", g.part(output)}}})
		}
		if last && g.chance(3) {
			u = append(u, kv{"server_tool_use", obj{{"web_search_requests", searches}, {"web_fetch_requests", g.rng.Intn(2)}}})
		} else if g.chance(8) {
			u = append(u, kv{"server_tool_use", nil})
		}
		if last && hasIterations {
			l := arr{}
			for _, kind := range []string{"message", "compaction", "advisor_message", "fallback_message", "something_new"} {
				if g.chance(2) {
					it := append(obj{{"type", kind}}, counters(g.tokens(), true)...)
					if kind != "message" && g.chance(2) {
						it = append(it, kv{"model", g.model("claude-haiku-4-5", "claude-sonnet-5", "claude-opus-4-6")})
					}
					l = append(l, shuffled(g.rng, it))
				}
			}
			u = append(u, kv{"iterations", l})
		}
		return dressed(g.rng, shuffled(g.rng, u))
	}
	block := func() obj {
		switch g.rng.Intn(5) {
		case 0, 1:
			return obj{{"type", "tool_use"}, {"id", "toolu_1"}, {"name", g.toolName()}, {"input", obj{{"usage", obj{{"output_tokens", 1}}}}}}
		case 2:
			return obj{{"type", "server_tool_use"}, {"id", "srvtoolu_1"}, {"name", "web_search"}, {"input", obj{}}}
		case 3:
			return obj{{"type", "thinking"}, {"thinking", prose(g.rng, 60)}, {"signature", "c2ln"}}
		}
		return obj{{"type", "text"}, {"text", prose(g.rng, 120)}}
	}
	message := func(content arr, reason any, u any) obj {
		m := obj{{"id", id}, {"type", "message"}, {"role", "assistant"}, {"content", content}, {"stop_reason", reason}, {"stop_sequence", nil}, {"usage", u}}
		if named != "-" {
			m = append(m, kv{"model", named})
		}
		return dressed(g.rng, shuffled(g.rng, m))
	}
	if !stream {
		content := arr{}
		for n := g.rng.Intn(3); n > 0; n-- {
			content = append(content, block())
		}
		x.contentType = "application/json"
		x.body = newStyle(g.rng).text(message(content, stop, usage(output, true, true)))
		return
	}
	x.contentType = g.pick("text/event-stream", "text/event-stream; charset=utf-8")
	e := newEventStream(g.rng)
	event := func(name string, more ...kv) {
		o := append(obj{{"type", name}}, more...)
		if g.chance(30) {
			o = o[1:] // then the event's own name has to do
		}
		if g.chance(8) {
			e.object("ping", obj{{"type", "ping"}})
		}
		if g.chance(16) {
			e.object("vertex_event", obj{{"type", "vertex_event"}, {"usage", obj{{"output_tokens", 4}}}})
		}
		if g.chance(25) {
			e.event("", g.pick("17", `"message_stop"`, `{"type":"message_stop"`))
		}
		e.object(name, dressed(g.rng, o))
	}
	if !g.chance(30) {
		event("message_start", kv{"message", message(arr{}, nil, usage(uint64(1+g.rng.Intn(8)), !g.chance(10), false))})
	}
	for i := 0; i < g.rng.Intn(4); i++ {
		event("content_block_start", kv{"index", i}, kv{"content_block", block()})
		for n := g.rng.Intn(4); n > 0; n-- {
			event("content_block_delta", kv{"index", i}, kv{"delta", []obj{{{"type", "text_delta"}, {"text", prose(g.rng, 80)}}, {{"type", "input_json_delta"}, {"partial_json", lookAlike}},
				{{"type", "thinking_delta"}, {"thinking", prose(g.rng, 40)}}}[g.rng.Intn(3)]})
		}
		event("content_block_stop", kv{"index", i})
	}
	if g.chance(10) {
		e.object("error", anthropicError(g)(529))
		x.body, x.ends = e.b.String(), e.ends
		return
	}
	for n := g.rng.Intn(2); n > 0; n-- {
		event("message_delta", kv{"delta", obj{{"stop_reason", nil}}}, kv{"usage", usage(output/2, g.chance(3), false)})
	}
	if !g.chance(20) {
		d := []kv{{"delta", obj{{"stop_reason", stop}, {"stop_sequence", nil}}}}
		if !g.chance(15) {
			d = append(d, kv{"usage", usage(output, g.chance(2), true)})
		}
		event("message_delta", d...)
	}
	if !g.chance(12) {
		event("message_stop")
	}
	if len(e.ends) == 0 {
		e.event("ping", "{}")
	}
	x.body, x.ends = e.b.String(), e.ends
	if g.chance(12) {
		x.body = strings.TrimRight(x.body, "\r\n")
		x.ends[len(x.ends)-1] = len(x.body)
	}
}

// interactions invents a call of the Interactions API.
func (g *generator) interactions(x *exchange) {
	x.isCall, x.f.wire, x.f.api, x.f.provider = true, "interactions", "generativelanguage", "google"
	x.f.host, x.f.path, x.method, x.f.status = "generativelanguage.googleapis.com", "/v1beta/interactions", "POST", 200
	model := g.model("gemini-3-flash")
	x.f.requestModel = model
	x.request = []byte(newStyle(g.rng).text(obj{{"model", model}, {"input", prose(g.rng, 300)}}))
	g.idField(x)
	if g.chance(12) {
		g.refuse(x, openAIError(g))
		return
	}
	bad := g.chance(25)
	usage := func() any {
		input, output := g.tokens(), g.tokens()
		thought, tool := g.part(g.tokens()), g.part(g.tokens())
		u := obj{}
		g.take(&u, bad, "total_input_tokens", input)
		g.take(&u, bad, "total_cached_tokens", g.part(input))
		g.take(&u, bad, "total_output_tokens", output)
		g.take(&u, bad, "total_thought_tokens", thought)
		g.take(&u, bad, "total_tool_use_tokens", tool)
		g.take(&u, bad, "total_tokens", input+output+thought+tool)
		if g.chance(2) {
			u = append(u, kv{"input_tokens_by_modality", arr{obj{{"modality", "text"}, {"tokens", 4}}, obj{{"modality", g.pick("image", "audio")}, {"tokens", g.rng.Intn(5000)}}}})
		}
		if g.chance(4) {
			u = append(u, kv{"grounding_tool_count", arr{obj{{"type", "google_search"}, {"count", 2}}}})
		}
		return dressed(g.rng, shuffled(g.rng, u))
	}
	id := g.id("int_")
	status := g.pick("completed", "completed", "requires_action", "incomplete", "cancelled", "failed")
	whole := func() obj {
		o := obj{{"id", id}, {"model", model}, {"status", status}, {"object", "interaction"}}
		if !g.chance(6) {
			o = append(o, kv{"usage", usage()})
		}
		return o
	}
	if g.chance(3) {
		x.contentType = "application/json"
		o := whole()
		if g.chance(2) {
			o = append(o, kv{"steps", arr{obj{{"type", "function_call"}, {"name", g.toolName()}}, obj{{"type", "model_output"}, {"name", "not-this"}}}})
		}
		x.body = newStyle(g.rng).text(shuffled(g.rng, o))
		return
	}
	x.contentType = "text/event-stream"
	e := newEventStream(g.rng)
	event := func(name string, more ...kv) {
		e.object(name, dressed(g.rng, append(obj{{"event_type", name}}, more...)))
	}
	event("interaction.created", kv{"interaction", obj{{"id", id}, {"model", model}, {"status", "in_progress"}}})
	for i := 0; i < g.rng.Intn(4); i++ {
		event("step.start", kv{"index", i}, kv{"step", obj{{"type", g.pick("function_call", "model_output", "thought")}, {"name", g.toolName()}}})
		event("step.delta", kv{"index", i}, kv{"delta", obj{{"type", "text"}, {"text", prose(g.rng, 90)}}}, kv{"usage", obj{{"total_tokens", 1}}})
		event("step.stop", kv{"index", i})
	}
	if g.chance(8) {
		event("error", kv{"error", obj{{"code", "internal"}, {"message", prose(g.rng, 30)}}})
	} else {
		event("interaction.completed", kv{"interaction", whole()})
	}
	x.body, x.ends = e.b.String(), e.ends
}
