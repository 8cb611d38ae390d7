package upstream

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// responsesRequest is what is read of a request to /v1/responses, by POST or as a WebSocket message.
type responsesRequest struct {
	Type   string          `json:"type"`
	Model  string          `json:"model"`
	Input  json.RawMessage `json:"input"`
	Stream bool            `json:"stream"`
}

func isResponses(host, path string) bool {
	return host == "api.openai.com" && path == "/v1/responses"
}

// responsesAnswer makes the events of one response: their JSON, as SSE and WebSocket carry it.
func (x *exchange) responsesAnswer(req responsesRequest) (events []event, whole string, err error) {
	c := x.call
	c.ModelCall, c.RequestModel, c.Model = true, req.Model, req.Model
	prompt := string(req.Input)
	sc, err := scenarioOf(x.r.Header.Get("X-Fake-Scenario"), prompt)
	if err == nil && req.Model == "" {
		err = fmt.Errorf("model is required")
	}
	if err != nil {
		return nil, "", err
	}
	x.sc, c.Scenario = sc, sc.text
	a := newAnswer(req.Model, prompt, sc, c.nonce(sc))
	final := a.final
	// Responses has no tool-use prompt of its own, and its total is always the sum.
	final.ToolUse = 0
	final.Total = final.Prompt + final.Candidates + final.Thoughts
	id := "resp_" + c.nonce(sc)
	c.ResponseID = id
	response := func(status string, output []any, usage any) map[string]any {
		return map[string]any{"id": id, "object": "response", "status": status, "model": a.model,
			"output": output, "usage": usage, "service_tier": "default"}
	}
	add := func(kind string, more map[string]any) {
		more["type"], more["sequence_number"] = kind, len(events)
		out, _ := json.Marshal(more)
		events = append(events, event{json: string(out), kind: kind})
	}
	add("response.created", map[string]any{"response": response("in_progress", []any{}, nil)})
	for _, t := range a.texts {
		add("response.output_text.delta", map[string]any{"item_id": "msg_1", "output_index": 0, "delta": t})
	}
	usage := map[string]any{"input_tokens": final.Prompt,
		"input_tokens_details":  map[string]any{"cached_tokens": final.Cached},
		"output_tokens":         final.Candidates + final.Thoughts,
		"output_tokens_details": map[string]any{"reasoning_tokens": final.Thoughts},
		"total_tokens":          final.Total}
	output := []any{map[string]any{"type": "message", "id": "msg_1", "role": "assistant", "content": []any{
		map[string]any{"type": "output_text", "text": strings.Join(a.texts, "")}}}}
	status, kind := "completed", "response.completed"
	if sc.Has("max-tokens") {
		status, kind = "incomplete", "response.incomplete"
	}
	done := response(status, output, usage)
	if sc.Has("no-usage") {
		done["usage"] = nil
	}
	if sc.Has("max-tokens") {
		done["incomplete_details"] = map[string]any{"reason": "max_output_tokens"}
	}
	add(kind, map[string]any{"response": done})
	last := &events[len(events)-1]
	last.finish = true
	if !sc.Has("no-usage") {
		last.usage = &final
	}
	body, _ := json.Marshal(done)
	return events, string(body), nil
}

// responses answers POST /v1/responses.
func (x *exchange) responses(body []byte) {
	var req responsesRequest
	err := json.Unmarshal(body, &req)
	var events []event
	var whole string
	if err == nil {
		events, whole, err = x.responsesAnswer(req)
	}
	if err != nil {
		x.call.ModelCall = true
		x.plain(400, "application/json", fmt.Sprintf(`{"error":{"type":"invalid_request_error","message":%q}}`, err.Error()))
		return
	}
	x.call.Stream = req.Stream
	if !req.Stream {
		x.coded("application/json", func(w io.Writer, _ func() error) error {
			_, err := io.WriteString(w, whole)
			return err
		})
		x.note(events[len(events)-1])
		return
	}
	x.coded("text/event-stream; charset=utf-8", func(w io.Writer, push func() error) error {
		for i, ev := range events {
			if x.sc.Has("cut-midstream") && i >= int(x.sc.Int("after", 2)) {
				panic(http.ErrAbortHandler)
			}
			if _, err := io.WriteString(w, "event: "+ev.kind+"\ndata: "+ev.json+"\n\n"); err != nil {
				return err
			}
			if err := push(); err != nil {
				return err
			}
			x.note(ev)
		}
		return nil
	})
}

// coded writes a body through the content coding of the scenario.
func (x *exchange) coded(contentType string, write func(io.Writer, func() error) error) {
	h := x.w.Header()
	h.Set("Content-Type", contentType)
	var w io.Writer = x.sink
	push := func() error { x.flush(); return nil }
	var c coder
	if codings := x.sc.Param("coding"); codings != "" {
		var err error
		if c, err = newCoder(x.sink, codings); err != nil {
			x.plain(400, "text/plain", err.Error()+"\n")
			return
		}
		h.Set("Content-Encoding", codingHeader(codings))
		w = c
		push = func() error {
			err := c.Flush()
			x.flush()
			return err
		}
	}
	err := write(w, push)
	if err == nil && c != nil {
		err = c.Close()
	}
	if err != nil {
		x.call.ClientGone = true
		panic(http.ErrAbortHandler)
	}
}
