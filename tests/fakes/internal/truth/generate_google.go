package truth

import (
	"fmt"
	"math/rand"
	"strings"
)

var googleModels = []string{"gemini-3-flash", "gemini-3-pro-high", "gemini-3.1-pro-low", "claude-opus-4-6-thinking", "gpt-oss-120b-medium",
	"gemini-3.5-flash", "gemini-2.5-pro", "gemini-2.5-flash", "gemini-3.5-flash-extra-low", "Gemini-3.7-Flash", "gemini-3.1-flash-lite", "gemini-3-pro-image",
	"gemini-3.1-flash-live-preview", "gemini-pro-agent", "gemma-4-31b-it"}

// google invents a call of Code Assist, the Gemini API or Vertex.
func (g *generator) google(x *exchange) {
	x.isCall, x.f.wire, x.f.provider, x.method = true, "google", "google", "POST"
	model := g.model(googleModels...)
	mode := g.pick("sse", "sse", "sse", "array", "json", "json")
	method := "streamGenerateContent"
	if mode == "json" {
		method = "generateContent"
	}
	envelope := false
	asked := prose(g.rng, g.rng.Intn(2000))
	if g.chance(6) {
		asked += "Conversation ID: 01234567-89ab-cdef-0123-456789abcdef\n/brain/01234567-89ab-cdef-0123-456789abcdef/" // what a user writes ties nothing
	}
	contents := obj{{"contents", arr{obj{{"role", "user"}, {"parts", arr{obj{{"text", asked}}}}}}}}
	switch g.rng.Intn(6) {
	case 0, 1, 2:
		envelope = true
		x.f.api = "code_assist"
		x.f.host = g.pick("daily-cloudcode-pa.googleapis.com", "cloudcode-pa.googleapis.com")
		x.f.path = "/v1internal:" + method
		g.codeAssistRequest(x, model, contents)
	case 3:
		x.f.api, x.f.host = "generativelanguage", "generativelanguage.googleapis.com"
		kind := g.pick("models", "models", "tunedModels")
		written := model
		if g.chance(6) {
			written = strings.Replace(model, "-", "%2D", 1)
		}
		x.f.path = "/" + g.pick("v1beta", "v1", "v1alpha") + "/" + kind + "/" + written + ":" + method
		x.f.urlModel = model
	default:
		x.f.api = "vertex"
		x.f.host = g.pick("aiplatform.googleapis.com", "us-central1-aiplatform.googleapis.com", "aiplatform.eu.rep.googleapis.com")
		version := g.pick("v1", "v1beta1")
		switch g.rng.Intn(3) {
		case 0:
			x.f.path = "/" + version + "/publishers/google/models/" + model + ":" + method
		case 1:
			x.f.path = "/" + version + "/projects/p-1/locations/us-central1/endpoints/4711:" + method
			model = "4711"
		default:
			x.f.path = "/" + version + "/projects/p-1/locations/global/publishers/google/models/" + model + ":" + method
		}
		x.f.urlModel = model
	}
	if x.request == nil {
		x.request = []byte(newStyle(g.rng).text(dressed(g.rng, contents)))
	}
	if mode == "sse" {
		x.query = "alt=sse"
	}
	x.f.status = 200
	g.idField(x)
	if g.chance(8) {
		x.f.tierHeader = g.pick("standard", "flex", "PRIORITY")
		x.fields = append(x.fields, [2]string{"x-gemini-service-tier", x.f.tierHeader})
	}
	if envelope && g.chance(3) {
		x.f.traceHeader = g.id("trace-head-")
		x.fields = append(x.fields, [2]string{"x-cloudaicompanion-trace-id", x.f.traceHeader})
	}
	googleError := func(status int) any {
		e := obj{{"error", obj{{"code", status}, {"message", prose(g.rng, 60)}, {"status", g.pick("RESOURCE_EXHAUSTED", "UNAVAILABLE", secretWord("INTERNAL"))},
			{"details", arr{obj{{"@type", "type.googleapis.com/google.rpc.ErrorInfo"}, {"reason", secretWord("RATE_LIMIT_EXCEEDED")}}}}}}}
		if mode == "array" {
			return arr{e}
		}
		return e
	}
	if g.chance(12) {
		g.refuse(x, googleError)
		return
	}
	g.googleAnswer(x, mode, model, envelope, googleError)
}

