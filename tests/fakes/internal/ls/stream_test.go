package ls

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"antigravity-proxy/fakes/internal/schema"
)

// agentView is what a client of StreamAgentStateUpdates has put together.
type agentView struct {
	statuses []string
	steps    []any
	texts    []string // of the last planner step, as they came
	gen      int
	updates  []object
}

func (v *agentView) take(update object) {
	v.updates = append(v.updates, update)
	status := strings.TrimPrefix(fmt.Sprint(update["status"]), "CASCADE_RUN_STATUS_")
	if n := len(v.statuses); n == 0 || v.statuses[n-1] != status {
		v.statuses = append(v.statuses, status)
	}
	u, ok := dig(update, "mainTrajectoryUpdate", "stepsUpdate").(object)
	if list, ok := dig(update, "mainTrajectoryUpdate", "generatorMetadatasUpdate", "generatorMetadatas").([]any); ok {
		v.gen += len(list)
	}
	if !ok {
		return
	}
	total := 0
	if n, ok := u["totalLength"].(json.Number); ok {
		wide, _ := n.Int64()
		total = int(wide)
	}
	for len(v.steps) < total {
		v.steps = append(v.steps, nil)
	}
	v.steps = v.steps[:total]
	indices, _ := u["indices"].([]any)
	for k, i := range indices {
		at, _ := i.(json.Number).Int64()
		v.steps[at] = dig(u, "steps", k)
		if text, ok := dig(v.steps[at], "plannerResponse", "modifiedResponse").(string); ok {
			v.texts = append(v.texts, text)
		}
	}
}

func (v *agentView) done() bool {
	last := v.updates[len(v.updates)-1]
	_, ended := dig(last, "executorMetadata").(object)
	return ended
}

func TestAgentStateLeadsToTheTrajectory(t *testing.T) {
	for _, binary := range []bool{false, true} {
		r := launch(t, "e2", func(k *Knobs) { k.PostMS = 1 })
		open := r.gate()
		id := r.begin()
		l := r.listen("StreamAgentStateUpdates", object{"conversationId": id, "subscriberId": "s"}, binary)
		var v agentView
		first, _, err := l.next()
		if err != nil || dig(first, "update", "conversationId") != id || dig(first, "update", "trajectoryId") == nil {
			t.Fatalf("%v %v", first, err)
		}
		v.take(first["update"].(object))
		r.must("SendUserCascadeMessage", message(id, "hello"))
		for !v.done() {
			u, end, err := l.next()
			if err != nil || end != "" {
				t.Fatalf("%s %v", end, err)
			}
			if v.take(u["update"].(object)); len(v.texts) > 0 {
				open()
			}
		}
		want, _ := schema.Plain(dig(r.get(id), "trajectory", "steps"))
		if !reflect.DeepEqual(v.steps, want) {
			t.Errorf("binary %v:\n%v\n%v", binary, v.steps, want)
		}
		if v.statuses[0] != "IDLE" || v.statuses[len(v.statuses)-1] != "IDLE" || !strings.Contains(strings.Join(v.statuses, " "), "RUNNING") {
			t.Errorf("%v", v.statuses)
		}
		if v.gen != 1 || v.texts[len(v.texts)-1] != "Hello there" {
			t.Errorf("%d %v", v.gen, v.texts)
		}
		l2 := r.listen("StreamAgentStateUpdates", object{"conversationId": id, "subscriberId": "other"}, binary)
		late, _, err := l2.next()
		if err != nil {
			t.Fatal(err)
		}
		if steps, _ := dig(late, "update", "mainTrajectoryUpdate", "stepsUpdate", "steps").([]any); len(steps) != 3 {
			t.Errorf("a late subscriber starts with everything: %v", late)
		}
	}
}

func TestIDLEIsShownBeforeTheLastText(t *testing.T) {
	r := launch(t, "e2", nil)
	id := r.begin()
	l := r.listen("StreamAgentStateUpdates", object{"conversationId": id}, false)
	r.must("SendUserCascadeMessage", message(id, "hello [[ls:idle-early;ms=1]]"))
	early := false
	var v agentView
	for len(v.updates) == 0 || !v.done() {
		u, _, err := l.next()
		if err != nil {
			t.Fatal(err)
		}
		v.take(u["update"].(object))
		n := len(v.texts)
		early = early || (v.statuses[len(v.statuses)-1] == "IDLE" && n > 0 && v.texts[n-1] != "Hello there")
	}
	if !early {
		t.Errorf("%v", v.updates)
	}
}

func TestFramesCarryTextAsItComes(t *testing.T) {
	r := launch(t, "e2", func(k *Knobs) { k.LogText = true })
	more := make(chan bool)
	r.brain.answer = func(_ int, w http.ResponseWriter) {
		sse(w, "one", "")
		<-more
		sse(w, " two", "STOP")
	}
	id := r.begin()
	l := r.listen("StreamAgentStateUpdates", object{"conversationId": id}, false)
	r.must("SendUserCascadeMessage", message(id, "hello"))
	var v agentView
	for len(v.texts) == 0 {
		u, _, err := l.next()
		if err != nil {
			t.Fatal(err)
		}
		v.take(u["update"].(object))
	}
	if v.texts[0] != "one" || dig(v.steps, -1, "status") != "CORTEX_STEP_STATUS_GENERATING" {
		t.Errorf("%v", v.steps)
	}
	close(more)
	r.done(id)
	if !strings.Contains(r.log.String(), "First text of step 2 of "+id) {
		t.Error(r.log)
	}
}

