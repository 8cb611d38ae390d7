package ls

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"antigravity-proxy/fakes/internal/schema"
)

// sender writes one message of a stream.
type sender interface {
	send(object) error
	// half writes a part of a message, for a fault.
	half()
}

// stream is a method whose answer goes on; it ends with an error for the end frame, or nil.
type stream struct {
	call    func(ctx context.Context, body []byte, to sender) error
	in, out string
}

func (s *Server) streams() map[string]stream {
	reactive := func(root string, state func([]byte) (watched, error)) stream {
		return stream{s.reactive(root, state), "StreamReactiveUpdatesRequest", "StreamReactiveUpdatesResponse"}
	}
	out := map[string]stream{}
	if s.knobs.AgentStream {
		out["StreamAgentStateUpdates"] = stream{s.agentState, "StreamAgentStateUpdatesRequest", "StreamAgentStateUpdatesResponse"}
	}
	if s.knobs.Reactive != "unimplemented" {
		out["StreamCascadeReactiveUpdates"] = reactive("CascadeState", s.watchCascade)
		out["StreamCascadeSummariesReactiveUpdates"] = reactive("CascadeTrajectorySummaries", s.watchAll)
		if s.knobs.PanelState == "ok" {
			out["StreamCascadePanelReactiveUpdates"] = reactive("CascadeTrajectorySummaries", s.watchAll)
		}
	}
	return out
}

// pace waits for the next change, and at least as long as a frame has to last.
func (s *Server) pace(ctx context.Context, bell <-chan struct{}) bool {
	select {
	case <-bell:
	case <-ctx.Done():
		return false
	}
	if s.knobs.FrameMS > 0 {
		pause(ctx, millis(s.knobs.FrameMS))
	}
	return ctx.Err() == nil
}

// agentState is StreamAgentStateUpdates (ls-protocol 3.7): everything first, then what changed.
func (s *Server) agentState(ctx context.Context, body []byte, to sender) error {
	c, err := s.find(body)
	if err != nil {
		return err
	}
	at := -1                                                   // revision that the client has
	var generators, executors, queued, faults = -1, -1, -1, -1 // and what else
	for {
		c.mu.Lock()
		bell := c.bell.next()
		if faults < 0 {
			faults = c.faults
		}
		broken := c.faults != faults
		fault := c.fault
		faults = c.faults
		update := object{"conversationId": c.id, "trajectoryId": c.trajectory, "status": c.status,
			"executableStatus": c.status, "executorLoopStatus": c.status}
		if s.knobs.Era == "e3" && c.fullyIdle() {
			update["fullyIdle"] = true
		}
		main := object{}
		if steps := c.changedSteps(at); steps != nil {
			main["stepsUpdate"] = steps
		}
		if len(c.generator) != generators {
			if generators >= 0 || len(c.generator) > 0 {
				main["generatorMetadatasUpdate"] = tail("generatorMetadatas", c.generator, max(generators, 0))
			}
			generators = len(c.generator)
		}
		if len(c.executors) != executors {
			if executors >= 0 || len(c.executors) > 0 {
				main["executorMetadatasUpdate"] = tail("executorMetadatas", c.executors, max(executors, 0))
			}
			executors = len(c.executors)
			if executors > 0 {
				update["executorMetadata"] = frozen(c.executors[executors-1])
			}
		}
		if waiting := c.queuedSteps(); len(waiting) != queued {
			if queued >= 0 || len(waiting) > 0 {
				update["queuedStepsUpdate"] = tail("queuedSteps", waiting, 0)
			}
			queued = len(waiting)
		}
		if len(main) > 0 {
			update["mainTrajectoryUpdate"] = main
		}
		changed := c.revision != at
		at = c.revision
		over := s.knobs.StreamEnds == "turn" && executors > 0 && !c.busy
		c.mu.Unlock()
		if broken {
			breakStream(fault, to)
		}
		if changed {
			if err := to.send(object{"update": update}); err != nil {
				return err
			}
		}
		if over {
			return nil
		}
		if !s.pace(ctx, bell) {
			return ctx.Err()
		}
	}
}

