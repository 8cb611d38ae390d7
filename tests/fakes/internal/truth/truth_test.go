package truth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// The vectors of the SSE layer, as the specification of the wire formats has them.
func TestBlocksReadTheVectors(t *testing.T) {
	type event struct{ typ, data string }
	for body, want := range map[string][]event{
		"data: a\n\n":                                {{"", "a"}},
		"data:a\ndata\ndata: b\n\n":                  {{"", "a\n\nb"}},
		"data:  x\n\n":                               {{"", " x"}},
		"data\n\n":                                   {{"", ""}},
		"event: e\n\ndata: 1\n\n":                    {{"", "1"}},
		"event: a\nevent: b\ndata: 1\n\n":            {{"b", "1"}},
		"data: a: b:c\n\n":                           {{"", "a: b:c"}},
		": c\n\n:\n\ndata: 1\n\n":                    {{"", "1"}},
		"Data: 1\n\n data: 2\n\ndata : 3\n\n":        nil,
		"data: 1\r\rdata: 2\r\n\r\ndata: 3\n\r":      {{"", "1"}, {"", "2"}, {"", "3"}},
		"data: 1\r\ndata: 2\n\n":                     {{"", "1\n2"}},
		"\xEF\xBB\xBFdata: 1\n\n\xEF\xBB\xBFdata: 2": {{"", "1"}},
		"data: 1\n\ndata: 2\n":                       {{"", "1"}, {"", "2"}},
		"id: 7\nretry: 10\ndata: 1\n\n":              {{"", "1"}},
		"\n\n\ndata: 1\n\n\n\n":                      {{"", "1"}},
	} {
		var got []event
		for _, b := range blocks(body) {
			if b.hasData {
				got = append(got, event{b.typ, b.data})
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
}

func TestNumberRules(t *testing.T) {
	for written, want := range map[string]int64{`40`: 40, `40.0`: 40, `1.24e3`: 1240, `"1200"`: 1200, `0`: 0, `1e12`: 1e12, `1000000000000`: 1e12,
		`-1`: -1, `1.5`: -1, `true`: -1, `1e300`: -1, `18446744073709551615`: -1, `1000000000001`: -1, `"-1"`: -1, `"12345678901234"`: -1,
		`""`: -1, `[1]`: -1, `{}`: -1, `"1.0"`: -1} {
		v, _ := parse(written)
		n, present, bad := count(v)
		if want < 0 && (present || !bad) || want >= 0 && (!present || bad || n != uint64(want)) {
			t.Errorf("%s: %d %v %v", written, n, present, bad)
		}
	}
	if _, present, bad := count(nil); present || bad {
		t.Error("null is neither there nor bad")
	}
}

func read(wire, contentType, body string) *Record {
	return expect(&facts{wire: wire, hasHead: true, status: 200, contentType: contentType, body: body, complete: true})
}

// The examples of the specification, with the numbers that it says they mean.
func TestExamplesMeanWhatTheSpecificationSays(t *testing.T) {
	const sse = "text/event-stream"
	google := read("google", sse, `data: {"response": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Let me see", "thought": true}]}}],`+
		`"usageMetadata": {"promptTokenCount": 812, "totalTokenCount": 840, "thoughtsTokenCount": 28},"modelVersion": "gemini-3-flash", "responseId": "r7Kq"}, "traceId": "9f31c2", "metadata": {}}`+"\n\n"+
		`data: {"response": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Done."}]}, "finishReason": "STOP"}],`+
		`"usageMetadata": {"promptTokenCount": 812, "candidatesTokenCount": 4, "totalTokenCount": 844, "thoughtsTokenCount": 28},`+
		`"modelVersion": "gemini-3-flash", "responseId": "r7Kq"}, "traceId": "9f31c2", "metadata": {},"consumedCredits": [{"creditType": "GOOGLE_ONE_AI", "creditAmount": "2"}]}`+"\n\n")
	check(t, google, `{"input_total":812,"output_total":32,"reasoning":28,"total":844,"reported_total":844}`, "ok", "final", "stop", "r7Kq")
	if *google.Credits != 2 || *google.TraceID != "9f31c2" {
		t.Error("credits or trace id")
	}

	anthropic := read("anthropic", sse, `event: message_start
data: {"type":"message_start","message":{"model":"claude-sonnet-4-6","id":"msg_01Ab","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":9000,"cache_creation":{"ephemeral_5m_input_tokens":300,"ephemeral_1h_input_tokens":0},"output_tokens":3,"service_tier":"standard"}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_01","name":"Read","input":{}}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":9000,"output_tokens":57}}

event: message_stop
data: {"type":"message_stop"}

`)
	check(t, anthropic, `{"input_total":9312,"input_uncached":12,"cached_input":9000,"cache_write":300,"output_total":57,"reasoning":null,"total":9369,
		"reported_total":null,"cache_write_by_ttl":{"5m":300}}`, "ok", "final", "tool_use", "msg_01Ab")
	if !reflect.DeepEqual(anthropic.ToolCalls, []string{"Read"}) {
		t.Error(anthropic.ToolCalls)
	}

	chat := read("chat", sse, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5.1-2025-11-13","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":50,"completion_tokens":70,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":32,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":64}}}

data: [DONE]

`)
	check(t, chat, `{"input_total":50,"input_uncached":18,"cached_input":32,"output_total":70,"reasoning":64,"total":120,"reported_total":120}`, "ok", "final", "stop", "chatcmpl-1")

	responses := read("responses", sse, `event: response.completed
data: {"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","object":"response","status":"completed","model":"gpt-5.3-codex","service_tier":"default","output":[{"type":"function_call","name":"shell"}],"usage":{"input_tokens":900,"input_tokens_details":{"cached_tokens":768,"cache_write_tokens":0},"output_tokens":120,"output_tokens_details":{"reasoning_tokens":96},"total_tokens":1020}}}

`)
	check(t, responses, `{"input_total":900,"input_uncached":132,"cached_input":768,"output_total":120,"reasoning":96,"total":1020,"reported_total":1020}`, "ok", "final", "tool_use", "resp_1")

	// An error after usage keeps the usage and makes it provisional; without a terminal event nothing is final.
	failed := read("google", sse, `data: {"usageMetadata":{"promptTokenCount":7}}`+"\n\n"+"{\n  \"error\": {\"code\": 503, \"status\": \"UNAVAILABLE\"}\n}\n")
	check(t, failed, `{"input_total":7,"total":7}`, "error", "provisional", "", "")
	if !reflect.DeepEqual(failed.Flags, []string{"model_missing", "trailing_error_json"}) || failed.Error.Type != "UNAVAILABLE" || failed.Error.Code != "503" {
		t.Error(failed.Flags, failed.Error)
	}
}

func check(t *testing.T, r *Record, usage, outcome, state, finish, id string) {
	t.Helper()
	var want map[string]any
	if json.Unmarshal([]byte(usage), &want) != nil {
		t.Fatal(usage)
	}
	var got map[string]any
	text, _ := json.Marshal(r.Usage)
	json.Unmarshal(text, &got)
	for key, v := range want {
		if !reflect.DeepEqual(got[key], v) {
			t.Errorf("%s is %v, want %v", key, got[key], v)
		}
	}
	if r.Outcome != outcome || r.UsageState != state || (r.Finish == nil) != (finish == "") || r.Finish != nil && *r.Finish != finish ||
		(r.ResponseID == nil) != (id == "") || r.ResponseID != nil && *r.ResponseID != id {
		t.Errorf("%s %s %v %v", r.Outcome, r.UsageState, r.Finish, r.ResponseID)
	}
}

// The same seed makes the same octets, or no difference could be reproduced.
func TestAScriptDependsOnItsSeedAndNumberAlone(t *testing.T) {
	o := Options{Seed: 5, Wires: []string{"google", "anthropic", "chat", "responses", "interactions", "websocket", "aside"}}
	other := o
	other.Seed = 6
	for i := 0; i < 60; i++ {
		one, again := newScript(o, i), newScript(o, i)
		if !reflect.DeepEqual(one, again) {
			t.Fatalf("script %d differs from itself", i)
		}
		if reflect.DeepEqual(one.steps, newScript(other, i).steps) {
			t.Fatalf("script %d does not depend on the seed", i)
		}
		if len(one.steps) < 2 || !one.steps[0].fromClient {
			t.Fatalf("script %d: %v", i, one)
		}
	}
}

// A comparison that finds nothing is worth something only if it would.
func TestCompareFindsEveryKindOfDifference(t *testing.T) {
	s := newScript(Options{Seed: 1, Wires: []string{"google"}}, 0)
	var expected []origin
	var recorded []object
	for _, r := range s.records {
		expected = append(expected, origin{tree(r), 0, nil})
		recorded = append(recorded, tree(r))
	}
	if r := Compare(expected, recorded, nil); r.Differences != 0 {
		t.Fatal(r.Lines)
	}
	for name := range recorded[0] {
		kept := recorded[0][name]
		recorded[0][name] = "something else"
		if r := Compare(expected, recorded, nil); r.Differences == 0 {
			t.Errorf("a wrong %s is not noticed", name)
		}
		delete(recorded[0], name)
		if r := Compare(expected, recorded, nil); r.Differences == 0 {
			t.Errorf("that %s is missing is not noticed", name)
		}
		recorded[0][name] = kept
	}
	if r := Compare(expected, recorded[1:], nil); r.Differences != 1 {
		t.Error("a lost record is not noticed")
	}
	if r := Compare(expected, append(recorded, recorded[0]), nil); r.Differences != 1 {
		t.Error("a record that is there twice is not noticed")
	}
}

// What is compared and forgotten in one round is not out of sight.
func TestARunNoticesWhatTheRoundsDidNot(t *testing.T) {
	s := newScript(Options{Seed: 1, Wires: []string{"google"}}, 0)
	stored := func(id string, r *Record) object {
		o := tree(r)
		o["id"] = id
		return o
	}
	a, b := s.records[0], s.records[1]
	for name, c := range map[string]struct {
		first, second, all []object // of the first round, of the second, of all there are
		differences        []string
	}{
		"as it must be":  {[]object{stored("1", a)}, []object{stored("2", b)}, []object{stored("2", b), stored("1", a)}, nil},
		"late":           {[]object{stored("1", a)}, []object{stored("2", b)}, []object{stored("2", b), stored("1", a), stored("3", a)}, []string{"3 was not there"}},
		"gone":           {[]object{stored("1", a)}, []object{stored("2", b)}, []object{stored("2", b)}, []string{"1 is there no more"}},
		"twice in all":   {[]object{stored("1", a)}, []object{stored("2", b)}, []object{stored("2", b), stored("1", a), stored("1", a)}, []string{"1 is there more"}},
		"in both rounds": {[]object{stored("1", a)}, []object{stored("1", b)}, []object{stored("1", a)}, []string{"1 is there more"}},
		"not in a round": {[]object{stored("1", a)}, nil, []object{stored("1", a)}, []string{"not recorded"}},
	} {
		start := time.Date(2026, 11, 22, 4, 0, 0, 999, time.UTC)
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			records := c.all
			switch v := q.URL.Query(); {
			case q.URL.Path == "/v1/usage":
				records = nil
			case v.Get("until") == "2026-11-22T04:00:00.000000Z" && !v.Has("since"):
				records = c.first
			case v.Get("since") == "2026-11-22T04:00:00.000000Z" && v.Get("until") == "2026-11-22T04:01:00.000000Z":
				records = c.second
			case v.Has("until") || v.Has("since"):
				t.Errorf("asked for %s", q.URL)
			}
			// A record a page: where the next one starts is the cursor.
			from := len(q.URL.Query().Get("cursor"))
			page := object{"groups": []any{}, "records": []object{}, "next_cursor": nil}
			if from < len(records) {
				page["records"] = records[from : from+1]
			}
			if from+1 < len(records) {
				page["next_cursor"] = strings.Repeat("x", from+1)
			}
			json.NewEncoder(w).Encode(page)
		}))
		r := &run{o: RunOptions{API: api.URL}, result: &Result{Report: &Report{Absent: map[string]bool{}}}, tally: newTally(), seen: map[string]int{}}
		errs := []error{r.compare(batch{[]made{{a, 0}}, time.Time{}, start}), r.compare(batch{[]made{{b, 0}}, start, start.Add(time.Minute)})}
		r.tally = newTally() // the sums have tests of their own
		errs = append(errs, r.finish())
		api.Close()
		for _, err := range errs {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		lines := strings.Join(r.result.Lines, "\n")
		if (lines == "") != (c.differences == nil) {
			t.Errorf("%s: %s", name, lines)
		}
		for _, d := range c.differences {
			if !strings.Contains(lines, d) {
				t.Errorf("%s: no %q in %s", name, d, lines)
			}
		}
	}
}

func TestSumsThatAreWrongAreNoticed(t *testing.T) {
	s := newScript(Options{Seed: 1, Wires: []string{"google"}}, 0)
	t1 := newTally()
	for _, r := range s.records {
		t1.expect([]origin{{tree(r), 0, nil}})
	}
	r := &Report{}
	r.CompareSums(t1, object{"groups": []any{}})
	if r.Differences == 0 {
		t.Error("models that are missing are not noticed")
	}
}

// However the octets come, each one is looked at, and none is lost between two steps.
func TestAnInboxComparesEveryOctet(t *testing.T) {
	sent := strings.Repeat("0123456789", 5000)
	for _, size := range []int{1, 7, 16 << 10, 50000} {
		for _, wrong := range []int{-1, 0, 19999, 20000, 49999} {
			in := newInbox(strings.NewReader(sent))
			if size == 1 {
				in = newInbox(iotest.OneByteReader(strings.NewReader(sent)))
			}
			want := []byte(sent)
			if wrong >= 0 {
				want[wrong] = 'x'
			}
			var err error
			for from := 0; from < len(want) && err == nil; from += size {
				err = in.receive(want[from:min(from+size, len(want))])
			}
			switch {
			case wrong < 0 && err != nil:
				t.Errorf("in pieces of %d: %v", size, err)
			case wrong >= 0 && (err == nil || !strings.Contains(err.Error(), fmt.Sprintf("octet %d is not", wrong%size))):
				t.Errorf("in pieces of %d, wrong at %d: %v", size, wrong, err)
			}
			if err == nil && in.receive([]byte("x")) == nil {
				t.Error("an octet came that nobody sent")
			}
			in.close()
		}
	}
}

func TestTimesAreComparedAsTimes(t *testing.T) {
	for _, each := range []struct {
		texts []string
		want  bool
	}{
		{[]string{"2026-11-22T10:00:00Z", "2026-11-22T10:00:00.016301Z", "2026-11-22T10:00:01Z"}, true},
		{[]string{"2026-11-22T10:00:00Z", "", "2026-11-22T10:00:00Z"}, true},
		{[]string{"2026-11-22T10:00:00.5Z", "", "2026-11-22T10:00:00Z"}, false},
		{[]string{"2026-11-22T10:00:00Z", "2026-11-22T10:00:02Z", "2026-11-22T10:00:01Z"}, false},
		{[]string{"yesterday"}, false},
	} {
		if got := inOrder(each.texts...); got != each.want {
			t.Errorf("%v: %v", each.texts, got)
		}
	}
}
