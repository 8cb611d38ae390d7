// Package ls plays the language server of the eras E1 (IDE 1.11 to 1.18), E2 (1.19 to 1.23) and E3
// (2.x, hub and agy): argv, metadata on stdin, the callbacks to the extension server, the Connect API
// and real calls to the upstream.
package ls

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof" // the cleartext port of the real server has it
	"os"
	"path/filepath"
	"sync"
	"time"

	"antigravity-proxy/fakes/internal/certs"
	"antigravity-proxy/fakes/internal/pb"
	"antigravity-proxy/fakes/internal/uuid"
)

// Server is one running language server.
type Server struct {
	flags     Flags
	knobs     Knobs
	agy       bool // the command line tool, with the server inside
	log       io.Writer
	logMu     sync.Mutex
	dataDir   string
	home      string
	metadata  map[string]string
	upstream  *http.Client // model calls
	auxiliary *http.Client // everything else
	started   time.Time
	session   string
	exit      chan int
	methods   map[string]method
	streaming map[string]stream
	faults    *faults

	HTTPSPort, HTTPPort, LSPPort int

	list       bell // rings when the list of conversations changes
	mu         sync.Mutex
	endpoint   string
	token      string
	refresh    string
	login      chan struct{} // closed at the first login
	cascades   map[string]*cascade
	used       map[string]int64 // tokens by the enum of the model
	workspaces []string
	settings   object
	beat       time.Time
	hoarded    [][]byte
	extPort    int
	extToken   string
	extStop    context.CancelFunc
}

// New reads the metadata and opens the data directory. The error texts are those that a supervisor
// sees on stderr. Program is the name it was started by.
func New(program string, f Flags, k Knobs, stdin io.Reader, log io.Writer) (*Server, error) {
	now := time.Now()
	s := &Server{flags: f, knobs: k, agy: filepath.Base(program) == "agy", log: log, exit: make(chan int, 4),
		login: make(chan struct{}), cascades: map[string]*cascade{}, used: map[string]int64{}, started: now, beat: now,
		session: fmt.Sprint(-now.UnixNano()), endpoint: f.Endpoint, extPort: f.ExtensionPort}
	var err error
	if s.faults, err = newFaults(k.Fail); err != nil {
		return nil, err
	}
	s.extToken = f.CSRF // U10: one token in both directions, or a second one
	if k.CSRFTokens == 2 {
		s.extToken = f.ExtensionCSRF
	}
	if s.agy && f.CSRF == "" {
		s.flags.CSRF = uuid.New()
	}
	if s.home, err = os.UserHomeDir(); err != nil {
		return nil, fmt.Errorf("failed to find home directory: %v", err)
	}
	if s.agy && f.AppDataDir == "antigravity" {
		f.AppDataDir = "antigravity-cli"
	}
	s.dataDir = DataDir(s.home, f)
	if f.Persistent {
		if err := s.openLog(); err != nil {
			return nil, fmt.Errorf("failed to open log: %v", err)
		}
	}
	s.logf("main.go:101", "Starting language server process with pid %d", os.Getpid())
	var raw []byte
	if !s.agy { // its stdin is the terminal
		raw, err = io.ReadAll(io.LimitReader(stdin, 1<<20))
		if err != nil || (len(raw) == 0 && !f.Standalone && !k.EmptyStdinOK) {
			return nil, errors.New("failed to read initial metadata from stdin")
		}
	}
	fields, err := pb.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("failed to unmarshal initial metadata: %v", err)
	}
	if err := s.openData(); err != nil {
		return nil, err
	}
	if err := s.record(fields, len(raw)); err != nil {
		return nil, fmt.Errorf("failed to write metadata: %v", err)
	}
	s.upstream, s.auxiliary = s.client(k.Proxy == "all"), s.client(s.auxProxy())
	s.methods, s.streaming = s.table(), s.streams()
	return s, nil
}

// DataDir is the app data directory: relative Gemini directories are below the home directory.
func DataDir(home string, f Flags) string {
	gemini := f.GeminiDir
	if !filepath.IsAbs(gemini) {
		gemini = filepath.Join(home, gemini)
	}
	return filepath.Join(gemini, f.AppDataDir)
}

func (s *Server) openData() error {
	for _, sub := range []string{"conversations", "brain", "implicit", "knowledge", "annotations"} {
		if err := os.MkdirAll(filepath.Join(s.dataDir, sub), 0o700); err != nil {
			return fmt.Errorf("failed to create app data directory: %v", err)
		}
	}
	id := filepath.Join(s.dataDir, "installation_id")
	if _, err := os.Stat(id); err != nil {
		if err := os.WriteFile(id, []byte(uuid.New()), 0o600); err != nil {
			return fmt.Errorf("failed to write installation id: %v", err)
		}
	}
	return nil
}

// hub is the desktop application's own server, which has no extension.
func (s *Server) hub() bool { return s.flags.Standalone && s.flags.SubclientType == "hub" }

func (s *Server) logf(where, format string, args ...any) {
	now := time.Now()
	s.logMu.Lock()
	defer s.logMu.Unlock()
	fmt.Fprintf(s.log, "I%s %7d %s] %s\n", now.Format("0102 15:04:05.000000"), os.Getpid(), where,
		fmt.Sprintf(format, args...))
}

