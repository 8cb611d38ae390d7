package ls

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"antigravity-proxy/fakes/internal/pb"
)

// connectExtension starts the callbacks, and ends those to an earlier extension server.
func (s *Server) connectExtension(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extStop != nil {
		s.extStop()
	}
	if s.extPort == 0 {
		return
	}
	own, stop := context.WithCancel(ctx)
	s.extStop = stop
	go (&extension{s, s.extPort, s.extToken}).run(own)
}

// reconnect points the callbacks of persistent mode at a new extension.
func (s *Server) reconnect(_ context.Context, body []byte) (object, error) {
	var req struct {
		ExtensionServerPort      int
		ExtensionServerCSRFToken string
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if req.ExtensionServerPort <= 0 || req.ExtensionServerPort > 65535 {
		return nil, refuse(400, "invalid_argument", "extension_server_port %d", req.ExtensionServerPort)
	}
	s.mu.Lock()
	s.extPort, s.extToken = req.ExtensionServerPort, req.ExtensionServerCSRFToken
	s.mu.Unlock()
	s.connectExtension(context.Background())
	return object{}, nil
}

// extension is the client side of one extension server.
type extension struct {
	*Server
	port  int
	token string
}

func (e *extension) request(ctx context.Context, method, contentType string, body []byte) (*http.Response, error) {
	url := fmt.Sprintf("http://127.0.0.1:%d/exa.extension_server_pb.ExtensionServerService/%s", e.port, method)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Connect-Protocol-Version", "1")
	req.Header.Set(CSRFHeader, e.token)
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

func (e *extension) run(ctx context.Context) {
	e.logf("client.go:71", "Created extension server client at port %d", e.port)
	var msg []byte
	msg = pb.AppendVarint(msg, 1, uint64(e.HTTPSPort))
	if e.LSPPort != 0 {
		msg = pb.AppendVarint(msg, 2, uint64(e.LSPPort))
	}
	msg = pb.AppendString(msg, 4, e.flags.CSRF)
	if e.HTTPPort != 0 {
		msg = pb.AppendVarint(msg, 5, uint64(e.HTTPPort))
	}
	resp, err := e.request(ctx, "LanguageServerStarted", "application/proto", msg)
	if err != nil {
		e.logf("client.go:88", "Failed to notify extension server: %v", err)
	} else {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	for _, topic := range []string{"uss-oauth", "uss-enterprisePreferences"} {
		go func(topic string) {
			for ctx.Err() == nil {
				if err := e.subscribe(ctx, topic); err != nil && topic == "uss-oauth" {
					e.logf("uss.go:140", "state sync of %s ended: %v", topic, err)
				}
				// The real one reconnects at once; this keeps a broken test from eating a core.
				pause(ctx, 200*time.Millisecond)
			}
		}(topic)
	}
}

func (e *extension) subscribe(ctx context.Context, topic string) error {
	body := pb.Envelope(0, pb.AppendString(nil, 1, topic))
	resp, err := e.request(ctx, "SubscribeToUnifiedStateSyncTopic", "application/connect+proto", body)
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
			e.logf("uss.go:171", "expected initial state as first message of topic %s", topic)
		}
		if topic != "uss-oauth" {
			continue
		}
		if isInitial {
			e.initialState(initial.Bytes)
		} else if applied, ok := pb.Get(update, 2); ok {
			fields, err := pb.Parse(applied.Bytes)
			if err != nil {
				return err
			}
			if row, ok := pb.Get(fields, 2); ok && e.isLogin(pb.String(fields, 1)) {
				e.oauthRow(row.Bytes)
			}
		}
	}
}

// isLogin tells whether a row of this key is a login (U29).
func (s *Server) isLogin(key string) bool { return contains(list(s.knobs.OAuthKeys), key) }

func (s *Server) initialState(raw []byte) {
	topic, err := pb.Parse(raw)
	if err != nil {
		s.logf("uss.go:199", "bad topic: %v", err)
		return
	}
	for _, f := range topic {
		entry, err := pb.Parse(f.Bytes)
		if f.Num != 1 || err != nil || !s.isLogin(pb.String(entry, 1)) {
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
	s.loggedInAs(pb.String(fields, 1), pb.String(fields, 3))
}

func (s *Server) loggedInAs(token, refresh string) {
	s.mu.Lock()
	first := s.token == ""
	s.token, s.refresh = token, refresh
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
