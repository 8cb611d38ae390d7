package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Paths of the upstream. Only the first two are model calls, which is what the daemon reads.
const (
	pathStream = "/v1internal:streamGenerateContent"
	pathSmall  = "/v1internal:generateContent"
	pathOther  = "/v1internal:benchmarkOther" // the same answers, at a path nobody reads
)

const writeBytes = 64 << 10

type upstream struct {
	small    []byte
	smallRaw []byte
	bulks    map[string]*bulk
	bulkRaw  map[string][]byte

	calls, requests, full, resumed atomic.Int64
}

// order is one request, as its query asks.
type order struct {
	model  bool
	paced  bool
	bytes  int
	coding string
	events int
	every  time.Duration
}

func parseOrder(target string) (order, error) {
	parsed, err := url.ParseRequestURI(target)
	if err != nil {
		return order{}, err
	}
	query := parsed.Query()
	value := func(name string) int {
		n, _ := strconv.Atoi(query.Get(name))
		return n
	}
	out := order{coding: query.Get("coding"), bytes: value("bytes"), events: value("events"),
		every: time.Duration(value("every_us")) * time.Microsecond}
	out.paced = out.events > 0
	switch parsed.Path {
	case pathStream, pathSmall:
		out.model = true
	case pathOther:
	default:
		return out, fmt.Errorf("no such path: %s", parsed.Path)
	}
	if out.coding == "" {
		out.coding = "identity"
	}
	return out, nil
}

func upstreamMain(arguments []string) error {
	flags := flag.NewFlagSet("upstream", flag.ContinueOnError)
	h1 := flags.String("h1", "127.0.0.1:8443", "address that speaks HTTP/1.1 alone")
	h2 := flags.String("h2", "127.0.0.1:8444", "address that prefers HTTP/2")
	control := flags.String("control", "127.0.0.1:8799", "address that tells the truth, in cleartext")
	certificate := flags.String("certificate", "", "PEM file")
	key := flags.String("key", "", "PEM file")
	eventBytes := flags.Int("event-bytes", 4096, "size of an event at full speed")
	noTickets := flags.String("no-tickets", "", "SNI name whose sessions cannot be resumed")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		return err
	}
	server := &upstream{small: smallAnswer(), bulks: map[string]*bulk{}, bulkRaw: map[string][]byte{}}
	for _, coding := range []string{"identity", "gzip"} {
		body := newBulk(coding, *eventBytes)
		server.bulks[coding] = body
		server.bulkRaw[coding] = chunked(body.block, body.cuts)
	}
	server.smallRaw = []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		len(server.small), server.small))

	configure := func(protocols ...string) *tls.Config {
		config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
			NextProtos: protocols, DynamicRecordSizingDisabled: true}
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if state.DidResume {
				server.resumed.Add(1)
			} else {
				server.full.Add(1)
			}
			return nil
		}
		without := config.Clone()
		without.SessionTicketsDisabled = true
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if *noTickets != "" && hello.ServerName == *noTickets {
				return without, nil
			}
			return nil, nil
		}
		return config
	}
	plain, err := net.Listen("tcp", *h1)
	if err != nil {
		return err
	}
	multiplexed, err := net.Listen("tcp", *h2)
	if err != nil {
		return err
	}
	watched, err := net.Listen("tcp", *control)
	if err != nil {
		return err
	}
	failed := make(chan error, 3)
	go func() { failed <- server.serveRaw(tls.NewListener(plain, configure("http/1.1"))) }()
	go func() {
		// Go's HTTP/2 server by default lets 250 streams run on a connection.
		web := &http.Server{Handler: server, ErrorLog: log.New(io.Discard, "", 0)}
		failed <- web.Serve(tls.NewListener(multiplexed, configure("h2", "http/1.1")))
	}()
	go func() { failed <- http.Serve(watched, http.HandlerFunc(server.tell)) }()
	return <-failed
}

func (u *upstream) tell(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]any{
		"calls": u.calls.Load(), "requests": u.requests.Load(),
		"handshakes_full": u.full.Load(), "handshakes_resumed": u.resumed.Load(),
		"gzip_ratio":  u.bulks["gzip"].ratio(),
		"event_bytes": len(u.bulks["identity"].block) / blockEvents,
		"tokens":      map[string]int{"input_total": promptTokens, "output_total": candidateTokens, "total": totalTokens}})
}

