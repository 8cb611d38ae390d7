package ls

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func (r *rig) reason(id string) string {
	r.t.Helper()
	text, _ := dig(r.get(id), "trajectory", "executorMetadatas", -1, "terminationReason").(string)
	return strings.TrimPrefix(text, "EXECUTOR_TERMINATION_REASON_")
}

// gate holds the model's answers back until the test opens it.
func (r *rig) gate() (open func()) {
	ch := make(chan struct{})
	r.brain.answer = func(_ int, w http.ResponseWriter) {
		sse(w, "Hello", "")
		<-ch
		sse(w, " there", "STOP")
	}
	var once int32
	open = func() {
		if atomic.CompareAndSwapInt32(&once, 0, 1) {
			close(ch)
		}
	}
	r.t.Cleanup(open)
	return open
}

func growing(c *cascade) bool {
	n := len(c.steps)
	return n > 0 && dig(c.steps[n-1], "plannerResponse", "modifiedResponse") == "Hello"
}

func TestMessagesToABusyConversation(t *testing.T) {
	for queue, want := range map[string]int{"sequential": 3, "merged": 2, "manual": 1} {
		r := launch(t, "e2", func(k *Knobs) { k.Queue = queue })
		open := r.gate()
		id := r.begin()
		r.must("SendUserCascadeMessage", message(id, "first"))
		r.when(id, growing)
		l := r.listen("StreamAgentStateUpdates", object{"conversationId": id}, false)
		for _, text := range []string{"second", "third"} {
			if got := r.must("SendUserCascadeMessage", message(id, text)); got["queued"] != true {
				t.Errorf("%s: %v", queue, got)
			}
		}
		for {
			u, _, err := l.next()
			if err != nil {
				t.Fatal(err)
			}
			if steps, _ := dig(u, "update", "queuedStepsUpdate", "queuedSteps").([]any); len(steps) == 2 {
				if dig(steps, 0, "status") != "CORTEX_STEP_STATUS_QUEUED" || dig(steps, 0, "userInput", "isQueuedMessage") != true {
					t.Errorf("%v", steps)
				}
				break
			}
		}
		open()
		r.done(id)
		if got := strings.Count(strings.Join(r.steps(id), ","), "USER_INPUT"); got != want {
			t.Errorf("%s: %d inputs", queue, got)
		}
		if queue == "manual" {
			r.must("SendAllQueuedMessages", object{"cascadeId": id})
			r.done(id)
			if got := strings.Count(strings.Join(r.steps(id), ","), "USER_INPUT"); got != 2 {
				t.Errorf("%d inputs after one push", got)
			}
			r.must("DeleteQueuedUserInputStep", object{"cascadeId": id})
			r.must("SendAllQueuedMessages", object{"cascadeId": id})
			r.done(id)
			if got := strings.Count(strings.Join(r.steps(id), ","), "USER_INPUT"); got != 2 {
				t.Errorf("%d inputs after the queue was emptied", got)
			}
		}
	}
}

func TestCancelEndsTheStepInItsWay(t *testing.T) {
	for _, c := range []struct {
		status string
		text   bool
	}{{"CANCELED", true}, {"INTERRUPTED", false}} {
		r := launch(t, "e2", func(k *Knobs) { k.CancelStatus, k.CancelText = c.status, c.text })
		r.gate()
		id := r.begin()
		r.must("SendUserCascadeMessage", message(id, "x"))
		r.when(id, growing)
		r.must("CancelCascadeInvocation", object{"cascadeId": id})
		r.must("CancelCascadeInvocation", object{"cascadeId": id})
		r.done(id)
		step := dig(r.get(id), "trajectory", "steps", -1)
		if dig(step, "status") != "CORTEX_STEP_STATUS_"+c.status || (dig(step, "plannerResponse", "modifiedResponse") == "Hello") != c.text ||
			r.reason(id) != "USER_CANCELED" || r.get(id)["status"] != idle {
			t.Errorf("%+v: %v %s", c, step, r.reason(id))
		}
	}
}

