// Package ide plays the editor: the extension server that a language server calls back, and the
// supervision of the editor's own language server.
package ide

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
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

// CSRFHeader carries the token.
const CSRFHeader = "x-codeium-csrf-token"

const extensionPath = "/exa.extension_server_pb.ExtensionServerService/"

// Token is what the login row carries: clearly no credential.
const Token = "fake-access-token"

// Config sets up an IDE.
type Config struct {
	LSBinary    string
	Workspace   string // absolute path; empty starts the LS without --workspace_id
	Endpoint    string
	AppDataDir  string
	IDEVersion  string
	LoggedIn    bool
	Upstream    bool
	CSRF        string
	ExtraEnv    []string
	ExtraArgs   []string
	Events      io.Writer // one JSON line per event
	Log         io.Writer // the LS's stderr, prefixed
	RestartWait time.Duration
}

// IDE is a running double.
type IDE struct {
	cfg      Config
	listener net.Listener
	port     int
	mu       sync.Mutex
	streams  map[chan []byte]bool
	loggedIn bool
	ls       *exec.Cmd
	ports    map[string]int
	eventMu  sync.Mutex
}

// New opens the extension server.
func New(cfg Config) (*IDE, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if cfg.CSRF == "" {
		cfg.CSRF = uuid.New()
	}
	i := &IDE{cfg: cfg, listener: l, port: l.Addr().(*net.TCPAddr).Port, streams: map[chan []byte]bool{},
		loggedIn: cfg.LoggedIn, ports: map[string]int{}}
	go http.Serve(l, http.HandlerFunc(i.serve))
	return i, nil
}

// Port is the extension server's port.
func (i *IDE) Port() int { return i.port }

// CSRF is the token of both directions, as in era E1.
func (i *IDE) CSRF() string { return i.cfg.CSRF }

func (i *IDE) event(v map[string]any) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	i.eventMu.Lock()
	defer i.eventMu.Unlock()
	i.cfg.Events.Write(append(raw, '\n'))
}

