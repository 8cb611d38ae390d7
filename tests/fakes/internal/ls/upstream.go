package ls

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"antigravity-proxy/fakes/internal/uuid"
)

// client is what the model calls go through: no proxy from the environment (U37), Go's own trust,
// so SSL_CERT_FILE and SSL_CERT_DIR decide, and gzip asked for by hand as the real one does.
func (s *Server) client() *http.Client {
	t := &http.Transport{
		DialContext:           s.knobs.Resolve.Func(""),
		DisableCompression:    true,
		TLSHandshakeTimeout:   20 * time.Second,
		ResponseHeaderTimeout: 5 * time.Minute,
		TLSClientConfig:       &tls.Config{},
	}
	switch s.knobs.ALPN {
	case "none":
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	case "http/1.1":
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	default:
		t.ForceAttemptHTTP2 = true
	}
	return &http.Client{Transport: t}
}

type statusError struct {
	code  int
	body  string
	trace string
}

func (e *statusError) Error() string { return fmt.Sprintf("HTTP %d from the model", e.code) }

// reply is the answer of the model as it grows.
type reply struct {
	model      model
	messageID  string
	copyID     bool
	text       strings.Builder
	thinking   strings.Builder
	calls      []object
	finish     string
	version    string
	responseID string
	trace      string
	usage      map[string]int64
}

// modelUsage has the names of ModelUsageStats; 64-bit numbers are strings in proto3 JSON, and the
// input does not contain what was read from the cache.
func (r *reply) modelUsage() object {
	out := object{"model": r.model.enum, "apiProvider": "API_PROVIDER_GOOGLE_GEMINI", "messageId": r.messageID}
	number := func(key string, v int64) {
		if v != 0 {
			out[key] = fmt.Sprint(v)
		}
	}
	number("inputTokens", r.usage["promptTokenCount"]-r.usage["cachedContentTokenCount"])
	number("cacheReadTokens", r.usage["cachedContentTokenCount"])
	number("outputTokens", r.usage["candidatesTokenCount"]+r.usage["thoughtsTokenCount"])
	number("thinkingOutputTokens", r.usage["thoughtsTokenCount"])
	number("responseOutputTokens", r.usage["candidatesTokenCount"])
	if r.copyID && r.responseID != "" {
		out["responseId"] = r.responseID
	}
	return out
}

// agentRequest builds the envelope of ls-protocol 5.3 with the correlation keys of 5.4.
func (s *Server) agentRequest(c *cascade, t turn, index int, contents []any) object {
	seg2 := c.id
	if s.knobs.Seg2 == "random" {
		seg2 = uuid.New()
	}
	requestID := fmt.Sprintf("agent/%s/%d/%s/%d", seg2, time.Now().UnixMilli(), c.trajectory, index)
	switch s.knobs.RequestIDForm {
	case "agent-uuid":
		requestID = "agent-" + uuid.New()
	case "none":
		requestID = ""
	}
	system := "You are a test double.\n<user_information>\nApp Data Directory: " + s.dataDir + "\n"
	if s.knobs.ConversationID {
		system += "Conversation ID: " + c.id + "\n"
	}
	system += "</user_information>\n"
	if s.knobs.BrainPath {
		system += "Artifacts live in " + s.dataDir + "/brain/" + c.id + "\n"
	}
	inner := object{
		"contents":          contents,
		"systemInstruction": object{"role": "user", "parts": []any{object{"text": system}}},
		"tools": []any{object{"functionDeclarations": []any{object{"name": "run_command",
			"parameters": object{"type": "OBJECT"}}}}},
		"toolConfig": object{"functionCallingConfig": object{"mode": "VALIDATED"}},
		"generationConfig": object{"maxOutputTokens": 65536,
			"thinkingConfig": object{"includeThoughts": true, "thinkingBudget": -1}},
		"sessionId": s.session,
	}
	if s.knobs.Labels {
		labels := object{"trajectory_id": c.trajectory, "last_step_index": fmt.Sprint(index - 1),
			"model_enum": t.model.enum, "used_claude": fmt.Sprint(strings.HasPrefix(t.model.upstream, "claude")),
			"used_claude_conservative": "false"}
		c.mu.Lock()
		if c.lastExec != "" {
			labels["last_execution_id"] = c.lastExec
		}
		c.mu.Unlock()
		inner["labels"] = labels
	}
	return object{"project": "fake-project", "requestId": requestID, "request": inner,
		"model": t.model.upstream, "userAgent": "antigravity", "requestType": "agent"}
}

type unsized struct{ io.Reader }

func (s *Server) post(ctx context.Context, target string, body []byte, contentType string) (*http.Response, error) {
	var reader io.Reader = bytes.NewReader(body)
	if s.knobs.Framing == "chunked" {
		reader = unsized{reader}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, reader)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	token := s.token
	s.mu.Unlock()
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept-Encoding", "gzip")
	version := s.metadata["ide_version"]
	if version == "" {
		version = "unknown"
	}
	req.Header.Set("User-Agent", "antigravity/ide/"+version+" "+runtime.GOOS+"/"+runtime.GOARCH)
	return s.upstream.Do(req)
}

func (s *Server) method(name string) string {
	return strings.TrimSuffix(s.flags.Endpoint, "/") + "/v1internal:" + name
}

func plainBody(resp *http.Response) (io.Reader, error) {
	if resp.Header.Get("Content-Encoding") == "gzip" {
		return gzip.NewReader(resp.Body)
	}
	return resp.Body, nil
}