func (g *generator) codeAssistRequest(x *exchange, model string, contents obj) {
	which := g.rng.Intn(cascades)
	ids := rand.New(rand.NewSource(g.seed*1000 + int64(which)))
	cascade, trajectory := g.uuid(ids), g.uuid(ids)
	step := 2 + 2*g.rng.Intn(400)
	inner := append(contents, kv{"sessionId", "-3750763034362895579"})
	labels := obj{{"model_enum", "MODEL_PLACEHOLDER_M8"}, {"used_claude", "false"}}
	top := obj{{"project", "fake-project"}, {"userAgent", "antigravity"}}
	if !g.chance(12) {
		top = append(top, kv{"model", model})
		x.f.requestModel = model
	}
	switch g.rng.Intn(8) {
	case 0: // no ids
	case 1:
		x.f.requestID, x.f.requestType = "agent-"+g.uuid(g.rng), "agent"
	case 2:
		x.f.requestID, x.f.requestType = fmt.Sprintf("checkpoint/%s", g.uuid(g.rng)), "checkpoint"
		if g.chance(2) {
			x.f.labelTrajectory, x.f.labelLastStep = trajectory, fmt.Sprint(step-1)
		}
	default:
		x.f.requestID = fmt.Sprintf("agent/%s/%d/%s/%d", cascade, 1795000000000+int64(g.index)*64+int64(g.n), trajectory, step)
		x.f.requestType = "agent"
		labels = append(labels, kv{"trajectory_id", trajectory}, kv{"last_step_index", fmt.Sprint(step - 1)})
	}
	if x.f.labelTrajectory != "" {
		labels = append(labels, kv{"trajectory_id", trajectory}, kv{"last_step_index", fmt.Sprint(step - 1)})
	}
	if g.chance(3) {
		prompt := prose(g.rng, 200)
		switch g.rng.Intn(3) {
		case 0:
			prompt += "\n<user_information>\nApp Data Directory: /home/u/.gemini\nConversation ID: " + cascade + "\n</user_information>\n"
			x.f.promptCascade, x.f.promptEvidence = cascade, "conversation_id"
			if g.chance(2) {
				prompt += "see /home/u/.gemini/antigravity/brain/" + g.uuid(g.rng) + "/task.md"
			}
		case 1:
			prompt += "artifacts are in /home/u/.gemini/antigravity/brain/" + cascade + "/ and nowhere else"
			x.f.promptCascade, x.f.promptEvidence = cascade, "brain_path"
		}
		inner = append(inner, kv{"systemInstruction", shuffled(g.rng, obj{{"role", "user"}, {"parts", arr{obj{{"text", prompt + prose(g.rng, 500)}}}}})})
	}
	inner = append(inner, kv{"labels", shuffled(g.rng, labels)})
	top = append(top, kv{"request", shuffled(g.rng, inner)})
	if x.f.requestID != "" {
		top = append(top, kv{"requestId", x.f.requestID})
	}
	if x.f.requestType != "" {
		top = append(top, kv{"requestType", x.f.requestType})
	}
	x.request = []byte(newStyle(g.rng).text(shuffled(g.rng, top)))
}

