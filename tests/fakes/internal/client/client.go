// Package client makes model calls the way a Go program does and reports exactly what arrived.
package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"antigravity-proxy/fakes/internal/dial"
	"antigravity-proxy/fakes/internal/uuid"
)

// Options says what to call and how.
type Options struct {
	URL       string
	Resolve   dial.Map
	Network   string // "", tcp4 or tcp6
	Models    []string
	Count     int
	Parallel  int
	Stream    bool
	Gzip      bool
	Scenario  string
	ALPN      string // none, or a comma list
	KeepAlive bool
	Prompt    string
	Cascade   string
	Tag       string
	Timeout   time.Duration
	Chunked   bool // request body without Content-Length, as the language server sends it
	Method    string
	CAFile    string
	Reject    bool // trust nothing: refuse whatever certificate is shown
	Insecure  bool
	StopAfter int64  // close after so many body octets; 0 reads to the end
	Expect    string // ok, tls-error, error, any, or an HTTP status
}

// Certificate is what is worth knowing about the leaf that was shown.
type Certificate struct {
	Subject   string   `json:"subject"`
	IssuerCN  string   `json:"issuer_cn"`
	DNSNames  []string `json:"dns_names"`
	SHA256    string   `json:"sha256"`
	NotBefore string   `json:"not_before"`
	NotAfter  string   `json:"not_after"`
	Chain     int      `json:"chain"`
}

// Result is one call.
type Result struct {
	Index         int               `json:"index"`
	URL           string            `json:"url"`
	Model         string            `json:"model"`
	Status        int               `json:"status"`
	CallID        string            `json:"call_id"`
	BodySHA256    string            `json:"body_sha256"`
	BodyLength    int64             `json:"body_length"`
	RequestSHA256 string            `json:"request_sha256"`
	RequestLength int64             `json:"request_length"`
	RequestID     string            `json:"request_id"`
	Encoding      string            `json:"content_encoding"`
	ContentType   string            `json:"content_type"`
	Framing       string            `json:"framing"` // chunked | length | close
	Interim       []int             `json:"interim"`
	Trailers      map[string]string `json:"trailers"`
	Protocol      string            `json:"protocol"`
	ALPN          string            `json:"alpn"`
	Peer          string            `json:"peer"`
	Local         string            `json:"local"`
	Reused        bool              `json:"reused"`
	Certificate   *Certificate      `json:"certificate"`
	TLSError      bool              `json:"tls_error"`
	Error         string            `json:"error"`
	FirstByteMS   float64           `json:"first_byte_ms"`
	DurationMS    float64           `json:"duration_ms"`
	AsExpected    bool              `json:"as_expected"`
}

// Report is the document that is printed.
type Report struct {
	UID       int      `json:"uid"`
	OK        int      `json:"ok"`
	Failed    int      `json:"failed"`
	Bytes     int64    `json:"bytes"`
	ElapsedMS float64  `json:"elapsed_ms"`
	Calls     []Result `json:"calls"`
}

// Run makes the calls.
func Run(o Options) (Report, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" {
		return Report{}, fmt.Errorf("--url wants https://host[/path], got %q", o.URL)
	}
	if o.Count < 1 || o.Parallel < 1 || len(o.Models) == 0 {
		return Report{}, errors.New("--count and --parallel start at 1, and a --model is needed")
	}
	switch o.ALPN {
	case "none", "http/1.1", "h2,http/1.1":
	default:
		// Go's transport cannot offer h2 alone: it adds http/1.1 itself.
		return Report{}, fmt.Errorf("--alpn wants none, http/1.1 or h2,http/1.1, got %q", o.ALPN)
	}
	transport, err := o.transport()
	if err != nil {
		return Report{}, err
	}
	report := Report{UID: os.Getuid(), Calls: make([]Result, o.Count)}
	start := time.Now()
	next := make(chan int)
	var wg sync.WaitGroup
	for i := 0; i < o.Parallel; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := range next {
				report.Calls[n] = o.call(transport, *base, n)
			}
		}()
	}
	for n := 0; n < o.Count; n++ {
		next <- n
	}
	close(next)
	wg.Wait()
	transport.CloseIdleConnections()
	report.ElapsedMS = ms(time.Since(start))
	for _, c := range report.Calls {
		report.Bytes += c.BodyLength
		if c.AsExpected {
			report.OK++
		} else {
			report.Failed++
		}
	}
	return report, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (o Options) transport() (*http.Transport, error) {
	t := &http.Transport{
		DialContext:         o.Resolve.Func(o.Network),
		DisableCompression:  true, // the raw body octets are what is hashed
		DisableKeepAlives:   !o.KeepAlive,
		MaxIdleConnsPerHost: o.Parallel,
		TLSHandshakeTimeout: 30 * time.Second,
	}
	cfg := &tls.Config{InsecureSkipVerify: o.Insecure}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", o.CAFile)
		}
	}
	if o.Reject {
		cfg.RootCAs = x509.NewCertPool()
	}
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	if o.ALPN != "none" && o.ALPN != "" {
		cfg.NextProtos = strings.Split(o.ALPN, ",")
		if strings.Contains(","+o.ALPN+",", ",h2,") {
			t.TLSNextProto = nil
			t.ForceAttemptHTTP2 = true
		}
	}
	t.TLSClientConfig = cfg
	return t, nil
}

// path fills in the usual method when the URL names only the host.
func (o Options) path(u *url.URL, model string) {
	if u.Path != "" && u.Path != "/" {
		return
	}
	method := "generateContent"
	if o.Stream {
		method, u.RawQuery = "streamGenerateContent", "alt=sse"
	}
	if strings.HasPrefix(u.Host, "generativelanguage.") {
		u.Path = "/v1beta/models/" + model + ":" + method
	} else {
		u.Path = "/v1internal:" + method
	}
}

