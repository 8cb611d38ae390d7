package truth

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"antigravity-proxy/fakes/internal/certs"
)

// deadline is when a connection that does not follow its script counts as stuck.
const deadline = 60 * time.Second

// Stage is where the scripts are played: an upstream of ours behind the proxy, and clients before it.
type Stage struct {
	Options Options
	Certs   *certs.Store
	Roots   *x509.CertPool
	Proxy   string // HTTP CONNECT
	Target  string // address of upstream, as the proxy dials it

	mu    sync.Mutex
	plays map[int]*play
}

// play is one script under way.
type play struct {
	script  *script
	toldAll chan struct{} // the client has all that upstream sends
	failure error
	ended   chan struct{} // upstream is done
	whole   []time.Time   // when the exchange of each record was over, as the client saw it
}

func (p *play) noteWhole(count int) {
	for len(p.whole) < count {
		p.whole = append(p.whole, time.Now())
	}
}

var markPattern = regexp.MustCompile(`script-(\d{8})-`)

// Serve plays upstream on a listener.
func (st *Stage) Serve(l net.Listener) {
	config := &tls.Config{NextProtos: []string{"h2", "http/1.1"}, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return st.Certs.Leaf(hello.ServerName)
	}}
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go st.upstream(tls.Server(c, config))
	}
}

func (st *Stage) upstream(c *tls.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(deadline))
	if c.Handshake() != nil {
		return
	}
	in := newInbox(c)
	defer in.close()
	var got []byte
	var p *play
	for p == nil {
		n, err := c.Read(in.buffer[:])
		got = append(got, in.buffer[:n]...)
		if m := markPattern.FindSubmatch(got); m != nil {
			index, _ := strconv.Atoi(string(m[1]))
			st.mu.Lock()
			p = st.plays[index]
			st.mu.Unlock()
		}
		if p == nil && err != nil {
			return
		}
	}
	in.data = got
	p.failure = p.asUpstream(c, in)
	close(p.ended)
}

func (p *play) asUpstream(c *tls.Conn, in *inbox) error {
	rng := rand.New(rand.NewSource(int64(p.script.index)))
	for i, step := range p.script.steps {
		if !step.fromClient {
			if err := send(c, rng, step.data); err != nil {
				return fmt.Errorf("upstream, step %d: %w", i, err)
			}
			continue
		}
		if err := in.receive(step.data); err != nil {
			return fmt.Errorf("upstream, step %d: %w", i, err)
		}
	}
	switch p.script.end {
	case endServer, endServerFin, endServerReset:
		select {
		case <-p.toldAll:
		case <-time.After(deadline):
			return errors.New("the client did not get all octets")
		}
		return end(c, p.script.end)
	}
	_, err := io.Copy(io.Discard, c)
	if p.script.end == endClient && err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("upstream, waiting for the client's end: %w", err)
	}
	return nil
}

// end closes a connection in one of its ways.
func end(c *tls.Conn, how string) error {
	raw := c.NetConn().(*net.TCPConn)
	switch how {
	case endServerReset, endClientReset:
		raw.SetLinger(0)
		return raw.Close()
	case endServerFin:
		return raw.CloseWrite()
	}
	c.CloseWrite()
	return raw.CloseWrite()
}

func send(c *tls.Conn, rng *rand.Rand, data []byte) error {
	pieces := 0
	for len(data) > 0 {
		n := len(data)
		if pieces < 12 {
			switch rng.Intn(4) {
			case 0:
				n = 1 + rng.Intn(min(n, 20))
			case 1:
				n = 1 + rng.Intn(min(n, 1500))
			}
		}
		if _, err := c.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
		pieces++
	}
	return nil
}

// inbox is one end of a connection: what came and was not looked at yet.
type inbox struct {
	from   io.Reader
	data   []byte
	buffer *[16 << 10]byte // a TLS record
}

var buffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

func newInbox(from io.Reader) *inbox {
	return &inbox{from: from, buffer: buffers.Get().(*[16 << 10]byte)}
}

func (in *inbox) close() { buffers.Put(in.buffer) }

