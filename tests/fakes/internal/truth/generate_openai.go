package truth

import (
	"fmt"
	"strings"
)

var openAIModels = []string{"gpt-5.1-2025-11-13", "gpt-5.3-codex", "gpt-5.4-mini", "gpt-5.6-sol", "o4-mini", "o4-mini", "gpt-5.4", "gpt-6-sol", "gpt-5-mini",
	"gpt-4o-mini", "GPT-5.1-20251113", "gpt-realtime", "gpt-image-1.5", "gpt-transcribe"}

func (g *generator) openAIFields(x *exchange, model string) {
	x.method = "POST"
	x.f.status = 200
	x.f.requestModel = model
	body := obj{{"model", model}, {"stream", true}, {"metadata", obj{{"requestId", "not-this"}}}, {"messages", arr{obj{{"role", "user"}, {"content", prose(g.rng, g.rng.Intn(1500))}}}}}
	x.request = []byte(newStyle(g.rng).text(dressed(g.rng, shuffled(g.rng, body))))
	g.idField(x)
}

func openAIError(g *generator) func(int) any {
	return func(int) any {
		return obj{{"error", obj{{"message", prose(g.rng, 80)}, {"type", g.pick("invalid_request_error", "tokens", secretWord("server_error"))}, {"param", nil},
			{"code", []any{"rate_limit_exceeded", "insufficient_quota", nil, 400}[g.rng.Intn(4)]}}}}
	}
}

// take adds a counter to a usage object, as a server would: or not, or null, or badly.
func (g *generator) take(u *obj, bad bool, name string, n uint64) {
	switch {
	case g.chance(40):
	case g.chance(30):
		*u = append(*u, kv{name, nil})
	case bad && g.chance(3):
		*u = append(*u, kv{name, badNumber(g.rng)})
	default:
		*u = append(*u, kv{name, number(g.rng, n)})
	}
}

