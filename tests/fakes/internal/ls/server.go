// Package ls plays the language server of era E1 (IDE 1.11 to 1.18): argv, metadata on stdin, the
// callbacks to the extension server, the Connect API and real calls to the upstream.
package ls

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof" // the cleartext port of the real server has it
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"antigravity-proxy/fakes/internal/certs"
	"antigravity-proxy/fakes/internal/pb"
	"antigravity-proxy/fakes/internal/uuid"
)

// CSRFHeader carries the token in both directions.
const CSRFHeader = "x-codeium-csrf-token"

// Flags is the argv of the era.
type Flags struct {
	EnableLSP, RandomPort, Standalone  bool
	ExtensionPort, ServerPort, LSPPort int
	CSRF, WorkspaceID, Endpoint        string
	AppDataDir, GeminiDir, ParentPipe  string
}

// ParseFlags reads argv with Go's flag package, so unknown flags end in usage and exit status 2.
func ParseFlags(name string, args []string) Flags {
	var f Flags
	set := flag.NewFlagSet(name, flag.ExitOnError)
	set.BoolVar(&f.EnableLSP, "enable_lsp", false, "Enable LSP")
	set.BoolVar(&f.RandomPort, "random_port", false, "Use random ports for all listeners")
	set.BoolVar(&f.Standalone, "standalone", false, "Run without an extension")
	set.IntVar(&f.ExtensionPort, "extension_server_port", 0, "Port of the extension server")
	set.IntVar(&f.ServerPort, "server_port", 42100, "Port of the language server")
	set.IntVar(&f.LSPPort, "lsp_port", 42101, "Port of the LSP server")
	set.StringVar(&f.CSRF, "csrf_token", "", "CSRF token")
	set.StringVar(&f.WorkspaceID, "workspace_id", "", "Workspace id")
	set.StringVar(&f.Endpoint, "cloud_code_endpoint", "https://daily-cloudcode-pa.googleapis.com", "Cloud Code endpoint")
	set.StringVar(&f.AppDataDir, "app_data_dir", "antigravity", "Data directory below the Gemini directory")
	set.StringVar(&f.GeminiDir, "gemini_dir", ".gemini", "Gemini directory")
	set.StringVar(&f.ParentPipe, "parent_pipe_path", "", "Parent pipe")
	for _, ignored := range []string{"api_server_url", "inference_api_server_url", "analytics_server_url",
		"generative_service_addr", "config_dir", "proxy_server_url"} {
		set.String(ignored, "", "Accepted and ignored")
	}
	for _, ignored := range []string{"disable_telemetry", "headless", "dev_mode", "is_google_internal"} {
		set.Bool(ignored, false, "Accepted and ignored")
	}
	set.Parse(args) // ExitOnError: never returns an error
	return f
}

// Server is one running language server.
type Server struct {
	flags    Flags
	knobs    Knobs
	log      io.Writer
	logMu    sync.Mutex
	dataDir  string
	home     string
	metadata map[string]string
	upstream *http.Client
	started  time.Time
	session  string
	exit     chan int

	HTTPSPort, HTTPPort, LSPPort int

	mu         sync.Mutex
	token      string
	refresh    string
	login      chan struct{} // closed at the first login
	cascades   map[string]*cascade
	workspaces []string
}

// New reads the metadata and opens the data directory. The error texts are those that a supervisor
// sees on stderr.
func New(f Flags, k Knobs, stdin io.Reader, log io.Writer) (*Server, error) {
	s := &Server{flags: f, knobs: k, log: log, exit: make(chan int, 4), login: make(chan struct{}),
		cascades: map[string]*cascade{}, started: time.Now(), session: fmt.Sprint(-time.Now().UnixNano())}
	s.logf("main.go:101", "Starting language server process with pid %d", os.Getpid())
	raw, err := io.ReadAll(io.LimitReader(stdin, 1<<20))
	if err != nil || (len(raw) == 0 && !f.Standalone && !k.EmptyStdinOK) {
		return nil, errors.New("failed to read initial metadata from stdin")
	}
	fields, err := pb.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("failed to unmarshal initial metadata: %v", err)
	}
	if s.home, err = os.UserHomeDir(); err != nil {
		return nil, fmt.Errorf("failed to find home directory: %v", err)
	}
	gemini := f.GeminiDir
	if !filepath.IsAbs(gemini) {
		gemini = filepath.Join(s.home, gemini)
	}
	s.dataDir = filepath.Join(gemini, f.AppDataDir)
	for _, sub := range []string{"conversations", "brain", "implicit", "knowledge", "annotations"} {
		if err := os.MkdirAll(filepath.Join(s.dataDir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("failed to create app data directory: %v", err)
		}
	}
	id := filepath.Join(s.dataDir, "installation_id")
	if _, err := os.Stat(id); err != nil {
		if err := os.WriteFile(id, []byte(uuid.New()), 0o600); err != nil {
			return nil, fmt.Errorf("failed to write installation id: %v", err)
		}
	}
	if err := s.record(fields, len(raw)); err != nil {
		return nil, fmt.Errorf("failed to write metadata: %v", err)
	}
	s.upstream = s.client()
	return s, nil
}

