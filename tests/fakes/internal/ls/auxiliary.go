package ls

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"time"

	"antigravity-proxy/fakes/internal/pb"
	"antigravity-proxy/fakes/internal/uuid"
)

// aux makes one call whose failure is only logged.
func (s *Server) aux(target string, body []byte, contentType string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	resp, err := s.post(ctx, s.auxiliary, target, body, contentType)
	if err != nil {
		s.logf("aux.go:44", "auxiliary call failed: %v", err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// auxObject sends JSON, or with U7 a message whose only field is that JSON: nobody has the numbers.
func (s *Server) auxObject(target string, v object) {
	body, _ := json.Marshal(v)
	if s.knobs.AuxBody == "protobuf" {
		s.aux(target, pb.AppendBytes(nil, 1, body), "application/x-protobuf")
		return
	}
	s.aux(target, body, "application/json")
}

func (s *Server) afterLogin() {
	if !s.knobs.Aux || !s.knobs.Upstream {
		return
	}
	load := s.method("loadCodeAssist")
	if s.knobs.DirectCalls { // U38: these do not know of --cloud_code_endpoint
		load = production + "/v1internal:loadCodeAssist"
	}
	s.auxObject(load, object{"metadata": object{"ideType": "ANTIGRAVITY"}})
	unleash, _ := json.Marshal(object{"appName": "codeium-language-server"})
	s.aux(s.knobs.UnleashURL, unleash, "application/json")
	s.mu.Lock()
	refresh := s.refresh
	s.mu.Unlock()
	if refresh != "" {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
		s.aux(s.knobs.TokenURL, []byte(form.Encode()), "application/x-www-form-urlencoded")
	}
}

func (s *Server) metrics(c *cascade, r *reply) {
	s.auxObject(s.method("recordCodeAssistMetrics"), object{"project": "fake-project", "requestId": uuid.New(),
		"metadata": object{"ideType": "ANTIGRAVITY", "ideVersion": s.metadata["ide_version"], "platform": "LINUX_AMD64"},
		"metrics": []any{object{"timestamp": time.Now().UTC().Format(time.RFC3339Nano),
			"conversationOffered": object{"status": "ACTION_STATUS_NO_ERROR", "traceId": r.trace,
				"trajectoryId": c.trajectory, "isAgentic": true, "initiationMethod": "AGENT",
				"streamingLatency": object{"firstMessageLatency": "0.1s", "totalLatency": "0.3s"}}}}})
}

// checkpoint asks for a title of the conversation; such a request has no labels.
func (s *Server) checkpoint(c *cascade, t turn) {
	request := s.bareRequest(t.model, "Give this conversation a title: "+clip(t.text, 200), "checkpoint")
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
	c.touch()
	c.mu.Unlock()
}

// acls is what the third era sends before the first request of a trajectory.
func (s *Server) acls(c *cascade, first bool) {
	if s.knobs.Era == "e3" && s.knobs.Aux && s.knobs.Upstream && first {
		s.auxObject(s.method("writeTrajectoryAcls"), object{"trajectoryId": c.trajectory})
	}
}