// Run listens, announces itself and serves until told to stop; it returns the exit status.
func (s *Server) Run(ctx context.Context) int {
	pause(ctx, millis(s.knobs.StartDelayMS))
	if ctx.Err() != nil {
		return 0
	}
	if s.flags.ParentPipe == "" && s.knobs.ParentMissing == "exit" {
		return s.fatal(errors.New("parent_pipe_path is required"))
	}
	s.logf("server.go:1046", "Language server will attempt to listen on host 127.0.0.1")
	if s.flags.ParentPipe == "" && s.knobs.ParentMissing == "unbound" {
		s.logf("server.go:1050", "Waiting for the parent")
		return s.wait(ctx)
	}
	if s.knobs.Era != "e1" && s.knobs.Reactive == "disabled" {
		s.logf("server.go:1061", "Reactive state is disabled")
	}
	cert, err := s.certificate()
	if err != nil {
		return s.fatal(err)
	}
	listeners, err := s.open()
	for _, l := range listeners {
		defer l.Close()
	}
	if err != nil {
		return s.fatal(err)
	}
	quiet := log.New(io.Discard, "", 0) // faults on request end in panics that are meant
	secure := &http.Server{TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, ErrorLog: quiet,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, false) })}
	go secure.ServeTLS(listeners["https"], "", "")
	if l := listeners["http"]; l != nil {
		mux := http.NewServeMux()
		mux.Handle("/debug/pprof/", http.DefaultServeMux)
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, true) })
		go (&http.Server{Handler: mux, ErrorLog: quiet}).Serve(l)
	}
	if l := listeners["lsp"]; l != nil {
		go serveLSP(l)
	}
	if s.flags.ParentPipe != "" {
		go s.watchParent()
	}
	if s.knobs.HeartbeatExitMS > 0 {
		go s.mourn(ctx)
	}
	s.connectExtension(ctx)
	if s.flags.Persistent {
		if err := s.publish(); err != nil {
			return s.fatal(err)
		}
		defer s.withdraw()
	}
	if (s.flags.Standalone || s.agy) && s.flags.ExtensionPort == 0 && s.knobs.OwnLogin {
		s.loggedInAs("fake-access-token", "")
	}
	if s.agy && s.knobs.AgyRun != "" {
		go s.runForAgy(ctx)
	}
	s.logf("server.go:1290", "initialized server successfully in %v", time.Since(s.started))
	return s.wait(ctx)
}

func (s *Server) wait(ctx context.Context) int {
	select {
	case <-ctx.Done():
		return 0
	case status := <-s.exit:
		return status
	}
}

func (s *Server) fatal(err error) int {
	s.Fatal(err)
	return 1
}

// Fatal prints an error in glog's form.
func (s *Server) Fatal(err error) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	fatalLine(s.log, err)
}

func fatalLine(to io.Writer, err error) {
	fmt.Fprintf(to, "F%s %7d main.go:135] %v\n", time.Now().Format("0102 15:04:05.000000"), os.Getpid(), err)
}

// certificate of the HTTPS port (U34).
func (s *Server) certificate() (tls.Certificate, error) {
	if s.knobs.TLSCert != "" {
		return tls.LoadX509KeyPair(s.knobs.TLSCert, s.knobs.TLSKey)
	}
	return certs.Localhost(s.knobs.Cert)
}

// open makes the listeners. Their order is part of what the product may rely on, as the order of the
// descriptors: HTTPS, HTTP, LSP, unless U40 has it otherwise.
func (s *Server) open() (map[string]net.Listener, error) {
	suffix := " for HTTPS"
	if s.knobs.Era != "e1" {
		suffix = " for HTTPS (gRPC)"
	}
	out := map[string]net.Listener{}
	for _, role := range list(s.knobs.FDOrder) {
		var l net.Listener
		var err error
		switch {
		case role == "https":
			l, err = s.listen(s.flags.HTTPSPort, suffix, &s.HTTPSPort)
		case role == "http" && s.knobs.HTTPPort:
			l, err = s.listen(s.flags.HTTPPort, " for HTTP", &s.HTTPPort)
		case role == "lsp" && s.flags.EnableLSP:
			l, err = s.listen(s.flags.LSPPort, " for LSP", &s.LSPPort)
		}
		if err != nil {
			return out, err
		}
		if l != nil {
			out[role] = l
		}
	}
	if out["https"] == nil {
		return out, errors.New("knob fd_order: no https")
	}
	return out, nil
}

func (s *Server) listen(port int, what string, to *int) (net.Listener, error) {
	kind := "fixed"
	if s.flags.RandomPort || port == 0 {
		kind, port = "random", 0
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	*to = l.Addr().(*net.TCPAddr).Port
	s.logf("server.go:1080", "Language server listening on %s port at %d%s", kind, *to, what)
	return l, nil
}

// serveLSP answers every framed JSON-RPC request with an empty result and hangs up on anything else.
func serveLSP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for {
				var size int
				if _, err := fmt.Fscanf(c, "Content-Length: %d\r\n\r\n", &size); err != nil || size < 0 || size > 1<<20 {
					return
				}
				body := make([]byte, size)
				if _, err := io.ReadFull(c, body); err != nil {
					return
				}
				var req struct {
					ID json.RawMessage `json:"id"`
				}
				if json.Unmarshal(body, &req) != nil {
					return
				}
				if len(req.ID) > 0 {
					out := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"capabilities":{}}}`, req.ID)
					fmt.Fprintf(c, "Content-Length: %d\r\n\r\n%s", len(out), out)
				}
			}
		}()
	}
}

func (s *Server) watchParent() {
	c, err := net.Dial("unix", s.flags.ParentPipe)
	if err != nil {
		s.logf("server.go:880", "Failed to connect to parent pipe: %v", err) // U18: run on
		return
	}
	defer c.Close()
	io.Copy(io.Discard, c)
	s.logf("server.go:893", "Parent pipe closed on language server process %d", os.Getpid())
	if s.knobs.ParentEOF == "exit" {
		s.exit <- 0
	}
}