func (o Options) body(u *url.URL, model string, index int) (body []byte, requestID string) {
	contents := []any{map[string]any{"role": "user", "parts": []any{map[string]any{"text": o.Prompt}}}}
	inner := map[string]any{"contents": contents}
	var v any = inner
	if strings.HasPrefix(u.Path, "/v1internal") {
		cascade := o.Cascade
		if cascade == "" {
			cascade = uuid.New()
		}
		trajectory := uuid.New()
		requestID = fmt.Sprintf("agent/%s/%d/%s/%d", cascade, time.Now().UnixMilli(), trajectory, 2+2*index)
		inner["labels"] = map[string]any{"trajectory_id": trajectory, "last_step_index": fmt.Sprint(1 + 2*index)}
		v = map[string]any{"project": "fake-project", "requestId": requestID, "request": inner,
			"model": model, "userAgent": "antigravity", "requestType": "agent"}
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return body, requestID
}

// hidden keeps net/http from learning the length, so that it sends the body chunked.
type hidden struct{ io.Reader }

func (o Options) call(t *http.Transport, u url.URL, index int) (res Result) {
	model := o.Models[index%len(o.Models)]
	o.path(&u, model)
	method := o.Method
	if method == "" {
		method = http.MethodPost
	}
	var body []byte
	res = Result{Index: index, URL: u.String(), Model: model, Interim: []int{}, Trailers: map[string]string{}}
	if method == http.MethodPost {
		body, res.RequestID = o.body(&u, model, index)
	}
	sum := sha256.Sum256(body)
	res.RequestLength, res.RequestSHA256 = int64(len(body)), hex.EncodeToString(sum[:])
	start := time.Now()
	defer func() {
		res.DurationMS = ms(time.Since(start))
		res.AsExpected = o.expected(res)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), o.Timeout)
	defer cancel()
	var mu sync.Mutex
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			mu.Lock()
			defer mu.Unlock()
			res.Peer, res.Local = i.Conn.RemoteAddr().String(), i.Conn.LocalAddr().String()
			res.Reused = i.Reused
		},
		Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			mu.Lock()
			defer mu.Unlock()
			res.Interim = append(res.Interim, code)
			return nil
		},
		GotFirstResponseByte: func() {
			mu.Lock()
			defer mu.Unlock()
			res.FirstByteMS = ms(time.Since(start))
		},
	})
	var reader io.Reader = bytes.NewReader(body)
	if o.Chunked && len(body) > 0 {
		reader = hidden{reader}
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), reader)
	if err != nil {
		res.Error = err.Error()
		return res
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "antigravity/fake-client linux/amd64")
	req.Header.Set("Authorization", "Bearer fake-access-token")
	if o.Gzip {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	if o.Scenario != "" {
		req.Header.Set("X-Fake-Scenario", o.Scenario)
	}
	if o.Tag != "" {
		req.Header.Set("X-Fake-Tag", o.Tag)
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		mu.Lock()
		defer mu.Unlock()
		res.Error = err.Error()
		res.TLSError = isTLS(err)
		return res
	}
	defer resp.Body.Close()
	digest := sha256.New()
	var from io.Reader = resp.Body
	if o.StopAfter > 0 {
		from = io.LimitReader(from, o.StopAfter)
	}
	n, err := io.Copy(digest, from)
	mu.Lock()
	defer mu.Unlock()
	res.Status, res.CallID = resp.StatusCode, resp.Header.Get("X-Fake-Call-Id")
	res.BodyLength, res.BodySHA256 = n, hex.EncodeToString(digest.Sum(nil))
	res.Encoding, res.ContentType = resp.Header.Get("Content-Encoding"), resp.Header.Get("Content-Type")
	res.Protocol = strings.ToLower(resp.Proto)
	switch {
	case len(resp.TransferEncoding) > 0:
		res.Framing = resp.TransferEncoding[0]
	case resp.ContentLength >= 0:
		res.Framing = "length"
	default:
		res.Framing = "close"
	}
	for key := range resp.Trailer {
		res.Trailers[key] = resp.Trailer.Get(key)
	}
	if err != nil {
		res.Error = err.Error()
	}
	if resp.TLS != nil {
		res.ALPN = resp.TLS.NegotiatedProtocol
		res.Certificate = describe(resp.TLS.PeerCertificates)
	}
	return res
}

func describe(chain []*x509.Certificate) *Certificate {
	if len(chain) == 0 {
		return nil
	}
	leaf := chain[0]
	sum := sha256.Sum256(leaf.Raw)
	return &Certificate{Subject: leaf.Subject.String(), IssuerCN: leaf.Issuer.CommonName,
		DNSNames: append([]string{}, leaf.DNSNames...), SHA256: hex.EncodeToString(sum[:]),
		NotBefore: leaf.NotBefore.UTC().Format(time.RFC3339),
		NotAfter:  leaf.NotAfter.UTC().Format(time.RFC3339), Chain: len(chain)}
}

func isTLS(err error) bool {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	if errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &record) {
		return true
	}
	// Alerts of the peer have no exported type before Go 1.21.
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" || strings.Contains(err.Error(), "tls: ")
}

func (o Options) expected(r Result) bool {
	switch o.Expect {
	case "any":
		return true
	case "error":
		return r.Error != ""
	case "tls-error":
		return r.TLSError
	case "", "ok":
		return r.Error == "" && r.Status == 200
	default:
		return r.Error == "" && o.Expect == fmt.Sprint(r.Status)
	}
}
