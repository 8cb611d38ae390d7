package ls

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"antigravity-proxy/fakes/internal/uuid"
)

// scripted does what the markers of the prompt ask for before the model is called.
func (s *Server) scripted(ctx context.Context, c *cascade, t turn) error {
	if t.script.has("extra-steps") { // these shift all later indices
		c.add(step("KNOWLEDGE_ARTIFACTS", "DONE", "SYSTEM"))
		note := step("EPHEMERAL_MESSAGE", "DONE", "SYSTEM")
		note["ephemeralMessage"] = object{"content": "fake reminder"}
		c.add(note)
	}
	if t.script.has("huge") {
		c.add(commandStep("fake huge", strings.Repeat("x", t.script.size("huge", "size", 5<<20))))
	}
	for i := t.script.size("many", "count", 0); i > 0; i-- {
		c.add(commandStep("fake "+strconv.Itoa(i), "fake output\n"))
	}
	if t.script.has("grow") {
		s.hoard(t.script.size("grow", "size", 64<<20))
	}
	if t.script.has("wait") {
		if err := s.ask(ctx, c, t.script["wait"]["kind"]); err != nil {
			return err
		}
	}
	if t.script.has("subagent") {
		s.subagent(ctx, c, t)
	}
	if t.script.has("background") {
		c.mu.Lock()
		c.background++
		c.mu.Unlock()
		time.AfterFunc(t.script.millis("background", "ms", time.Second), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.background > 0 {
				c.background--
				c.touch()
			}
		})
	}
	if t.script.has("hang") {
		<-ctx.Done()
	}
	return ctx.Err()
}

func commandStep(command, output string) object {
	st := step("RUN_COMMAND", "DONE", "MODEL")
	st["runCommand"] = object{"commandLine": command, "proposedCommandLine": command, "commandId": uuid.New(),
		"exitCode": 0, "combinedOutput": object{"full": output}}
	setStatus(st, "DONE")
	return st
}

// hoard takes memory and keeps it (U41), touching every page.
func (s *Server) hoard(size int) {
	block := make([]byte, size)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hoarded = append(s.hoarded, block)
}

// disturb plays what can go wrong while the model is talking; it counts the model's events.
func (s *Server) disturb(c *cascade, t turn, events int) {
	how, after := s.knobs.Die, s.knobs.DieAfter
	if t.script.has("die") {
		how, after = t.script["die"]["how"], t.script.size("die", "after", 1)
		if how == "" {
			how = "kill"
		}
	}
	if t.script.has("reset") && events == t.script.size("reset", "after", 1) {
		c.breakStreams("reset")
	}
	if events < after {
		return
	}
	switch how {
	case "kill": // as the kernel does when memory is short
		s.logf("planner.go:280", "fault: killed in the middle of a turn")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "exit":
		s.Fatal(errMidTurn)
		os.Exit(2)
	case "reset", "half":
		if events == after || (after == 0 && events == 1) {
			c.breakStreams(how)
		}
	}
}

// subagent runs a conversation of its own on behalf of this one (U1).
func (s *Server) subagent(ctx context.Context, c *cascade, t turn) {
	child := s.newCascade(uuid.New(), "CORTEX_TRAJECTORY_SOURCE_SUBAGENT", nil)
	child.parent, child.workspaces = c.id, c.workspaces
	s.remember(child)
	prompt := strings.TrimSpace(marker.ReplaceAllString(t.text, ""))
	st := step("INVOKE_SUBAGENT", "RUNNING", "MODEL")
	st["invokeSubagent"] = object{"subagentName": "fake", "prompt": prompt, "conversationId": child.id}
	index := c.add(st)
	own := turn{text: "Sub-agent: " + prompt, model: t.model, autoRun: true, executor: uuid.New()}
	child.mu.Lock()
	child.busy, child.ended = true, make(chan struct{})
	child.mu.Unlock()
	err := s.turn(ctx, child, own)
	child.mu.Lock()
	child.busy = false
	close(child.ended)
	child.touch()
	result := ""
	for _, done := range child.steps {
		if p, ok := done["plannerResponse"].(object); ok {
			result, _ = p["modifiedResponse"].(string)
		}
	}
	child.mu.Unlock()
	c.edit(index, func(o object) {
		o["invokeSubagent"].(object)["result"] = result
		if err != nil {
			setStatus(o, "ERROR")
			return
		}
		setStatus(o, "DONE")
	})
}
