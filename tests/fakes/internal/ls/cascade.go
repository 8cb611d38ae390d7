package ls

import (
	"context"
	"encoding/json"
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
	parent         string // conversation that this one is a sub-agent of
	source         string
	created        time.Time

	mu         sync.Mutex
	status     string
	steps      []object
	executors  []object
	generator  []object
	queue      []turn
	busy       bool
	ended      chan struct{} // closed when the running turn ends
	background int           // commands that go on after the turn (E3)
	stop       context.CancelFunc
	waiting    *question // a step that waits for the user
	lastExec   string
	summary    string
	notes      object // annotations
	changed    time.Time

	revision int         // counts changes
	since    []int       // revision at which each step changed
	times    []time.Time // when it did
	bell     bell        // rings at every change
	all      *bell       // and so does the one of the list
	faults   int         // counts faults for the streams to play
	fault    string

	workspaces []any // as they were when it started
}

// bell wakes everyone who waits for the next change.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

// newCascade belongs to the folders that are open now, or to those that the client named (E3).
func (s *Server) newCascade(id, source string, folders []string) *cascade {
	c := &cascade{id: id, trajectory: uuid.New(), source: source, status: idle, created: time.Now(),
		changed: time.Now(), all: &s.list}
	if len(folders) == 0 {
		folders = s.folders()
	}
	for _, uri := range folders {
		c.workspaces = append(c.workspaces, object{"workspaceFolderAbsoluteUri": uri})
	}
	return c
}

type turn struct {
	text      string
	model     model
	autoRun   bool
	maxOutput int64 // tokens, of each call
	executor  string
	script    script
	ended     chan error // told when it is over
}

func step(kind, status, source string) object {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	return object{"type": "CORTEX_STEP_TYPE_" + kind, "status": "CORTEX_STEP_STATUS_" + status,
		"metadata": object{"createdAt": now, "source": "CORTEX_STEP_SOURCE_" + source}}
}

// touch tells the streams that something changed; the lock is held.
func (c *cascade) touch() {
	c.revision++
	c.changed = time.Now()
	c.bell.ring()
	c.all.ring()
}

// edit changes one step under the lock.
func (c *cascade) edit(i int, change func(object)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.steps[i])
	c.touch()
	c.since[i], c.times[i] = c.revision, time.Now()
}

func (c *cascade) add(s object) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, s)
	c.touch()
	c.since, c.times = append(c.since, c.revision), append(c.times, time.Now())
	return len(c.steps) - 1
}

// cut drops the steps from index n on; the lock is held.
func (c *cascade) cut(n int) {
	c.steps, c.since, c.times = c.steps[:n], c.since[:n], c.times[:n]
	c.touch()
}

func (c *cascade) set(status string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
	c.touch()
}

// breakStreams makes every stream of this cascade play a fault once.
func (c *cascade) breakStreams(fault string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults++
	c.fault = fault
	c.touch()
}

// queuedSteps are the inputs that wait for their turn; the lock is held.
func (c *cascade) queuedSteps() []object {
	var out []object
	for _, t := range c.queue {
		s := step("USER_INPUT", "QUEUED", "USER_EXPLICIT")
		delete(s["metadata"].(object), "createdAt") // it would differ from one look to the next
		s["userInput"] = object{"items": []any{object{"text": t.text}}, "userResponse": t.text, "isQueuedMessage": true}
		out = append(out, s)
	}
	return out
}

func (c *cascade) fullyIdle() bool { return c.status == idle && !c.busy && c.background == 0 }

