package truth

import "strings"

var googleCounts = []string{"promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount", "thoughtsTokenCount",
	"toolUsePromptTokenCount", "totalTokenCount", "initialPromptTokenCount"}

var googleLists = []string{"promptTokensDetails", "cacheTokensDetails", "candidatesTokensDetails", "toolUsePromptTokensDetails"}

type googleReader struct {
	s             *seen
	counts        counter
	lists         map[string]map[string]uint64
	finish, block string
	tier, traffic string
	queries       int
	hasCredits    bool
	credits       uint64
}

func (g *googleReader) done(data string) bool { return false }
func (g *googleReader) whole()                { g.s.ended = true }

func (g *googleReader) event(_ string, o object) {
	if id := text(o["traceId"]); id != "" {
		g.s.record.TraceID = pointer(clip(id, 256))
	}
	for _, credit := range list(o["consumedCredits"]) {
		n, present, bad := count(at(credit, "creditAmount"))
		g.counts.bad = g.counts.bad || bad
		if present {
			g.hasCredits = true
			g.credits += n
		}
	}
	g.s.err(errorOf(o["error"]))
	r := o
	if inner, ok := o["response"].(object); ok {
		r = inner
		g.s.err(errorOf(r["error"]))
	}
	g.s.model(text(r["modelVersion"]))
	g.s.responseID(text(r["responseId"]))
	for _, candidate := range list(r["candidates"]) {
		if reason := text(at(candidate, "finishReason")); reason != "" && reason != "FINISH_REASON_UNSPECIFIED" {
			g.finish = word(reason)
		}
		if l, ok := at(candidate, "groundingMetadata", "webSearchQueries").([]any); ok {
			g.queries = len(l)
		}
		for _, part := range list(at(candidate, "content", "parts")) {
			g.s.tool(text(at(part, "functionCall", "name")))
		}
	}
	if reason := text(at(r, "promptFeedback", "blockReason")); reason != "" && !strings.HasSuffix(reason, "_UNSPECIFIED") {
		g.block = word(reason)
	}
	if usage, ok := r["usageMetadata"].(object); ok {
		g.usage(usage)
	}
}

func (g *googleReader) usage(u object) {
	g.s.hasUsage = true
	for _, name := range googleCounts {
		g.counts.take(name, u[name])
	}
	for _, name := range googleLists {
		g.counts.takeList(&g.lists, u[name], name, "modality", "tokenCount")
	}
	if t := text(u["serviceTier"]); t != "" {
		g.tier = strings.ToLower(word(t))
	}
	if t := text(u["trafficType"]); t != "" {
		g.traffic = strings.ToLower(word(t))
	}
}

func (g *googleReader) end() {
	r := g.s.record
	if g.tier != "" {
		r.ServiceTier = &g.tier
	} else if g.traffic != "" {
		r.ServiceTier = &g.traffic
	}
	if g.hasCredits {
		r.Credits = &g.credits
	}
	switch {
	case g.finish != "":
		r.FinishRaw, r.Finish, g.s.ended = &g.finish, pointer(googleFinish(g.finish, len(g.s.tools) > 0)), true
	case g.block != "":
		r.FinishRaw, r.Finish, g.s.ended = &g.block, pointer("content_filter"), true
	}
	if g.queries > 0 {
		r.ServerTools = map[string]uint64{"web_search": uint64(g.queries)}
	}
	if g.counts.bad {
		g.s.flag("bad_number")
	}
	if !g.s.hasUsage {
		return
	}
	n := g.counts.get
	u := &Usage{ToolUsePrompt: n("toolUsePromptTokenCount"), CachedInput: n("cachedContentTokenCount"),
		Reasoning: pointer(n("thoughtsTokenCount")), ReportedTotal: g.counts.maybe("totalTokenCount")}
	u.InputTotal = n("promptTokenCount") + u.ToolUsePrompt
	u.OutputTotal = n("candidatesTokenCount") + n("thoughtsTokenCount")
	u.InputByModality = filled(g.lists["promptTokensDetails"], g.lists["toolUsePromptTokensDetails"])
	u.OutputByModality = filled(g.lists["candidatesTokensDetails"])
	u.CachedByModality = filled(g.lists["cacheTokensDetails"])
	r.Reported = reportedOf(g.counts, g.lists)
	g.s.settle(u)
}

// filled is the sum of lists; nil when there is nothing in them.
func filled(lists ...map[string]uint64) map[string]uint64 {
	var out map[string]uint64
	for _, l := range lists {
		for key, n := range l {
			if n == 0 {
				continue
			}
			if out == nil {
				out = map[string]uint64{}
			}
			out[strings.ToLower(key)] += n
		}
	}
	return out
}

func googleFinish(reason string, hasTools bool) string {
	switch reason {
	case "STOP":
		if hasTools {
			return "tool_use"
		}
		return "stop"
	case "MAX_TOKENS":
		return "length"
	case "CONTINUATION":
		return "pause"
	case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION":
		return "content_filter"
	}
	return "other"
}