// receive reads exactly the octets that are wanted.
func (in *inbox) receive(want []byte) error {
	for at := 0; ; {
		n := min(len(in.data), len(want)-at)
		if !bytes.Equal(in.data[:n], want[at:at+n]) {
			i := 0
			for in.data[i] == want[at+i] {
				i++
			}
			return fmt.Errorf("octet %d is not what was sent: got %.60q, want %.60q", at+i, in.data[i:], want[at+i:])
		}
		in.data, at = in.data[n:], at+n
		if at == len(want) {
			return nil
		}
		n, err := in.from.Read(in.buffer[:])
		in.data = in.buffer[:n]
		if n == 0 && err != nil {
			return fmt.Errorf("%d of %d octets came: %w", at, len(want), err)
		}
	}
}

// Play makes one connection. Both sides have followed the script when it returns nil.
func (st *Stage) Play(s *script) error {
	return st.play(&play{script: s, toldAll: make(chan struct{}), ended: make(chan struct{})})
}

func (st *Stage) play(p *play) error {
	s := p.script
	st.mu.Lock()
	if st.plays == nil {
		st.plays = map[int]*play{}
	}
	st.plays[s.index] = p
	st.mu.Unlock()
	defer func() {
		st.mu.Lock()
		delete(st.plays, s.index)
		st.mu.Unlock()
	}()
	if err := st.client(p); err != nil {
		return err
	}
	select {
	case <-p.ended:
		if p.failure == nil {
			p.noteWhole(len(s.records))
		}
		return p.failure
	case <-time.After(deadline):
		return errors.New("upstream did not come to its end")
	}
}

func (st *Stage) client(p *play) error {
	raw, err := st.connect()
	if err != nil {
		return err
	}
	c := tls.Client(raw, &tls.Config{ServerName: p.script.host, RootCAs: st.Roots, NextProtos: p.script.alpn})
	defer c.Close()
	c.SetDeadline(time.Now().Add(deadline))
	if err := c.Handshake(); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	rng := rand.New(rand.NewSource(int64(p.script.index) + 1))
	in := newInbox(c)
	defer in.close()
	for i, step := range p.script.steps {
		if step.fromClient {
			if err := send(c, rng, step.data); err != nil {
				return fmt.Errorf("client, step %d: %w", i, err)
			}
			continue
		}
		if err := in.receive(step.data); err != nil {
			return fmt.Errorf("client, step %d: %w", i, err)
		}
		if n, ok := p.script.whole[i]; ok {
			p.noteWhole(n)
		}
	}
	close(p.toldAll)
	switch p.script.end {
	case endClient, endClientReset:
		if p.script.end == endClientReset && p.script.steps[len(p.script.steps)-1].fromClient {
			// What was sent last must have arrived before the reset takes it away.
			end(c, endClient)
			return nil
		}
		if err := end(c, p.script.end); err != nil {
			return err
		}
		if p.script.end == endClientReset {
			return nil
		}
	}
	more, err := io.ReadAll(c)
	if n := len(more) + len(in.data); n > 0 {
		return fmt.Errorf("client: %d octets more than were sent", n)
	}
	if p.script.end == endServer && err != nil {
		return fmt.Errorf("client, waiting for upstream's end: %w", err)
	}
	return nil
}

func (st *Stage) connect() (net.Conn, error) {
	c, err := net.DialTimeout("tcp", st.Proxy, deadline)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(deadline))
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", st.Target, st.Target)
	r := bufio.NewReaderSize(c, 4096)
	answer, err := http.ReadResponse(r, &http.Request{Method: "CONNECT"})
	if err != nil {
		return nil, fmt.Errorf("CONNECT: %w", err)
	}
	if answer.StatusCode != 200 || r.Buffered() > 0 {
		return nil, fmt.Errorf("CONNECT: %s", answer.Status)
	}
	return c, nil
}

// Hosts are the names that upstream plays.
func Hosts() []string {
	return strings.Fields(`daily-cloudcode-pa.googleapis.com cloudcode-pa.googleapis.com generativelanguage.googleapis.com
		aiplatform.googleapis.com us-central1-aiplatform.googleapis.com aiplatform.eu.rep.googleapis.com
		api.anthropic.com api.openai.com truth.openai.azure.com chatgpt.com`)
}