// changedSteps is a StepsUpdate with the steps that are newer than a revision; the lock is held.
func (c *cascade) changedSteps(after int) object {
	var indices []int
	var steps []any
	for i, since := range c.since {
		if since > after {
			indices, steps = append(indices, i), append(steps, frozen(c.steps[i]))
		}
	}
	if indices == nil && after >= 0 && c.revision == after {
		return nil
	}
	out := object{}
	if indices != nil {
		out["indices"], out["steps"] = indices, steps
	}
	if len(c.steps) > 0 {
		out["totalLength"] = len(c.steps)
	}
	return out
}

func tail(key string, items []object, from int) object {
	out := object{}
	var indices []int
	for i := from; i < len(items); i++ {
		indices = append(indices, i)
	}
	if indices != nil {
		out["indices"], out[key] = indices, frozen(items[from:])
	}
	if len(items) > 0 {
		out["totalLength"] = len(items)
	}
	return out
}

// breakStream ends a stream in a way that no protocol foresees.
func breakStream(fault string, to sender) {
	if fault == "half" {
		to.half()
	}
	panic(http.ErrAbortHandler)
}

// watched is what a reactive stream shows.
type watched interface {
	// state is the root message, and what tells of the next change.
	state() (now object, bell <-chan struct{}, over bool, fault int, kind string)
}

type watchedCascade struct {
	s *Server
	c *cascade
}

func (s *Server) watchCascade(body []byte) (watched, error) {
	var req struct{ ID string }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	inner, _ := json.Marshal(object{"cascadeId": req.ID})
	c, err := s.find(inner)
	return watchedCascade{s, c}, err
}

func (w watchedCascade) state() (object, <-chan struct{}, bool, int, string) {
	c := w.c
	c.mu.Lock()
	defer c.mu.Unlock()
	out := object{"cascadeId": c.id, "trajectory": w.s.whole(c), "status": c.status, "executableStatus": c.status,
		"executorLoopStatus": c.status}
	if n := len(c.executors); n > 0 {
		out["executorMetadata"] = frozen(c.executors[n-1])
	}
	if queued := c.queuedSteps(); queued != nil {
		out["queuedSteps"] = queued
	}
	return out, c.bell.next(), len(c.executors) > 0 && !c.busy, c.faults, c.fault
}

type watchedAll struct{ s *Server }

func (s *Server) watchAll([]byte) (watched, error) { return watchedAll{s}, nil }

func (w watchedAll) state() (object, <-chan struct{}, bool, int, string) {
	bell := w.s.list.next() // before the list, so that no change is missed
	out := object{}
	if all := w.s.summaries(); len(all) > 0 {
		out["summaries"] = all
	}
	return out, bell, false, 0, ""
}

// reactive is a stream of diffs (ls-protocol 3.6); the first leads from nothing to the whole state.
func (s *Server) reactive(root string, find func([]byte) (watched, error)) func(context.Context, []byte, sender) error {
	return func(ctx context.Context, body []byte, to sender) error {
		if s.knobs.Reactive == "disabled" {
			return refuse(500, "unknown", "reactive state is disabled")
		}
		var req struct{ ProtocolVersion int }
		if err := json.Unmarshal(body, &req); err != nil {
			return err
		}
		if req.ProtocolVersion != 1 {
			return refuse(400, "invalid_argument", "unsupported protocol version %d", req.ProtocolVersion)
		}
		what, err := find(body)
		if err != nil {
			return err
		}
		last, seen := object{}, -1
		for version := 1; ; {
			now, bell, over, faults, kind := what.state()
			if seen >= 0 && faults != seen {
				breakStream(kind, to)
			}
			seen = faults
			diff, err := schema.Diff(root, last, now)
			if err != nil {
				return refuse(500, "internal", "%v", err)
			}
			if len(diff) > 0 || version == 1 {
				if err := to.send(object{"version": fmt.Sprint(version), "diff": diff}); err != nil {
					return err
				}
				version++
			}
			last = now
			if over && s.knobs.StreamEnds == "turn" {
				return nil
			}
			if !s.pace(ctx, bell) {
				return ctx.Err()
			}
		}
	}
}