func (i *IDE) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, extensionPath) || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	if r.Header.Get(CSRFHeader) != i.cfg.CSRF {
		http.Error(w, "Invalid CSRF token", http.StatusForbidden)
		return
	}
	contentType := r.Header.Get("Content-Type")
	framed := strings.HasPrefix(contentType, "application/connect+")
	method := strings.TrimPrefix(r.URL.Path, extensionPath)
	if method == "SubscribeToUnifiedStateSyncTopic" {
		i.subscribe(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		return
	}
	if framed { // some builds frame unary bodies too; both are accepted
		if _, body, err = pb.ReadEnvelope(bytes.NewReader(body)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	if method == "LanguageServerStarted" {
		i.started(body)
	}
	var out []byte
	if method == "IsAgentManagerEnabled" {
		out = pb.AppendVarint(nil, 1, 1)
	}
	w.Header().Set("Content-Type", contentType)
	if framed {
		out = append(pb.Envelope(0, out), pb.Envelope(pb.EndOfStream, []byte("{}"))...)
	}
	w.Write(out)
}

// started notes ports. A language server of somebody else that shares this extension server shows
// up here too; the ports tell it from ours.
func (i *IDE) started(body []byte) {
	fields, err := pb.Parse(body)
	if err != nil {
		return
	}
	number := func(n int) int { f, _ := pb.Get(fields, n); return int(f.Number) }
	https := number(1)
	i.mu.Lock()
	own := i.ports["HTTPS"] == https
	i.mu.Unlock()
	i.event(map[string]any{"event": "language_server_started", "own": own, "https_port": https,
		"lsp_port": number(2), "http_port": number(5)})
}

// loginRow is the row of topic uss-oauth (ls-protocol 2.6).
func loginRow() []byte {
	var info []byte
	info = pb.AppendString(info, 1, Token)
	info = pb.AppendString(info, 2, "Bearer")
	info = pb.AppendString(info, 3, "fake-refresh-token")
	info = pb.AppendBytes(info, 4, pb.AppendVarint(nil, 1, uint64(time.Now().Add(time.Hour).Unix())))
	return pb.AppendString(nil, 1, base64.StdEncoding.EncodeToString(info))
}

const oauthKey = "oauthTokenInfoSentinelKey"

func (i *IDE) subscribe(w http.ResponseWriter, r *http.Request) {
	_, body, err := pb.ReadEnvelope(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fields, err := pb.Parse(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	updates := make(chan []byte, 4)
	var topic []byte // an empty Topic for everything without data, never silence
	i.mu.Lock()
	if pb.String(fields, 1) == "uss-oauth" {
		if i.loggedIn {
			entry := pb.AppendBytes(pb.AppendString(nil, 1, oauthKey), 2, loginRow())
			topic = pb.AppendBytes(nil, 1, entry)
		}
		i.streams[updates] = true
	}
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		delete(i.streams, updates)
		i.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "application/connect+proto")
	w.Write(pb.Envelope(0, pb.AppendBytes(nil, 1, topic)))
	flusher := w.(http.Flusher)
	flusher.Flush()
	keepAlive := time.NewTicker(15 * time.Second)
	defer keepAlive.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case update := <-updates:
			w.Write(pb.Envelope(0, update))
		case <-keepAlive.C:
			w.Write(pb.Envelope(0, nil))
		}
		flusher.Flush()
	}
}

// Login pushes the login row to everyone who is subscribed.
func (i *IDE) Login() {
	applied := pb.AppendBytes(pb.AppendString(nil, 1, oauthKey), 2, loginRow())
	update := pb.AppendBytes(nil, 2, applied)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.loggedIn = true
	for c := range i.streams {
		select {
		case c <- update:
		default:
		}
	}
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

// Args is the argv of the era's IDE, without the binary.
func (i *IDE) Args(pipe string) []string {
	args := []string{"--enable_lsp", "--extension_server_port", strconv.Itoa(i.port), "--csrf_token", i.cfg.CSRF, "--random_port"}
	if i.cfg.Workspace != "" {
		args = append(args, "--workspace_id", WorkspaceID(i.cfg.Workspace))
	}
	args = append(args, "--cloud_code_endpoint", i.cfg.Endpoint, "--app_data_dir", i.cfg.AppDataDir, "--parent_pipe_path", pipe)
	return append(args, i.cfg.ExtraArgs...)
}

var portLine = regexp.MustCompile(`listening on (?:random|fixed) port at (\d+)(?: for (HTTPS?|LSP))?`)

// Run keeps a language server alive until the context ends, then takes it along.
func (i *IDE) Run(ctx context.Context) error {
	defer i.listener.Close()
	// Pdeathsig goes by the thread that started the child, so that thread must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dir, err := os.MkdirTemp("", "fake-ide-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	suffix := make([]byte, 8)
	if _, err := rand.Read(suffix); err != nil {
		return err
	}
	pipe := filepath.Join(dir, "server_"+hex.EncodeToString(suffix))
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
	for starts := 1; ; starts++ {
		if err := i.once(ctx, pipe, starts); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(i.cfg.RestartWait):
		}
	}
}

func (i *IDE) once(ctx context.Context, pipe string, starts int) error {
	cmd := exec.Command(i.cfg.LSBinary, i.Args(pipe)...)
	cmd.Stdin = bytes.NewReader(Metadata(i.cfg.IDEVersion, filepath.Dir(filepath.Dir(i.cfg.LSBinary))))
	cmd.Env = append(os.Environ(), "ANTIGRAVITY_EDITOR_APP_ROOT="+appRoot(i.cfg.LSBinary))
	if !i.cfg.Upstream {
		cmd.Env = append(cmd.Env, "FAKE_LS_UPSTREAM=off", "FAKE_LS_AUX=off")
	}
	cmd.Env = append(cmd.Env, i.cfg.ExtraEnv...)
	// The LS must not outlive this process even when it is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	i.mu.Lock()
	i.ports = map[string]int{}
	i.mu.Unlock()
	lines := make(chan struct{})
	go func() {
		defer close(lines)
		i.readLog(stderr, cmd.Process.Pid, starts)
	}()
	gone := make(chan struct{})
	beat, stopBeat := context.WithCancel(ctx)
	defer stopBeat()
	go i.heartbeat(beat)
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
	i.event(map[string]any{"event": "language_server_exited", "pid": cmd.Process.Pid, "status": text})
	return nil
}

func appRoot(binary string) string {
	root, _, ok := strings.Cut(binary, "/resources/app/")
	if !ok {
		return filepath.Dir(binary)
	}
	return root
}

func (i *IDE) readLog(from io.Reader, pid, starts int) {
	in := bufio.NewScanner(from)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		fmt.Fprintf(i.cfg.Log, "ls: %s\n", in.Text())
		if m := portLine.FindStringSubmatch(in.Text()); m != nil {
			port, _ := strconv.Atoi(m[1])
			i.mu.Lock()
			i.ports[m[2]] = port
			i.mu.Unlock()
		}
		if strings.Contains(in.Text(), "initialized server successfully") {
			i.mu.Lock()
			ready := map[string]any{"event": "ready", "extension_server_port": i.port, "csrf_token": i.cfg.CSRF,
				"pid": os.Getpid(), "ls_pid": pid, "starts": starts, "https_port": i.ports["HTTPS"],
				"http_port": i.ports["HTTP"], "lsp_port": i.ports["LSP"]}
			i.mu.Unlock()
			i.event(ready)
		}
	}
	io.Copy(io.Discard, from) // a line above the limit must not block the LS
}

// heartbeat calls the LS once a second, as the extension does.
func (i *IDE) heartbeat(ctx context.Context) {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		// The certificate is self-signed and made at start; the peer is our own child on loopback.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		i.mu.Lock()
		port := i.ports["HTTPS"]
		i.mu.Unlock()
		if port == 0 {
			continue
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf(
			"https://127.0.0.1:%d/exa.language_server_pb.LanguageServerService/Heartbeat", port), strings.NewReader("{}"))
		if err != nil {
			continue
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Connect-Protocol-Version", "1")
		req.Header.Set(CSRFHeader, i.cfg.CSRF)
		if resp, err := client.Do(req); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
}
