package ide

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"antigravity-proxy/fakes/internal/pb"
	"antigravity-proxy/fakes/internal/uuid"
)

// instance is one of the editor's language servers.
type instance struct {
	ide       *IDE
	workspace string
	core      bool
	csrf      string
	mu        sync.Mutex
	ports     map[string]int
}

func (i *IDE) newInstance(number int, workspace string, core bool) *instance {
	n := &instance{ide: i, workspace: workspace, core: core, csrf: i.cfg.CSRF, ports: map[string]int{}}
	if number > 0 && i.cfg.Era != "e1" { // in the first era all share the token of the callbacks
		n.csrf = uuid.New()
	}
	return n
}

func (n *instance) portOf(role string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ports[role]
}

func (n *instance) setPort(role string, port int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ports[role] = port
}

// event adds the workspace where there is more than one language server.
func (n *instance) event(v map[string]any) {
	if len(n.ide.instances) > 1 {
		v["workspace"], v["core"] = n.workspace, n.core
	}
	n.ide.event(v)
}

// Metadata is the message for stdin, with the fields that the extension of the era fills.
func Metadata(ideVersion, extensionDir string) []byte {
	var m []byte
	m = pb.AppendString(m, 1, "antigravity")
	m = pb.AppendString(m, 3, Token)
	m = pb.AppendString(m, 4, "en")
	m = pb.AppendString(m, 7, ideVersion)
	m = pb.AppendString(m, 12, "antigravity")
	m = pb.AppendString(m, 17, extensionDir)
	m = pb.AppendString(m, 24, uuid.New())
	m = pb.AppendString(m, 25, uuid.New())
	return m
}

var punctuation = regexp.MustCompile(`[^0-9A-Za-z]+`)

// WorkspaceID mangles a folder as the editor does: runs of punctuation become one underscore.
func WorkspaceID(folder string) string {
	return strings.Trim(punctuation.ReplaceAllString("file://"+folder, "_"), "_")
}

var portLine = regexp.MustCompile(`listening on (?:random|fixed) port at (\d+)(?: for (HTTPS?|LSP))?`)

// run keeps one language server alive.
func (n *instance) run(ctx context.Context, dir string) error {
	// Pdeathsig goes by the thread that started the child, so that thread must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	suffix := make([]byte, 8)
	if _, err := rand.Read(suffix); err != nil {
		return err
	}
	pipe := filepath.Join(dir, "server_"+hex.EncodeToString(suffix))
	if !n.ide.cfg.Persistent && !n.ide.cfg.Hub {
		parent, err := net.Listen("unix", pipe)
		if err != nil {
			return err
		}
		defer parent.Close()
		go func() {
			for {
				c, err := parent.Accept()
				if err != nil {
					return
				}
				go io.Copy(io.Discard, c) // stays open for the life of the LS
			}
		}()
	}
	for starts := 1; ; starts++ {
		adopted, err := false, error(nil)
		if n.ide.cfg.Persistent {
			adopted, err = n.adopt(ctx, starts)
		}
		if err == nil && !adopted {
			err = n.once(ctx, pipe, starts)
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(n.ide.cfg.RestartWait):
		}
	}
}

