package ls

import (
	"fmt"
	"net/http"
	"strings"

	"antigravity-proxy/fakes/internal/pb"
)

// grpcStatus are the numbers of the Connect codes.
var grpcStatus = map[string]int{"canceled": 1, "unknown": 2, "invalid_argument": 3, "deadline_exceeded": 4,
	"not_found": 5, "permission_denied": 7, "resource_exhausted": 8, "unimplemented": 12, "internal": 13,
	"unavailable": 14, "unauthenticated": 16}

// grpc serves gRPC and gRPC-Web, which are on the same port: a unary method's answer is one message.
func (s *Server) grpc(w http.ResponseWriter, r *http.Request, method, contentType string) {
	web := strings.HasPrefix(contentType, "application/grpc-web")
	binary := !strings.HasSuffix(contentType, "+json")
	w.Header().Set("Content-Type", contentType)
	if !web {
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
	}
	err := s.grpcCall(w, r, method, binary)
	code, message := 0, ""
	if err != nil {
		e := asConnect(err)
		code, message = grpcStatus[e.code], e.message
	}
	if web { // the trailers are a message of their own
		w.Write(pb.Envelope(0x80, []byte(fmt.Sprintf("grpc-status: %d\r\ngrpc-message: %s\r\n", code, message))))
		return
	}
	w.Header().Set("Grpc-Status", fmt.Sprint(code))
	w.Header().Set("Grpc-Message", message)
}

func (s *Server) grpcCall(w http.ResponseWriter, r *http.Request, name string, binary bool) error {
	known, streaming := s.streaming[name]
	m, ok := s.methods[name]
	if s.isMissing(name) || (!ok && !streaming) || (binary && ok && m.in == "") {
		return refuse(501, "unimplemented", "%s is not implemented", name)
	}
	if what := s.faults.next(name); what != "" {
		return play(what, w, r)
	}
	_, body, err := pb.ReadEnvelope(r.Body)
	if err != nil {
		return refuse(400, "invalid_argument", "protocol error: %v", err)
	}
	if streaming {
		if body, err = toJSON(known.in, body, binary); err != nil {
			return err
		}
		return known.call(r.Context(), body, &frames{w: w, message: known.out, binary: binary})
	}
	out, err := s.answer(r.Context(), m, body, binary)
	if err != nil {
		return err
	}
	w.Write(pb.Envelope(0, out))
	return nil
}
