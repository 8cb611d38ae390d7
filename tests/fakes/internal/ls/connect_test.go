package ls

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"antigravity-proxy/fakes/internal/pb"
	"antigravity-proxy/fakes/internal/schema"
)

var eras = []string{"e1", "e2", "e3"}

// requests that make sense to each method, where the empty one does not.
func sensible(method, cascade string) object {
	switch method {
	case "StartCascade", "GetAllCascadeTrajectories":
		return object{}
	case "AddTrackedWorkspace":
		return object{"workspace": "/srv/u/proj"}
	case "SetWorkingDirectories":
		return object{"directoryUris": []any{"file:///srv/u/proj"}}
	case "SendUserCascadeMessage":
		return message(cascade, "again")
	case "HandleCascadeUserInteraction":
		return object{"cascadeId": cascade, "interaction": object{"runCommand": object{"confirm": true}}}
	case "GetModelResponse":
		return object{"prompt": "x", "model": "MODEL_PLACEHOLDER_M18"}
	case "SetUserSettings":
		return object{"userSettings": object{"detectAndUseProxy": "DETECT_AND_USE_PROXY_ENABLED"}}
	case "RevertToCascadeStep":
		return object{"cascadeId": cascade, "stepIndex": 99}
	case "ReconnectExtensionServer":
		return object{"extensionServerPort": 0}
	case "SignalExecutableIdle":
		return object{"conversationId": cascade}
	}
	if strings.Contains(method, "Cascade") || strings.Contains(method, "Trajectory") || method == "ResolveOutstandingSteps" ||
		method == "LoadTrajectory" || method == "DeleteQueuedUserInputStep" || strings.HasPrefix(method, "Update") {
		if !strings.HasPrefix(method, "GetCascadeModel") && method != "InitializeCascadePanelState" {
			return object{"cascadeId": cascade}
		}
	}
	return object{}
}

// volatile values differ from one call to the next.
func steady(v any) any {
	switch v := v.(type) {
	case object:
		for key := range v {
			if key == "lastExtensionHeartbeat" || key == "cascadeId" {
				delete(v, key)
			} else {
				v[key] = steady(v[key])
			}
		}
	case []any:
		for i := range v {
			v[i] = steady(v[i])
		}
	}
	return v
}

func TestEveryMethodSpeaksJSONAndProtobufAlike(t *testing.T) {
	for _, era := range eras {
		r := launch(t, era, nil)
		cascade := r.say("hello")
		for name, m := range r.s.methods {
			if m.in == "" || name == "Exit" || name == "SendUserCascadeMessage" || name == "DeleteCascadeTrajectory" {
				continue
			}
			body := sensible(name, cascade)
			status, want := r.try(name, body)
			raw, err := schema.Encode(m.in, body)
			if err != nil {
				t.Fatalf("%s %s: %v", era, name, err)
			}
			binary, answer, header := r.raw(name, "application/proto", raw)
			if binary != status {
				t.Errorf("%s %s: %d in JSON, %d in protobuf: %s", era, name, status, binary, answer)
				continue
			}
			if status != 200 { // errors are JSON whatever was asked for
				var e struct{ Code string }
				if json.Unmarshal(answer, &e) != nil || e.Code == "" || header.Get("Content-Type") != "application/json" {
					t.Errorf("%s %s: %s", era, name, answer)
				}
				continue
			}
			decoded, err := schema.Decode(m.out, answer)
			if err != nil || header.Get("Content-Type") != "application/proto" {
				t.Errorf("%s %s: %v %s", era, name, err, header.Get("Content-Type"))
				continue
			}
			// What has no number is not in the binary answer.
			again, err := schema.Encode(m.out, want)
			if err != nil {
				t.Errorf("%s %s: %v", era, name, err)
				continue
			}
			expected, _ := schema.Decode(m.out, again)
			if !reflect.DeepEqual(steady(frozen(decoded)), steady(frozen(expected))) {
				t.Errorf("%s %s:\n%v\n%v", era, name, decoded, expected)
			}
		}
		if status, raw, _ := r.raw("SendUserCascadeMessage", "application/proto", encode(t, r, "SendUserCascadeMessage", cascade)); status != 200 {
			t.Errorf("%s: %d %s", era, status, raw)
		}
		r.done(cascade)
		if got := r.steps(cascade); len(got) != 5 {
			t.Errorf("%s: %v", era, got)
		}
	}
}

