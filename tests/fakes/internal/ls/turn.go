package ls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"antigravity-proxy/fakes/internal/uuid"
)

const (
	idle      = "CASCADE_RUN_STATUS_IDLE"
	running   = "CASCADE_RUN_STATUS_RUNNING"
	canceling = "CASCADE_RUN_STATUS_CANCELING"
)

// cascade is one conversation. Its lock is held for moments only, never over a call.
type cascade struct {
	id, trajectory string
	created        time.Time

	mu        sync.Mutex
	status    string
	steps     []object
	executors []object
	generator []object
	queue     []turn
	busy      bool
	stop      context.CancelFunc
	waiting   chan bool // a tool step that waits for the user
	lastExec  string
	summary   string
	changed   time.Time
}

type turn struct {
	text     string
	model    model
	autoRun  bool
	executor string
}

func step(kind, status, source string) object {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	return object{"type": "CORTEX_STEP_TYPE_" + kind, "status": "CORTEX_STEP_STATUS_" + status,
		"metadata": object{"createdAt": now, "source": "CORTEX_STEP_SOURCE_" + source}}
}

// edit changes one step under the lock.
func (c *cascade) edit(i int, change func(object)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.steps[i])
	c.changed = time.Now()
}

func (c *cascade) add(s object) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, s)
	c.changed = time.Now()
	return len(c.steps) - 1
}

