package ls

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"antigravity-proxy/fakes/internal/pb"
	"antigravity-proxy/fakes/internal/schema"
)

// CSRFHeader carries the token in both directions.
const CSRFHeader = "x-codeium-csrf-token"

const servicePath = "/exa.language_server_pb.LanguageServerService/"

type object = map[string]any

type connectError struct {
	status  int
	code    string
	message string
}

func (e *connectError) Error() string { return e.message }

func refuse(status int, code, format string, args ...any) error {
	return &connectError{status, code, fmt.Sprintf(format, args...)}
}

// asConnect gives every error its status and code; what no handler foresaw is the caller's fault.
func asConnect(err error) *connectError {
	var e *connectError
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return &connectError{504, "deadline_exceeded", err.Error()}
	case errors.Is(err, context.Canceled):
		return &connectError{499, "canceled", err.Error()}
	}
	return &connectError{400, "invalid_argument", err.Error()}
}

// serve is the handler of both ports; plain says that it is the cleartext one.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, plain bool) {
	if r.URL.Path == "/" && !plain && s.knobs.HubPage && s.hub() {
		s.page(w)
		return
	}
	if !strings.HasPrefix(r.URL.Path, servicePath) {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if err := s.admit(r); err != nil {
		s.unaryError(w, r, err)
		return
	}
	method := strings.TrimPrefix(r.URL.Path, servicePath)
	if plain && !s.knobs.HTTPParity && method != "Heartbeat" && method != "GetUnleashData" { // U9
		http.NotFound(w, r)
		return
	}
	if s.knobs.WaitForLogin && s.flags.ExtensionPort != 0 { // U29
		select {
		case <-s.login:
		case <-r.Context().Done():
			return
		}
	}
	if text := r.Header.Get("Connect-Timeout-Ms"); text != "" {
		if n, err := strconv.Atoi(text); err == nil {
			ctx, cancel := context.WithTimeout(r.Context(), millis(n))
			defer cancel()
			r = r.WithContext(ctx)
		}
	}
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch {
	case strings.HasPrefix(contentType, "application/grpc"):
		s.grpc(w, r, method, contentType)
	case strings.HasPrefix(contentType, "application/connect+"):
		s.stream(w, r, method, contentType)
	default:
		s.unary(w, r, method, contentType)
	}
}

// admit checks the token (U8).
func (s *Server) admit(r *http.Request) error {
	if s.agy && !s.knobs.AgyToken {
		return nil
	}
	token := r.Header.Get(CSRFHeader)
	if token == "" {
		return refuse(401, "unauthenticated", "missing CSRF token")
	}
	if token != s.flags.CSRF {
		return refuse(s.knobs.WrongToken, codes[s.knobs.WrongToken], "invalid CSRF token")
	}
	return nil
}

func (s *Server) isMissing(method string) bool { return contains(list(s.knobs.Missing), method) }

func (s *Server) unary(w http.ResponseWriter, r *http.Request, method, contentType string) {
	handler, ok := s.methods[method]
	if s.isMissing(method) && s.knobs.MissingStatus == 501 {
		s.unaryError(w, r, refuse(501, "unimplemented", "%s is not implemented", method))
		return
	}
	if !ok || s.isMissing(method) {
		http.NotFound(w, r)
		return
	}
	binary := contentType == "application/proto"
	if (contentType != "application/json" && !binary) || (binary && handler.in == "") {
		w.Header().Set("Accept-Post", "application/json")
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	if what := s.faults.next(method); what != "" {
		s.unaryError(w, r, play(what, w, r))
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 32<<20))
	if err != nil {
		return
	}
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = inflate(body); err != nil {
			s.unaryError(w, r, refuse(400, "invalid_argument", "%v", err))
			return
		}
	}
	out, err := s.answer(r.Context(), handler, body, binary)
	if err != nil {
		s.unaryError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	s.write(w, r, out)
}

// answer runs a handler, which always speaks JSON.
func (s *Server) answer(ctx context.Context, m method, body []byte, binary bool) ([]byte, error) {
	body, err := toJSON(m.in, body, binary)
	if err != nil {
		return nil, err
	}
	out, err := m.call(ctx, body)
	if err != nil {
		return nil, err
	}
	if binary {
		raw, err := schema.Encode(m.out, out)
		if err != nil {
			return nil, refuse(500, "internal", "%v", err)
		}
		return raw, nil
	}
	raw, err := json.Marshal(out)
	return append(raw, '\n'), err
}

// write sends a unary answer, compressed when that is on and asked for (U39).
func (s *Server) write(w http.ResponseWriter, r *http.Request, body []byte) {
	if s.knobs.Compress && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body = deflate(body)
	}
	w.Write(body)
}

func deflate(body []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(body)
	z.Close()
	return out.Bytes()
}

func inflate(body []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, 32<<20))
}

func (s *Server) unaryError(w http.ResponseWriter, r *http.Request, err error) {
	e := asConnect(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	json.NewEncoder(w).Encode(map[string]string{"code": e.code, "message": e.message})
}

// stream serves a method whose body and answer are enveloped; errors are end frames with status 200.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, method, contentType string) {
	w.Header().Set("Content-Type", contentType)
	known, ok := s.streaming[method]
	if !ok || s.isMissing(method) {
		writeEnd(w, refuse(501, "unimplemented", "not implemented by the double"))
		return
	}
	if what := s.faults.next(method); what != "" {
		writeEnd(w, play(what, w, r))
		return
	}
	to := &frames{w: w, message: known.out, binary: contentType == "application/connect+proto"}
	if s.knobs.Compress && strings.Contains(r.Header.Get("Connect-Accept-Encoding"), "gzip") {
		to.compress = true
		w.Header().Set("Connect-Content-Encoding", "gzip")
	}
	flags, body, err := pb.ReadEnvelope(r.Body)
	if err == nil && flags&compressed != 0 {
		body, err = inflate(body)
	}
	if err != nil {
		writeEnd(w, refuse(400, "invalid_argument", "protocol error: %v", err))
		return
	}
	if body, err = toJSON(known.in, body, to.binary); err == nil {
		err = known.call(r.Context(), body, to)
	}
	writeEnd(w, err)
}

// toJSON is the request as handlers read it.
func toJSON(message string, body []byte, binary bool) ([]byte, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return []byte("{}"), nil
	}
	if !binary {
		return body, nil
	}
	req, err := schema.Decode(message, body)
	if err != nil {
		return nil, refuse(400, "invalid_argument", "%v", err)
	}
	return json.Marshal(req)
}

const compressed = 0x01

func writeEnd(w http.ResponseWriter, err error) {
	end := []byte("{}")
	if err != nil {
		e := asConnect(err)
		end, _ = json.Marshal(object{"error": map[string]string{"code": e.code, "message": e.message}})
	}
	w.Write(pb.Envelope(pb.EndOfStream, end))
}

// frames is the sender of a Connect stream.
type frames struct {
	w        http.ResponseWriter
	message  string
	binary   bool
	compress bool
}

func (f *frames) send(v object) error {
	var payload []byte
	var err error
	if f.binary {
		payload, err = schema.Encode(f.message, v)
	} else {
		payload, err = json.Marshal(v)
	}
	if err != nil {
		return refuse(500, "internal", "%v", err)
	}
	var flags byte
	if f.compress {
		flags, payload = compressed, deflate(payload)
	}
	_, err = f.w.Write(pb.Envelope(flags, payload))
	f.w.(http.Flusher).Flush()
	return err
}

func (f *frames) half() {
	f.w.Write(pb.Envelope(0, []byte(`{"update":{}}`))[:9])
	f.w.(http.Flusher).Flush()
}
