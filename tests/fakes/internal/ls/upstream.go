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
	"os"
	"runtime"
	"strings"
	"time"

	"antigravity-proxy/fakes/internal/uuid"
)

// client is what calls go through: Go's own trust, so SSL_CERT_FILE and SSL_CERT_DIR decide, gzip asked
// for by hand as the real one does, and a proxy from the environment only when told so (U37).
func (s *Server) client(obeysProxy bool) *http.Client {
	t := &http.Transport{
		DialContext:           s.knobs.Resolve.Func(""),
		DisableCompression:    true,
		TLSHandshakeTimeout:   20 * time.Second,
		ResponseHeaderTimeout: 5 * time.Minute,
		TLSClientConfig:       &tls.Config{},
	}
	if proxy := os.Getenv("HTTPS_PROXY"); obeysProxy && proxy != "" {
		to, err := url.Parse(proxy)
		t.Proxy = func(*http.Request) (*url.URL, error) { return to, err }
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

// auxProxy says whether what is no model call obeys HTTPS_PROXY: by knob, or by field 34 of the
// metadata where that has an effect (U16).
func (s *Server) auxProxy() bool {
	return s.knobs.Proxy != "off" || (s.knobs.Field34 == "effective" && s.metadata["field_34"] == "1")
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
	} else if s.knobs.Seg2 == "parent" && c.parent != "" {
		seg2 = c.parent
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
		"generationConfig": object{"maxOutputTokens": t.maxOutput,
			"thinkingConfig": object{"includeThoughts": true, "thinkingBudget": -1}},
		"sessionId": s.session,
	}
	if s.knobs.Labels {
		inner["labels"] = s.labels(c, t, index)
	}
	return object{"project": "fake-project", "requestId": requestID, "request": inner,
		"model": t.model.upstream, "userAgent": "antigravity", "requestType": "agent"}
}

// labels of a request (U3); all values are strings.
func (s *Server) labels(c *cascade, t turn, index int) object {
	claude := fmt.Sprint(strings.HasPrefix(t.model.upstream, "claude"))
	all := object{"trajectory_id": c.trajectory, "last_step_index": fmt.Sprint(index - 1),
		"model_enum": t.model.enum, "used_claude": claude, "used_claude_conservative": "false",
		"request_id": fmt.Sprintf("%s-%d", c.trajectory, index), "used_non_gemini_model": fmt.Sprint(t.model.thirdParty())}
	c.mu.Lock()
	if c.lastExec != "" {
		all["last_execution_id"] = c.lastExec
	}
	c.mu.Unlock()
	out := object{}
	for _, name := range list(s.knobs.LabelNames) {
		if value, ok := all[name]; ok {
			out[name] = value
		}
	}
	return out
}

// bareRequest is one without a conversation.
func (s *Server) bareRequest(m model, prompt, kind string) object {
	return object{"project": "fake-project", "requestId": kind + "/" + uuid.New(),
		"request": object{"contents": []any{user(prompt)},
			"generationConfig": object{"maxOutputTokens": 16384}, "sessionId": s.session},
		"model": m.upstream, "userAgent": "antigravity", "requestType": kind}
}

type unsized struct{ io.Reader }

func (s *Server) post(ctx context.Context, via *http.Client, target string, body []byte, contentType string) (*http.Response, error) {
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
	kind := "ide"
	if s.agy || s.hub() {
		kind = "hub"
	}
	req.Header.Set("User-Agent", "antigravity/"+kind+"/"+version+" "+runtime.GOOS+"/"+runtime.GOARCH)
	return via.Do(req)
}

func (s *Server) method(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSuffix(s.endpoint, "/") + "/v1internal:" + name
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
	resp, err := s.post(ctx, s.upstream, s.method("streamGenerateContent?alt=sse"), body, "application/json")
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
	s.charge(r.model, r.usage["promptTokenCount"]+r.usage["candidatesTokenCount"]+r.usage["thoughtsTokenCount"])
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