// chat invents a call of Chat Completions, or of the legacy completions.
func (g *generator) chat(x *exchange) {
	x.isCall, x.f.wire, x.f.api = true, "chat", "chat_completions"
	model := g.model(openAIModels...)
	object, everyChunk := "chat.completion", g.chance(6)
	switch g.rng.Intn(6) {
	case 0:
		x.f.provider, x.f.host, x.f.path = "google", "generativelanguage.googleapis.com", "/v1beta/openai/chat/completions"
		model, everyChunk = "gemini-3-flash", true
	case 1:
		x.f.provider, x.f.host = "google", g.pick("aiplatform.googleapis.com", "us-central1-aiplatform.googleapis.com")
		x.f.path = "/v1/projects/p/locations/global/endpoints/openapi/chat/completions"
		model = "meta/llama-4-maverick"
	case 2:
		x.f.provider, x.f.host = "azure", "truth.openai.azure.com"
		x.f.urlModel = g.pick("my-deployment", "gpt-5-prod")
		x.f.path = "/openai/deployments/" + x.f.urlModel + "/chat/completions"
		x.query = "api-version=2026-01-01"
	case 3:
		x.f.provider, x.f.host, x.f.path, x.f.wire = "openai", "api.openai.com", "/v1/completions", "completions"
		object = "text_completion"
	default:
		x.f.provider, x.f.host, x.f.path = "openai", "api.openai.com", "/v1/chat/completions"
	}
	g.openAIFields(x, model)
	if g.chance(12) {
		g.refuse(x, openAIError(g))
		return
	}
	var (
		id      = g.id("chatcmpl-")
		prompt  = g.tokens()
		output  = g.tokens()
		bad     = g.chance(25)
		finish  = g.pick("stop", "stop", "length", "tool_calls", "content_filter", "function_call", secretWord("weird_word"), "-")
		stream  = g.chance(3) == false
		include = !g.chance(4)
		cached  = g.part(prompt)
		reason  = g.part(output)
	)
	usage := func(share uint64) any {
		u := obj{}
		g.take(&u, bad, "prompt_tokens", prompt)
		g.take(&u, bad, "completion_tokens", share)
		total := prompt + share
		if g.chance(12) {
			total++
		}
		g.take(&u, bad, "total_tokens", total)
		if g.chance(2) {
			d := obj{}
			g.take(&d, bad, "cached_tokens", cached)
			if g.chance(4) {
				g.take(&d, bad, "cache_write_tokens", g.part(prompt)/4)
			}
			for _, name := range []string{"audio_tokens", "text_tokens", "image_tokens"} {
				if g.chance(4) {
					g.take(&d, bad, name, g.part(prompt))
				}
			}
			u = append(u, kv{"prompt_tokens_details", dressed(g.rng, d)})
		} else if g.chance(6) {
			u = append(u, kv{"prompt_tokens_details", nil})
		}
		if g.chance(2) {
			d := obj{}
			g.take(&d, bad, "reasoning_tokens", reason)
			for _, name := range []string{"audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"} {
				if g.chance(4) {
					g.take(&d, bad, name, g.part(output))
				}
			}
			u = append(u, kv{"completion_tokens_details", shuffled(g.rng, d)})
		}
		return dressed(g.rng, shuffled(g.rng, u))
	}
	named := g.pick(model, model, "", "-")
	base := func(kind string) obj {
		o := obj{{"id", id}, {"object", kind}, {"created", 1795000000}}
		if named != "-" {
			o = append(o, kv{"model", named})
		}
		if g.chance(5) {
			o = append(o, kv{"service_tier", g.pick("default", "flex", "priority", "priority")})
		}
		return o
	}
	if !stream {
		choices := arr{}
		for i := 0; i < 1+g.rng.Intn(2); i++ {
			message := obj{{"role", "assistant"}, {"content", prose(g.rng, 300)}}
			if g.chance(3) {
				message = append(message, kv{"tool_calls", arr{obj{{"id", "call_1"}, {"type", "function"}, {"function", obj{{"name", g.toolName()}, {"arguments", lookAlike}}}},
					obj{{"id", "call_2"}, {"type", "function"}, {"function", obj{{"name", g.toolName()}, {"arguments", "{}"}}}}}})
			}
			c := obj{{"index", i}, {"message", message}}
			if object == "text_completion" {
				c = obj{{"index", i}, {"text", prose(g.rng, 200)}}
			}
			if finish != "-" {
				c = append(c, kv{"finish_reason", finish})
			}
			choices = append(choices, c)
		}
		o := append(base(object), kv{"choices", choices})
		if include {
			o = append(o, kv{"usage", usage(output)})
		} else if g.chance(2) {
			o = append(o, kv{"usage", nil})
		}
		x.contentType = "application/json"
		x.body = newStyle(g.rng).text(dressed(g.rng, shuffled(g.rng, o)))
		if finish == "-" {
			// A whole body without a reason to finish is not defined; such a one is not made.
			x.body = strings.Replace(x.body, "finish_reason", "finish_reason", 1)
			x.body = newStyle(g.rng).text(openAIError(g)(0))
		}
		return
	}
	chunk := object
	if object == "chat.completion" {
		chunk = "chat.completion.chunk"
	}
	x.contentType = g.pick("text/event-stream", "text/event-stream; charset=utf-8")
	e := newEventStream(g.rng)
	if x.f.provider == "azure" && g.chance(2) {
		e.object("", obj{{"id", ""}, {"object", ""}, {"model", ""}, {"choices", arr{}}, {"prompt_filter_results", arr{}}})
	}
	n := 1 + g.rng.Intn(8)
	for i := 0; i < n; i++ {
		if g.chance(16) {
			e.object("", obj{{"object", "gateway.note"}, {"usage", obj{{"prompt_tokens", 1}, {"completion_tokens", 1}}}})
		}
		if g.chance(25) {
			e.event("", g.pick("42", `"[DONE]"`, `{"id":`))
		}
		delta := obj{{"content", prose(g.rng, g.rng.Intn(60))}}
		if g.chance(4) {
			delta = obj{{"tool_calls", arr{obj{{"index", 0}, {"id", "call_1"}, {"function", obj{{"name", g.toolName()}, {"arguments", ""}}}}}}}
		} else if g.chance(4) {
			delta = obj{{"tool_calls", arr{obj{{"index", 0}, {"function", obj{{"arguments", "{\"usage\":{\"prompt_tokens\":9"}}}}}}}
		} else if g.chance(12) {
			delta = obj{{"function_call", obj{{"name", g.toolName()}, {"arguments", ""}}}}
		}
		c := obj{{"index", g.rng.Intn(2)}, {"delta", delta}, {"finish_reason", nil}}
		if object == "text_completion" {
			c = obj{{"index", 0}, {"text", prose(g.rng, 40)}, {"finish_reason", nil}}
		}
		o := append(base(chunk), kv{"choices", arr{shuffled(g.rng, c)}})
		if everyChunk {
			o = append(o, kv{"usage", usage(output * uint64(i+1) / uint64(n+1))})
		} else if include {
			o = append(o, kv{"usage", nil})
		}
		e.object("", dressed(g.rng, shuffled(g.rng, o)))
	}
	if g.chance(12) {
		e.object("", openAIError(g)(0))
		if g.chance(2) {
			e.event("", "[DONE]")
		}
		x.body, x.ends = e.b.String(), e.ends
		return
	}
	if finish != "-" {
		o := append(base(chunk), kv{"choices", arr{obj{{"index", 0}, {"delta", obj{}}, {"finish_reason", finish}}}})
		if everyChunk || g.chance(6) {
			o = append(o, kv{"usage", usage(output)})
		}
		e.object("", o)
	}
	if include && !everyChunk {
		e.object("", append(base(chunk), kv{"choices", arr{}}, kv{"usage", usage(output)}))
	}
	if !g.chance(6) {
		e.event("", "[DONE]")
	}
	x.body, x.ends = e.b.String(), e.ends
	if g.chance(15) {
		x.body = strings.TrimRight(x.body, "\r\n")
		x.ends[len(x.ends)-1] = len(x.body)
	}
}

