package upstream

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha1" // RFC 6455 asks for it
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"antigravity-proxy/fakes/internal/uuid"
)

func isWebSocket(r *http.Request) bool {
	return r.ProtoMajor == 1 && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// socket is one WebSocket connection of the server's side, RFC 6455 and RFC 7692.
type socket struct {
	conn     net.Conn
	in       *bufio.Reader
	deflate  bool
	keepOurs bool // context takeover for what we send
	keepPeer bool
	writer   *flate.Writer
	packed   bytes.Buffer
	window   []byte // the last 32 KiB that the client's compressor has seen
}

const (
	opContinuation, opText, opBinary = 0, 1, 2
	opClose, opPing, opPong          = 8, 9, 10
)

// webSocket answers the upgrade, then /v1/responses with events and any other path with an echo.
// Every response is a call of its own; the upgrade itself is noted as one that costs nothing.
func (x *exchange) webSocket(host string) {
	key := x.r.Header.Get("Sec-Websocket-Key")
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	hj, ok := x.w.(http.Hijacker)
	if !ok || key == "" {
		x.plain(400, "text/plain", "not a WebSocket upgrade\n")
		return
	}
	s := &socket{keepOurs: true, keepPeer: true}
	extension := ""
	for _, offer := range strings.Split(x.r.Header.Get("Sec-Websocket-Extensions"), ",") {
		fields := strings.Split(offer, ";")
		if strings.TrimSpace(fields[0]) != "permessage-deflate" || s.deflate {
			continue
		}
		s.deflate, extension = true, "permessage-deflate"
		for _, field := range fields[1:] {
			switch strings.TrimSpace(field) {
			case "server_no_context_takeover":
				s.keepOurs = false
				extension += "; server_no_context_takeover"
			case "client_no_context_takeover":
				s.keepPeer = false
				extension += "; client_no_context_takeover"
			}
		}
	}
	conn, rw, err := hj.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	s.conn, s.in = conn, rw.Reader
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\nX-Fake-Call-Id: " + x.call.ID + "\r\n"
	if extension != "" {
		head += "Sec-WebSocket-Extensions: " + extension + "\r\n"
	}
	io.WriteString(conn, head+"\r\n")
	x.call.Status = 101
	x.s.cfg.Truth.rest()
	defer x.s.cfg.Truth.begin()
	for {
		op, message, err := s.read()
		if err != nil {
			return
		}
		switch {
		case op == opClose:
			s.write(opClose, message)
			return
		case isResponses(host, x.r.URL.Path):
			if !x.webSocketResponse(s, message) {
				return
			}
		default:
			s.write(op, message)
		}
	}
}

// webSocketResponse answers one response.create.
func (x *exchange) webSocketResponse(s *socket, message []byte) bool {
	call := Call{ID: uuid.New(), Time: time.Now().UTC(), Host: x.call.Host, SNI: x.call.SNI, ALPN: x.call.ALPN,
		Method: x.call.Method, Path: x.call.Path, Protocol: "websocket", Remote: x.call.Remote, Local: x.call.Local,
		UserAgent: x.call.UserAgent, Tag: x.call.Tag, Status: 101, Stream: true}
	sum := sha256.Sum256(message)
	call.RequestLength, call.RequestSHA256 = int64(len(message)), hex.EncodeToString(sum[:])
	one := &exchange{s: x.s, w: x.w, r: x.r, call: &call, sink: &bodySink{to: io.Discard, sum: sha256.New()}}
	var req responsesRequest
	err := json.Unmarshal(message, &req)
	if err == nil && req.Type != "response.create" {
		err = fmt.Errorf("type %q is not response.create", req.Type)
	}
	var events []event
	if err == nil {
		events, _, err = one.responsesAnswer(req)
	}
	if err != nil {
		out, _ := json.Marshal(map[string]any{"type": "error", "status": 400,
			"error": map[string]any{"type": "invalid_request_error", "message": err.Error()}})
		return s.write(opText, out) == nil
	}
	x.s.cfg.Truth.begin()
	// Deferred in this order: the call is sealed first, then noted.
	defer func() { x.s.cfg.Truth.end(call) }()
	defer one.seal()
	for i, ev := range events {
		if one.sc.Has("cut-midstream") && i >= int(one.sc.Int("after", 2)) {
			return false
		}
		if i == 1 {
			s.write(opPing, []byte("fake"))
		}
		if err := s.write(opText, []byte(ev.json)); err != nil {
			call.ClientGone = true
			return false
		}
		one.sink.Write([]byte(ev.json))
		one.note(ev)
	}
	return true
}

// read returns the next whole message; pings are answered, pongs dropped.
func (s *socket) read() (op int, message []byte, err error) {
	compressed := false
	for {
		var head [2]byte
		if _, err = io.ReadFull(s.in, head[:]); err != nil {
			return 0, nil, err
		}
		n := int64(head[1] & 0x7F)
		switch n {
		case 126:
			var b [2]byte
			if _, err = io.ReadFull(s.in, b[:]); err != nil {
				return 0, nil, err
			}
			n = int64(binary.BigEndian.Uint16(b[:]))
		case 127:
			var b [8]byte
			if _, err = io.ReadFull(s.in, b[:]); err != nil {
				return 0, nil, err
			}
			n = int64(binary.BigEndian.Uint64(b[:]))
		}
		if head[1]&0x80 == 0 || n < 0 || n > maxRequest {
			return 0, nil, errors.New("unmasked or too large frame")
		}
		var mask [4]byte
		if _, err = io.ReadFull(s.in, mask[:]); err != nil {
			return 0, nil, err
		}
		payload := make([]byte, n)
		if _, err = io.ReadFull(s.in, payload); err != nil {
			return 0, nil, err
		}
		for i := range payload {
			payload[i] ^= mask[i%4]
		}
		switch kind := int(head[0] & 0x0F); kind {
		case opPing:
			s.write(opPong, payload)
			continue
		case opPong:
			continue
		case opClose:
			return opClose, payload, nil
		case opContinuation:
		default:
			op, compressed = kind, head[0]&0x40 != 0
		}
		message = append(message, payload...)
		if head[0]&0x80 == 0 {
			continue
		}
		if compressed {
			message, err = s.inflate(message)
		}
		return op, message, err
	}
}

func (s *socket) inflate(message []byte) ([]byte, error) {
	// The tail that the sender took away, then a last empty block, so that the reader sees an end.
	packed := io.MultiReader(bytes.NewReader(message), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))
	r := flate.NewReaderDict(packed, s.window)
	out, err := io.ReadAll(io.LimitReader(r, maxRequest))
	if err != nil {
		return nil, err
	}
	if s.keepPeer {
		s.window = append(s.window, out...)
		if len(s.window) > 32<<10 {
			s.window = append([]byte{}, s.window[len(s.window)-32<<10:]...)
		}
	}
	return out, nil
}

func (s *socket) write(op int, payload []byte) error {
	first := byte(0x80 | op)
	if s.deflate && op < opClose {
		if s.writer == nil || !s.keepOurs {
			s.writer, _ = flate.NewWriter(&s.packed, flate.DefaultCompression)
		}
		s.packed.Reset()
		s.writer.Write(payload)
		s.writer.Flush()
		payload = bytes.TrimSuffix(s.packed.Bytes(), []byte{0, 0, 0xFF, 0xFF})
		first |= 0x40
	}
	frame := []byte{first}
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, byte(n))
	case n < 1<<16:
		frame = append(frame, 126, byte(n>>8), byte(n))
	default:
		frame = append(frame, 127)
		frame = binary.BigEndian.AppendUint64(frame, uint64(n))
	}
	_, err := s.conn.Write(append(frame, payload...))
	return err
}
