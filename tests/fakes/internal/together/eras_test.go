package together

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"antigravity-proxy/fakes/internal/ide"
	"antigravity-proxy/fakes/internal/ls"
)

func argv(t *testing.T, pid int) []string {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
}

func has(args []string, names ...string) string {
	for _, name := range names {
		found := false
		for _, arg := range args {
			found = found || arg == name
		}
		if !found {
			return name
		}
	}
	return ""
}

func TestATurnInEveryEra(t *testing.T) {
	for _, c := range []struct {
		args    []string
		has     []string
		not     []string
		agent   string
		version string
	}{
		{[]string{"--era", "e1", "--workspace", "/srv/u/my-proj"}, []string{"--enable_lsp", "--random_port", "file_srv_u_my_proj", "--parent_pipe_path"},
			[]string{"--extension_server_csrf_token", "--subclient_type"}, "ide", "1.18.3"},
		{[]string{"--era", "e2", "--workspace", "/srv/u/my-proj"}, []string{"--enable_lsp", "--random_port", "--extension_server_csrf_token", "file_srv_u_my_proj"},
			[]string{"--subclient_type", "--persistent_mode"}, "ide", "1.21.6"},
		{[]string{"--era", "e3"}, []string{"--extension_server_csrf_token", "--subclient_type", "ide", "antigravity-ide", "file_"},
			[]string{"--random_port", "--standalone"}, "ide", "2.1.1"},
		{[]string{"--era", "e3", "--hub"}, []string{"--standalone", "--subclient_type", "hub", "--https_server_port", "0", "--override_ide_version", "--enable_sidecars"},
			[]string{"--extension_server_port", "--parent_pipe_path", "--workspace_id"}, "hub", "2.1.1"},
	} {
		r := startIDE(t, c.args)
		args := argv(t, r.ready.LSPID)
		if missing := has(args, c.has...); missing != "" {
			t.Errorf("%v: no %s in %v", c.args, missing, args)
		}
		for _, name := range c.not {
			if has(args, name) == "" {
				t.Errorf("%v: %s in %v", c.args, name, args)
			}
		}
		if stdin, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/0", r.ready.LSPID)); (stdin == "/dev/null") != (c.agent == "hub") {
			t.Errorf("%v: stdin is %s", c.args, stdin)
		}
		cascade := r.send("hello")
		got, calls := r.ended(cascade), r.calls(cascade)
		if len(calls) != 1 || calls[0].Trajectory != got.Trajectory.TrajectoryID ||
			!strings.HasPrefix(calls[0].UserAgent, "antigravity/"+c.agent+"/"+c.version+" ") {
			t.Errorf("%v: %+v", c.args, calls)
		}
		r.quit()
	}
}