// responseUsage is the usage object of Responses.
func (g *generator) responseUsage(bad bool) any {
	input, output := g.tokens(), g.tokens()
	u := obj{}
	g.take(&u, bad, "input_tokens", input)
	g.take(&u, bad, "output_tokens", output)
	total := input + output
	if g.chance(12) {
		total += 7
	}
	g.take(&u, bad, "total_tokens", total)
	if !g.chance(4) {
		d := obj{}
		g.take(&d, bad, "cached_tokens", g.part(input))
		if g.chance(2) {
			w := g.part(input) / 3
			g.take(&d, bad, "cache_write_tokens", w)
			if g.chance(2) {
				t := obj{}
				short := g.part(w)
				g.take(&t, bad, "ttl_30m_tokens", short)
				if short <= w {
					g.take(&t, bad, "ttl_12h_tokens", w-short)
				}
				d = append(d, kv{"cache_write_tokens_details", t})
			}
		}
		u = append(u, kv{"input_tokens_details", shuffled(g.rng, d)})
	}
	if !g.chance(4) {
		d := obj{}
		g.take(&d, bad, "reasoning_tokens", g.part(output))
		u = append(u, kv{"output_tokens_details", dressed(g.rng, d)})
	}
	return dressed(g.rng, shuffled(g.rng, u))
}