func (u *upstream) served(o order) {
	u.requests.Add(1)
	if o.model {
		u.calls.Add(1)
	}
}

// serveRaw is HTTP/1.1 by hand: net/http would be slower than what is to be measured.
func (u *upstream) serveRaw(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			reader := bufio.NewReaderSize(connection, 4096)
			for {
				target, err := readRequest(reader)
				if err != nil {
					return
				}
				o, err := parseOrder(target)
				if err != nil {
					_, _ = io.WriteString(connection, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
					continue
				}
				if err := u.answerRaw(connection, o); err != nil {
					return
				}
			}
		}()
	}
}

// readRequest takes one request with its body off the connection.
func readRequest(reader *bufio.Reader) (string, error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(line))
	if len(fields) != 3 {
		return "", errors.New("not a request")
	}
	length := 0
	for {
		line, err = reader.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		if len(line) <= 2 {
			break
		}
		const name = "content-length:"
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if length, err = strconv.Atoi(strings.TrimSpace(string(line[len(name):]))); err != nil {
				return "", err
			}
		}
	}
	_, err = reader.Discard(length)
	return fields[1], err
}

func (u *upstream) answerRaw(connection net.Conn, o order) error {
	if !o.paced && o.bytes == 0 {
		u.served(o)
		_, err := connection.Write(u.smallRaw)
		return err
	}
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	if o.coding != "identity" {
		head += "Content-Encoding: " + o.coding + "\r\n"
	}
	head += "Transfer-Encoding: chunked\r\n\r\n"
	frame := func(data []byte) []byte { return chunked(data, []int{len(data)}) }
	if o.paced {
		return u.pace(o, func(data []byte, first, last bool) error {
			wire := frame(data)
			if first {
				wire = append([]byte(head), wire...)
			}
			if last {
				u.served(o)
				wire = append(wire, "0\r\n\r\n"...)
			}
			_, err := connection.Write(wire)
			return err
		})
	}
	body, raw := u.bulks[o.coding], u.bulkRaw[o.coding]
	if body == nil {
		return errors.New("unknown coding")
	}
	start := []byte(head)
	if len(body.head) > 0 {
		start = append(start, frame(body.head)...)
	}
	blocks := body.blocks(o.bytes)
	end := append(frame(body.ending(blocks)), "0\r\n\r\n"...)
	if _, err := connection.Write(start); err != nil {
		return err
	}
	for i := 0; i < blocks; i++ {
		if err := pieces(raw, func(piece []byte) error { _, err := connection.Write(piece); return err }); err != nil {
			return err
		}
	}
	u.served(o)
	_, err := connection.Write(end)
	return err
}

func pieces(data []byte, write func([]byte) error) error {
	for len(data) > 0 {
		n := writeBytes
		if n > len(data) {
			n = len(data)
		}
		if err := write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// pace sends the events at fixed points in time, so that a late one does not delay the others.
func (u *upstream) pace(o order, send func(data []byte, first, last bool) error) error {
	start := time.Now()
	for i := 0; i < o.events; i++ {
		if wait := time.Until(start.Add(time.Duration(i) * o.every)); wait > 0 {
			time.Sleep(wait)
		}
		last := i == o.events-1
		if err := send(pacedEvent(i, time.Now().UnixNano(), last), i == 0, last); err != nil {
			return err
		}
	}
	return nil
}

// ServeHTTP is the same upstream over HTTP/2.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	o, err := parseOrder(r.URL.RequestURI())
	if err != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !o.paced && o.bytes == 0 {
		u.served(o)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(u.small)))
		_, _ = w.Write(u.small)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if o.paced {
		_ = u.pace(o, func(data []byte, _, last bool) error {
			_, err := w.Write(data)
			if last {
				u.served(o)
				return err // the handler's end flushes it together with END_STREAM
			}
			w.(http.Flusher).Flush()
			return err
		})
		return
	}
	body := u.bulks[o.coding]
	if body == nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if o.coding != "identity" {
		w.Header().Set("Content-Encoding", o.coding)
	}
	write := func(piece []byte) error { _, err := w.Write(piece); return err }
	if len(body.head) > 0 && write(body.head) != nil {
		return
	}
	blocks := body.blocks(o.bytes)
	for i := 0; i < blocks; i++ {
		if pieces(body.block, write) != nil {
			return
		}
	}
	u.served(o)
	_ = write(body.ending(blocks))
}
