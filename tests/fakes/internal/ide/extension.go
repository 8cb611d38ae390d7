package ide

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"time"

	"antigravity-proxy/fakes/internal/pb"
)

const extensionPath = "/exa.extension_server_pb.ExtensionServerService/"

func (i *IDE) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, extensionPath) || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	if r.Header.Get(CSRFHeader) != i.extCSRF {
		http.Error(w, "Invalid CSRF token", http.StatusForbidden)
		return
	}
	contentType := r.Header.Get("Content-Type")
	framed := strings.HasPrefix(contentType, "application/connect+")
	method := strings.TrimPrefix(r.URL.Path, extensionPath)
	if status := i.cfg.Fail[method]; status != 0 {
		http.Error(w, "fault asked for by the test", status)
		return
	}
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
	own := i.isOwn(https)
	i.event(map[string]any{"event": "language_server_started", "own": own, "https_port": https,
		"lsp_port": number(2), "http_port": number(5)})
}

// isOwn tells whether one of our own language servers has that HTTPS port. The call may be faster
// than the log line that says so: it waits while one of them has no port yet, for two seconds at most.
func (i *IDE) isOwn(https int) bool {
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		known := true
		for _, n := range i.instances {
			port := n.portOf("HTTPS")
			if port == https {
				return true
			}
			known = known && port != 0
		}
		if known || time.Now().After(end) {
			return false
		}
	}
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
			for _, key := range i.cfg.Keys {
				entry := pb.AppendBytes(pb.AppendString(nil, 1, Keys[key]), 2, loginRow())
				topic = pb.AppendBytes(topic, 1, entry)
			}
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

// Login pushes the login row to everyone who is subscribed; again, it is what a refresh looks like.
func (i *IDE) Login() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.loggedIn = true
	for _, key := range i.cfg.Keys {
		applied := pb.AppendBytes(pb.AppendString(nil, 1, Keys[key]), 2, loginRow())
		update := pb.AppendBytes(nil, 2, applied)
		for c := range i.streams {
			select {
			case c <- update:
			default:
			}
		}
	}
}
