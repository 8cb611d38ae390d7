// Package ide plays the editor: the extension server that a language server calls back, and the
// supervision of the editor's own language servers. It also plays the desktop application ("hub") of
// the third era, which has no extension server.
package ide

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"antigravity-proxy/fakes/internal/uuid"
)

// CSRFHeader carries the token.
const CSRFHeader = "x-codeium-csrf-token"

// Token is what the login row carries: clearly no credential.
const Token = "fake-access-token"

// Config sets up an IDE.
type Config struct {
	Era         string // e1 when empty
	LSBinary    string
	Workspace   string   // absolute path; empty starts the LS without --workspace_id
	Workspaces  []string // further ones, each with a language server of its own
	Core        bool     // and one for the agent manager, without workspace and LSP
	Hub         bool     // the desktop application instead of the editor
	Persistent  bool     // the language server survives, and the next editor takes it over
	Track       bool     // AddTrackedWorkspace after the start
	Endpoint    string
	AppDataDir  string
	IDEVersion  string
	LoggedIn    bool
	Keys        []string // of the login row
	Fail        map[string]int
	Upstream    bool
	CSRF        string
	ExtraEnv    []string
	ExtraArgs   []string
	Events      io.Writer // one JSON line per event
	Log         io.Writer // the LS's stderr, prefixed
	RestartWait time.Duration
}

// Keys of the login row, by their names on the command line.
var Keys = map[string]string{"old": "oauthTokenInfoSentinelKey", "new": "authStateWithContextSentinelKey"}

// versions, data directories and keys that an era's editor has of its own accord.
var defaults = map[string]struct {
	version, dataDir string
	keys             []string
}{
	"e1": {"1.18.3", "antigravity", []string{"old"}},
	"e2": {"1.21.6", "antigravity", []string{"old"}},
	"e3": {"2.1.1", "antigravity-ide", []string{"old", "new"}},
}

// IDE is a running double.
type IDE struct {
	cfg       Config
	extCSRF   string
	listener  net.Listener
	port      int
	instances []*instance
	mu        sync.Mutex
	streams   map[chan []byte]bool
	loggedIn  bool
	eventMu   sync.Mutex
}

// New opens the extension server.
func New(cfg Config) (*IDE, error) {
	if cfg.Era == "" {
		cfg.Era = "e1"
	}
	known, ok := defaults[cfg.Era]
	if !ok {
		return nil, fmt.Errorf("unknown era %q; known: e1 e2 e3", cfg.Era)
	}
	if (cfg.Hub && cfg.Era != "e3") || (cfg.Persistent && cfg.Era == "e1") {
		return nil, fmt.Errorf("era %s has no such mode", cfg.Era)
	}
	if cfg.IDEVersion == "" {
		cfg.IDEVersion = known.version
	}
	if cfg.AppDataDir == "" {
		if cfg.AppDataDir = known.dataDir; cfg.Hub {
			cfg.AppDataDir = "antigravity"
		}
	}
	if cfg.Keys == nil {
		cfg.Keys = known.keys
	}
	if cfg.CSRF == "" {
		cfg.CSRF = uuid.New()
	}
	i := &IDE{cfg: cfg, extCSRF: cfg.CSRF, streams: map[chan []byte]bool{}, loggedIn: cfg.LoggedIn}
	if cfg.Era != "e1" { // a second token for the callbacks
		i.extCSRF = uuid.New()
	}
	for n, workspace := range append([]string{cfg.Workspace}, cfg.Workspaces...) {
		i.instances = append(i.instances, i.newInstance(n, workspace, false))
	}
	if cfg.Core {
		i.instances = append(i.instances, i.newInstance(len(i.instances), "", true))
	}
	if cfg.Hub {
		return i, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i.listener, i.port = l, l.Addr().(*net.TCPAddr).Port
	go http.Serve(l, http.HandlerFunc(i.serve))
	return i, nil
}

// Port is the extension server's port.
func (i *IDE) Port() int { return i.port }

// CSRF is the token of the first language server, which in the first era is also that of callbacks.
func (i *IDE) CSRF() string { return i.cfg.CSRF }

// ExtensionCSRF is the token of callbacks.
func (i *IDE) ExtensionCSRF() string { return i.extCSRF }

func (i *IDE) event(v map[string]any) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	i.eventMu.Lock()
	defer i.eventMu.Unlock()
	i.cfg.Events.Write(append(raw, '\n'))
}

// Run keeps the language servers alive until the context ends, then takes them along.
func (i *IDE) Run(ctx context.Context) error {
	if i.listener != nil {
		defer i.listener.Close()
	}
	dir, err := os.MkdirTemp("", "fake-ide-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, len(i.instances))
	for _, n := range i.instances {
		go func(n *instance) { ended <- n.run(ctx, dir) }(n)
	}
	var first error
	for range i.instances {
		if err := <-ended; err != nil && first == nil {
			first = err
			stop()
		}
	}
	return first
}

// dataDir is where the language servers keep their files.
func (i *IDE) dataDir() (string, error) {
	home, err := os.UserHomeDir()
	for _, item := range i.cfg.ExtraEnv {
		if key, value, _ := strings.Cut(item, "="); key == "HOME" {
			home, err = value, nil
		}
	}
	return filepath.Join(home, ".gemini", i.cfg.AppDataDir), err
}

// Args is the argv of the era's editor for its first language server, without the binary.
func (i *IDE) Args(pipe string) []string { return i.instances[0].args(pipe) }

func (n *instance) args(pipe string) []string {
	cfg := n.ide.cfg
	if cfg.Hub {
		return append([]string{"--standalone", "--override_ide_name", "antigravity", "--subclient_type", "hub",
			"--override_ide_version", cfg.IDEVersion, "--override_user_agent_name", "antigravity",
			"--https_server_port", "0", "--csrf_token", n.csrf, "--app_data_dir", cfg.AppDataDir,
			"--api_server_url", "https://generativelanguage.googleapis.com", "--cloud_code_endpoint", cfg.Endpoint,
			"--enable_sidecars"}, cfg.ExtraArgs...)
	}
	var args []string
	if !n.core {
		args = append(args, "--enable_lsp")
	}
	args = append(args, "--extension_server_port", strconv.Itoa(n.ide.port), "--csrf_token", n.csrf)
	if cfg.Era != "e1" {
		args = append(args, "--extension_server_csrf_token", n.ide.extCSRF)
	}
	if cfg.Era != "e3" {
		args = append(args, "--random_port")
	}
	if id := n.workspaceID(); id != "" {
		args = append(args, "--workspace_id", id)
	}
	args = append(args, "--cloud_code_endpoint", cfg.Endpoint, "--app_data_dir", cfg.AppDataDir)
	if cfg.Era == "e3" {
		args = append(args, "--subclient_type", "ide")
	}
	if cfg.Persistent {
		args = append(args, "--persistent_mode")
	} else {
		args = append(args, "--parent_pipe_path", pipe)
	}
	return append(args, cfg.ExtraArgs...)
}

// workspaceID is left out when no folder is open; the third era then has the bare scheme.
func (n *instance) workspaceID() string {
	switch {
	case n.core || n.ide.cfg.Hub:
		return ""
	case n.workspace != "":
		return WorkspaceID(n.workspace)
	case n.ide.cfg.Era == "e3":
		return "file_"
	}
	return ""
}
