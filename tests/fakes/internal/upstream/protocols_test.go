package upstream_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"antigravity-proxy/fakes/internal/certs"
	"antigravity-proxy/fakes/internal/upstream"
)

// profiled starts a server that plays the given hosts besides the usual ones.
func profiled(t *testing.T, profiles ...string) *rig {
	store, err := certs.Open(t.TempDir(), upstream.DefaultNames)
	if err != nil {
		t.Fatal(err)
	}
	var played []upstream.Profile
	for _, text := range profiles {
		p, err := upstream.ParseProfile(text, upstream.DefaultALPN)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Make(p.Name, p.Cert); err != nil {
			t.Fatal(err)
		}
		played = append(played, p)
	}
	truth := upstream.NewTruth(nil)
	s := upstream.New(upstream.Config{Certs: store, Truth: truth, Profiles: played})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	t.Cleanup(func() { l.Close() })
	return &rig{t, truth, s, l.Addr().String(), store.CAFile, ""}
}

func (r *rig) roots() *x509.CertPool {
	pem, err := os.ReadFile(r.ca)
	if err != nil {
		r.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

func (r *rig) dial(name string, cfg *tls.Config) (*tls.Conn, error) {
	cfg.ServerName, cfg.RootCAs = name, r.roots()
	c, err := tls.Dial("tcp", r.addr, cfg)
	if err == nil {
		c.SetDeadline(time.Now().Add(20 * time.Second))
		r.t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func (r *rig) h2() *http.Client {
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: r.roots(), ServerName: "daily-cloudcode-pa.googleapis.com"}}, Timeout: 30 * time.Second}
}

func TestEveryCertificateOfTheMatrixFailsForItsOwnReason(t *testing.T) {
	want := map[string]string{"expired": "expired", "not-yet": "not yet valid", "self-signed": "unknown authority",
		"wrong-host": "wrong-host.example.test", "untrusted-root": "unknown authority", "client-only": "incompatible key usage",
		"no-san": "legacy Common Name", "sha1": "SHA1", "good": "", "rsa-1024": ""}
	for kind := range certs.Kinds {
		if _, ok := want[kind]; !ok {
			t.Errorf("no expectation for %s", kind)
		}
		r := profiled(t, "bad.example.test;cert="+kind)
		_, err := r.dial("bad.example.test", &tls.Config{})
		text := ""
		if err != nil {
			text = err.Error()
		}
		// A Go client takes a short RSA key, or did so for long: what counts is the key itself.
		if kind == "rsa-1024" {
			continue
		}
		if (want[kind] == "") != (err == nil) || !strings.Contains(text, want[kind]) {
			t.Errorf("%s: %q, want %q", kind, text, want[kind])
		}
	}
}

func TestTLSVersionsAndALPNFollowTheProfile(t *testing.T) {
	r := profiled(t, "t11;tls=1.1", "t12;tls=1.2", "t13;tls=1.3", "h1;alpn=h1", "h2;alpn=h2", "none;alpn=none", "echo;raw=echo")
	for name, want := range map[string]uint16{"t11": tls.VersionTLS11, "t12": tls.VersionTLS12, "t13": tls.VersionTLS13} {
		c, err := r.dial(name, &tls.Config{MinVersion: tls.VersionTLS10})
		if err != nil || c.ConnectionState().Version != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.dial("t11", &tls.Config{MinVersion: tls.VersionTLS12}); err == nil {
		t.Error("a client of TLS 1.2 reached the host of TLS 1.1")
	}
	both := []string{"h2", "http/1.1"}
	for name, want := range map[string]string{"h1": "http/1.1", "h2": "h2", "none": ""} {
		c, err := r.dial(name, &tls.Config{NextProtos: both})
		if err != nil || c.ConnectionState().NegotiatedProtocol != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.dial("h1", &tls.Config{NextProtos: []string{"h2"}}); err == nil || !strings.Contains(err.Error(), "application protocol") {
		t.Errorf("h2 alone against http/1.1: %v", err)
	}
	for _, cfg := range []*tls.Config{{NextProtos: []string{upstream.EchoALPN}}, {}} {
		name := "echo"
		if len(cfg.NextProtos) > 0 {
			name = "h1"
		}
		c, err := r.dial(name, cfg)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "\x00\xffnot HTTP\r\n\r\n")
		c.CloseWrite()
		if got, _ := io.ReadAll(c); string(got) != "\x00\xffnot HTTP\r\n\r\n" {
			t.Errorf("echo gave %q", got)
		}
	}
}

func TestTicketsAreCountedWhenTheyResume(t *testing.T) {
	for _, tickets := range []string{"on", "off"} {
		for _, version := range []string{"1.2", "1.3"} {
			r := profiled(t, "s;tls="+version+";alpn=h1;tickets="+tickets)
			cache := tls.NewLRUClientSessionCache(4)
			resumed := false
			for i := 0; i < 2; i++ {
				c, err := r.dial("s", &tls.Config{ClientSessionCache: cache})
				if err != nil {
					t.Fatal(err)
				}
				// The ticket of TLS 1.3 comes after the handshake, with the first read.
				fmt.Fprint(c, "GET /bytes?size=1 HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")
				io.ReadAll(c)
				resumed = c.ConnectionState().DidResume
			}
			if resumed != (tickets == "on") {
				t.Errorf("tickets %s, TLS %s: resumed %v", tickets, version, resumed)
			}
		}
	}
}

func grpcFrame(message string) string {
	var head [5]byte
	binary.BigEndian.PutUint32(head[1:], uint32(len(message)))
	return string(head[:]) + message
}

func TestGRPCHasTrailersAndEveryKindOfCall(t *testing.T) {
	r := profiled(t)
	type want struct{ body, status string }
	cases := map[string]struct {
		send string
		want want
	}{
		"Unary":        {grpcFrame("abc"), want{grpcFrame("abc"), "0"}},
		"Empty":        {grpcFrame(""), want{grpcFrame(""), "0"}},
		"ClientStream": {grpcFrame("ab") + grpcFrame("") + grpcFrame("c"), want{grpcFrame("3 3"), "0"}},
		"Bidi":         {grpcFrame("x") + grpcFrame("yy"), want{grpcFrame("x") + grpcFrame("yy"), "0"}},
		"Fail":         {grpcFrame("x"), want{"", "7"}},
		"FailLate":     {grpcFrame("x"), want{grpcFrame("one message, then an error"), "13"}},
		"Nothing":      {grpcFrame("x"), want{"", "12"}},
	}
	client := r.h2()
	for method, c := range cases {
		request, _ := http.NewRequest("POST", "https://"+r.addr+"/agp.test.Echo/"+method, strings.NewReader(c.send))
		request.Header.Set("Content-Type", "application/grpc")
		request.Header.Set("Te", "trailers")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		status := response.Trailer.Get("Grpc-Status") + response.Header.Get("Grpc-Status")
		if err != nil || response.ProtoMajor != 2 || (want{string(body), status}) != c.want {
			t.Errorf("%s: %v %q %q", method, err, body, status)
		}
	}
	request, _ := http.NewRequest("POST", "https://"+r.addr+"/agp.test.Echo/Big", strings.NewReader(grpcFrame("67108864")))
	request.Header.Set("Content-Type", "application/grpc")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, response.Body); n != 64<<20+5 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}

func TestCodingsDecodeToTheSameText(t *testing.T) {
	r := start(t, true)
	o := r.options()
	plain, _ := r.call(o)
	for coding, header := range map[string]string{"gzip": "gzip", "deflate": "deflate", "br": "br", "zstd": "zstd",
		"gzip+br": "gzip, br", "x-fake": "x-fake", "raw-deflate": "deflate"} {
		o.Scenario = "coded;coding=" + coding
		result, call := r.call(o)
		if result.Status != 200 || result.Encoding != header || call.Coding != coding || call.BodySHA256 != result.BodySHA256 {
			t.Errorf("%s: %+v", coding, result)
		}
		if call.Usage == nil || call.Usage.Total == 0 || plain.Status != 200 {
			t.Errorf("%s: no usage", coding)
		}
	}
	o.Scenario = "coded;coding=nonsense"
	if result, _ := r.call(o); result.Status != 400 {
		t.Errorf("an unknown coding gave %d", result.Status)
	}
}

func TestAbruptEndingsReachTheClient(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		r := start(t, h2)
		o := r.options()
		if h2 {
			o.ALPN = "h2,http/1.1"
		}
		for _, scenario := range []string{"reset-midstream", "fin-midchunk"} {
			o.Scenario = scenario
			if result, call := r.call(o); result.Error == "" || call.Outcome != "partial" {
				t.Errorf("h2 %v %s: %q %s", h2, scenario, result.Error, call.Outcome)
			}
		}
		o.Scenario = "goaway"
		if result, call := r.call(o); result.Error != "" || call.Outcome != "ok" {
			t.Errorf("h2 %v goaway: %q %s", h2, result.Error, call.Outcome)
		}
	}
}

