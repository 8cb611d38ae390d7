// Package together runs the doubles as programs against each other, without the product between.
package together

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"antigravity-proxy/fakes/internal/certs"
	"antigravity-proxy/fakes/internal/ide"
	"antigravity-proxy/fakes/internal/upstream"
)

var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "fakes-")
	if err != nil {
		panic(err)
	}
	bin = dir
	for _, name := range []string{"fake-language-server", "fake-ide"} {
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), "../../cmd/"+name).CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s\n", out)
			os.Exit(1)
		}
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

type rig struct {
	t      *testing.T
	truth  *upstream.Truth
	url    string
	csrf   string
	home   string
	ready  event
	events chan event
	kept   []event
	ide    *exec.Cmd
}

// event is one line of fake-ide.
type event struct {
	Event         string
	Own, Core     bool
	HTTPSPort     int    `json:"https_port"`
	HTTPPort      int    `json:"http_port"`
	LSPPort       int    `json:"lsp_port"`
	ExtensionPort int    `json:"extension_server_port"`
	ExtensionCSRF string `json:"extension_server_csrf_token"`
	CSRF          string `json:"csrf_token"`
	LSPID         int    `json:"ls_pid"`
	PID           int
	Starts        int
	Status        string
	Workspace     string
	Version       string
}

// start runs upstream, IDE and the IDE's language server, with calls allowed.
func start(t *testing.T, knobs ...string) *rig {
	t.Helper()
	return startIDE(t, []string{"--workspace", "/srv/u/my-proj"}, knobs...)
}

func startIDE(t *testing.T, args []string, knobs ...string) *rig {
	t.Helper()
	r := &rig{t: t, home: t.TempDir()}
	r.run(args, knobs...)
	r.until("login", func() bool { status, _ := r.try("GetUserStatus", "{}", r.csrf); return status == 200 })
	return r
}

// run starts the IDE and waits until its language server is up.
func (r *rig) run(args []string, knobs ...string) {
	t, dir := r.t, r.home
	t.Helper()
	store, err := certs.Open(filepath.Join(dir, "certs"), upstream.DefaultNames)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r.truth = upstream.NewTruth(nil)
	go upstream.New(upstream.Config{Certs: store, Truth: r.truth, Pace: 10 * time.Millisecond}).Serve(l)
	env := append([]string{"HOME=" + dir, "SSL_CERT_FILE=" + store.CAFile, "SSL_CERT_DIR=/dev/null",
		"FAKE_LS_RESOLVE=*=" + l.Addr().String(), "FAKE_LS_RETRY_MS=1", "FAKE_LS_POST_MS=20", "FAKE_LS_PRE_MS=5"}, knobs...)
	cmd := exec.Command(filepath.Join(bin, "fake-ide"), append([]string{"--ls-binary", filepath.Join(bin, "fake-language-server"),
		"--upstream", "--ls-env", strings.Join(env, ",")}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.ide, r.events, r.kept = cmd, make(chan event, 256), nil
	t.Cleanup(func() { r.quit() })
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				r.events <- e
			}
		}
		close(r.events)
	}()
	r.take(r.await("ready"))
}

// take makes calls go to the language server of an event.
func (r *rig) take(ready event) {
	r.ready, r.csrf, r.url = ready, ready.CSRF, fmt.Sprintf("https://127.0.0.1:%d", ready.HTTPSPort)
}

// await is the next event of this name; others are kept for those who ask for them.
func (r *rig) await(name string) event {
	r.t.Helper()
	for i, e := range r.kept {
		if e.Event == name {
			r.kept = append(r.kept[:i:i], r.kept[i+1:]...)
			return e
		}
	}
	limit := time.After(60 * time.Second)
	for {
		select {
		case e, ok := <-r.events:
			if !ok {
				r.t.Fatalf("fake-ide ended before: %s", name)
			}
			if e.Event == name {
				return e
			}
			r.kept = append(r.kept, e)
		case <-limit:
			r.t.Fatalf("waited in vain for: %s", name)
		}
	}
}

// quit ends the IDE as a user would.
func (r *rig) quit() {
	if r.ide == nil {
		return
	}
	r.ide.Process.Signal(syscall.SIGTERM)
	if err := r.ide.Wait(); err != nil {
		r.t.Errorf("fake-ide: %v", err)
	}
	r.ide = nil
}