func TestStepsWaitForTheUser(t *testing.T) {
	for _, c := range []struct {
		kind   string
		answer object
		status string
	}{
		{"command", object{"runCommand": object{"confirm": true}}, "DONE"},
		{"command", object{"runCommand": object{}}, "CANCELED"},
		{"file", object{"filePermission": object{"allow": true, "scope": "PERMISSION_SCOPE_ONCE"}}, "DONE"},
		{"browser", object{"openBrowserUrl": object{"confirm": true}}, "DONE"},
		{"elicitation", object{"elicitation": object{"action": 1}}, "DONE"},
		{"ask", object{"askQuestion": object{"responses": []any{object{"anything": 1}}}}, "DONE"},
		{"ask", object{"askQuestion": object{"cancelled": true}}, "CANCELED"},
		{"permission", object{"permission": object{"whatever": "x"}}, "DONE"},
		{"approval", object{"approvalInteraction": object{}}, "DONE"},
	} {
		r := launch(t, "e3", nil)
		id := r.begin()
		early := object{"cascadeId": id, "interaction": c.answer}
		if status, got := r.try("HandleCascadeUserInteraction", early); status != 500 || !strings.Contains(got["message"].(string), "not registered") {
			t.Errorf("%s: %d %v", c.kind, status, got)
		}
		r.must("SendUserCascadeMessage", message(id, "x [[ls:wait;kind="+c.kind+"]]"))
		r.when(id, func(c *cascade) bool { return c.waiting != nil && len(c.steps) == 3 })
		state := r.get(id)
		step := dig(state, "trajectory", "steps", 2)
		if state["status"] != running || dig(step, "status") != "CORTEX_STEP_STATUS_WAITING" || dig(step, "requestedInteraction") == nil {
			t.Errorf("%s: %v", c.kind, state)
		}
		all := r.must("GetAllCascadeTrajectories", object{})
		if dig(all, "trajectorySummaries", id, "waitingSteps", 0, "stepIndex") != 2.0 {
			t.Errorf("%s: %v", c.kind, all)
		}
		answer := object{"trajectoryId": dig(state, "trajectory", "trajectoryId"), "stepIndex": 7}
		for key, value := range c.answer {
			answer[key] = value
		}
		if status, _ := r.try("HandleCascadeUserInteraction", object{"cascadeId": id, "interaction": answer}); status != 500 {
			t.Errorf("%s: an answer to another step: %d", c.kind, status)
		}
		answer["stepIndex"] = 2
		r.must("HandleCascadeUserInteraction", object{"cascadeId": id, "interaction": answer})
		r.done(id)
		if got := r.steps(id); !strings.HasSuffix(got[2], c.status) || len(got) != 4 {
			t.Errorf("%s: %v", c.kind, got)
		}
	}
}

func TestStrictInteractionsWantAnAnswer(t *testing.T) {
	r := launch(t, "e3", func(k *Knobs) { k.Interactions = "strict" })
	id := r.begin()
	r.must("SendUserCascadeMessage", message(id, "x [[ls:wait;kind=ask]]"))
	r.when(id, func(c *cascade) bool { return c.waiting != nil })
	body := object{"cascadeId": id, "interaction": object{"askQuestion": object{}}}
	if status, _ := r.try("HandleCascadeUserInteraction", body); status != 400 {
		t.Error(status)
	}
	r.must("ResolveOutstandingSteps", object{"cascadeId": id})
	r.done(id)
}

