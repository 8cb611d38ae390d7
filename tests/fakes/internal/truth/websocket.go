package truth

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"antigravity-proxy/fakes/internal/upstream"
)

// wsEnd is one side of a WebSocket: it frames messages, and compresses them when that was agreed on.
type wsEnd struct {
	g      *generator
	client bool
	packed bool
	keep   bool // context takeover
	buffer bytes.Buffer
	coder  upstream.Coder
}

// close is the end of what later messages may refer to.
func (e *wsEnd) close() {
	if e.coder != nil {
		e.coder.Close()
		e.coder = nil
	}
}

func (e *wsEnd) frame(first byte, payload []byte) []byte {
	b := []byte{first}
	bit := byte(0)
	if e.client {
		bit = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, bit|byte(n))
	case n < 1<<16:
		b = append(b, bit|126, byte(n>>8), byte(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, bit|127), uint64(n))
	}
	if !e.client {
		return append(b, payload...)
	}
	mask := make([]byte, 4)
	e.g.rng.Read(mask)
	b = append(b, mask...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// message frames a text, in fragments at times, with control frames between them.
func (e *wsEnd) message(text string) (out []byte) {
	payload, first := []byte(text), byte(1)
	if e.packed && !e.g.chance(5) {
		if e.coder == nil {
			e.coder, _ = upstream.NewCoder(&e.buffer, "raw-deflate")
		}
		e.buffer.Reset()
		e.coder.Write(payload)
		e.coder.Flush()
		payload = append([]byte{}, bytes.TrimSuffix(e.buffer.Bytes(), []byte{0, 0, 0xFF, 0xFF})...)
		first |= 0x40
		if !e.keep {
			e.close()
		}
	}
	for e.g.chance(4) && len(payload) > 1 {
		n := 1 + e.g.rng.Intn(len(payload)-1)
		out = append(out, e.frame(first, payload[:n])...)
		payload, first = payload[n:], 0
		if e.g.chance(3) {
			out = append(out, e.frame(0x80|9, []byte("ping"+Secret))...)
		}
	}
	return append(out, e.frame(0x80|first, payload)...)
}

// webSocket makes several responses on one connection, one after the other.
func (g *generator) webSocket(s *script, uid int) {
	path := g.pick("/v1/responses", "/v1/responses", "/backend-api/codex/responses")
	s.host = "api.openai.com"
	if path[1] == 'b' {
		s.host = "chatgpt.com"
	}
	s.alpn = []string{"http/1.1"}
	up, down := &wsEnd{g: g, client: true}, &wsEnd{g: g}
	defer up.close()
	defer down.close()
	offer, answer := "", ""
	if g.chance(2) {
		up.packed, down.packed = true, true
		up.keep, down.keep = g.chance(2), g.chance(2)
		offer, answer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n", "Sec-WebSocket-Extensions: permessage-deflate"
		if !up.keep {
			answer += "; client_no_context_takeover"
		}
		if !down.keep {
			answer += "; server_no_context_takeover"
		}
		answer += "\r\n"
	}
	s.add(true, []byte(fmt.Sprintf("GET %s?truth=%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		secretHead()+"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n", path, mark(s.index), s.host, offer)))
	s.add(false, []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"+answer+"\r\n"))
	for n := 1 + g.rng.Intn(5); n > 0; n-- {
		g.n++
		model := g.model(openAIModels...)
		f := facts{wire: "responses", api: "responses", provider: "openai", host: s.host, path: path, protocol: "http/1.1", uid: uid,
			requestModel: model, hasHead: true, status: 101, sequence: true, complete: true}
		create := obj{{"type", "response.create"}, {"model", model}, {"input", arr{obj{{"role", "user"}, {"content", prose(g.rng, g.rng.Intn(900))}}}}}
		if g.chance(4) {
			create = obj{{"type", "response.create"}, {"response", obj{{"model", model}, {"input", prose(g.rng, 50)}}}}
		}
		request := []byte{}
		if g.chance(4) {
			request = append(request, up.frame(0x80|10, []byte("pong"+Secret))...)
		}
		if g.chance(6) {
			request = append(request, up.message(`{"type":"session.note","usage":{"input_tokens":1}}`)...)
		}
		request = append(request, up.message(newStyle(g.rng).text(shuffled(g.rng, create)))...)
		f.bytesOut = len(request)
		s.add(true, request)
		_, events := g.response(model)
		cut := len(events)
		if n == 1 && g.chance(3) {
			cut = g.rng.Intn(len(events))
			f.complete, f.closedBy = false, "upstream"
			s.end = g.pick(endServer, endServerReset, endClient, endClientReset)
			if s.end == endClient || s.end == endClientReset {
				f.closedBy = "client"
			}
			f.hasHead = cut > 0
		}
		var reply []byte
		for i := 0; i < cut; i++ {
			if g.chance(6) {
				reply = append(reply, down.frame(0x80|9, []byte("ping"+Secret))...)
			}
			message := newStyle(g.rng).text(events[i])
			reply = append(reply, down.message(message)...)
			f.body += message + "\x1e"
		}
		f.bytesIn = len(reply)
		s.add(false, reply)
		s.records = append(s.records, expect(&f))
		if cut == len(events) {
			s.isWhole()
		}
	}
}

// secretHead are the fields of secretFields as HTTP/1.1 has them.
func secretHead() (head string) {
	for _, f := range secretFields(true) {
		head += f[0] + ": " + f[1] + "\r\n"
	}
	return head
}
