package truth

import (
	"bytes"
	"fmt"
	"math/rand"

	"antigravity-proxy/fakes/internal/upstream"
)

func encoded(b *bytes.Buffer, coding string, data []byte) []byte {
	c, err := upstream.NewCoder(b, coding)
	if err != nil {
		panic(err)
	}
	c.Write(data)
	c.Close()
	return b.Bytes()
}

// Options choose what is generated.
type Options struct {
	Seed  int64
	UID   int
	Wires []string
	Notes bool // say in words what the exchanges of a script are
}

func (o Options) has(kind string) bool {
	for _, k := range o.Wires {
		if k == kind {
			return true
		}
	}
	return false
}

func (o Options) exchangeKind(g *generator) string {
	for {
		if kind := o.Wires[g.rng.Intn(len(o.Wires))]; kind != "websocket" || len(o.Wires) == 1 {
			return kind
		}
	}
}

// newScript invents the connection of that number; the same seed and number give the same one.
func newScript(o Options, index int) *script {
	rng := rand.New(rand.NewSource(o.Seed*1_000_003 + int64(index)*7919 + 1))
	g := &generator{rng: rng, seed: o.Seed, index: index, notes: o.Notes}
	s := &script{index: index, end: endClient}
	protocol := g.pick("http/1.1", "http/1.1", "h2", "h2")
	if o.has("websocket") && g.chance(12) {
		g.webSocket(s, o.UID)
		return s
	}
	count := 1 + g.rng.Intn(6)
	var list []*exchange
	for len(list) < count {
		x := &exchange{f: facts{uid: o.UID, protocol: protocol}}
		g.n = len(list)
		kind := o.exchangeKind(g)
		if len(list) > 0 {
			kind = "" // as the first one
			for kind == "" {
				kind = o.exchangeKind(g)
				g.invent(kind, x)
				if x.f.host != s.host {
					x, kind = &exchange{f: facts{uid: o.UID, protocol: protocol}}, ""
				}
			}
		} else {
			g.invent(kind, x)
			s.host = x.f.host
		}
		list = append(list, x)
	}
	if protocol == "h2" {
		s.alpn = []string{"h2", "http/1.1"}
		g.http2(s, list)
	} else {
		if g.chance(3) {
			s.alpn = nil
		} else {
			s.alpn = []string{"http/1.1"}
		}
		g.http1(s, list)
	}
	return s
}

func (g *generator) invent(kind string, x *exchange) {
	switch kind {
	case "google":
		g.google(x)
	case "aside":
		g.aside(x)
	case "chat":
		g.chat(x)
	case "responses":
		g.responses(x)
	case "anthropic":
		g.anthropic(x)
	case "interactions":
		g.interactions(x)
	default:
		panic("no such kind of exchange: " + kind)
	}
}

// http1 puts the exchanges on one connection, one after the other or pipelined.
func (g *generator) http1(s *script, list []*exchange) {
	pipelined := g.chance(5)
	var answers []byte
	for i, x := range list {
		g.fill(s, x)
		request := x.requestHTTP1(g.rng, s.index)
		x.f.bytesOut = len(request)
		last := i == len(list)-1
		interim, response, end := x.responseHTTP1(g.rng, last || x.leaves || !x.framed)
		s.add(true, request)
		if pipelined {
			answers = append(append(answers, interim...), response...)
		} else {
			s.add(false, append(interim, response...))
		}
		if r := x.expected(); r != nil {
			s.records = append(s.records, r)
		}
		if end != "" {
			s.end = end
			break
		}
		if !pipelined {
			s.isWhole()
		}
	}
	s.add(false, answers)
}

func (s *script) String() string {
	return fmt.Sprintf("script %d: %s %v, %d steps, ends with %s", s.index, s.host, s.alpn, len(s.steps), s.end)
}