func TestStreamsEndWithTheTurnWhenAsked(t *testing.T) {
	for era, method := range map[string]string{"e1": "StreamCascadeReactiveUpdates", "e2": "StreamAgentStateUpdates"} {
		r := launch(t, era, func(k *Knobs) { k.StreamEnds, k.FrameMS = "turn", 1 })
		id := r.begin()
		l := r.listen(method, object{"conversationId": id, "id": id, "protocolVersion": 1}, false)
		r.must("SendUserCascadeMessage", message(id, "hello"))
		for {
			_, end, err := l.next()
			if err != nil {
				t.Fatal(err)
			}
			if end == "{}" {
				break
			}
		}
	}
}

func TestStreamsBreakOnRequest(t *testing.T) {
	for _, marker := range []string{"[[ls:reset]]", "[[ls:die;how=half]]", "[[ls:die;how=reset;after=2]]"} {
		r := launch(t, "e3", nil)
		id := r.begin()
		l := r.listen("StreamAgentStateUpdates", object{"conversationId": id}, true)
		r.must("SendUserCascadeMessage", message(id, "hello "+marker))
		for {
			_, end, err := l.next()
			if end != "" {
				t.Fatalf("%s: an orderly end: %s", marker, end)
			}
			if err != nil {
				break
			}
		}
		r.done(id) // the turn itself goes on
		if got := r.steps(id); got[len(got)-1] != "PLANNER_RESPONSE DONE" {
			t.Errorf("%s: %v", marker, got)
		}
	}
}

// applyDiff does what the client of a reactive stream does.
func applyDiff(t *testing.T, message string, into object, diff any) {
	t.Helper()
	if err := schema.Apply(message, into, diff); err != nil {
		t.Fatal(err)
	}
}

func TestReactiveDiffsLeadToTheTrajectory(t *testing.T) {
	for _, binary := range []bool{false, true} {
		r := launch(t, "e1", nil)
		id := r.begin()
		l := r.listen("StreamCascadeReactiveUpdates", object{"protocolVersion": 1, "id": id, "subscriberId": "s"}, binary)
		state := object{}
		version := 0
		step := func() {
			u, end, err := l.next()
			if err != nil || end != "" {
				t.Fatalf("%s %v", end, err)
			}
			if version++; u["version"] != fmt.Sprint(version) {
				t.Fatalf("version %v", u["version"])
			}
			applyDiff(t, "CascadeState", state, u["diff"])
		}
		step()
		if state["cascadeId"] != id || dig(state, "trajectory", "trajectoryId") == nil {
			t.Fatalf("%v", state)
		}
		r.must("SendUserCascadeMessage", message(id, "hello [[ls:extra-steps]]"))
		for dig(state, "executorMetadata") == nil {
			step()
		}
		want, _ := schema.Plain(dig(r.get(id), "trajectory"))
		if !reflect.DeepEqual(state["trajectory"], want) {
			t.Errorf("binary %v:\n%v\n%v", binary, state["trajectory"], want)
		}
	}
}

func TestSummariesAndPanelAreReactiveToo(t *testing.T) {
	r := launch(t, "e1", nil)
	for method, id := range map[string]string{"StreamCascadeSummariesReactiveUpdates": "summaries",
		"StreamCascadePanelReactiveUpdates": "chat-client-trajectories"} {
		l := r.listen(method, object{"protocolVersion": 1, "id": id, "subscriberId": method}, false)
		state := object{}
		cascade := r.say("name me")
		for dig(state, "summaries", cascade, "summary") != "name me" {
			u, end, err := l.next()
			if err != nil || end != "" {
				t.Fatalf("%s %v", end, err)
			}
			applyDiff(t, "CascadeTrajectorySummaries", state, u["diff"])
		}
		r.must("DeleteCascadeTrajectory", object{"cascadeId": cascade})
		for dig(state, "summaries", cascade) != nil {
			u, _, err := l.next()
			if err != nil {
				t.Fatal(err)
			}
			applyDiff(t, "CascadeTrajectorySummaries", state, u["diff"])
		}
	}
}

func TestReactiveStreamsAreOffLaterOn(t *testing.T) {
	body := object{"protocolVersion": 1, "id": "x"}
	r := launch(t, "e2", nil)
	l := r.listen("StreamCascadeReactiveUpdates", body, false)
	if _, end, err := l.next(); err != nil || end != `{"error":{"code":"unknown","message":"reactive state is disabled"}}` {
		t.Errorf("%s %v", end, err)
	}
	if !strings.Contains(r.log.String(), "Reactive state is disabled") {
		t.Error(r.log)
	}
	for era, method := range map[string]string{"e1": "StreamAgentStateUpdates", "e2": "StreamCascadePanelReactiveUpdates"} {
		l = launch(t, era, nil).listen(method, body, false)
		if _, end, err := l.next(); err != nil || !strings.Contains(end, "unimplemented") {
			t.Errorf("%s: %s %v", era, end, err)
		}
	}
	r = launch(t, "e1", nil)
	l = r.listen("StreamCascadeReactiveUpdates", object{"protocolVersion": 2, "id": r.begin()}, false)
	if _, end, err := l.next(); err != nil || !strings.Contains(end, "invalid_argument") {
		t.Errorf("%s %v", end, err)
	}
}

func TestHeartbeatsMayBeNeeded(t *testing.T) {
	s, lines, _ := build(t, "e2", func(k *Knobs) { k.HeartbeatExitMS = 1 })
	if status := s.Run(context.Background()); status != 0 || !strings.Contains(lines.String(), "No heartbeat") {
		t.Errorf("%d %s", status, lines)
	}
}