func (g *generator) googleAnswer(x *exchange, mode, model string, envelope bool, fault func(int) any) {
	var (
		prompt, toolUse = g.tokens(), uint64(0)
		cached          = g.part(prompt)
		thoughts        = g.part(g.tokens())
		candidates      = g.tokens()
		events          = 1 + g.rng.Intn(8)
		pattern         = g.pick("every", "some", "last", "after", "none", "shrinks")
		responseID      = g.id("r-")
		named           = g.pick(model, model, "models/"+model, longName(model+"-002"), "", "-")
		bad             = g.chance(25)
		traffic         = g.pick("", "", "ON_DEMAND", "PROVISIONED_THROUGHPUT", "ON_DEMAND_FLEX", "ON_DEMAND_PRIORITY")
		finish          = g.pick("STOP", "STOP", "STOP", "MAX_TOKENS", "SAFETY", "CONTINUATION", secretWord("MALFORMED_FUNCTION_CALL"), "RECITATION", "IMAGE_OTHER", "-")
		list            []any
	)
	if g.chance(4) {
		toolUse = g.tokens() / 10
	}
	if mode == "json" {
		events, pattern = 1, g.pick("last", "last", "last", "none")
	}
	for i := 0; i < events; i++ {
		last := i == events-1
		parts := arr{}
		for n := g.rng.Intn(3); n > 0; n-- {
			switch g.rng.Intn(4) {
			case 0:
				parts = append(parts, dressed(g.rng, obj{{"text", prose(g.rng, 80)}, {"thought", true}}))
			case 1:
				parts = append(parts, obj{{"functionCall", shuffled(g.rng, obj{{"name", g.toolName()}, {"args", obj{{"name", "not-a-tool"}, {"usageMetadata", obj{{"promptTokenCount", 1}}}}}})}, {"thoughtSignature", "c2ln"}})
			default:
				parts = append(parts, obj{{"text", prose(g.rng, g.rng.Intn(400))}})
			}
		}
		candidate := obj{{"content", shuffled(g.rng, obj{{"role", "model"}, {"parts", parts}})}, {"index", 0}}
		if last && finish != "-" {
			candidate = append(candidate, kv{"finishReason", finish})
		} else if g.chance(8) {
			candidate = append(candidate, kv{"finishReason", g.pick("FINISH_REASON_UNSPECIFIED", "")})
		}
		choices := arr{shuffled(g.rng, candidate)}
		if g.chance(10) {
			choices = append(choices, obj{{"index", 1}, {"content", obj{{"parts", arr{obj{{"text", "second"}}}}}}})
		}
		r := obj{{"candidates", choices}}
		if last && g.chance(20) {
			r = obj{{"promptFeedback", obj{{"blockReason", g.pick("SAFETY", "OTHER", "PROHIBITED_CONTENT", "JAILBREAK")}}}}
		}
		if named != "-" && !g.chance(6) {
			r = append(r, kv{"modelVersion", named})
		}
		if !g.chance(6) {
			r = append(r, kv{"responseId", g.pick(responseID, responseID, responseID, "")})
		}
		share := func(n uint64) uint64 {
			if last {
				return n
			}
			return n * uint64(i+1) / uint64(events)
		}
		if pattern == "every" || pattern == "shrinks" || (pattern == "last" && last) || (pattern == "after" && last) || (pattern == "some" && g.chance(2)) {
			p := prompt
			if pattern == "shrinks" && !last {
				p += 100
			}
			u := obj{}
			add := func(name string, n uint64) {
				if n == 0 && g.chance(2) || !last && g.chance(5) || g.chance(60) {
					return
				}
				switch {
				case g.chance(30):
					u = append(u, kv{name, nil})
				case bad && g.chance(3):
					u = append(u, kv{name, badNumber(g.rng)})
				default:
					u = append(u, kv{name, number(g.rng, n)})
				}
			}
			add("promptTokenCount", p)
			add("cachedContentTokenCount", cached)
			add("candidatesTokenCount", share(candidates))
			add("thoughtsTokenCount", share(thoughts))
			add("toolUsePromptTokenCount", toolUse)
			total := p + toolUse + share(candidates) + share(thoughts)
			if g.chance(8) {
				total -= share(thoughts)
			}
			add("totalTokenCount", total)
			for _, name := range googleLists {
				if g.chance(2) {
					u = append(u, kv{name, g.modalities()})
				}
			}
			if traffic != "" {
				u = append(u, kv{"trafficType", traffic})
			}
			if g.chance(8) {
				u = append(u, kv{"serviceTier", g.pick("standard", "FLEX", "priority")})
			}
			r = append(r, kv{"usageMetadata", dressed(g.rng, shuffled(g.rng, u))})
		} else if g.chance(12) {
			r = append(r, kv{"usageMetadata", nil})
		} else if traffic != "" && g.chance(6) {
			r = append(r, kv{"usageMetadata", obj{{"trafficType", traffic}}})
		}
		r = dressed(g.rng, shuffled(g.rng, r))
		if envelope {
			e := obj{{"response", r}, {"metadata", obj{}}}
			if !g.chance(4) {
				e = append(e, kv{"traceId", g.id("trace-")})
			}
			if g.chance(8) {
				e = append(e, kv{"consumedCredits", arr{obj{{"creditType", "GOOGLE_ONE_AI"}, {"creditAmount", fmt.Sprint(g.rng.Intn(9))}}}},
					kv{"remainingCredits", arr{obj{{"creditAmount", "1000"}}}})
			}
			list = append(list, dressed(g.rng, shuffled(g.rng, e)))
		} else {
			list = append(list, r)
		}
		if pattern == "after" && last && mode != "json" {
			// Usage comes in an event of its own behind the finish.
			tail := obj{{"usageMetadata", obj{{"promptTokenCount", prompt}, {"candidatesTokenCount", candidates}}}}
			if envelope {
				tail = obj{{"response", tail}}
			}
			list = append(list, tail)
		}
		if g.chance(10) && mode != "json" && !envelope {
			list = append(list, list[len(list)-1]) // the same event again
		}
	}
	failure := ""
	if mode != "json" && g.chance(10) {
		failure = g.pick("event", "tail")
		if mode == "array" {
			failure = "event"
		}
		list = list[:g.rng.Intn(len(list)+1)]
	}
	switch mode {
	case "json":
		x.contentType = g.pick("application/json; charset=UTF-8", "application/json")
		x.body = newStyle(g.rng).text(list[0]) + g.pick("", "\n")
		if g.chance(30) {
			x.body = g.pick("", "{}", "<html></html>", "{\"candidates\":")
		}
	case "array":
		x.contentType = "application/json"
		var b strings.Builder
		b.WriteString("[")
		if failure != "" {
			e := fault(503).(arr)[0]
			list = append(list, e)
		}
		separator := g.pick(",\r\n", ",\n", ",", "\n,\n")
		for i, v := range list {
			if i > 0 {
				b.WriteString(separator)
			}
			b.WriteString(newStyle(g.rng).text(v))
			x.ends = append(x.ends, b.Len())
		}
		b.WriteString(g.pick("]", "\n]\n", "]\r\n"))
		x.body = b.String()
	default:
		x.contentType = g.pick("text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream")
		e := newEventStream(g.rng)
		for _, v := range list {
			if g.chance(20) {
				e.event("", g.pick("42", `"message"`, `{"candidates":`, "[]", strings.Repeat("[", 600)+strings.Repeat("]", 600), `{"a":`+strings.Repeat("[", 700)+strings.Repeat("]", 700)+"}"))
			}
			e.object("", v)
		}
		switch failure {
		case "event":
			e.object("", fault(503))
		case "tail":
			s := newStyle(g.rng)
			s.pretty = true
			for _, line := range strings.Split(s.text(fault(503)), "\n") {
				e.line(line)
			}
			if g.chance(2) {
				e.line("")
			}
			e.ends = append(e.ends, e.b.Len())
		}
		x.body, x.ends = e.b.String(), e.ends
		if g.chance(12) && failure == "" {
			x.body = strings.TrimRight(x.body, "\r\n") // the last event is not ended
			x.ends[len(x.ends)-1] = len(x.body)
		}
	}
}

func (g *generator) modalities() any {
	out := arr{}
	for n := g.rng.Intn(4); n > 0; n-- {
		out = append(out, obj{{"modality", g.pick(secretWord("TEXT"), "IMAGE", "AUDIO", "AUDIO", "VIDEO", "DOCUMENT", "MODALITY_UNSPECIFIED")}, {"tokenCount", g.rng.Intn(5000)}})
	}
	return out
}