// response invents the events of one response, by name.
func (g *generator) response(model string) (names []string, events []any) {
	add := func(name string, more ...kv) {
		o := append(obj{{"type", name}, {"sequence_number", len(names)}}, more...)
		names = append(names, name)
		events = append(events, dressed(g.rng, o))
	}
	id := g.id("resp_")
	base := func(status string) obj {
		o := obj{{"id", id}, {"object", "response"}, {"status", status}, {"model", model}}
		if g.chance(3) {
			o = append(o, kv{"service_tier", g.pick("default", "flex", "priority", "priority", secretWord("auto"))})
		}
		return o
	}
	if !g.chance(15) {
		add("response.created", kv{"response", append(base("in_progress"), kv{"output", arr{}}, kv{"usage", nil})})
	}
	if g.chance(3) {
		add("response.in_progress", kv{"response", append(base("in_progress"), kv{"usage", obj{{"input_tokens", 5}}})})
	}
	var output arr
	for i := 0; i < g.rng.Intn(5); i++ {
		item := obj{{"type", "message"}, {"id", fmt.Sprintf("msg_%d", i)}, {"content", arr{obj{{"type", "output_text"}, {"text", prose(g.rng, 60)}}}}}
		switch g.rng.Intn(4) {
		case 0:
			item = obj{{"type", g.pick("function_call", "custom_tool_call")}, {"id", fmt.Sprintf("fc_%d", i)}, {"call_id", "c"}, {"name", g.toolName()}, {"arguments", lookAlike}}
		case 1:
			item = obj{{"type", g.pick("web_search_call", "file_search_call", "code_interpreter_call", "mcp_call", "image_generation_call", "computer_call")},
				{"id", fmt.Sprintf("ws_%d", i)}, {"status", "completed"}}
		}
		item = shuffled(g.rng, item)
		add("response.output_item.added", kv{"output_index", i}, kv{"item", item})
		for n := g.rng.Intn(4); n > 0; n-- {
			add(g.pick("response.output_text.delta", "response.function_call_arguments.delta", "response.reasoning_summary_text.delta"),
				kv{"delta", prose(g.rng, 100)}, kv{"usage", obj{{"input_tokens", 1}}})
		}
		add("response.output_item.done", kv{"output_index", i}, kv{"item", item})
		output = append(output, item)
	}
	if g.chance(12) {
		if g.chance(2) {
			add("error", kv{"code", g.pick("server_error", "rate_limit_exceeded")}, kv{"message", prose(g.rng, 50)}, kv{"param", nil})
		} else {
			add("error", kv{"status", 429}, kv{"error", obj{{"type", "invalid_request_error"}, {"code", "rate_limit_exceeded"}, {"message", prose(g.rng, 50)}}})
		}
		return names, events
	}
	kind := g.pick("completed", "completed", "completed", "incomplete", "failed")
	last := append(base(kind), kv{"output", output})
	if !g.chance(6) {
		last = append(last, kv{"usage", g.responseUsage(g.chance(25))})
	} else if g.chance(2) {
		last = append(last, kv{"usage", nil})
	}
	switch kind {
	case "incomplete":
		last = append(last, kv{"incomplete_details", obj{{"reason", g.pick("max_output_tokens", "max_messages", "content_filter", "steered", secretWord("new_reason"))}}})
	case "failed":
		last = append(last, kv{"error", obj{{"code", g.pick("server_error", "rate_limit_exceeded")}, {"message", prose(g.rng, 60)}}})
	case "completed":
		if g.chance(2) {
			last = append(last, kv{"error", nil}, kv{"incomplete_details", nil})
		}
	}
	add("response."+kind, kv{"response", dressed(g.rng, shuffled(g.rng, last))})
	return names, events
}

// responses invents a call of the Responses API.
func (g *generator) responses(x *exchange) {
	x.isCall, x.f.wire, x.f.api, x.f.provider = true, "responses", "responses", "openai"
	model := g.model(openAIModels...)
	compact := false
	switch g.rng.Intn(6) {
	case 0:
		x.f.provider, x.f.host, x.f.path = "azure", "truth.openai.azure.com", g.pick("/openai/v1/responses", "/openai/responses")
		x.query = "api-version=preview"
	case 1:
		x.f.host, x.f.path = "chatgpt.com", "/backend-api/codex/responses"
	case 2:
		x.f.host, x.f.path, compact = "api.openai.com", "/v1/responses/compact", true
	default:
		x.f.host, x.f.path = "api.openai.com", "/v1/responses"
	}
	g.openAIFields(x, model)
	if g.chance(12) {
		g.refuse(x, openAIError(g))
		return
	}
	if compact || g.chance(4) {
		x.contentType = "application/json"
		o := obj{{"id", g.id("resp_")}}
		switch {
		case compact:
			o = append(o, kv{"object", "response.compaction"}, kv{"output", arr{}}, kv{"usage", g.responseUsage(false)})
		case g.chance(6):
			o = append(o, kv{"object", "response"}, kv{"status", "queued"}, kv{"background", true}, kv{"model", model}, kv{"output", arr{}}, kv{"usage", nil})
		default:
			_, events := g.response(model)
			inner := events[len(events)-1].(obj)
			for _, f := range inner {
				if f.k == "response" {
					o = f.v.(obj)
				} else if f.k == "error" || f.k == "code" {
					o = openAIError(g)(0).(obj)
				}
			}
		}
		x.body = newStyle(g.rng).text(o) + g.pick("", "\n")
		return
	}
	x.contentType = g.pick("text/event-stream", "text/event-stream; charset=utf-8")
	e := newEventStream(g.rng)
	names, events := g.response(model)
	for i, v := range events {
		if g.chance(20) {
			e.event(g.pick("", names[i], "response.output_text.delta"), g.pick("42", `"message"`, `{"type":"response.completed",`))
		}
		e.object(names[i], v)
		if g.chance(12) {
			e.object(names[i], v)
		}
	}
	x.body, x.ends = e.b.String(), e.ends
	if g.chance(12) {
		x.body = strings.TrimRight(x.body, "\r\n")
		x.ends[len(x.ends)-1] = len(x.body)
	}
}