// callback makes a call to the extension server as a language server would.
func callback(t *testing.T, port int, method, token string) int {
	t.Helper()
	req, _ := http.NewRequest("POST", fmt.Sprintf("http://127.0.0.1:%d/exa.extension_server_pb.ExtensionServerService/%s", port, method), nil)
	req.Header.Set("Content-Type", "application/proto")
	req.Header.Set(ide.CSRFHeader, token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestTheTokensOfEachEra(t *testing.T) {
	r := startIDE(t, []string{"--extension-fail", "LogEvent=500"})
	if got := callback(t, r.ready.ExtensionPort, "IsAgentManagerEnabled", r.csrf); got != 200 || r.ready.ExtensionCSRF != "" {
		t.Errorf("e1 has one token for both: %d", got)
	}
	if got := callback(t, r.ready.ExtensionPort, "LogEvent", r.csrf); got != 500 {
		t.Error(got)
	}
	r = startIDE(t, []string{"--era", "e2"})
	second := r.ready.ExtensionCSRF
	for token, want := range map[string]int{second: 200, r.csrf: 403, "": 403} {
		if got := callback(t, r.ready.ExtensionPort, "IsAgentManagerEnabled", token); got != want || second == r.csrf {
			t.Errorf("%d instead of %d", got, want)
		}
	}
	if status, _ := r.try("Heartbeat", "{}", second); status != 401 {
		t.Error(status)
	}
}

// spawn starts a language server of our own; its end is the caller's business only when it is waited for.
func spawn(t *testing.T, binary string, stdin []byte, env []string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	var log bytes.Buffer
	cmd.Stdin, cmd.Env, cmd.Stderr = bytes.NewReader(stdin), env, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &log
}

func TestASecondServerGetsItsLoginFromTheIDE(t *testing.T) {
	for _, era := range []string{"e1", "e2", "e3"} {
		r := startIDE(t, []string{"--era", era})
		own := r.await("language_server_started")
		if !own.Own {
			t.Errorf("%s: %+v", era, own)
		}
		token, args := "tok", []string{"--extension_server_port", fmt.Sprint(r.ready.ExtensionPort)}
		if era == "e1" {
			token = r.csrf
		} else {
			args = append(args, "--extension_server_csrf_token", r.ready.ExtensionCSRF)
		}
		if era != "e3" {
			args = append(args, "--random_port")
		}
		cmd, log := spawn(t, filepath.Join(bin, "fake-language-server"), ide.Metadata("9", "/x"),
			[]string{"HOME=" + t.TempDir(), "FAKE_LS_ERA=" + era, "FAKE_LS_AUX=off"}, append(args, "--csrf_token", token)...)
		started := r.await("language_server_started")
		if started.Own || started.HTTPSPort == 0 || started.HTTPPort == 0 {
			t.Errorf("%s: %+v", era, started)
		}
		r.url = fmt.Sprintf("https://127.0.0.1:%d", started.HTTPSPort)
		r.until("login of the second server", func() bool { status, _ := r.try("GetUserStatus", "{}", token); return status == 200 })
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", era, err, log)
		}
		r.quit()
	}
}

func TestALoginThatComesLater(t *testing.T) {
	r := &rig{t: t, home: t.TempDir()}
	r.run([]string{"--era", "e3", "--logged-out", "--uss-keys", "new"})
	if status, _ := r.try("GetUserStatus", "{}", r.csrf); status != 500 {
		t.Error(status)
	}
	r.ide.Process.Signal(syscall.SIGUSR1)
	r.until("login", func() bool { status, _ := r.try("GetUserStatus", "{}", r.csrf); return status == 200 })
}

func TestSeveralWorkspacesAndTheCore(t *testing.T) {
	r := &rig{t: t, home: t.TempDir()}
	r.run([]string{"--era", "e2", "--workspace", "/srv/u/a", "--workspace", "/srv/u/b", "--core"})
	ready := []event{r.ready, r.await("ready"), r.await("ready")}
	seen := map[string]bool{}
	for _, e := range ready {
		r.take(e)
		args := argv(t, e.LSPID)
		status, raw := r.try("GetWorkspaceInfos", "{}", r.csrf)
		if status != 200 || (e.Workspace != "") != strings.Contains(string(raw), "file://"+e.Workspace+`"`) {
			t.Errorf("%d %s", status, raw)
		}
		if e.Core != (has(args, "--workspace_id") != "") || e.Core != (has(args, "--enable_lsp") != "") || e.Core != (e.LSPPort == 0) {
			t.Errorf("%+v %v", e, args)
		}
		seen[e.Workspace], seen[e.CSRF] = true, true
	}
	if len(seen) != 6 {
		t.Errorf("%v", ready)
	}
}

func TestAServerThatDiesInATurnIsStartedAgain(t *testing.T) {
	r := startIDE(t, []string{"--era", "e2"})
	r.send("x [[ls:die]]")
	gone := r.await("language_server_exited")
	if gone.PID != r.ready.LSPID || gone.Status != "signal: killed" {
		t.Errorf("%+v", gone)
	}
	if again := r.await("ready"); again.Starts != 2 || again.LSPID == r.ready.LSPID || again.HTTPSPort == 0 {
		t.Errorf("%+v", again)
	}
}

func TestAPersistentServerIsTakenOver(t *testing.T) {
	args := []string{"--era", "e2", "--persistent", "--workspace", "/srv/u/my-proj"}
	r := startIDE(t, args)
	pid := r.ready.LSPID
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	path := ls.DiscoveryFile(filepath.Join(r.home, ".gemini/antigravity"), "file_srv_u_my_proj")
	d, err := ls.ReadDiscovery(path)
	if err != nil || d.PID != pid || d.HTTPSPort != r.ready.HTTPSPort || d.CSRFToken != r.csrf || d.LSVersion != "1.21.6" {
		t.Fatalf("%+v %v", d, err)
	}
	if missing := has(argv(t, pid), "--persistent_mode"); missing != "" || has(argv(t, pid), "--parent_pipe_path") == "" {
		t.Error(argv(t, pid))
	}
	cascade := r.send("hello")
	r.ended(cascade)
	r.quit()
	if status, _ := r.try("Heartbeat", "{}", r.csrf); status != 200 {
		t.Fatal("it did not survive its editor")
	}
	r.run(args)
	if r.ready.LSPID != pid || r.ready.CSRF != d.CSRFToken || r.ready.HTTPSPort != d.HTTPSPort {
		t.Errorf("%+v", r.ready)
	}
	if e := r.await("language_server_started"); !e.Own {
		t.Errorf("no callback to the new extension server: %+v", e)
	}
	if got := r.get(cascade); len(got.Trajectory.Steps) != 3 {
		t.Errorf("%+v", got)
	}
	r.quit()
	r.run(append(args, "--ide-version", "1.22.0"))
	if r.ready.LSPID == pid {
		t.Error("a server of another version was kept")
	}
	pid = r.ready.LSPID
	if d, err := ls.ReadDiscovery(path); err != nil || d.PID != pid || d.LSVersion != "1.22.0" {
		t.Errorf("%+v %v", d, err)
	}
	r.try("Exit", "{}", r.csrf)
	r.await("language_server_exited")
	pid = r.await("ready").LSPID
}

func TestWhatAnEraDoesNotKnow(t *testing.T) {
	home := t.TempDir()
	metadata := ide.Metadata("9", "/x")
	for name, c := range map[string]struct {
		env    string
		args   []string
		stdin  []byte
		status int
		text   string
	}{
		"e2 without the new port flag":  {"ERA=e2", []string{"--https_server_port", "0"}, metadata, 2, "flag provided but not defined: -https_server_port"},
		"late e2 without the old one":   {"PORT_FLAGS=https", []string{"--server_port", "0"}, metadata, 2, "Usage of"},
		"e3 without random_port":        {"ERA=e3", []string{"--random_port"}, metadata, 2, "-https_server_port int"},
		"e1 without persistent_mode":    {"ERA=e1", []string{"--persistent_mode"}, metadata, 2, "Usage of"},
		"help of e1":                    {"ERA=e1", []string{"--help"}, metadata, 0, "-server_port int"},
		"help of e3":                    {"ERA=e3", []string{"--help"}, metadata, 0, "-subclient_type string"},
		"an unknown era":                {"ERA=e4", nil, metadata, 1, "unknown era"},
		"an unknown knob":               {"NOSUCH=1", nil, metadata, 1, "unknown knob"},
		"an exit instead of a start":    {"START_EXIT=3", nil, metadata, 3, ""},
		"standalone that ends at once":  {"STANDALONE_EXITS=on", []string{"--standalone"}, nil, 0, ""},
		"e3 in an IDE without metadata": {"ERA=e3", nil, nil, 1, "failed to read initial metadata from stdin"},
	} {
		cmd, log := spawn(t, filepath.Join(bin, "fake-language-server"), c.stdin, []string{"HOME=" + home, "FAKE_LS_" + c.env}, c.args...)
		cmd.Wait()
		if cmd.ProcessState.ExitCode() != c.status || !strings.Contains(log.String(), c.text) {
			t.Errorf("%s: exit %d, %s", name, cmd.ProcessState.ExitCode(), log)
		}
	}
}

func stat(pid int) (parent int, state string) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "gone"
	}
	rest := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	fmt.Sscan(rest[1], &parent)
	return parent, rest[0]
}