// wsClient speaks the client's side by hand, with a mask of zeros.
type wsClient struct {
	c       *tls.Conn
	in      *bufio.Reader
	deflate bool
	history []byte
}

func (r *rig) webSocket(extensions string) *wsClient {
	c, err := r.dial("api.openai.com", &tls.Config{NextProtos: []string{"http/1.1"}})
	if err != nil {
		r.t.Fatal(err)
	}
	fmt.Fprintf(c, "GET /v1/responses HTTP/1.1\r\nHost: api.openai.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n", extensions)
	in := bufio.NewReader(c)
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != 101 ||
		response.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		r.t.Fatalf("%v %+v", err, response)
	}
	return &wsClient{c: c, in: in, deflate: strings.Contains(response.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate")}
}

func (w *wsClient) send(text string) {
	first, payload := byte(0x81), []byte(text)
	if w.deflate {
		var b bytes.Buffer
		z, _ := flate.NewWriter(&b, 9)
		z.Write(payload)
		z.Flush()
		payload = bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xFF, 0xFF})
		first |= 0x40
	}
	w.c.Write(append([]byte{first, 0xFE, byte(len(payload) >> 8), byte(len(payload)), 0, 0, 0, 0}, payload...))
}

func (w *wsClient) read() (map[string]any, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(w.in, head[:]); err != nil {
			return nil, err
		}
		n := int(head[1])
		if n == 126 {
			var b [2]byte
			io.ReadFull(w.in, b[:])
			n = int(binary.BigEndian.Uint16(b[:]))
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(w.in, payload); err != nil {
			return nil, err
		}
		if head[0]&0x0F != 1 {
			continue
		}
		if head[0]&0x40 != 0 {
			z := flate.NewReaderDict(io.MultiReader(bytes.NewReader(payload),
				strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")), w.history)
			var err error
			if payload, err = io.ReadAll(z); err != nil {
				return nil, err
			}
			w.history = append(w.history, payload...)
			if n := len(w.history); n > 32<<10 {
				w.history = w.history[n-32<<10:]
			}
		} else if w.deflate {
			return nil, errors.New("not compressed")
		}
		var v map[string]any
		return v, json.Unmarshal(payload, &v)
	}
}

func TestWebSocketCarriesResponsesWithAndWithoutCompression(t *testing.T) {
	for _, extension := range []string{"", "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"} {
		r := profiled(t)
		w := r.webSocket(extension)
		for i := 0; i < 3; i++ {
			w.send(fmt.Sprintf(`{"type":"response.create","model":"gpt-5.3-codex","input":"number %d"}`, i))
			kind := ""
			var last map[string]any
			for kind != "response.completed" {
				var err error
				if last, err = w.read(); err != nil {
					t.Fatal(err)
				}
				kind = last["type"].(string)
			}
			usage := last["response"].(map[string]any)["usage"].(map[string]any)
			calls, _, _ := r.truth.Calls(5 * time.Second)
			got := calls[len(calls)-1]
			if len(calls) != i+1 || got.Protocol != "websocket" || float64(got.Usage.Total) != usage["total_tokens"].(float64) ||
				got.ResponseID != last["response"].(map[string]any)["id"] {
				t.Errorf("%d: %+v", i, got)
			}
		}
		w.send(`{"type":"nonsense"}`)
		if v, err := w.read(); err != nil || v["type"] != "error" {
			t.Errorf("%v %v", v, err)
		}
	}
}

func TestCodersAreUndoneByTheStandardLibrary(t *testing.T) {
	r := start(t, false)
	body := `{"model":"m","request":{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}}`
	for _, coding := range []string{"gzip", "deflate"} {
		c, err := r.dial("daily-cloudcode-pa.googleapis.com", &tls.Config{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST /v1internal:generateContent HTTP/1.1\r\nHost: daily-cloudcode-pa.googleapis.com\r\n"+
			"X-Fake-Scenario: coded;coding=%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", coding, len(body), body)
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader
		if coding == "gzip" {
			in, err = gzip.NewReader(response.Body)
		} else {
			in, err = zlib.NewReader(response.Body)
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil || !strings.Contains(string(text), "usageMetadata") {
			t.Errorf("%s: %v %q", coding, err, text)
		}
	}
}
