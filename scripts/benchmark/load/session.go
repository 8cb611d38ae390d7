package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const requestBody = `{"model":"gemini-3-flash","request":{"contents":[{"role":"user","parts":[{"text":"Say something."}]}]}}`

// dialer makes connections that are new in every respect: no session is ever resumed.
type dialer struct {
	address  string
	protocol string // "h1" or "h2": what the client offers
	roots    *x509.CertPool

	verified sync.Map // of a leaf and a name; a chain is verified once, to keep the client light
	cipher   atomic.Value
	agreed   atomic.Value
}

func newDialer(address, protocol, trust string) (*dialer, error) {
	pem, err := os.ReadFile(trust)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", trust)
	}
	return &dialer{address: address, protocol: protocol, roots: roots}, nil
}

func (d *dialer) verify(state tls.ConnectionState) error {
	leaf := state.PeerCertificates[0]
	key := fmt.Sprintf("%x %s", sha256.Sum256(leaf.Raw), state.ServerName)
	if _, known := d.verified.Load(key); known {
		return nil
	}
	options := x509.VerifyOptions{Roots: d.roots, DNSName: state.ServerName, Intermediates: x509.NewCertPool()}
	for _, certificate := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(certificate)
	}
	if _, err := leaf.Verify(options); err != nil {
		return err
	}
	d.verified.Store(key, true)
	return nil
}

// dial connects and ends the handshake.
func (d *dialer) dial(host string) (*tls.Conn, error) {
	offered := []string{"http/1.1"}
	if d.protocol == "h2" {
		offered = []string{"h2", "http/1.1"}
	}
	plain, err := net.DialTimeout("tcp", d.address, 20*time.Second)
	if err != nil {
		return nil, err
	}
	connection := tls.Client(plain, &tls.Config{ServerName: host, NextProtos: offered,
		InsecureSkipVerify: true, VerifyConnection: d.verify}) // verify() above does, and remembers
	context, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := connection.HandshakeContext(context); err != nil {
		_ = plain.Close()
		return nil, err
	}
	state := connection.ConnectionState()
	d.cipher.Store(fmt.Sprintf("%s %s", versionName(state.Version), tls.CipherSuiteName(state.CipherSuite)))
	protocol := state.NegotiatedProtocol
	if protocol == "" {
		protocol = "none"
	}
	d.agreed.Store(protocol)
	return connection, nil
}

func versionName(version uint16) string {
	switch version {
	case tls.VersionTLS13:
		return "TLS 1.3"
	case tls.VersionTLS12:
		return "TLS 1.2"
	}
	return "TLS ?"
}

// session is one connection; several requests may run on it at a time over HTTP/2 only.
type session struct {
	host       string
	connection *tls.Conn
	reader     *bufio.Reader      // HTTP/1.1
	transport  *http.Transport    // HTTP/2
	request    map[string]*[]byte // HTTP/1.1, rendered once for each target
}

var errNotNegotiated = errors.New("h2 was not negotiated")

func (d *dialer) open(host string, readerBytes int) (*session, error) {
	connection, err := d.dial(host)
	if err != nil {
		return nil, err
	}
	s := &session{host: host, connection: connection, request: map[string]*[]byte{}}
	if d.protocol != "h2" {
		s.reader = bufio.NewReaderSize(connection, readerBytes)
		return s, nil
	}
	if connection.ConnectionState().NegotiatedProtocol != "h2" {
		_ = connection.Close()
		return nil, errNotNegotiated
	}
	used := false
	s.transport = &http.Transport{ForceAttemptHTTP2: true, DisableCompression: true,
		TLSClientConfig: &tls.Config{NextProtos: []string{"h2"}},
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			if used {
				return nil, errors.New("the connection was lost")
			}
			used = true
			return connection, nil
		}}
	return s, nil
}

func (s *session) close() {
	if s.transport != nil {
		s.transport.CloseIdleConnections()
	}
	_ = s.connection.Close()
}

// do sends one request. The answer's body must be read to its end before the next one over
// HTTP/1.1.
func (s *session) do(target, coding string) (*http.Response, error) {
	response, err := s.send(target, coding)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	if got := response.Header.Get("Content-Encoding"); coding == "gzip" && got != "gzip" {
		return nil, fmt.Errorf("content-encoding %q", got)
	}
	return response, nil
}

func (s *session) send(target, coding string) (*http.Response, error) {
	if s.transport != nil {
		request, err := http.NewRequest(http.MethodPost, "https://"+s.host+target, strings.NewReader(requestBody))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept-Encoding", coding)
		return s.transport.RoundTrip(request)
	}
	wire, known := s.request[target]
	if !known {
		rendered := []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: benchmark\r\nContent-Type: application/json\r\n"+
			"Accept-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", target, s.host, coding, len(requestBody), requestBody))
		wire = &rendered
		s.request[target] = wire
	}
	if _, err := s.connection.Write(*wire); err != nil {
		return nil, err
	}
	return http.ReadResponse(s.reader, nil)
}

// small makes one small call and checks that the whole answer came.
func (s *session) small(target string) error {
	response, err := s.do(target, "identity")
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err == nil && int(n) != smallBytes {
		err = fmt.Errorf("%d of %d octets of a small answer", n, smallBytes)
	}
	return err
}

var smallBytes = len(smallAnswer())