var web = &http.Client{Timeout: 10 * time.Second,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

func (r *rig) try(method, body, token string) (int, []byte) {
	r.t.Helper()
	req, _ := http.NewRequest("POST", r.url+"/exa.language_server_pb.LanguageServerService/"+method, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set(ide.CSRFHeader, token)
	}
	resp, err := web.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, raw
}

// until polls as a client of the language server has to.
func (r *rig) until(what string, done func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	r.t.Fatalf("waited in vain for: %s", what)
}

type trajectory struct {
	Status     string
	Trajectory struct {
		TrajectoryID      string
		ExecutorMetadatas []struct{ TerminationReason string }
		Steps             []struct {
			Type, Status string
			Metadata     struct {
				ModelUsage struct{ ResponseID, OutputTokens string }
			}
			PlannerResponse struct{ ModifiedResponse, StopReason string }
			ErrorMessage    struct {
				Error struct {
					UserErrorMessage string
					ErrorCode        int
				}
			}
		}
	}
}

func (r *rig) send(text string) string {
	r.t.Helper()
	_, raw := r.try("StartCascade", `{"source":"CORTEX_TRAJECTORY_SOURCE_CASCADE_CLIENT"}`, r.csrf)
	var started struct{ CascadeID string }
	json.Unmarshal(raw, &started)
	body, _ := json.Marshal(map[string]any{"cascadeId": started.CascadeID, "items": []any{map[string]any{"text": text}},
		"cascadeConfig": map[string]any{"plannerConfig": map[string]any{"conversational": map[string]any{},
			"requestedModel": map[string]any{"model": "MODEL_PLACEHOLDER_M18"}}}})
	if status, raw := r.try("SendUserCascadeMessage", string(body), r.csrf); status != 200 {
		r.t.Fatalf("send: %d %s", status, raw)
	}
	return started.CascadeID
}

func (r *rig) get(cascade string) (t trajectory) {
	r.t.Helper()
	_, raw := r.try("GetCascadeTrajectory", `{"cascadeId":"`+cascade+`"}`, r.csrf)
	if err := json.Unmarshal(raw, &t); err != nil {
		r.t.Fatal(err)
	}
	return t
}

// ended waits for the executor's last word; IDLE alone proves nothing (U21).
func (r *rig) ended(cascade string) (t trajectory) {
	r.t.Helper()
	r.until("end of turn", func() bool { t = r.get(cascade); return len(t.Trajectory.ExecutorMetadatas) > 0 })
	return t
}

func (r *rig) calls(cascade string) (out []upstream.Call) {
	all, _, _ := r.truth.Calls(5 * time.Second)
	for _, c := range all {
		if c.ModelCall && c.Cascade == cascade {
			out = append(out, c)
		}
	}
	return out
}

func TestATurnCorrelatesWithItsUpstreamCall(t *testing.T) {
	r := start(t)
	cascade := r.send("hello")
	got := r.ended(cascade)
	calls := r.calls(cascade)
	if len(calls) != 1 || got.Status != "CASCADE_RUN_STATUS_IDLE" || len(got.Trajectory.Steps) != 3 {
		t.Fatalf("%+v %+v", calls, got)
	}
	last := got.Trajectory.Steps[2]
	if calls[0].Trajectory != got.Trajectory.TrajectoryID || calls[0].ResponseID != last.Metadata.ModelUsage.ResponseID ||
		fmt.Sprint(calls[0].Usage.OutputTotal) != last.Metadata.ModelUsage.OutputTokens || last.PlannerResponse.ModifiedResponse == "" {
		t.Fatalf("%+v %+v", calls[0], last)
	}
	if !strings.HasPrefix(calls[0].UserAgent, "antigravity/ide/1.18.3 ") || !calls[0].Gzip {
		t.Fatalf("%+v", calls[0])
	}
	r.until("auxiliary calls", func() bool {
		seen := map[string]bool{}
		all, _, _ := r.truth.Calls(time.Second)
		for _, c := range all {
			seen[c.Host+c.Path] = true
		}
		return seen["oauth2.googleapis.com/token"] && seen["antigravity-unleash.goog/api/client/features"] &&
			seen["daily-cloudcode-pa.googleapis.com/v1internal:recordCodeAssistMetrics"]
	})
}

func TestAToolRoundMakesTwoCalls(t *testing.T) {
	r := start(t)
	cascade := r.send("please [[fake:tool-round]]")
	got, calls := r.ended(cascade), r.calls(cascade)
	if len(calls) != 2 || *calls[0].Usage == *calls[1].Usage || len(got.Trajectory.Steps) != 5 ||
		got.Trajectory.Steps[2].PlannerResponse.StopReason != "STOP_REASON_FUNCTION_CALL" ||
		!strings.HasSuffix(calls[0].RequestID, "/2") || !strings.HasSuffix(calls[1].RequestID, "/4") {
		t.Fatalf("%+v %+v", calls, got)
	}
}

func TestTransientErrorsAreRetriedAndLastingOnesSurface(t *testing.T) {
	r := start(t)
	cascade := r.send("again [[fake:error429;times=2]]")
	got, calls := r.ended(cascade), r.calls(cascade)
	if len(calls) != 3 || got.Trajectory.ExecutorMetadatas[0].TerminationReason != "EXECUTOR_TERMINATION_REASON_NO_TOOL_CALL" {
		t.Fatalf("%+v %+v", calls, got)
	}
	cascade = r.send("never [[fake:error503-sse-type]]")
	got, calls = r.ended(cascade), r.calls(cascade)
	last := got.Trajectory.Steps[len(got.Trajectory.Steps)-1]
	if len(calls) != 3 || last.Type != "CORTEX_STEP_TYPE_ERROR_MESSAGE" || last.ErrorMessage.Error.ErrorCode != 503 {
		t.Fatalf("%+v %+v", calls, last)
	}
	cascade = r.send("cut [[fake:cut-midstream]]")
	if got = r.ended(cascade); got.Trajectory.Steps[2].PlannerResponse.StopReason != "STOP_REASON_CLIENT_STREAM_ERROR" {
		t.Fatalf("%+v", got)
	}
}

func TestCancelKeepsTheStepAndEndsTheTurn(t *testing.T) {
	r := start(t)
	cascade := r.send("wait [[fake:stall]]")
	r.until("a growing step", func() bool { return len(r.get(cascade).Trajectory.Steps) == 3 })
	r.try("CancelCascadeInvocation", `{"cascadeId":"`+cascade+`"}`, r.csrf)
	got := r.ended(cascade)
	if got.Trajectory.ExecutorMetadatas[0].TerminationReason != "EXECUTOR_TERMINATION_REASON_USER_CANCELED" ||
		got.Trajectory.Steps[2].Status != "CORTEX_STEP_STATUS_CANCELED" {
		t.Fatalf("%+v", got)
	}
}

func TestTokensAndUnknownMethodsAreRefused(t *testing.T) {
	r := start(t)
	for _, c := range []struct {
		method, token string
		status        int
	}{{"Heartbeat", r.csrf, 200}, {"Heartbeat", "", 401}, {"Heartbeat", "wrong", 401}, {"NoSuchMethod", r.csrf, 404}} {
		if status, raw := r.try(c.method, "{}", c.token); status != c.status {
			t.Errorf("%s with %q: %d %s", c.method, c.token, status, raw)
		}
	}
}

func TestStartsThatMustFailSayWhy(t *testing.T) {
	home := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	metadata := ide.Metadata("1.18.3", "/x")
	for name, c := range map[string]struct {
		args   []string
		stdin  []byte
		home   string
		status int
		text   string
	}{
		"unknown flag":     {[]string{"--https_server_port", "0"}, metadata, home, 2, "flag provided but not defined"},
		"second token":     {[]string{"--extension_server_csrf_token", "x"}, metadata, home, 2, "Usage"},
		"empty stdin":      {nil, nil, home, 1, "failed to read initial metadata from stdin"},
		"newline on stdin": {nil, []byte("\n"), home, 1, "unmarshal initial metadata"},
		"port taken":       {[]string{"--server_port", port}, metadata, home, 1, "address already in use"},
		"no home":          {nil, metadata, "/proc/nowhere", 1, "failed to create app data directory"},
	} {
		cmd := exec.Command(filepath.Join(bin, "fake-language-server"), c.args...)
		cmd.Stdin, cmd.Env = bytes.NewReader(c.stdin), []string{"HOME=" + c.home}
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.status || !strings.Contains(string(out), c.text) {
			t.Errorf("%s: exit %d, %s", name, cmd.ProcessState.ExitCode(), out)
		}
	}
}