// command is the language server as this era's editor starts it.
func (n *instance) command(pipe string) *exec.Cmd {
	cfg := n.ide.cfg
	cmd := exec.Command(cfg.LSBinary, n.args(pipe)...)
	cmd.Env = os.Environ()
	if !cfg.Hub { // the hub has /dev/null there
		cmd.Stdin = bytes.NewReader(Metadata(cfg.IDEVersion, filepath.Dir(filepath.Dir(cfg.LSBinary))))
		cmd.Env = append(cmd.Env, "ANTIGRAVITY_EDITOR_APP_ROOT="+appRoot(cfg.LSBinary))
	}
	if !cfg.Upstream {
		cmd.Env = append(cmd.Env, "FAKE_LS_UPSTREAM=off", "FAKE_LS_AUX=off")
	}
	if cfg.Era != "e1" {
		cmd.Env = append(cmd.Env, "FAKE_LS_ERA="+cfg.Era)
	}
	if cfg.Persistent {
		cmd.Env = append(cmd.Env, "FAKE_LS_LS_VERSION="+cfg.IDEVersion)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	} else {
		// The LS must not outlive this process even when it is killed.
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	cmd.Env = append(cmd.Env, cfg.ExtraEnv...)
	return cmd
}

func (n *instance) once(ctx context.Context, pipe string, starts int) error {
	cmd := n.command(pipe)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	n.mu.Lock()
	n.ports = map[string]int{}
	n.mu.Unlock()
	lines := make(chan struct{})
	go func() {
		defer close(lines)
		n.readLog(stderr, cmd.Process.Pid, starts)
	}()
	gone := make(chan struct{})
	beat, stopBeat := context.WithCancel(ctx)
	defer stopBeat()
	go n.heartbeat(beat)
	if n.ide.cfg.Persistent {
		select {
		case <-lines:
		case <-ctx.Done():
			n.event(map[string]any{"event": "language_server_left", "pid": cmd.Process.Pid})
			return nil
		}
	}
	go func() {
		select {
		case <-gone:
		case <-ctx.Done():
			cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-gone:
			case <-time.After(2 * time.Second):
				cmd.Process.Kill()
			}
		}
	}()
	<-lines
	err = cmd.Wait()
	close(gone)
	text := "exit status 0"
	if err != nil {
		text = err.Error()
	}
	n.event(map[string]any{"event": "language_server_exited", "pid": cmd.Process.Pid, "status": text})
	return nil
}

func appRoot(binary string) string {
	root, _, ok := strings.Cut(binary, "/resources/app/")
	if !ok {
		return filepath.Dir(binary)
	}
	return root
}

func (n *instance) readLog(from io.Reader, pid, starts int) {
	in := bufio.NewScanner(from)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		fmt.Fprintf(n.ide.cfg.Log, "ls: %s\n", in.Text())
		if m := portLine.FindStringSubmatch(in.Text()); m != nil {
			port, _ := strconv.Atoi(m[1])
			n.setPort(m[2], port)
		}
		if strings.Contains(in.Text(), "initialized server successfully") {
			n.ready(pid, starts)
		}
	}
	io.Copy(io.Discard, from) // a line above the limit must not block the LS
}

func (n *instance) ready(pid, starts int) {
	if n.ide.cfg.Track && n.workspace != "" {
		if err := n.call("AddTrackedWorkspace", map[string]any{"workspace": n.workspace}); err != nil {
			fmt.Fprintln(n.ide.cfg.Log, "fake-ide: AddTrackedWorkspace:", err)
		}
	}
	ready := map[string]any{"event": "ready", "extension_server_port": n.ide.port, "csrf_token": n.csrf,
		"pid": os.Getpid(), "ls_pid": pid, "starts": starts, "https_port": n.portOf("HTTPS"),
		"http_port": n.portOf("HTTP"), "lsp_port": n.portOf("LSP")}
	if n.ide.cfg.Era != "e1" {
		ready["extension_server_csrf_token"] = n.ide.extCSRF
	}
	n.event(ready)
}

// web trusts every certificate: it is self-signed and made at start; the peer is our own child on
// loopback.
var web = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
	TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

func (n *instance) call(method string, body map[string]any) error {
	port := n.portOf("HTTPS")
	if port == 0 {
		return nil
	}
	raw := []byte("{}")
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequest(http.MethodPost, fmt.Sprintf(
		"https://127.0.0.1:%d/exa.language_server_pb.LanguageServerService/%s", port, method), bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Connect-Protocol-Version", "1")
	req.Header.Set(CSRFHeader, n.csrf)
	resp, err := web.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %d %s", resp.StatusCode, text)
	}
	return nil
}

// heartbeat calls the LS once a second, as the extension does.
func (n *instance) heartbeat(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.call("Heartbeat", nil) // a lost one is none
		}
	}
}