// children of a process, by /proc.
func children(pid int) (out []int) {
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		var child int
		if _, err := fmt.Sscan(entry.Name(), &child); err != nil {
			continue
		}
		if parent, state := stat(child); parent == pid && state != "Z" {
			out = append(out, child)
		}
	}
	return out
}

func place(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	raw, err := os.ReadFile(filepath.Join(bin, "fake-language-server"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// discovered waits for the file of persistent mode, by which a test learns the ports without a log.
func discovered(t *testing.T, r *rig, home, dataDir string) ls.Discovery {
	t.Helper()
	var d ls.Discovery
	r.until("the discovery file", func() bool {
		var err error
		d, err = ls.ReadDiscovery(ls.DiscoveryFile(filepath.Join(home, ".gemini", dataDir), ""))
		return err == nil
	})
	return d
}

func TestTheWrappersChildOwnsTheSockets(t *testing.T) {
	dir, r := place(t, "language_server_linux_x64", "language_server_linux_x64.real"), &rig{t: t}
	binary := filepath.Join(dir, "language_server_linux_x64")
	args := []string{"--persistent_mode", "--random_port", "--csrf_token", "tok"}
	cmd, log := spawn(t, binary, ide.Metadata("9", "/x"), []string{"HOME=" + dir, "FAKE_LS_ERA=e2"}, args...)
	d := discovered(t, r, dir, "antigravity")
	kids := children(cmd.Process.Pid)
	if len(kids) != 1 || kids[0] != d.PID {
		t.Fatalf("%v %+v\n%s", kids, d, log)
	}
	exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", d.PID))
	if exe != binary+".real" || strings.Join(argv(t, d.PID)[1:], " ") != strings.Join(args, " ") {
		t.Errorf("%s %v", exe, argv(t, d.PID))
	}
	r.url = fmt.Sprintf("https://127.0.0.1:%d", d.HTTPSPort)
	if status, _ := r.try("Heartbeat", "{}", "tok"); status != 200 {
		t.Error(status)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	if _, state := stat(d.PID); state != "gone" {
		t.Errorf("the child is left: %s", state)
	}
}

func TestTheHubsHelpersAreNoServers(t *testing.T) {
	dir, r := place(t, "language_server"), &rig{t: t}
	cmd, log := spawn(t, filepath.Join(dir, "language_server"), nil, []string{"HOME=" + dir, "FAKE_LS_ERA=e3", "FAKE_LS_MULTICALL=2"},
		"--standalone", "--subclient_type", "hub", "--persistent_mode", "--csrf_token", "tok")
	d := discovered(t, r, dir, "antigravity")
	kids := children(d.PID)
	if len(kids) != 2 {
		t.Fatalf("%v\n%s", kids, log)
	}
	for _, kid := range kids {
		r.until("the helper's own argv", func() bool { return has(argv(t, kid), "multicall", "schedule") == "" })
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	for _, kid := range kids {
		if _, state := stat(kid); state != "gone" {
			t.Errorf("helper %d is left: %s", kid, state)
		}
	}
}

func TestAgyTellsItsCommandsWhereItIs(t *testing.T) {
	for _, needed := range []bool{true, false} {
		dir, r := place(t, "agy"), &rig{t: t}
		knob := map[bool]string{true: "on", false: "off"}[needed]
		file := filepath.Join(dir, "environment.json")
		run := `printf '{"address":"%s","token":"%s"}' "$ANTIGRAVITY_LS_ADDRESS" "$ANTIGRAVITY_CSRF_TOKEN" > ` + file + ".new; mv " + file + ".new " + file
		cmd, log := spawn(t, filepath.Join(dir, "agy"), nil, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"),
			"FAKE_LS_AGY_TOKEN=" + knob, "FAKE_LS_AGY_RUN=" + run})
		var told struct{ Address, Token string }
		r.until("the command", func() bool {
			raw, err := os.ReadFile(file)
			return err == nil && json.Unmarshal(raw, &told) == nil
		})
		r.url = "https://" + told.Address
		want := map[bool]int{true: 401, false: 200}[needed]
		if status, raw := r.try("RetrieveUserQuotaSummary", "{}", ""); status != want {
			t.Errorf("%v: %d %s", needed, status, raw)
		}
		if status, raw := r.try("RetrieveUserQuotaSummary", "{}", told.Token); status != 200 {
			t.Errorf("%v: %d %s", needed, status, raw)
		}
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, log)
		}
	}
}