func TestToolRoundsWithAndWithoutConfirmation(t *testing.T) {
	call := func(n int, w http.ResponseWriter) {
		if n > 1 {
			sse(w, "done", "STOP")
			return
		}
		raw, _ := json.Marshal(object{"response": object{"candidates": []any{object{"content": object{"parts": []any{
			object{"functionCall": object{"id": "c1", "name": "run_command", "args": object{"CommandLine": "make"}}}}}, "finishReason": "STOP"}}}})
		fmt.Fprintf(w, "data: %s\n\n", raw)
	}
	r := launch(t, "e1", nil)
	r.brain.answer = call
	id := r.say("x")
	if got := r.steps(id); !reflect.DeepEqual(got, []string{"USER_INPUT DONE", "CONVERSATION_HISTORY DONE", "PLANNER_RESPONSE DONE", "RUN_COMMAND DONE", "PLANNER_RESPONSE DONE"}) {
		t.Errorf("%v", got)
	}
	r = launch(t, "e1", nil)
	r.brain.answer = call
	id = r.begin()
	m := message(id, "x")
	m["cascadeConfig"].(object)["plannerConfig"].(object)["toolConfig"] = object{"runCommand": object{"autoCommandConfig": object{
		"autoExecutionPolicy": "CASCADE_COMMANDS_AUTO_EXECUTION_OFF"}}}
	r.must("SendUserCascadeMessage", m)
	r.when(id, func(c *cascade) bool { return c.waiting != nil && len(c.steps) == 4 })
	r.must("HandleCascadeUserInteraction", object{"cascadeId": id, "interaction": object{"stepIndex": 3, "runCommand": object{"confirm": true}}})
	r.done(id)
	if exit, there := dig(r.get(id), "trajectory", "steps", 3, "runCommand").(object)["exitCode"]; !there || exit != 0.0 {
		t.Errorf("%v", r.get(id))
	}
}

