package truth

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand"
	"strings"
)

// HTTP/2 as octets. Nobody but the proxy reads the frames: both sides know them beforehand.

const (
	frameData         = 0
	frameHeaders      = 1
	framePriority     = 2
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameGoaway       = 7
	frameWindowUpdate = 8
	frameContinuation = 9

	flagEndStream  = 1
	flagAck        = 1
	flagEndHeaders = 4
	flagPadded     = 8
	flagPriority   = 0x20
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))[1:]
	b = append(b, kind, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(b, payload...)
}

// hpack encodes one direction: literals, some of them kept in the dynamic table and used again.
type hpack struct {
	rng   *rand.Rand
	table [][2]string // newest first
	size  int
}

func prefixed(first byte, bits uint, n int) []byte {
	most := 1<<bits - 1
	if n < most {
		return []byte{first | byte(n)}
	}
	b := []byte{first | byte(most)}
	for n -= most; n >= 128; n /= 128 {
		b = append(b, byte(n%128+128))
	}
	return append(b, byte(n))
}

func hpackText(s string) []byte { return append(prefixed(0, 7, len(s)), s...) }

func (h *hpack) field(name, value string) []byte {
	for i, f := range h.table {
		if f[0] == name && f[1] == value {
			return prefixed(0x80, 7, 62+i)
		}
	}
	literal := append(hpackText(name), hpackText(value)...)
	size := len(name) + len(value) + 32
	if size > 500 || h.rng.Intn(2) == 0 {
		return append([]byte{[]byte{0, 0x10}[h.rng.Intn(2)]}, literal...)
	}
	h.table = append([][2]string{{name, value}}, h.table...)
	for h.size += size; h.size > 4096; {
		last := h.table[len(h.table)-1]
		h.size -= len(last[0]) + len(last[1]) + 32
		h.table = h.table[:len(h.table)-1]
	}
	return append([]byte{0x40}, literal...)
}

func (h *hpack) block(fields [][2]string) []byte {
	var b []byte
	for _, f := range fields {
		b = append(b, h.field(f[0], f[1])...)
	}
	return b
}

// headers cuts a field block into frames.
func (g *generator) headers(stream uint32, block []byte, endStream bool) [][]byte {
	flags := byte(0)
	if endStream {
		flags = flagEndStream
	}
	var pieces [][]byte
	for n := 0; n < 3 && g.chance(4) && len(block) > 1; n++ {
		cut := 1 + g.rng.Intn(len(block)-1)
		pieces = append(pieces, block[:cut])
		block = block[cut:]
	}
	pieces = append(pieces, block)
	var out []byte
	for i, p := range pieces {
		kind, f := byte(frameContinuation), byte(0)
		if i == 0 {
			kind, f = frameHeaders, flags
			if g.chance(6) {
				f |= flagPriority
				p = append([]byte{0, 0, 0, 0, 15}, p...)
			}
			if g.chance(6) {
				pad := g.rng.Intn(20)
				f |= flagPadded
				p = append(append([]byte{byte(pad)}, p...), make([]byte, pad)...)
			}
		}
		if i == len(pieces)-1 {
			f |= flagEndHeaders
		}
		out = append(out, frame(kind, f, stream, p)...)
	}
	return [][]byte{out} // nothing may come between them
}

func (g *generator) data(stream uint32, data []byte, end bool) (out [][]byte) {
	for len(data) > 0 {
		n := 1 + g.rng.Intn(min(len(data), 16000))
		if g.chance(3) {
			n = 1 + g.rng.Intn(min(len(data), 50))
		}
		flags := byte(0)
		if end && n == len(data) && g.chance(2) {
			flags, end = flagEndStream, false
		}
		p := data[:n:n]
		if g.chance(6) {
			pad := g.rng.Intn(50)
			flags |= flagPadded
			p = append(append([]byte{byte(pad)}, p...), make([]byte, pad)...)
		}
		out = append(out, frame(frameData, flags, stream, p))
		data = data[n:]
	}
	if end {
		out = append(out, frame(frameData, flagEndStream, stream, nil))
	}
	return out
}

// woven is a random interleaving that keeps the order within each queue; noise frames go between.
func (g *generator) woven(queues [][][]byte, noisy bool) []byte {
	var out []byte
	for len(queues) > 0 {
		i := g.rng.Intn(len(queues))
		if len(queues[i]) == 0 {
			queues = append(queues[:i], queues[i+1:]...)
			continue
		}
		out = append(out, queues[i][0]...)
		queues[i] = queues[i][1:]
		if noisy && g.chance(10) {
			switch g.rng.Intn(3) {
			case 0:
				out = append(out, frame(framePing, flagAck, 0, []byte("12345678"))...)
			case 1:
				out = append(out, frame(frameWindowUpdate, 0, 0, []byte{0, 0, 0, 1})...)
			case 2:
				out = append(out, frame(0xB9, 3, 0, []byte("unknown frame"))...)
			}
		}
	}
	return out
}

