package ls

import (
	"context"
	"encoding/json"
	"errors"

	"antigravity-proxy/fakes/internal/uuid"
)

var errMidTurn = errors.New("fault: exit in the middle of a turn")

// question is a step that waits for the user.
type question struct {
	index  int
	kind   string // key of the interaction that answers it
	answer chan bool
}

// kinds are the interactions that a marker can ask for: the step that waits, and the key of the answer.
// The last three are of the third era, where the bodies are only partly known (U35).
var kinds = map[string]struct{ step, request, answer string }{
	"command":     {"RUN_COMMAND", "runCommand", "runCommand"},
	"file":        {"VIEW_FILE", "filePermission", "filePermission"},
	"browser":     {"OPEN_BROWSER_URL", "openBrowserUrl", "openBrowserUrl"},
	"ask":         {"GENERIC", "askQuestion", "askQuestion"},
	"permission":  {"GENERIC", "permission", "permission"},
	"approval":    {"GENERIC", "permission", "approvalInteraction"},
	"elicitation": {"MCP_TOOL", "elicitation", "elicitation"},
}

// ask adds a step that waits, and goes on when it was answered.
func (s *Server) ask(ctx context.Context, c *cascade, name string) error {
	kind, ok := kinds[name]
	if !ok {
		kind = kinds["command"]
	}
	st := step(kind.step, "WAITING", "MODEL")
	st["requestedInteraction"] = object{kind.request: object{}}
	switch kind.step {
	case "RUN_COMMAND":
		st["runCommand"] = object{"commandLine": "true", "proposedCommandLine": "true", "commandId": uuid.New()}
	case "GENERIC":
		st["generic"] = object{"name": "ask_question", "question": "Which one?", "options": []any{"this", "that"}}
	case "VIEW_FILE":
		st["requestedInteraction"] = object{"filePermission": object{"absolutePathUri": "file:///etc/fake",
			"blockReason": "FILE_PERMISSION_BLOCK_REASON_OUTSIDE_WORKSPACE"}}
	}
	_, err := s.await(ctx, c, st, kind.answer, func(o object, confirmed bool) {
		if confirmed {
			setStatus(o, "DONE")
		} else {
			setStatus(o, "CANCELED")
		}
	})
	return err
}

// await adds the waiting step and blocks until the user answered or the turn was canceled.
func (s *Server) await(ctx context.Context, c *cascade, st object, kind string, change func(object, bool)) (bool, error) {
	q := &question{kind: kind, answer: make(chan bool, 1)}
	c.mu.Lock()
	c.waiting = q
	q.index = len(c.steps)
	c.mu.Unlock()
	index := c.add(st)
	select {
	case <-ctx.Done():
		c.mu.Lock()
		c.waiting = nil
		c.mu.Unlock()
		c.edit(index, func(o object) { setStatus(o, s.knobs.CancelStatus) })
		return false, ctx.Err()
	case confirmed := <-q.answer:
		c.edit(index, func(o object) {
			delete(o, "requestedInteraction")
			change(o, confirmed)
		})
		return confirmed, nil
	}
}

// tool plays run_command without running anything.
func (s *Server) tool(ctx context.Context, c *cascade, t turn, call object) (string, error) {
	args, _ := call["args"].(map[string]any)
	command, _ := args["CommandLine"].(string)
	raw, _ := json.Marshal(args)
	st := step("RUN_COMMAND", "RUNNING", "MODEL")
	st["metadata"].(object)["toolCall"] = object{"id": call["id"], "name": call["name"], "argumentsJson": string(raw)}
	st["runCommand"] = object{"commandLine": command, "proposedCommandLine": command, "commandId": uuid.New()}
	if t.autoRun {
		st["runCommand"].(object)["exitCode"] = 0
		st["runCommand"].(object)["combinedOutput"] = object{"full": "fake output\n"}
		setStatus(st, "DONE")
		c.add(st)
		return "fake output\n", nil
	}
	st["status"] = "CORTEX_STEP_STATUS_WAITING"
	st["requestedInteraction"] = object{"runCommand": object{}}
	confirmed, err := s.await(ctx, c, st, "runCommand", func(o object, confirmed bool) {
		setStatus(o, "DONE")
		if confirmed {
			o["runCommand"].(object)["exitCode"] = 0
			o["runCommand"].(object)["combinedOutput"] = object{"full": "fake output\n"}
		} else {
			o["runCommand"].(object)["userRejected"] = true
		}
	})
	if err != nil {
		return "", err
	}
	if !confirmed {
		return "The user rejected the command.", nil
	}
	return "fake output\n", nil
}

func (s *Server) interact(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	var req struct {
		Interaction map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	var step int
	if raw, ok := req.Interaction["stepIndex"]; ok {
		if err := json.Unmarshal(raw, &step); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil || (step != 0 && step != c.waiting.index) {
		return nil, refuse(500, "unknown", "input not registered for step")
	}
	raw, ok := req.Interaction[c.waiting.kind]
	if !ok {
		return nil, refuse(500, "unknown", "input not registered for step")
	}
	confirmed, err := s.confirmed(c.waiting.kind, raw)
	if err != nil {
		return nil, err
	}
	c.waiting.answer <- confirmed
	c.waiting = nil
	return object{}, nil
}

// confirmed reads the answer; of what is only partly known every object is one (U35).
func (s *Server) confirmed(kind string, raw json.RawMessage) (bool, error) {
	var body struct {
		Confirm, Allow, Approved, Cancelled bool
		Responses                           []json.RawMessage
	}
	var anything map[string]json.RawMessage
	if err := json.Unmarshal(raw, &anything); err != nil {
		return false, refuse(400, "invalid_argument", "interaction %s: %v", kind, err)
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return false, refuse(400, "invalid_argument", "interaction %s: %v", kind, err)
	}
	switch kind {
	case "filePermission":
		return body.Allow, nil
	case "askQuestion", "permission", "approvalInteraction", "elicitation":
		if s.knobs.Interactions == "strict" && !body.Cancelled && !body.Approved && !body.Allow && body.Responses == nil {
			return false, refuse(400, "invalid_argument", "interaction %s: nothing was answered", kind)
		}
		return !body.Cancelled, nil
	}
	return body.Confirm, nil
}

// resolve drops what waits for the user, as if it had been refused.
func (s *Server) resolve(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting != nil {
		c.waiting.answer <- false
		c.waiting = nil
	}
	return object{}, nil
}