func (c *cascade) set(status string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

func setStatus(s object, status string) {
	s["status"] = "CORTEX_STEP_STATUS_" + status
	if status == "DONE" || status == "ERROR" || status == "CANCELED" {
		s["metadata"].(object)["completedAt"] = time.Now().UTC().Format(time.RFC3339Nano)
	}
}

// frozen is a deep copy, so that an answer can be written without the lock.
func frozen(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out any
	json.Unmarshal(raw, &out)
	return out
}

func (s *Server) find(body []byte) (*cascade, error) {
	var req struct{ CascadeID string }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.cascades[req.CascadeID]
	if !ok {
		return nil, refuse(404, "not_found", "trajectory not found: %s", req.CascadeID)
	}
	return c, nil
}

func (s *Server) startCascade(_ context.Context, body []byte) (object, error) {
	var req struct{ CascadeID string }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if req.CascadeID == "" {
		req.CascadeID = uuid.New()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.cascades[req.CascadeID]; !ok {
		s.cascades[req.CascadeID] = &cascade{id: req.CascadeID, trajectory: uuid.New(), status: idle,
			created: time.Now(), changed: time.Now()}
	}
	return object{"cascadeId": req.CascadeID}, nil
}

func (s *Server) sendMessage(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	var req struct {
		Items         []struct{ Text string }
		CascadeConfig struct {
			PlannerConfig struct {
				PlanModel      json.RawMessage
				RequestedModel struct{ Model json.RawMessage }
				ToolConfig     struct {
					RunCommand struct {
						AutoCommandConfig struct{ AutoExecutionPolicy string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	planner := req.CascadeConfig.PlannerConfig
	raw := planner.RequestedModel.Model
	if len(raw) == 0 {
		raw = planner.PlanModel
	}
	if len(raw) == 0 {
		return nil, refuse(500, "unknown", "neither PlanModel nor RequestedModel specified")
	}
	if s.loggedIn() == "" {
		return nil, refuse(500, "unknown", "model not found")
	}
	m, ok := findModel(raw)
	if !ok {
		if s.knobs.UnknownModel == "error" {
			return nil, refuse(500, "unknown", "model not found: %s", raw)
		}
		return object{}, nil // U28: accepted, and nothing ever happens
	}
	t := turn{model: m, executor: uuid.New()}
	for _, item := range req.Items {
		t.text += item.Text
	}
	t.autoRun = !strings.HasSuffix(planner.ToolConfig.RunCommand.AutoCommandConfig.AutoExecutionPolicy, "_OFF")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, t)
	if c.busy {
		return object{"queued": true}, nil
	}
	c.busy = true
	go s.work(c)
	return object{}, nil
}

// work runs the queued turns one after another (U23).
func (s *Server) work(c *cascade) {
	for {
		c.mu.Lock()
		if len(c.queue) == 0 {
			c.busy = false
			c.mu.Unlock()
			return
		}
		t := c.queue[0]
		c.queue = c.queue[1:]
		ctx, stop := context.WithCancel(context.Background())
		c.stop = stop
		c.mu.Unlock()
		s.turn(ctx, c, t)
		stop()
	}
}

func (s *Server) turn(ctx context.Context, c *cascade, t turn) {
	input := step("USER_INPUT", "DONE", "USER_EXPLICIT")
	input["userInput"] = object{"items": []any{object{"text": t.text}}, "userResponse": t.text}
	first := c.add(input) == 0
	pause(ctx, millis(s.knobs.PreMS)) // IDLE is still shown although the run is accepted
	c.set(running)
	if first {
		history := step("CONVERSATION_HISTORY", "DONE", "SYSTEM")
		history["conversationHistory"] = object{"content": "No earlier conversations."}
		c.add(history)
	}
	contents := []any{user("<USER_REQUEST>\n" + t.text + "\n</USER_REQUEST>")}
	reason := "NO_TOOL_CALL"
	rounds := 0
	for {
		rounds++
		result, index, err := s.plan(ctx, c, t, contents)
		if err != nil {
			reason = "ERROR"
			if ctx.Err() != nil {
				reason = "USER_CANCELED"
			}
			break
		}
		if len(result.calls) == 0 || rounds >= 4 {
			s.finish(ctx, c, index, result)
			break
		}
		c.edit(index, func(o object) {
			fill(o, result, result.text.String())
			setStatus(o, "DONE")
		})
		call := result.calls[0]
		output, err := s.tool(ctx, c, t, call)
		if err != nil {
			reason = "USER_CANCELED"
			break
		}
		contents = append(contents,
			object{"role": "model", "parts": []any{object{"functionCall": call, "thoughtSignature": "ZmFrZQ=="}}},
			object{"role": "model", "parts": []any{object{"functionResponse": object{"id": call["id"],
				"name": call["name"], "response": object{"output": output}}}}})
	}
	c.mu.Lock()
	c.status = idle
	c.lastExec = t.executor
	c.executors = append(c.executors, object{"terminationReason": "EXECUTOR_TERMINATION_REASON_" + reason,
		"numGeneratorInvocations": rounds, "lastStepIdx": len(c.steps) - 1, "executionId": t.executor})
	if c.summary == "" {
		c.summary = clip(t.text, 60)
	}
	c.mu.Unlock()
	s.save(c)
	if s.knobs.Checkpoint && first && reason == "NO_TOOL_CALL" {
		s.checkpoint(c, t)
	}
}

func user(text string) object {
	return object{"role": "user", "parts": []any{object{"text": text}}}
}

func clip(s string, n int) string {
	r := []rune(s)
	if len(r) > n {
		r = r[:n]
	}
	return string(r)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// hold keeps a turn running while the file of the knob is there, so that a test can look at it.
func (s *Server) hold(ctx context.Context) {
	for s.knobs.HoldFile != "" && ctx.Err() == nil {
		if _, err := os.Stat(s.knobs.HoldFile); err != nil {
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// finish shows IDLE before the last of the text is there (U21), as the real one was seen to do.
func (s *Server) finish(ctx context.Context, c *cascade, index int, r *reply) {
	s.hold(ctx)
	if s.knobs.PostMS > 0 {
		runes := []rune(r.text.String())
		c.edit(index, func(o object) { fill(o, r, string(runes[:len(runes)*2/3])) })
		c.set(idle)
		pause(ctx, millis(s.knobs.PostMS))
	}
	c.edit(index, func(o object) {
		fill(o, r, r.text.String())
		setStatus(o, "DONE")
	})
}

// fill writes what is known of an answer into its step. Zero values are left out as in proto3 JSON.
func fill(o object, r *reply, text string) {
	p := object{"messageId": r.messageID}
	if text != "" {
		p["response"], p["modifiedResponse"] = text, text
	}
	if r.thinking.Len() > 0 {
		p["thinking"], p["thinkingDuration"] = r.thinking.String(), "0.25s"
	}
	if len(r.calls) > 0 && r.finish != "" {
		var calls []any
		for _, call := range r.calls {
			args, _ := json.Marshal(call["args"])
			calls = append(calls, object{"id": call["id"], "name": call["name"], "argumentsJson": string(args)})
		}
		p["toolCalls"] = calls
	}
	switch {
	case r.finish == "":
	case len(r.calls) > 0:
		p["stopReason"] = "STOP_REASON_FUNCTION_CALL"
	case r.finish == "MAX_TOKENS":
		p["stopReason"] = "STOP_REASON_MAX_TOKENS"
	default:
		p["stopReason"] = "STOP_REASON_STOP_PATTERN"
	}
	o["plannerResponse"] = p
	if r.finish != "" && r.usage != nil {
		o["metadata"].(object)["modelUsage"] = r.modelUsage()
	}
}

// plan makes one upstream call, with the retries of the real server, and keeps its step up to date.
func (s *Server) plan(ctx context.Context, c *cascade, t turn, contents []any) (*reply, int, error) {
	planner := step("PLANNER_RESPONSE", s.knobs.GeneratingName, "MODEL")
	planner["plannerResponse"] = object{}
	index := c.add(planner)
	meta := planner["metadata"].(object)
	c.edit(index, func(object) {
		meta["generatorModel"] = t.model.enum
		meta["requestedModel"] = object{"model": t.model.enum}
		meta["executionId"] = t.executor
		from := object{"trajectoryId": c.trajectory, "cascadeId": c.id}
		if index > 0 {
			from["stepIndex"] = index
		}
		meta["sourceTrajectoryStepInfo"] = from
	})
	delay := millis(s.knobs.RetryMS)
	for attempt := 0; ; attempt++ {
		r := &reply{model: t.model, messageID: "bot-" + uuid.New(), copyID: s.knobs.CopyResponseID}
		err := s.generate(ctx, s.agentRequest(c, t, index, contents), r, func() {
			c.edit(index, func(o object) { fill(o, r, r.text.String()) })
		})
		var status *statusError
		if errors.As(err, &status) && (status.code == 429 || status.code == 503) && attempt < s.knobs.Retries && ctx.Err() == nil {
			s.logf("planner.go:311", "Encountered retryable api error. retrying in %v: HTTP %d", delay, status.code)
			pause(ctx, delay)
			delay *= 2
			continue
		}
		if err == nil {
			c.mu.Lock()
			gen := object{"chatModel": object{"model": t.model.enum, "responseModel": r.version, "usage": r.modelUsage()},
				"stepIndices": []int{index}, "executionId": t.executor}
			c.generator = append(c.generator, gen)
			c.mu.Unlock()
			if s.knobs.Aux {
				go s.metrics(c, r)
			}
			return r, index, nil
		}
		if ctx.Err() != nil {
			c.edit(index, func(o object) { setStatus(o, "CANCELED") }) // U26: the text so far stays
			return nil, index, err
		}
		s.logf("planner.go:330", "agent executor error: %v", err)
		stop := "STOP_REASON_ERROR"
		if status == nil {
			stop = "STOP_REASON_CLIENT_STREAM_ERROR"
		}
		c.edit(index, func(o object) {
			o["plannerResponse"].(object)["stopReason"] = stop
			setStatus(o, "ERROR")
		})
		friendly, code := "The agent stopped because the connection to the model was lost.", 0
		if status != nil {
			code = status.code
			switch {
			case code == 429 && strings.Contains(status.body, "QUOTA_EXHAUSTED"):
				friendly = "You have reached the quota limit for this model. Resets in 135h9m46s."
			case code == 429, code == 503:
				friendly = "Our servers are experiencing high traffic right now, please try again in a minute."
			default:
				friendly = "The model returned an error."
			}
		}
		problem := object{"userErrorMessage": friendly, "shortError": err.Error(),
			"fullError": fmt.Sprintf("trajectory %s: %v", c.trajectory, err)}
		if code != 0 {
			problem["errorCode"] = code
			problem["details"] = fmt.Sprintf("Trajectory ID: %s\nError: HTTP %d\nTraceID: %s\n%s", c.trajectory, code, status.trace, status.body)
		}
		e := step("ERROR_MESSAGE", "DONE", "SYSTEM")
		e["errorMessage"] = object{"error": problem, "shouldShowUser": true}
		c.add(e)
		return nil, index, err
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
	if !t.autoRun {
		st["status"] = "CORTEX_STEP_STATUS_WAITING"
		st["requestedInteraction"] = object{"runCommand": object{}}
		answer := make(chan bool, 1)
		c.mu.Lock()
		c.waiting = answer
		c.mu.Unlock()
		index := c.add(st)
		var confirmed bool
		select {
		case <-ctx.Done():
			c.edit(index, func(o object) { setStatus(o, "CANCELED") })
			return "", ctx.Err()
		case confirmed = <-answer:
		}
		c.edit(index, func(o object) {
			delete(o, "requestedInteraction")
			setStatus(o, "DONE")
			if confirmed {
				o["runCommand"].(object)["exitCode"] = 0
				o["runCommand"].(object)["combinedOutput"] = object{"full": "fake output\n"}
			} else {
				o["runCommand"].(object)["userRejected"] = true
			}
		})
		if !confirmed {
			return "The user rejected the command.", nil
		}
		return "fake output\n", nil
	}
	st["runCommand"].(object)["exitCode"] = 0
	st["runCommand"].(object)["combinedOutput"] = object{"full": "fake output\n"}
	setStatus(st, "DONE")
	c.add(st)
	return "fake output\n", nil
}

func (s *Server) interact(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	var req struct {
		Interaction struct {
			RunCommand *struct{ Confirm bool }
		}
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil || req.Interaction.RunCommand == nil {
		return nil, refuse(500, "unknown", "input not registered for step")
	}
	c.waiting <- req.Interaction.RunCommand.Confirm
	c.waiting = nil
	return object{}, nil
}

func (s *Server) cancel(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = nil
	if c.busy && c.stop != nil {
		c.status = canceling
		c.stop()
	}
	return object{}, nil
}

func (s *Server) getTrajectory(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := object{"trajectoryId": c.trajectory, "cascadeId": c.id,
		"trajectoryType": "CORTEX_TRAJECTORY_TYPE_CASCADE", "source": "CORTEX_TRAJECTORY_SOURCE_CASCADE_CLIENT",
		"metadata": object{"createdAt": c.created.UTC().Format(time.RFC3339Nano)}}
	out := object{"trajectory": t, "status": c.status}
	if len(c.steps) > 0 {
		t["steps"] = frozen(c.steps)
		out["numTotalSteps"] = len(c.steps)
	}
	if len(c.executors) > 0 {
		t["executorMetadatas"] = frozen(c.executors)
	}
	if len(c.generator) > 0 {
		t["generatorMetadata"] = frozen(c.generator)
		out["numTotalGeneratorMetadata"] = len(c.generator)
	}
	return out, nil
}

func (s *Server) getSteps(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	var req struct{ StepOffset int }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if req.StepOffset < 0 || req.StepOffset >= len(c.steps) {
		return object{}, nil
	}
	steps := c.steps[req.StepOffset:]
	if len(steps) > s.knobs.StepsCap {
		steps = steps[:s.knobs.StepsCap]
	}
	return object{"steps": frozen(steps)}, nil
}

func (s *Server) getAll(context.Context, []byte) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := object{}
	for id, c := range s.cascades {
		if time.Since(c.created) < millis(s.knobs.VisibleAfterMS) {
			continue
		}
		c.mu.Lock()
		one := object{"trajectoryId": c.trajectory, "status": c.status,
			"createdTime":      c.created.UTC().Format(time.RFC3339Nano),
			"lastModifiedTime": c.changed.UTC().Format(time.RFC3339Nano)}
		if len(c.steps) > 0 {
			one["stepCount"] = len(c.steps)
		}
		if c.summary != "" {
			one["summary"] = c.summary
		}
		c.mu.Unlock()
		all[id] = one
	}
	if len(all) == 0 {
		return object{}, nil
	}
	return object{"trajectorySummaries": all}, nil
}

func (s *Server) loadTrajectory(_ context.Context, body []byte) (object, error) {
	_, err := s.find(body)
	return object{}, err
}

var safeID = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// save leaves files where the real server does; their content is nobody's business.
func (s *Server) save(c *cascade) {
	if !safeID.MatchString(c.id) {
		return
	}
	c.mu.Lock()
	raw, _ := json.Marshal(c.steps)
	c.mu.Unlock()
	err := os.WriteFile(filepath.Join(s.dataDir, "conversations", c.id+".pb"), raw, 0o600)
	if err == nil {
		err = os.MkdirAll(filepath.Join(s.dataDir, "brain", c.id), 0o700)
	}
	if err != nil {
		s.logf("store.go:52", "Failed to save conversation: %v", err)
	}
}