func encode(t *testing.T, r *rig, method, cascade string) []byte {
	raw, err := schema.Encode(r.s.methods[method].in, sensible(method, cascade))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestUnaryErrorsHaveTheirStatusAndCode(t *testing.T) {
	r := launch(t, "e2", func(k *Knobs) {
		k.Fail = "GetStatus=403,GetUserMemories=500*1,GetModelStatuses=503,GetUserSettings=429"
	})
	for _, c := range []struct {
		method, contentType, token, body string
		status                           int
		code                             string
	}{
		{"Heartbeat", "application/json", "tok", "{}", 200, ""},
		{"Heartbeat", "application/json; charset=utf-8", "tok", "", 200, ""},
		{"Heartbeat", "application/json", "", "{}", 401, "unauthenticated"},
		{"Heartbeat", "application/json", "wrong", "{}", 401, "unauthenticated"},
		{"NoSuchMethod", "application/json", "tok", "{}", 404, ""},
		{"Heartbeat", "text/plain", "tok", "{}", 415, ""},
		{"GetCascadeTrajectory", "application/json", "tok", `{"cascadeId":"x"}`, 404, "not_found"},
		{"GetCascadeTrajectory", "application/json", "tok", `{`, 400, "invalid_argument"},
		{"GetCascadeTrajectory", "application/proto", "tok", "\xff", 400, "invalid_argument"},
		{"InitializeCascadePanelState", "application/json", "tok", "{}", 501, "unimplemented"},
		{"SetWorkingDirectories", "application/json", "tok", `{"directoryUris":["/bare"]}`, 400, "invalid_argument"},
		{"AddTrackedWorkspace", "application/json", "tok", `{"workspace":"file:///x"}`, 400, "invalid_argument"},
		{"SendUserCascadeMessage", "application/json", "tok", `{"cascadeId":"x"}`, 404, "not_found"},
		{"GetStatus", "application/json", "tok", "{}", 403, "permission_denied"},
		{"GetUserMemories", "application/json", "tok", "{}", 500, "unknown"},
		{"GetUserMemories", "application/json", "tok", "{}", 200, ""},
		{"GetModelStatuses", "application/json", "tok", "{}", 503, "unavailable"},
		{"GetUserSettings", "application/json", "tok", "{}", 429, "resource_exhausted"},
	} {
		status, raw, _ := r.raw(c.method, c.contentType, []byte(c.body), CSRFHeader, c.token)
		var e struct{ Code, Message string }
		json.Unmarshal(raw, &e)
		if status != c.status || e.Code != c.code {
			t.Errorf("%+v: %d %s", c, status, raw)
		}
	}
	if status, _, _ := r.raw("Heartbeat", "application/json", nil, CSRFHeader, ""); status != 401 {
		t.Error(status)
	}
	req, _ := http.NewRequest("GET", r.url+servicePath+"Heartbeat", nil)
	if resp, err := web.Do(req); err != nil || resp.StatusCode != 405 {
		t.Errorf("%v %v", resp, err)
	}
}

func TestAWrongTokenMayBeForbidden(t *testing.T) {
	r := launch(t, "e1", func(k *Knobs) { k.WrongToken = 403 })
	if status, raw, _ := r.raw("Heartbeat", "application/json", nil, CSRFHeader, "wrong"); status != 403 || !strings.Contains(string(raw), "permission_denied") {
		t.Errorf("%d %s", status, raw)
	}
}

func TestMethodsGoMissing(t *testing.T) {
	for status, times := range map[int]int{404: 404, 501: 501} {
		r := launch(t, "e2", func(k *Knobs) {
			k.Missing, k.MissingStatus = "Heartbeat,StreamAgentStateUpdates", status
		})
		if got, _ := r.try("Heartbeat", object{}); got != times {
			t.Errorf("%d: %d", status, got)
		}
		l := r.listen("StreamAgentStateUpdates", object{"conversationId": "x"}, false)
		if _, end, err := l.next(); err != nil || !strings.Contains(end, "unimplemented") {
			t.Errorf("%s %v", end, err)
		}
	}
}

func TestTheErasDifferInTheirMethods(t *testing.T) {
	for _, c := range []struct{ era, has, not string }{
		{"e1", "Heartbeat InitializeCascadePanelState SetUserSettings", "ReconnectExtensionServer GetAvailableModels WaitForConversationFullyIdle RetrieveUserQuotaSummary"},
		{"e2", "Heartbeat ReconnectExtensionServer SetUserSettings", "InitializeCascadePanelState GetAvailableModels RetrieveUserQuotaSummary WaitForConversationFullyIdle"},
		{"e3", "Heartbeat ReconnectExtensionServer GetAvailableModels", "RetrieveUserQuotaSummary SetUserSettings InitializeCascadePanelState"},
	} {
		r := launch(t, c.era, nil)
		for _, name := range strings.Fields(c.has) {
			if status, _ := r.try(name, object{"extensionServerPort": 1}); status != 200 {
				t.Errorf("%s %s: %d", c.era, name, status)
			}
		}
		for _, name := range strings.Fields(c.not) {
			if status, _ := r.try(name, object{}); status != 404 && status != 501 {
				t.Errorf("%s %s: %d", c.era, name, status)
			}
		}
	}
}

func TestTransportFaultsOnRequest(t *testing.T) {
	r := launch(t, "e2", func(k *Knobs) {
		k.Fail = "GetStatus=reset,GetUserMemories=half,GetModelStatuses=hang,StreamAgentStateUpdates=403*1"
	})
	if resp, err := r.do("GetStatus", "application/json", []byte("{}")); err == nil {
		t.Errorf("%v", resp.Status)
	}
	resp, err := r.do("GetUserMemories", "application/json", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("a half answer came to its end")
	}
	resp.Body.Close()
	if resp, err := r.do("GetModelStatuses", "application/json", []byte("{}"), "Connect-Timeout-Ms", "1"); err == nil {
		t.Errorf("%v", resp.Status)
	}
	l := r.listen("StreamAgentStateUpdates", object{"conversationId": "x"}, false)
	if _, end, err := l.next(); err != nil || !strings.Contains(end, `"permission_denied"`) {
		t.Errorf("%s %v", end, err)
	}
	l = r.listen("StreamAgentStateUpdates", object{"conversationId": "x"}, false)
	if _, end, err := l.next(); err != nil || !strings.Contains(end, `"not_found"`) {
		t.Errorf("%s %v", end, err)
	}
}

func TestTheClientsTimeoutIsObeyed(t *testing.T) {
	r := launch(t, "e3", nil)
	id := r.begin()
	r.must("SendUserCascadeMessage", message(id, "x [[ls:hang]]"))
	status, raw, _ := r.raw("WaitForConversationFullyIdle", "application/json", []byte(`{"cascadeId":"`+id+`"}`), "Connect-Timeout-Ms", "5")
	if status != 504 || !strings.Contains(string(raw), "deadline_exceeded") {
		t.Errorf("%d %s", status, raw)
	}
	r.must("CancelCascadeInvocation", object{"cascadeId": id})
	r.must("WaitForConversationFullyIdle", object{"cascadeId": id})
}

func TestAnUnframedStreamBodyIsToldSo(t *testing.T) {
	r := launch(t, "e2", nil)
	status, raw, _ := r.raw("StreamAgentStateUpdates", "application/connect+json", []byte(`{"conversationId":"x"}`))
	if status != 200 || !strings.Contains(string(raw), "promised") {
		t.Errorf("%d %s", status, raw)
	}
}

func TestAnswersAreCompressedOnRequest(t *testing.T) {
	r := launch(t, "e2", func(k *Knobs) { k.Compress = true })
	status, raw, header := r.raw("GetUserStatus", "application/json", deflate([]byte("{}")), "Accept-Encoding", "gzip", "Content-Encoding", "gzip")
	plain, err := inflate(raw)
	if status != 200 || err != nil || header.Get("Content-Encoding") != "gzip" || !strings.Contains(string(plain), "userStatus") {
		t.Errorf("%d %v %s", status, err, raw)
	}
	if _, raw, header = r.raw("GetUserStatus", "application/json", []byte("{}")); header.Get("Content-Encoding") != "" || !strings.Contains(string(raw), "userStatus") {
		t.Errorf("%s", raw)
	}
	id := r.begin()
	resp, err := r.do("StreamAgentStateUpdates", "application/connect+json", pb.Envelope(compressed, deflate([]byte(`{"conversationId":"`+id+`"}`))),
		"Connect-Accept-Encoding", "gzip", "Connect-Content-Encoding", "gzip")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	flags, payload, err := pb.ReadEnvelope(resp.Body)
	if err != nil || flags != compressed || resp.Header.Get("Connect-Content-Encoding") != "gzip" {
		t.Fatalf("%d %v", flags, err)
	}
	if plain, err = inflate(payload); err != nil || !strings.Contains(string(plain), id) {
		t.Errorf("%s %v", plain, err)
	}
}

func TestTheCleartextPortMayKnowLess(t *testing.T) {
	for _, parity := range []bool{true, false} {
		r := launch(t, "e2", func(k *Knobs) { k.HTTPParity = parity })
		r.url = fmt.Sprintf("http://127.0.0.1:%d", r.s.HTTPPort)
		want := map[bool]int{true: 200, false: 404}[parity]
		if status, _ := r.try("GetUserStatus", object{}); status != want {
			t.Errorf("%v: %d", parity, status)
		}
		if status, _ := r.try("Heartbeat", object{}); status != 200 {
			t.Error(status)
		}
		resp, err := http.Get(r.url + "/debug/pprof/cmdline")
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("%v %v", resp, err)
		}
		resp, err = http.Get(fmt.Sprintf("http://127.0.0.1:%d/", r.s.HTTPSPort))
		if err != nil || resp.StatusCode != 400 {
			t.Errorf("%v %v", resp, err)
		}
	}
}

func TestGRPCIsOnTheSamePort(t *testing.T) {
	r := launch(t, "e2", nil)
	id := r.say("hello")
	body, _ := schema.Encode("GetCascadeTrajectoryRequest", object{"cascadeId": id})
	resp, err := r.do("GetCascadeTrajectory", "application/grpc", pb.Envelope(0, body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, payload, err := pb.ReadEnvelope(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	got, err := schema.Decode("GetCascadeTrajectoryResponse", payload)
	if err != nil || dig(got, "trajectory", "cascadeId") != id || resp.Trailer.Get("Grpc-Status") != "0" || resp.ProtoMajor != 2 {
		t.Errorf("%v %v %v", got, err, resp.Trailer)
	}
	resp, err = r.do("NoSuchMethod", "application/grpc+proto", pb.Envelope(0, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.Trailer.Get("Grpc-Status") != "12" {
		t.Error(resp.Trailer)
	}
	_, raw, _ := r.raw("Heartbeat", "application/grpc-web+json", pb.Envelope(0, []byte("{}")))
	if !strings.Contains(string(raw), "lastExtensionHeartbeat") || !strings.Contains(string(raw), "grpc-status: 0") {
		t.Errorf("%q", raw)
	}
}