var metadataNames = map[int]string{1: "ide_name", 2: "extension_version", 3: "api_key", 4: "locale", 5: "os",
	6: "disable_telemetry", 7: "ide_version", 8: "hardware", 10: "session_id", 12: "extension_name",
	17: "extension_path", 24: "device_fingerprint", 25: "trigger_id", 27: "id", 29: "user_tier_id",
	30: "region_code", 34: "field_34"}

// record keeps what came on stdin, for the test to read; of a key only the length.
func (s *Server) record(fields []pb.Field, size int) error {
	s.metadata = map[string]string{}
	for _, f := range fields {
		name := metadataNames[f.Num]
		if name == "" {
			name = fmt.Sprintf("field_%d", f.Num)
		}
		value := string(f.Bytes)
		if f.Wire != 2 {
			value = fmt.Sprint(f.Number)
		}
		if f.Num == 3 {
			value = fmt.Sprintf("(%d bytes)", len(f.Bytes))
		}
		s.metadata[name] = value
	}
	out, err := json.MarshalIndent(map[string]any{"size": size, "metadata": s.metadata, "args": os.Args,
		"pid": os.Getpid(), "uid": os.Getuid()}, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dataDir, "fake_ls_start.json"), out, 0o600)
}

func (s *Server) logf(where, format string, args ...any) {
	now := time.Now()
	s.logMu.Lock()
	defer s.logMu.Unlock()
	fmt.Fprintf(s.log, "I%s %7d %s] %s\n", now.Format("0102 15:04:05.000000"), os.Getpid(), where,
		fmt.Sprintf(format, args...))
}

// Run listens, announces itself and serves until told to stop; it returns the exit status.
func (s *Server) Run(ctx context.Context) int {
	time.Sleep(millis(s.knobs.StartDelayMS))
	s.logf("server.go:1046", "Language server will attempt to listen on host 127.0.0.1")
	cert, err := s.certificate()
	if err != nil {
		return s.fatal(err)
	}
	// The order of the descriptors is part of what the product may rely on: HTTPS, HTTP, LSP.
	secure, err := s.listen(s.flags.ServerPort, " for HTTPS", &s.HTTPSPort)
	if err != nil {
		return s.fatal(err)
	}
	defer secure.Close()
	handler := http.HandlerFunc(s.serve)
	srv := &http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		ErrorLog: nil}
	if s.knobs.HTTPPort {
		plain, err := s.listen(0, " for HTTP", &s.HTTPPort)
		if err != nil {
			return s.fatal(err)
		}
		defer plain.Close()
		mux := http.NewServeMux()
		mux.Handle("/debug/pprof/", http.DefaultServeMux)
		mux.Handle("/", handler)
		go (&http.Server{Handler: mux}).Serve(plain)
	}
	if s.flags.EnableLSP {
		lsp, err := s.listen(s.flags.LSPPort, " for LSP", &s.LSPPort)
		if err != nil {
			return s.fatal(err)
		}
		defer lsp.Close()
		go serveLSP(lsp)
	}
	go srv.ServeTLS(secure, "", "")
	if s.flags.ParentPipe != "" {
		go s.watchParent()
	}
	if s.flags.ExtensionPort != 0 {
		go s.extension(ctx)
	}
	s.logf("server.go:1290", "initialized server successfully in %v", time.Since(s.started))
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
	fmt.Fprintf(s.log, "F%s %7d main.go:135] %v\n", time.Now().Format("0102 15:04:05.000000"), os.Getpid(), err)
}

func (s *Server) certificate() (tls.Certificate, error) {
	if s.knobs.TLSCert != "" {
		return tls.LoadX509KeyPair(s.knobs.TLSCert, s.knobs.TLSKey)
	}
	return certs.SelfSigned()
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
	s.exit <- 0
}

// ---- callbacks to the extension server -------------------------------------------------------

func (s *Server) extensionRequest(ctx context.Context, method, contentType string, body []byte) (*http.Response, error) {
	url := fmt.Sprintf("http://127.0.0.1:%d/exa.extension_server_pb.ExtensionServerService/%s", s.flags.ExtensionPort, method)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Connect-Protocol-Version", "1")
	req.Header.Set(CSRFHeader, s.flags.CSRF)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != 200 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
		resp.Body.Close()
		return nil, fmt.Errorf("%s: HTTP %d %s", method, resp.StatusCode, text)
	}
	return resp, nil
}