// generate makes one streaming call; grown is called after every event.
func (s *Server) generate(ctx context.Context, request object, r *reply, grown func()) error {
	if !s.knobs.Upstream {
		return fmt.Errorf("upstream calls are switched off")
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	resp, err := s.post(ctx, s.method("streamGenerateContent?alt=sse"), body, "application/json")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	r.trace = resp.Header.Get("X-Cloudaicompanion-Trace-Id")
	in, err := plainBody(resp)
	if err != nil {
		return err
	}
	if resp.StatusCode != 200 {
		text, _ := io.ReadAll(io.LimitReader(in, 64<<10))
		return &statusError{resp.StatusCode, string(text), r.trace}
	}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if data := strings.TrimPrefix(strings.TrimRight(line, "\r\n"), "data: "); data != "" && data != strings.TrimRight(line, "\r\n") {
			if err := r.event([]byte(data)); err != nil {
				return err
			}
			grown()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if r.finish == "" {
		return fmt.Errorf("stream ended without a finish reason")
	}
	return nil
}

func (r *reply) event(data []byte) error {
	var ev struct {
		Response struct {
			Candidates []struct {
				Content struct {
					Parts []struct {
						Text         string
						Thought      bool
						FunctionCall object
					}
				}
				FinishReason string
			}
			UsageMetadata map[string]json.RawMessage
			ModelVersion  string
			ResponseID    string
		}
		Error *struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal(data, &ev); err != nil {
		return fmt.Errorf("bad event: %v", err)
	}
	if ev.Error != nil {
		return fmt.Errorf("stream error %d: %s", ev.Error.Code, ev.Error.Message)
	}
	for _, c := range ev.Response.Candidates {
		for _, p := range c.Content.Parts {
			switch {
			case p.FunctionCall != nil:
				r.calls = append(r.calls, p.FunctionCall)
			case p.Thought:
				r.thinking.WriteString(p.Text)
			default:
				r.text.WriteString(p.Text)
			}
		}
		if c.FinishReason != "" {
			r.finish = c.FinishReason
		}
	}
	if ev.Response.ModelVersion != "" {
		r.version = ev.Response.ModelVersion
	}
	if ev.Response.ResponseID != "" {
		r.responseID = ev.Response.ResponseID
	}
	for key, raw := range ev.Response.UsageMetadata {
		var n int64
		if json.Unmarshal(raw, &n) == nil {
			if r.usage == nil {
				r.usage = map[string]int64{}
			}
			r.usage[key] = n
		}
	}
	return nil
}

// aux makes one call whose failure is only logged.
func (s *Server) aux(target string, body []byte, contentType string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	resp, err := s.post(ctx, target, body, contentType)
	if err != nil {
		s.logf("aux.go:44", "auxiliary call failed: %v", err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

func (s *Server) auxJSON(target string, v object) {
	body, _ := json.Marshal(v)
	s.aux(target, body, "application/json")
}

func (s *Server) afterLogin() {
	if !s.knobs.Aux || !s.knobs.Upstream {
		return
	}
	s.auxJSON(s.method("loadCodeAssist"), object{"metadata": object{"ideType": "ANTIGRAVITY"}})
	s.auxJSON(s.knobs.UnleashURL, object{"appName": "codeium-language-server"})
	s.mu.Lock()
	refresh := s.refresh
	s.mu.Unlock()
	if refresh != "" {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
		s.aux(s.knobs.TokenURL, []byte(form.Encode()), "application/x-www-form-urlencoded")
	}
}

func (s *Server) metrics(c *cascade, r *reply) {
	s.auxJSON(s.method("recordCodeAssistMetrics"), object{"project": "fake-project", "requestId": uuid.New(),
		"metadata": object{"ideType": "ANTIGRAVITY", "ideVersion": s.metadata["ide_version"], "platform": "LINUX_AMD64"},
		"metrics": []any{object{"timestamp": time.Now().UTC().Format(time.RFC3339Nano),
			"conversationOffered": object{"status": "ACTION_STATUS_NO_ERROR", "traceId": r.trace,
				"trajectoryId": c.trajectory, "isAgentic": true, "initiationMethod": "AGENT",
				"streamingLatency": object{"firstMessageLatency": "0.1s", "totalLatency": "0.3s"}}}}})
}

// checkpoint asks for a title of the conversation; such a request has no labels.
func (s *Server) checkpoint(c *cascade, t turn) {
	request := object{"project": "fake-project", "requestId": "checkpoint/" + uuid.New(),
		"request": object{"contents": []any{user("Give this conversation a title: " + clip(t.text, 200))},
			"generationConfig": object{"maxOutputTokens": 16384}, "sessionId": s.session},
		"model": t.model.upstream, "userAgent": "antigravity", "requestType": "checkpoint"}
	r := &reply{model: t.model, messageID: "bot-" + uuid.New()}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.generate(ctx, request, r, func() {}); err != nil {
		s.logf("checkpoint.go:77", "checkpoint failed: %v", err)
		return
	}
	st := step("CHECKPOINT", "DONE", "SYSTEM")
	title := clip(r.text.String(), 40)
	st["checkpoint"] = object{"userIntent": clip(t.text, 200), "conversationTitle": title}
	c.add(st)
	c.mu.Lock()
	c.summary = title
	c.mu.Unlock()
}