func TestRetriesAndTheShapeOfErrors(t *testing.T) {
	busy := func(_ int, w http.ResponseWriter) { http.Error(w, "QUOTA_EXHAUSTED", 429) }
	for shape, want := range map[string][2]bool{"both": {true, true}, "message": {false, true}, "stop": {true, false}} {
		r := launch(t, "e2", func(k *Knobs) { k.ErrorShape = shape })
		r.brain.answer = busy
		id := r.say("x")
		steps := r.steps(id)
		state := r.get(id)
		stop := dig(state, "trajectory", "steps", 2, "plannerResponse", "stopReason") == "STOP_REASON_ERROR"
		if stop != want[0] || (steps[len(steps)-1] == "ERROR_MESSAGE DONE") != want[1] || r.reason(id) != "ERROR" || len(r.brain.requests) != 3 {
			t.Errorf("%s: %v", shape, state)
		}
	}
	r := launch(t, "e2", nil)
	r.brain.answer = func(n int, w http.ResponseWriter) {
		if n == 1 {
			busy(n, w)
			return
		}
		sse(w, "ok", "STOP")
	}
	id := r.say("x")
	infos, _ := dig(r.must("GetCascadeTrajectoryGeneratorMetadata", object{"cascadeId": id}), "generatorMetadata", 0, "chatModel", "retryInfos").([]any)
	if len(infos) != 2 || dig(infos, 0, "error") == nil || dig(infos, 1, "usage", "responseId") != "R" {
		t.Errorf("%v", infos)
	}
	if got := r.must("GetCascadeTrajectoryGeneratorMetadata", object{"cascadeId": id, "generatorMetadataOffset": 1}); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestBlockingAndPropagatedErrors(t *testing.T) {
	r := launch(t, "e2", func(k *Knobs) { k.Blocking, k.PropagateError, k.Retries = true, true, 0 })
	id := r.begin()
	m := message(id, "x")
	m["blocking"], m["propagateError"] = true, true
	r.must("SendUserCascadeMessage", m)
	if got := r.steps(id); got[len(got)-1] != "PLANNER_RESPONSE DONE" {
		t.Errorf("%v", got)
	}
	r.brain.answer = func(_ int, w http.ResponseWriter) { http.Error(w, "no", 403) }
	if status, got := r.try("SendUserCascadeMessage", m); status != 500 {
		t.Errorf("%d %v", status, got)
	}
}

func TestWhatIsCorrelatedWithTheUpstream(t *testing.T) {
	r := launch(t, "e2", func(k *Knobs) { k.LabelNames = "request_id,trajectory_id,used_non_gemini_model" })
	id := r.say("x")
	trajectory := dig(r.get(id), "trajectory", "trajectoryId").(string)
	req := r.brain.request(0)
	if !reflect.DeepEqual(dig(req, "request", "labels"), object{"request_id": trajectory + "-2", "trajectory_id": trajectory, "used_non_gemini_model": "false"}) {
		t.Errorf("%v", req)
	}
	if parts := strings.Split(dig(req, "requestId").(string), "/"); len(parts) != 5 || parts[1] != id || parts[3] != trajectory || parts[4] != "2" {
		t.Errorf("%v", parts)
	}
	for seg2, same := range map[string]bool{"cascade": false, "parent": true} {
		r := launch(t, "e2", func(k *Knobs) { k.Seg2 = seg2 })
		id := r.say("x [[ls:subagent]]")
		step := dig(r.get(id), "trajectory", "steps", 2)
		child, _ := dig(step, "invokeSubagent", "conversationId").(string)
		got := strings.Split(r.brain.request(0)["requestId"].(string), "/")[1]
		if (got == id) != same || (got == child) == same || dig(step, "invokeSubagent", "result") != "Hello there" {
			t.Errorf("%s: %s of %s, %v", seg2, got, child, step)
		}
		if all := r.must("GetAllCascadeTrajectories", object{}); dig(all, "trajectorySummaries", child) == nil {
			t.Errorf("%v", all)
		}
	}
	for form, prefix := range map[string]string{"agent-uuid": "agent-", "none": ""} {
		r := launch(t, "e1", func(k *Knobs) {
			k.RequestIDForm, k.Labels, k.ConversationID, k.CopyResponseID = form, false, false, false
		})
		id := r.say("x")
		req := r.brain.request(0)
		text := fmt.Sprint(dig(req, "request", "systemInstruction"))
		if !strings.HasPrefix(req["requestId"].(string), prefix) || strings.Contains(req["requestId"].(string), id) ||
			dig(req, "request", "labels") != nil || strings.Contains(text, "Conversation ID:") ||
			dig(r.get(id), "trajectory", "steps", 2, "metadata", "modelUsage", "responseId") != nil {
			t.Errorf("%s: %v", form, req)
		}
	}
}

func TestWhatReadersOfStepsHaveToBear(t *testing.T) {
	r := launch(t, "e2", func(k *Knobs) { k.StepsCap, k.StepsLag, k.Trajectory = 600, 1, "partial" })
	open := r.gate()
	id := r.begin()
	r.must("SendUserCascadeMessage", message(id, "x [[ls:many;count=700]] [[ls:huge;size=256K]]"))
	r.when(id, growing)
	page := func(offset int) []any {
		items, _ := r.must("GetCascadeTrajectorySteps", object{"cascadeId": id, "stepOffset": offset})["steps"].([]any)
		return items
	}
	if a, b := len(page(0)), len(page(600)); a != 600 || b != 703-600 {
		t.Errorf("%d and %d steps", a, b)
	}
	state := r.get(id)
	if dig(state, "trajectory", "steps", -1, "plannerResponse", "modifiedResponse") != nil || dig(state, "numTotalSteps") != 704.0 {
		t.Errorf("%v", dig(state, "trajectory", "steps", -1))
	}
	if text, _ := dig(state, "trajectory", "steps", 2, "runCommand", "combinedOutput", "full").(string); len(text) != 256<<10 {
		t.Errorf("%d octets", len(text))
	}
	open()
	r.done(id)
	if n := len(page(600)); n != 104 {
		t.Errorf("%d steps after the end", n)
	}
	r = launch(t, "e2", func(k *Knobs) { k.StepsLagMS, k.VisibleAfterMS = 3600000, 3600000 })
	r.gate()
	id = r.begin()
	r.must("SendUserCascadeMessage", message(id, "x"))
	r.when(id, growing)
	if got := r.must("GetCascadeTrajectorySteps", object{"cascadeId": id}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got := r.must("GetAllCascadeTrajectories", object{}); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestAnswersInStepsOfTheirOwn(t *testing.T) {
	r := launch(t, "e2", nil)
	id := r.say("x [[ls:notify]]")
	last := dig(r.get(id), "trajectory", "steps", -1)
	if dig(last, "notifyUser", "notificationContent") != "Hello there" || dig(r.get(id), "trajectory", "steps", -2, "plannerResponse", "modifiedResponse") != nil {
		t.Errorf("%v", last)
	}
	if status, got := r.try("SendUserCascadeMessage", message(id, "x [[ls:no-such]]")); status != 400 {
		t.Errorf("%d %v", status, got)
	}
}

func TestFullyIdleComesAfterBackgroundCommands(t *testing.T) {
	r := launch(t, "e3", nil)
	id := r.say("x [[ls:background;ms=3600000]]")
	if got := r.get(id); got["status"] != idle || got["fullyIdle"] != nil {
		t.Errorf("%v", got)
	}
	if status, _, _ := r.raw("WaitForConversationFullyIdle", "application/json", []byte(`{"conversationId":"`+id+`"}`), "Connect-Timeout-Ms", "1"); status != 504 {
		t.Error(status)
	}
	r.must("CancelCascadeInvocation", object{"cascadeId": id})
	r.must("WaitForConversationFullyIdle", object{"conversationId": id})
	if got := r.get(id); got["fullyIdle"] != true {
		t.Errorf("%v", got)
	}
}

func TestConversationsOutliveTheServer(t *testing.T) {
	for _, era := range eras {
		dir := t.TempDir()
		r := launch(t, era, nil, "--gemini_dir", dir)
		r.must("AddTrackedWorkspace", object{"workspace": "/srv/u/proj"})
		id := r.say("remember")
		before := r.get(id)
		r.stop()
		<-r.ended
		r = launch(t, era, nil, "--gemini_dir", dir)
		if status, _ := r.try("GetCascadeTrajectory", object{"cascadeId": id}); status != 404 {
			t.Errorf("%s: %d", era, status)
		}
		r.must("LoadTrajectory", object{"cascadeId": id})
		after := r.get(id)
		for _, path := range [][]any{{"trajectory", "trajectoryId"}, {"trajectory", "steps"}, {"trajectory", "generatorMetadata"}} {
			if !reflect.DeepEqual(dig(before, path...), dig(after, path...)) {
				t.Errorf("%s %v:\n%v\n%v", era, path, dig(before, path...), dig(after, path...))
			}
		}
		if dig(before, "trajectory", "metadata", "workspaces", 0, "workspaceFolderAbsoluteUri") != "file:///srv/u/proj" {
			t.Errorf("%v", before)
		}
		r.must("SendUserCascadeMessage", message(id, "go on"))
		r.done(id)
		if got := r.steps(id); len(got) != 5 {
			t.Errorf("%s: %v", era, got)
		}
		r.must("UpdateConversationAnnotations", object{"cascadeId": id, "annotations": object{"title": "T"}, "mergeAnnotations": true})
		if got := r.must("GetAllCascadeTrajectories", object{}); dig(got, "trajectorySummaries", id, "annotations", "title") != "T" {
			t.Errorf("%v", got)
		}
		r.must("RevertToCascadeStep", object{"cascadeId": id, "stepIndex": 3})
		if got := r.steps(id); len(got) != 3 {
			t.Errorf("%s: %v", era, got)
		}
		r.must("DeleteCascadeTrajectory", object{"cascadeId": id})
		if status, _ := r.try("LoadTrajectory", object{"cascadeId": id}); status != 404 {
			t.Errorf("%s: %d", era, status)
		}
		if status, _ := r.try("LoadTrajectory", object{"cascadeId": "../x"}); status != 404 {
			t.Errorf("%s: %d", era, status)
		}
	}
}

func TestWhatEndsInAnErrorEndsTheTurn(t *testing.T) {
	r := launch(t, "e2", func(k *Knobs) { k.Upstream = false })
	id := r.say("x")
	if got := r.steps(id); got[len(got)-1] != "ERROR_MESSAGE DONE" {
		t.Errorf("%v", got)
	}
	select {
	case status := <-r.ended:
		t.Errorf("it ended with %d", status)
	default:
	}
	r.must("Exit", object{})
	select {
	case status := <-r.ended:
		if status != 0 {
			t.Error(status)
		}
	case <-time.After(20 * time.Second):
		t.Error("Exit had no effect")
	}
}

func TestAuxiliaryCalls(t *testing.T) {
	for body, want := range map[string]string{"json": "application/json", "protobuf": "application/x-protobuf"} {
		r := launchLoggedOut(t, "e3", func(k *Knobs) {
			k.Aux, k.AuxBody = true, body
			k.UnleashURL, k.TokenURL = "http://127.0.0.1:1/", "http://127.0.0.1:1/"
		})
		r.s.loggedInAs("fake-access-token", "")
		r.say("x")
		r.brain.mu.Lock()
		at := -1
		for i, method := range r.brain.others {
			if method == "writeTrajectoryAcls" {
				at = i
			}
		}
		if at < 0 || r.brain.types[at] != want {
			t.Errorf("%s: %v %v", body, r.brain.others, r.brain.types)
		}
		r.brain.mu.Unlock()
	}
}

func TestDirectCallsDoNotKnowTheEndpoint(t *testing.T) {
	for direct, reaches := range map[bool]bool{false: true, true: false} {
		s, _, b := build(t, "e3", func(k *Knobs) {
			k.Aux, k.DirectCalls = true, direct
			k.UnleashURL, k.Resolve["*"] = "http://127.0.0.1:1/", "127.0.0.1:1"
			k.Resolve["127.0.0.1"] = "127.0.0.1"
		})
		s.afterLogin()
		if got := len(b.others) == 1 && b.others[0] == "loadCodeAssist"; got != reaches {
			t.Errorf("%v: %v", direct, b.others)
		}
	}
}

func TestTheEndpointCanBeChanged(t *testing.T) {
	r := launch(t, "e3", nil)
	other := newBrain(t)
	if status, _ := r.try("SetCloudCodeURL", object{"url": "nowhere"}); status != 400 {
		t.Error(status)
	}
	r.must("SetCloudCodeURL", object{"url": other.URL})
	r.say("x [[ls:grow;size=64K]]")
	if len(other.requests) != 1 || len(r.brain.requests) != 0 {
		t.Errorf("%d and %d requests", len(other.requests), len(r.brain.requests))
	}
}

func TestNothingIsServedBeforeTheLoginWhenSo(t *testing.T) {
	s, _, _ := build(t, "e2", func(k *Knobs) { k.WaitForLogin = true }, "--extension_server_port", "1")
	ask := func(ctx context.Context) string {
		req := httptest.NewRequest("POST", servicePath+"Heartbeat", strings.NewReader("{}")).WithContext(ctx)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(CSRFHeader, "tok")
		w := httptest.NewRecorder()
		s.serve(w, req, false)
		return w.Body.String()
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if got := ask(ctx); got != "" {
		t.Errorf("served: %s", got)
	}
	s.loggedInAs("fake-access-token", "")
	if got := ask(context.Background()); !strings.Contains(got, "lastExtensionHeartbeat") {
		t.Errorf("not served: %s", got)
	}
}
