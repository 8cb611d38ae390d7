package ls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"antigravity-proxy/fakes/internal/uuid"
)

func hasSuffix(text, suffix string) bool { return strings.HasSuffix(text, suffix) }

// turn plays one message of the user, up to the executor's last word.
func (s *Server) turn(ctx context.Context, c *cascade, t turn) error {
	input := step("USER_INPUT", "DONE", "USER_EXPLICIT")
	input["userInput"] = object{"items": []any{object{"text": t.text}}, "userResponse": t.text}
	first := c.add(input) == 0
	early := t.script.millis("idle-early", "ms", 500*time.Millisecond)
	if t.script.has("idle-early") {
		pause(ctx, early)
	}
	pause(ctx, millis(s.knobs.PreMS)) // IDLE is still shown although the run is accepted
	c.set(running)
	if first {
		history := step("CONVERSATION_HISTORY", "DONE", "SYSTEM")
		history["conversationHistory"] = object{"content": "No earlier conversations."}
		c.add(history)
	}
	s.acls(c, first)
	failure := s.scripted(ctx, c, t)
	contents := []any{user("<USER_REQUEST>\n" + t.text + "\n</USER_REQUEST>")}
	reason := "NO_TOOL_CALL"
	rounds := 0
	for failure == nil {
		rounds++
		result, index, err := s.plan(ctx, c, t, contents)
		if err != nil {
			failure = err
			break
		}
		if len(result.calls) == 0 || rounds >= 4 {
			s.finish(ctx, c, t, index, result)
			break
		}
		c.edit(index, func(o object) {
			fill(o, result, result.text.String())
			setStatus(o, "DONE")
		})
		call := result.calls[0]
		output, err := s.tool(ctx, c, t, call)
		if err != nil {
			failure = err
			break
		}
		contents = append(contents,
			object{"role": "model", "parts": []any{object{"functionCall": call, "thoughtSignature": "ZmFrZQ=="}}},
			object{"role": "model", "parts": []any{object{"functionResponse": object{"id": call["id"],
				"name": call["name"], "response": object{"output": output}}}}})
	}
	if failure != nil {
		reason = "ERROR"
		if ctx.Err() != nil {
			reason = "USER_CANCELED"
		}
	}
	c.mu.Lock()
	c.status = idle
	c.stop = nil // what comes now is too late to cancel anything
	c.lastExec = t.executor
	c.executors = append(c.executors, object{"terminationReason": "EXECUTOR_TERMINATION_REASON_" + reason,
		"numGeneratorInvocations": rounds, "lastStepIdx": len(c.steps) - 1, "executionId": t.executor})
	if c.summary == "" {
		c.summary = clip(t.text, 60)
	}
	c.touch()
	c.mu.Unlock()
	s.save(c)
	if s.knobs.Checkpoint && first && reason == "NO_TOOL_CALL" {
		s.checkpoint(c, t)
	}
	return failure
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
func (s *Server) finish(ctx context.Context, c *cascade, t turn, index int, r *reply) {
	s.hold(ctx)
	post := millis(s.knobs.PostMS)
	if t.script.has("idle-early") {
		post = t.script.millis("idle-early", "ms", 500*time.Millisecond)
	}
	if t.script.has("notify") { // agentic mode: the answer is in a step of its own
		c.edit(index, func(o object) { fill(o, r, ""); setStatus(o, "DONE") })
		note := step("NOTIFY_USER", "DONE", "MODEL")
		note["notifyUser"] = object{"notificationContent": r.text.String()}
		c.add(note)
		return
	}
	if post > 0 {
		runes := []rune(r.text.String())
		c.edit(index, func(o object) { fill(o, r, string(runes[:len(runes)*2/3])) })
		c.set(idle)
		pause(ctx, post)
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
	var attempts []any // every one, for retryInfos
	for attempt := 0; ; attempt++ {
		r := &reply{model: t.model, messageID: "bot-" + uuid.New(), copyID: s.knobs.CopyResponseID}
		events, told := 0, false
		err := s.generate(ctx, s.agentRequest(c, t, index, contents), r, func() {
			c.edit(index, func(o object) { fill(o, r, r.text.String()) })
			if s.knobs.LogText && !told && r.text.Len() > 0 {
				told = true
				s.logf("planner.go:290", "First text of step %d of %s", index, c.id)
			}
			events++
			s.disturb(c, t, events)
		})
		attempts = append(attempts, retryInfo(r, err))
		var status *statusError
		if errors.As(err, &status) && (status.code == 429 || status.code == 503) && attempt < s.knobs.Retries && ctx.Err() == nil {
			s.logf("planner.go:311", "Encountered retryable api error. retrying in %v: HTTP %d", delay, status.code)
			pause(ctx, delay)
			delay *= 2
			continue
		}
		if err == nil {
			chat := object{"model": t.model.enum, "responseModel": r.version, "usage": r.modelUsage()}
			if s.knobs.RetryInfos {
				chat["retryInfos"] = attempts
			}
			c.mu.Lock()
			c.generator = append(c.generator, object{"chatModel": chat, "stepIndices": []int{index}, "executionId": t.executor})
			c.touch()
			c.mu.Unlock()
			if s.knobs.Aux {
				go s.metrics(c, r)
			}
			return r, index, nil
		}
		if ctx.Err() != nil {
			c.edit(index, func(o object) { // U26
				if !s.knobs.CancelText {
					o["plannerResponse"] = object{}
				}
				setStatus(o, s.knobs.CancelStatus)
			})
			return nil, index, err
		}
		s.logf("planner.go:330", "agent executor error: %v", err)
		s.failed(c, index, err, status)
		return nil, index, err
	}
}

func retryInfo(r *reply, err error) object {
	out := object{"usage": r.modelUsage()}
	if r.trace != "" {
		out["traceId"] = r.trace
	}
	if err != nil {
		out["error"] = err.Error()
	}
	return out
}

// failed writes the last error of a call into the conversation (U24).
func (s *Server) failed(c *cascade, index int, err error, status *statusError) {
	stop := "STOP_REASON_ERROR"
	if status == nil {
		stop = "STOP_REASON_CLIENT_STREAM_ERROR"
	}
	c.edit(index, func(o object) {
		if s.knobs.ErrorShape != "message" {
			o["plannerResponse"].(object)["stopReason"] = stop
		}
		setStatus(o, "ERROR")
	})
	if s.knobs.ErrorShape == "stop" {
		return
	}
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
}