func (s *Server) extension(ctx context.Context) {
	s.logf("client.go:71", "Created extension server client at port %d", s.flags.ExtensionPort)
	var msg []byte
	msg = pb.AppendVarint(msg, 1, uint64(s.HTTPSPort))
	if s.LSPPort != 0 {
		msg = pb.AppendVarint(msg, 2, uint64(s.LSPPort))
	}
	msg = pb.AppendString(msg, 4, s.flags.CSRF)
	if s.HTTPPort != 0 {
		msg = pb.AppendVarint(msg, 5, uint64(s.HTTPPort))
	}
	resp, err := s.extensionRequest(ctx, "LanguageServerStarted", "application/proto", msg)
	if err != nil {
		s.logf("client.go:88", "Failed to notify extension server: %v", err)
	} else {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	for _, topic := range []string{"uss-oauth", "uss-enterprisePreferences"} {
		go func(topic string) {
			for ctx.Err() == nil {
				if err := s.subscribe(ctx, topic); err != nil && topic == "uss-oauth" {
					s.logf("uss.go:140", "state sync of %s ended: %v", topic, err)
				}
				// The real one reconnects at once; this keeps a broken test from eating a core.
				select {
				case <-ctx.Done():
				case <-time.After(200 * time.Millisecond):
				}
			}
		}(topic)
	}
}

const oauthKey = "oauthTokenInfoSentinelKey"

func (s *Server) subscribe(ctx context.Context, topic string) error {
	body := pb.Envelope(0, pb.AppendString(nil, 1, topic))
	resp, err := s.extensionRequest(ctx, "SubscribeToUnifiedStateSyncTopic", "application/connect+proto", body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for first := true; ; first = false {
		flags, payload, err := pb.ReadEnvelope(resp.Body)
		if err != nil {
			return err
		}
		if flags&pb.EndOfStream != 0 {
			return fmt.Errorf("end of stream: %s", payload)
		}
		update, err := pb.Parse(payload)
		if err != nil {
			return err
		}
		initial, isInitial := pb.Get(update, 1)
		if first && !isInitial {
			s.logf("uss.go:171", "expected initial state as first message of topic %s", topic)
		}
		if topic != "uss-oauth" {
			continue
		}
		if isInitial {
			s.initialState(initial.Bytes)
		} else if applied, ok := pb.Get(update, 2); ok {
			fields, err := pb.Parse(applied.Bytes)
			if err != nil {
				return err
			}
			if row, ok := pb.Get(fields, 2); ok && pb.String(fields, 1) == oauthKey {
				s.oauthRow(row.Bytes)
			}
		}
	}
}

func (s *Server) initialState(raw []byte) {
	topic, err := pb.Parse(raw)
	if err != nil {
		s.logf("uss.go:199", "bad topic: %v", err)
		return
	}
	for _, f := range topic {
		entry, err := pb.Parse(f.Bytes)
		if f.Num != 1 || err != nil || pb.String(entry, 1) != oauthKey {
			continue
		}
		row, _ := pb.Get(entry, 2)
		s.oauthRow(row.Bytes)
		return
	}
	s.logf("auth.go:60", "Failed to get OAuth token: error getting token source from auth provider: state syncing error: key not found")
	s.logf("auth.go:66", "You are not logged into Antigravity")
}

func (s *Server) oauthRow(raw []byte) {
	row, err := pb.Parse(raw)
	if err != nil {
		s.logf("auth.go:40", "bad row: %v", err)
		return
	}
	info, err := base64.StdEncoding.DecodeString(pb.String(row, 1))
	if err != nil {
		s.logf("auth.go:44", "bad token row: %v", err)
		return
	}
	fields, err := pb.Parse(info)
	if err != nil || pb.String(fields, 1) == "" {
		s.logf("auth.go:48", "token row without an access token")
		return
	}
	s.mu.Lock()
	first := s.token == ""
	s.token, s.refresh = pb.String(fields, 1), pb.String(fields, 3)
	s.mu.Unlock()
	if first {
		close(s.login)
		s.logf("auth.go:72", "Auth succeeded")
		go s.afterLogin()
	}
}

func (s *Server) loggedIn() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// ---- the Connect API ---------------------------------------------------------------------------

type connectError struct {
	status  int
	code    string
	message string
}

func (e *connectError) Error() string { return e.message }

func refuse(status int, code, format string, args ...any) error {
	return &connectError{status, code, fmt.Sprintf(format, args...)}
}

const servicePath = "/exa.language_server_pb.LanguageServerService/"

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, servicePath) {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if token := r.Header.Get(CSRFHeader); token == "" {
		writeError(w, refuse(401, "unauthenticated", "missing CSRF token"))
		return
	} else if token != s.flags.CSRF {
		code := "unauthenticated"
		if s.knobs.WrongToken == 403 {
			code = "permission_denied"
		}
		writeError(w, refuse(s.knobs.WrongToken, code, "invalid CSRF token"))
		return
	}
	method := strings.TrimPrefix(r.URL.Path, servicePath)
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.HasPrefix(contentType, "application/connect+") {
		// U12: the streams are not played here.
		w.Header().Set("Content-Type", contentType)
		w.Write(pb.Envelope(pb.EndOfStream, []byte(`{"error":{"code":"unimplemented","message":"not implemented by the double"}}`)))
		return
	}
	handler, ok := s.methods()[method]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if contentType != "application/json" {
		w.Header().Set("Accept-Post", "application/json")
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 32<<20))
	if err != nil {
		return
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	out, err := handler(r.Context(), body)
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(out)
}

func writeError(w http.ResponseWriter, err error) {
	var e *connectError
	if !errors.As(err, &e) {
		e = &connectError{400, "invalid_argument", err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	json.NewEncoder(w).Encode(map[string]string{"code": e.code, "message": e.message})
}

type object = map[string]any

type unary func(ctx context.Context, body []byte) (object, error)

func (s *Server) methods() map[string]unary {
	return map[string]unary{
		"Heartbeat": func(context.Context, []byte) (object, error) {
			return object{"lastExtensionHeartbeat": time.Now().UTC().Format(time.RFC3339Nano)}, nil
		},
		"GetUnleashData": func(context.Context, []byte) (object, error) {
			return object{"context": object{"sessionId": s.session, "properties": object{}}, "experimentConfig": object{}}, nil
		},
		"GetUserStatus":                s.getUserStatus,
		"GetCascadeModelConfigData":    s.getModelConfigs,
		"StartCascade":                 s.startCascade,
		"SendUserCascadeMessage":       s.sendMessage,
		"SendAllQueuedMessages":        func(context.Context, []byte) (object, error) { return object{}, nil },
		"GetCascadeTrajectory":         s.getTrajectory,
		"GetCascadeTrajectorySteps":    s.getSteps,
		"GetAllCascadeTrajectories":    s.getAll,
		"CancelCascadeInvocation":      s.cancel,
		"HandleCascadeUserInteraction": s.interact,
		"LoadTrajectory":               s.loadTrajectory,
		"InitializeCascadePanelState":  func(context.Context, []byte) (object, error) { return object{}, nil },
		"SetWorkingDirectories":        func(context.Context, []byte) (object, error) { return object{}, nil },
		"AddTrackedWorkspace": func(_ context.Context, body []byte) (object, error) {
			var req struct{ Workspace string }
			if err := json.Unmarshal(body, &req); err != nil {
				return nil, err
			}
			if !filepath.IsAbs(req.Workspace) {
				return nil, refuse(400, "invalid_argument", "workspace %q is not an absolute path", req.Workspace)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.workspaces = append(s.workspaces, req.Workspace)
			return object{}, nil
		},
		"GetWorkspaceInfos": func(context.Context, []byte) (object, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			out := object{"homeDirPath": s.home, "homeDirUri": "file://" + s.home}
			var infos []object
			for _, w := range s.workspaces {
				infos = append(infos, object{"workspaceUri": "file://" + w})
			}
			if infos != nil {
				out["workspaceInfos"] = infos
			}
			return out, nil
		},
		"Exit": func(context.Context, []byte) (object, error) {
			time.AfterFunc(50*time.Millisecond, func() { s.exit <- 0 })
			return object{}, nil
		},
	}
}

func modelConfigs() []object {
	var out []object
	for _, m := range models {
		out = append(out, object{"label": m.label, "modelOrAlias": object{"model": m.enum}, "isRecommended": true,
			"quotaInfo": object{"remainingFraction": 0.8, "resetTime": "2026-12-01T00:00:00Z"}})
	}
	return out
}

func (s *Server) getUserStatus(ctx context.Context, _ []byte) (object, error) {
	if s.loggedIn() == "" {
		if s.knobs.LoggedOut == "hang" {
			<-ctx.Done()
		}
		return nil, refuse(500, "unknown", "You are not logged into Antigravity")
	}
	return object{"userStatus": object{"name": "Fake User", "email": "fake-user@example.test",
		"planStatus":             object{"planInfo": object{"planName": "Fake"}, "availablePromptCredits": 500},
		"userTier":               object{"id": "free-tier", "name": "Fake tier"},
		"cascadeModelConfigData": object{"clientModelConfigs": modelConfigs()}}}, nil
}

func (s *Server) getModelConfigs(context.Context, []byte) (object, error) {
	if s.loggedIn() == "" {
		return object{}, nil
	}
	return object{"clientModelConfigs": modelConfigs(),
		"defaultOverrideModelConfig": object{"modelOrAlias": object{"model": models[0].enum}}}, nil
}