// http2 puts the exchanges on streams of one connection, in rounds that overlap.
func (g *generator) http2(s *script, list []*exchange) {
	up, down := &hpack{rng: g.rng}, &hpack{rng: g.rng}
	window := frame(frameWindowUpdate, 0, 0, []byte{0x7F, 0, 0, 0})
	settings := frame(frameSettings, 0, 0, []byte{0, 4, 0x7F, 0xFF, 0xFF, 0xFF})
	s.add(true, []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	s.add(true, append(settings, window...))
	stream := uint32(1)
	first := true
	for len(list) > 0 {
		n := 1 + g.rng.Intn(len(list))
		round := list[:n]
		list = list[n:]
		var asked, answered [][][]byte
		var aborts []byte
		var requests []byte
		for _, x := range round {
			g.fill(s, x)
			// The order of field blocks is that of the dynamic table: heads first, then what is woven.
			var q [][]byte
			fields := [][2]string{{":method", x.method}, {":scheme", "https"}, {":authority", x.f.host}, {":path", x.target(s.index)},
				{"accept-encoding", "gzip, deflate, br, zstd"}}
			fields = append(fields, secretFields(true)...)
			if x.request != nil {
				fields = append(fields, [2]string{"content-type", "application/json"})
				if x.reqCode != "" {
					fields = append(fields, [2]string{"content-encoding", x.reqCode})
				}
			}
			block := up.block(fields)
			x.f.bytesOut = len(block) + len(x.request)
			requests = append(requests, g.headers(stream, block, x.request == nil)[0]...)
			if x.request != nil {
				q = append(q, g.data(stream, x.request, true)...)
			}
			asked = append(asked, q)

			head, body, abort := g.answerHTTP2(x, down, stream)
			answered = append(answered, append([][]byte{head}, body...))
			aborts = append(aborts, abort...)
			if r := x.expected(); r != nil {
				s.records = append(s.records, r)
			}
			stream += 2
		}
		requests = append(requests, g.woven(asked, false)...)
		if first && !bytes.Contains(requests, []byte(mark(s.index))) {
			// CONTINUATION cut the mark in two: a frame of an unknown type carries it.
			s.add(true, frame(0xB9, 0, 0, []byte(mark(s.index))))
		}
		s.add(true, requests)
		if first {
			s.add(false, append(append([]byte{}, settings...), window...))
			s.add(false, frame(frameSettings, flagAck, 0, nil))
			first = false
		}
		// Heads go out in the order in which they were coded.
		var heads []byte
		for i := range answered {
			heads = append(heads, answered[i][0]...)
			answered[i] = answered[i][1:]
		}
		s.add(false, append(heads, g.woven(answered, true)...))
		if len(aborts) == 0 {
			s.isWhole()
		}
		s.add(true, aborts)
	}
	switch g.rng.Intn(4) {
	case 0:
		s.end = endServer
		s.add(false, frame(frameGoaway, 0, 0, append([]byte{0, 0, 0, 1, 0, 0, 0, 0}, Secret...)))
	case 1:
		s.end = endClientReset
	}
}

// answerHTTP2 is the head and the rest of an answer, and what the client sends when it leaves.
func (g *generator) answerHTTP2(x *exchange, h *hpack, stream uint32) (head []byte, rest [][]byte, abort []byte) {
	fields := [][2]string{{":status", fmt.Sprint(x.f.status)}}
	if x.contentType != "" {
		fields = append(fields, [2]string{"content-type", x.contentType})
	}
	if x.codeMark != "" {
		fields = append(fields, [2]string{"content-encoding", x.codeMark})
	}
	for _, f := range x.fields {
		fields = append(fields, [2]string{strings.ToLower(f[0]), f[1]})
	}
	fields = append(fields, secretFields(false)...)
	data := x.coded[:x.sent]
	whole := x.framed && !x.leaves
	block := h.block(fields)
	x.f.bytesIn = len(block) + len(data)
	x.f.hasHead, x.f.complete = true, whole
	atHead := whole && len(data) == 0 && g.chance(2)
	head = g.headers(stream, block, atHead)[0]
	switch {
	case atHead:
	case whole && g.chance(6):
		rest = g.data(stream, data, false)
		trailers := (&hpack{rng: rand.New(rand.NewSource(0))}).plain([][2]string{{"x-usage", "{\"input_tokens\":999}" + Secret}})
		x.f.bytesIn += len(trailers)
		rest = append(rest, g.headers(stream, trailers, true)[0])
	case whole:
		rest = g.data(stream, data, true)
	default:
		rest = g.data(stream, data, false)
		if x.leaves {
			x.f.closedBy = "client"
			abort = frame(frameReset, 0, stream, []byte{0, 0, 0, 8})
		} else {
			x.f.closedBy = "upstream"
			rest = append(rest, frame(frameReset, 0, stream, []byte{0, 0, 0, 2}))
		}
	}
	return head, rest, abort
}

// plain is a block that touches no dynamic table.
func (h *hpack) plain(fields [][2]string) []byte {
	var b []byte
	for _, f := range fields {
		b = append(append(append(b, 0), hpackText(f[0])...), hpackText(f[1])...)
	}
	return b
}
