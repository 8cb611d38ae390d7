package ls

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"antigravity-proxy/fakes/internal/schema"
)

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// whole is the trajectory as it stands; the lock is held.
func (s *Server) whole(c *cascade) object {
	meta := object{"createdAt": stamp(c.created)}
	if c.workspaces != nil {
		meta["workspaces"] = c.workspaces
	}
	t := object{"trajectoryId": c.trajectory, "cascadeId": c.id,
		"trajectoryType": "CORTEX_TRAJECTORY_TYPE_CASCADE", "source": c.source, "metadata": meta}
	if len(c.steps) > 0 {
		t["steps"] = frozen(c.steps)
	}
	if len(c.executors) > 0 {
		t["executorMetadatas"] = frozen(c.executors)
	}
	if len(c.generator) > 0 {
		t["generatorMetadata"] = frozen(c.generator)
	}
	return t
}

func (s *Server) getTrajectory(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := s.whole(c)
	out := object{"trajectory": t, "status": c.status}
	if len(c.steps) > 0 {
		out["numTotalSteps"] = len(c.steps)
	}
	if len(c.generator) > 0 {
		out["numTotalGeneratorMetadata"] = len(c.generator)
	}
	if s.knobs.Era == "e3" && c.fullyIdle() {
		out["fullyIdle"] = true
	}
	if s.knobs.Trajectory == "partial" { // U20: a growing step shows no text yet
		steps, _ := t["steps"].([]any)
		for _, item := range steps {
			o := item.(object)
			if o["status"] == "CORTEX_STEP_STATUS_"+s.knobs.GeneratingName && o["plannerResponse"] != nil {
				o["plannerResponse"] = object{}
			}
		}
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
	steps := c.steps
	if c.busy { // U20: while it is generating, this method is behind
		if n := len(steps) - s.knobs.StepsLag; n < len(steps) {
			steps = steps[:max(n, 0)]
		}
		for n := len(steps); s.knobs.StepsLagMS > 0 && n > 0 && time.Since(c.times[n-1]) < millis(s.knobs.StepsLagMS); n-- {
			steps = steps[:n-1]
		}
	}
	if req.StepOffset < 0 || req.StepOffset >= len(steps) {
		return object{}, nil
	}
	steps = steps[req.StepOffset:]
	if len(steps) > s.knobs.StepsCap {
		steps = steps[:s.knobs.StepsCap]
	}
	return object{"steps": frozen(steps)}, nil
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

func (s *Server) getGeneratorMetadata(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	var req struct{ GeneratorMetadataOffset int }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if req.GeneratorMetadataOffset < 0 || req.GeneratorMetadataOffset >= len(c.generator) {
		return object{}, nil
	}
	return object{"generatorMetadata": frozen(c.generator[req.GeneratorMetadataOffset:])}, nil
}

// summaryOf is the entry of one cascade in the list of all.
func (s *Server) summaryOf(c *cascade) object {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := object{"trajectoryId": c.trajectory, "status": c.status, "createdTime": stamp(c.created),
		"lastModifiedTime": stamp(c.changed)}
	if len(c.steps) > 0 {
		one["stepCount"] = len(c.steps)
	}
	if c.summary != "" {
		one["summary"] = c.summary
	}
	if c.workspaces != nil {
		one["workspaces"] = c.workspaces
	}
	if c.waiting != nil && c.waiting.index < len(c.steps) {
		waiting := object{"step": frozen(c.steps[c.waiting.index])}
		if c.waiting.index > 0 {
			waiting["stepIndex"] = c.waiting.index
		}
		one["waitingSteps"] = []any{waiting}
	}
	if c.notes != nil {
		one["annotations"] = frozen(c.notes)
	}
	return one
}

func (s *Server) summaries() object {
	s.mu.Lock()
	var visible []*cascade
	for _, c := range s.cascades {
		if time.Since(c.created) >= millis(s.knobs.VisibleAfterMS) { // U31
			visible = append(visible, c)
		}
	}
	s.mu.Unlock()
	all := object{}
	for _, c := range visible {
		all[c.id] = s.summaryOf(c)
	}
	return all
}

func (s *Server) getAll(context.Context, []byte) (object, error) {
	all := s.summaries()
	if len(all) == 0 {
		return object{}, nil
	}
	return object{"trajectorySummaries": all}, nil
}

func (s *Server) revert(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	var req struct{ StepIndex int }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy || req.StepIndex < 0 || req.StepIndex > len(c.steps) {
		return nil, refuse(400, "invalid_argument", "cannot revert to step %d", req.StepIndex)
	}
	c.cut(req.StepIndex)
	return object{}, nil
}

func (s *Server) deleteTrajectory(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	delete(s.cascades, c.id)
	s.mu.Unlock()
	s.list.ring()
	if safeID.MatchString(c.id) {
		if err := os.Remove(s.file(c.id)); err != nil && !os.IsNotExist(err) {
			return nil, refuse(500, "internal", "%v", err)
		}
	}
	return object{}, nil
}

func (s *Server) annotate(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	var req struct {
		Annotations      object
		MergeAnnotations bool
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.notes == nil || !req.MergeAnnotations {
		c.notes = object{}
	}
	for key, value := range req.Annotations {
		c.notes[key] = value
	}
	c.touch()
	s.list.ring()
	return object{}, nil
}

var safeID = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// file is where the real server keeps a conversation. Its content is ours: the third era's is an
// SQLite database, which this is not.
func (s *Server) file(id string) string {
	ending := ".pb"
	if s.knobs.Era == "e3" {
		ending = ".db"
	}
	return filepath.Join(s.dataDir, "conversations", id+ending)
}

// save leaves files where the real server does, for LoadTrajectory to find.
func (s *Server) save(c *cascade) {
	if !safeID.MatchString(c.id) {
		return
	}
	c.mu.Lock()
	raw, err := schema.Encode("Trajectory", s.whole(c))
	c.mu.Unlock()
	if err == nil {
		err = os.WriteFile(s.file(c.id), raw, 0o600)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(s.dataDir, "brain", c.id), 0o700)
	}
	if err != nil {
		s.logf("store.go:52", "Failed to save conversation: %v", err)
	}
}

// loadTrajectory brings a conversation of an earlier run, or of another server of the same data
// directory, into memory.
func (s *Server) loadTrajectory(_ context.Context, body []byte) (object, error) {
	_, missing := s.find(body)
	if missing == nil {
		return object{}, nil
	}
	var req struct{ CascadeID string }
	if json.Unmarshal(body, &req) != nil || !safeID.MatchString(req.CascadeID) {
		return nil, missing
	}
	raw, err := os.ReadFile(s.file(req.CascadeID))
	if errors.Is(err, os.ErrNotExist) {
		return nil, missing
	}
	if err != nil {
		return nil, refuse(500, "internal", "%v", err)
	}
	t, err := schema.Decode("Trajectory", raw)
	if err != nil {
		return nil, refuse(500, "internal", "%v", err)
	}
	c := s.newCascade(req.CascadeID, "CORTEX_TRAJECTORY_SOURCE_CASCADE_CLIENT", nil)
	if id, ok := t["trajectoryId"].(string); ok {
		c.trajectory = id
	}
	c.steps, c.generator, c.executors = objects(t["steps"]), objects(t["generatorMetadata"]), objects(t["executorMetadatas"])
	for range c.steps {
		c.since, c.times = append(c.since, 0), append(c.times, c.created)
	}
	if n := len(c.executors); n > 0 {
		c.lastExec, _ = c.executors[n-1]["executionId"].(string)
	}
	s.remember(c)
	return object{}, nil
}

func objects(v any) []object {
	items, _ := v.([]any)
	var out []object
	for _, item := range items {
		if o, ok := item.(object); ok {
			out = append(out, o)
		}
	}
	return out
}