func setStatus(s object, status string) {
	s["status"] = "CORTEX_STEP_STATUS_" + status
	if status == "DONE" || status == "ERROR" || status == "CANCELED" || status == "INTERRUPTED" {
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
	var req struct{ CascadeID, ConversationID string }
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if req.CascadeID == "" {
		req.CascadeID = req.ConversationID
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
	var req struct {
		CascadeID     string
		WorkspaceUris []string
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if req.CascadeID == "" {
		req.CascadeID = uuid.New()
	}
	s.remember(s.newCascade(req.CascadeID, "CORTEX_TRAJECTORY_SOURCE_CASCADE_CLIENT", req.WorkspaceUris))
	return object{"cascadeId": req.CascadeID}, nil
}

// remember keeps a conversation unless there is one of this name already.
func (s *Server) remember(c *cascade) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.cascades[c.id]; !ok {
		s.cascades[c.id] = c
		s.list.ring()
	}
}

func (s *Server) sendMessage(ctx context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	var req struct {
		Items         []struct{ Text string }
		Blocking      bool
		CascadeConfig struct {
			PlannerConfig struct {
				PlanModel      json.RawMessage
				RequestedModel struct{ Model json.RawMessage }
				MaxOutput      int64 `json:"maxOutputTokens"`
				ToolConfig     struct {
					RunCommand struct {
						AutoCommandConfig struct{ AutoExecutionPolicy string }
					}
				}
			}
		}
		PropagateError bool
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
	m, ok := s.findModel(raw)
	if !ok {
		if s.knobs.UnknownModel == "error" {
			return nil, refuse(500, "unknown", "model not found: %s", raw)
		}
		return object{}, nil // U28: accepted, and nothing ever happens
	}
	t := turn{model: m, executor: uuid.New(), maxOutput: 65536, ended: make(chan error, 1)}
	if planner.MaxOutput != 0 {
		t.maxOutput = planner.MaxOutput
	}
	for _, item := range req.Items {
		t.text += item.Text
	}
	if t.script, err = parseScript(t.text); err != nil {
		return nil, err
	}
	t.autoRun = !hasSuffix(planner.ToolConfig.RunCommand.AutoCommandConfig.AutoExecutionPolicy, "_OFF")
	if s.enqueue(c, t) {
		return object{"queued": true}, nil
	}
	if req.Blocking && s.knobs.Blocking { // U25
		select {
		case err := <-t.ended:
			if err != nil && req.PropagateError && s.knobs.PropagateError {
				return nil, refuse(500, "unknown", "%v", err)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return object{}, nil
}

// enqueue starts the turn, or has it wait for the running one.
func (s *Server) enqueue(c *cascade, t turn) (queued bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, t)
	if c.busy {
		c.touch()
		return true
	}
	c.busy, c.ended = true, make(chan struct{})
	go s.work(c)
	return false
}

// work runs the queued turns one after another (U23).
func (s *Server) work(c *cascade) {
	for first := true; ; first = false {
		c.mu.Lock()
		if len(c.queue) == 0 || (!first && s.knobs.Queue == "manual") {
			c.busy = false
			close(c.ended)
			c.touch()
			c.mu.Unlock()
			return
		}
		t := c.queue[0]
		c.queue = c.queue[1:]
		if s.knobs.Queue == "merged" {
			for _, other := range c.queue {
				t.text += "\n" + other.text
			}
			c.queue = nil
		}
		ctx, stop := context.WithCancel(context.Background())
		c.stop = stop
		c.mu.Unlock()
		t.ended <- s.turn(ctx, c, t)
		stop()
	}
}

func (s *Server) sendAllQueued(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return object{}, nil // as ever: there is nothing to send
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.busy && len(c.queue) > 0 {
		c.busy, c.ended = true, make(chan struct{})
		go s.work(c)
	}
	return object{}, nil
}

func (s *Server) deleteQueued(_ context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = nil
	c.touch()
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
	c.background = 0
	c.touch()
	return object{}, nil
}

// waitFullyIdle answers when neither a turn nor a background command runs (E3).
func (s *Server) waitFullyIdle(ctx context.Context, body []byte) (object, error) {
	c, err := s.find(body)
	if err != nil {
		return nil, err
	}
	for {
		c.mu.Lock()
		done, bell := c.fullyIdle(), c.bell.next()
		c.mu.Unlock()
		if done {
			return object{}, nil
		}
		select {
		case <-bell:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
