package schema

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func parse(t *testing.T, text string) Object {
	t.Helper()
	v, err := Plain(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return v.(Object)
}

// same compares by JSON: numbers may come as json.Number, float32 or int.
func same(t *testing.T, got, want any) {
	t.Helper()
	a, _ := Plain(got)
	b, _ := Plain(want)
	if !reflect.DeepEqual(a, b) {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		t.Fatalf("got  %s\nwant %s", x, y)
	}
}

const trajectory = `{"trajectory":{"trajectoryId":"T","cascadeId":"C","source":"CORTEX_TRAJECTORY_SOURCE_CASCADE_CLIENT",
 "metadata":{"createdAt":"2026-03-01T10:00:00.5Z"},
 "steps":[{"type":"CORTEX_STEP_TYPE_PLANNER_RESPONSE","status":"CORTEX_STEP_STATUS_DONE",
   "metadata":{"generatorModel":"MODEL_PLACEHOLDER_M18","modelUsage":{"inputTokens":"12345678901234","responseId":"r"}},
   "plannerResponse":{"modifiedResponse":"hé","thinkingDuration":"2.5s","stopReason":"STOP_REASON_FUNCTION_CALL"}},
  {"type":"CORTEX_STEP_TYPE_RUN_COMMAND","runCommand":{"exitCode":0}}],
 "generatorMetadata":[{"stepIndices":[2,300]}]},"status":"CASCADE_RUN_STATUS_RUNNING","numTotalSteps":2}`

func TestBinaryAndBackIsTheSameMessage(t *testing.T) {
	want := parse(t, trajectory)
	raw, err := Encode("GetCascadeTrajectoryResponse", want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode("GetCascadeTrajectoryResponse", raw)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
}

func TestTheWireFormIsThatOfProtobuf(t *testing.T) {
	for _, c := range []struct {
		message, json string
		wire          []byte
	}{
		{"QuotaInfo", `{"remainingFraction":0.5}`, []byte{0x0d, 0, 0, 0, 0x3f}},
		{"QuotaInfo", `{"remainingFraction":0}`, nil},
		{"RunCommand", `{"exitCode":0}`, []byte{0x30, 0}},
		{"RunCommand", `{"exitCode":-1}`, []byte{0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}},
		{"ModelOrAlias", `{"model":"MODEL_PLACEHOLDER_M18"}`, []byte{0x08, 0xfa, 0x07}},
		{"ModelOrAlias", `{"model":342}`, []byte{0x08, 0xd6, 0x02}},
		{"GeneratorMetadata", `{"stepIndices":[1,2]}`, []byte{0x12, 2, 1, 2}},
		{"UnleashContext", `{"properties":{"a":"b"}}`, []byte{0x1a, 6, 0x0a, 1, 'a', 0x12, 1, 'b'}},
		{"GetCascadeTrajectoryResponse", `{"fullyIdle":true}`, nil},
	} {
		got, err := Encode(c.message, json.RawMessage(c.json))
		if err != nil || !bytes.Equal(got, c.wire) {
			t.Errorf("%s %s: % x, %v", c.message, c.json, got, err)
		}
	}
}

func TestWhatTheMessageCannotHoldIsAnError(t *testing.T) {
	for _, c := range [][2]string{{"QuotaInfo", `{"fraction":1}`}, {"Step", `{"type":"NO_SUCH_TYPE"}`},
		{"Step", `[]`}, {"Trajectory", `{"steps":{}}`}, {"QuotaInfo", `{"resetTime":"soon"}`},
		{"Media", `{"inlineData":"%"}`}, {"NoSuchMessage", `{}`}} {
		if _, err := Encode(c[0], json.RawMessage(c[1])); err == nil {
			t.Errorf("%s %s was accepted", c[0], c[1])
		}
	}
	for _, c := range []struct {
		message string
		wire    []byte
	}{{"Step", []byte{0x2a, 5}}, {"Step", []byte{0x0a, 1, 1}}, {"GeneratorMetadata", []byte{0x12, 1, 0x80}}, {"NoSuchMessage", nil}} {
		if _, err := Decode(c.message, c.wire); err == nil {
			t.Errorf("%s % x was accepted", c.message, c.wire)
		}
	}
}

func TestUnknownFieldsAndNumbersAreKeptApart(t *testing.T) {
	got, err := Decode("Step", []byte{0x08, 0x7b, 0xf8, 0x3f, 1})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, parse(t, `{"type":123}`))
}

func TestDiffsLeadFromOneStateToTheNext(t *testing.T) {
	states := []string{
		`{}`,
		`{"cascadeId":"C","status":"CASCADE_RUN_STATUS_RUNNING","trajectory":{"trajectoryId":"T","steps":[{"type":"CORTEX_STEP_TYPE_PLANNER_RESPONSE","plannerResponse":{"response":"a"},"requestedInteraction":{"runCommand":{}}}]}}`,
		`{"cascadeId":"C","status":"CASCADE_RUN_STATUS_IDLE","trajectory":{"trajectoryId":"T","steps":[{"type":"CORTEX_STEP_TYPE_PLANNER_RESPONSE","plannerResponse":{"response":"ab"}},{"type":"CORTEX_STEP_TYPE_RUN_COMMAND","runCommand":{"exitCode":3}}],"generatorMetadata":[{"chatModel":{"responseModel":"m"},"stepIndices":[1]}]}}`,
		`{"cascadeId":"C","trajectory":{"trajectoryId":"T","steps":[]}}`,
	}
	m, _ := Lookup("CascadeState")
	for _, merge := range []bool{true, false} {
		state := Object{}
		for i := 1; i < len(states); i++ {
			diff, err := Diff("CascadeState", json.RawMessage(states[i-1]), json.RawMessage(states[i]))
			if err != nil {
				t.Fatal(err)
			}
			raw, err := Encode("MessageDiff", diff)
			if err != nil {
				t.Fatal(err)
			}
			back, err := Decode("MessageDiff", raw)
			if err != nil {
				t.Fatal(err)
			}
			same(t, back, diff)
			plain, _ := Plain(back)
			m.apply(state, plain.(Object), merge)
			same(t, state, json.RawMessage(states[i]))
		}
	}
}

func TestDiffsOfMapsRemoveKeys(t *testing.T) {
	from, to := `{"summaries":{"a":{"summary":"x"},"b":{"summary":"y"}}}`, `{"summaries":{"b":{"summary":"z","stepCount":2},"c":{}}}`
	diff, err := Diff("CascadeTrajectorySummaries", json.RawMessage(from), json.RawMessage(to))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := Lookup("CascadeTrajectorySummaries")
	state := parse(t, from)
	plain, _ := Plain(diff)
	m.apply(state, plain.(Object), true)
	same(t, state, json.RawMessage(to))
	if diff, err := Diff("CascadeTrajectorySummaries", json.RawMessage(to), json.RawMessage(to)); err != nil || len(diff) != 0 {
		t.Fatalf("%v %v", diff, err)
	}
}
