package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"
	"sync"
	"time"
)

type settings struct {
	scenario, protocol, address, host, trust, coding string
	connections, streams, bytes, eventBytes          int
	events, everyMicroseconds, iterations, seed      int
	seconds                                          float64
	other                                            bool
}

// result is what scripts/bench reads from standard output.
type result struct {
	Protocol string             `json:"protocol"`
	Cipher   string             `json:"cipher"`
	Calls    int64              `json:"calls"` // model calls that were answered as a whole
	Values   map[string]float64 `json:"values"`
	Errors   []string           `json:"errors"`

	mutex sync.Mutex
}

func (r *result) fail(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.Errors) < 5 {
		r.Errors = append(r.Errors, err.Error())
	}
	r.Values["failures"]++
}

func clientMain(arguments []string) error {
	var s settings
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.StringVar(&s.scenario, "scenario", "bulk", "bulk, handshakes, requests, paced, first, fresh or hold")
	flags.StringVar(&s.protocol, "protocol", "h1", "h1 or h2")
	flags.StringVar(&s.address, "address", "127.0.0.1:8443", "where to connect")
	flags.StringVar(&s.host, "host", "daily-cloudcode-pa.googleapis.com", "name to ask for; fresh: %08x in it is replaced")
	flags.StringVar(&s.trust, "trust", "", "PEM file")
	flags.StringVar(&s.coding, "coding", "identity", "identity or gzip")
	flags.IntVar(&s.connections, "connections", 1, "connections at a time")
	flags.IntVar(&s.streams, "streams", 1, "paced: streams at a time, spread over the connections")
	flags.IntVar(&s.bytes, "bytes", 1<<20, "bulk: octets for each connection")
	flags.IntVar(&s.eventBytes, "event-bytes", 4096, "bulk: as told to the upstream")
	flags.IntVar(&s.events, "events", 10, "paced: events of a call")
	flags.IntVar(&s.everyMicroseconds, "every-us", 10000, "paced: between two events of a call")
	flags.IntVar(&s.iterations, "iterations", 10, "first, fresh: how often")
	flags.IntVar(&s.seed, "seed", 0, "fresh: first number of a name")
	flags.Float64Var(&s.seconds, "seconds", 1, "handshakes, requests, paced: how long")
	flags.BoolVar(&s.other, "other", false, "ask a path that is no model call")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	d, err := newDialer(s.address, s.protocol, s.trust)
	if err != nil {
		return err
	}
	run, known := map[string]func(*dialer, settings, *result) error{"bulk": bulkScenario, "handshakes": handshakes,
		"requests": requests, "paced": paced, "first": first, "fresh": fresh, "hold": hold}[s.scenario]
	if !known {
		return fmt.Errorf("unknown scenario %q", s.scenario)
	}
	out := &result{Values: map[string]float64{"failures": 0}, Errors: []string{}}
	if err := run(d, s, out); err != nil {
		out.fail(err)
	}
	out.Protocol, _ = d.agreed.Load().(string)
	out.Cipher, _ = d.cipher.Load().(string)
	return json.NewEncoder(os.Stdout).Encode(out)
}

func (s settings) target(path string) string {
	if s.other {
		return pathOther
	}
	return path
}

// count adds calls that the daemon has to have seen.
func (s settings) count(out *result, calls int64) {
	if s.other {
		return
	}
	out.mutex.Lock()
	out.Calls += calls
	out.mutex.Unlock()
}

func percentile(sorted []int64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := int(share*float64(len(sorted))+0.999999) - 1
	if at < 0 {
		at = 0
	}
	if at >= len(sorted) {
		at = len(sorted) - 1
	}
	return float64(sorted[at])
}

// summarize reports nanoseconds as microseconds.
func (r *result) summarize(prefix string, nanoseconds []int64) {
	sort.Slice(nanoseconds, func(i, j int) bool { return nanoseconds[i] < nanoseconds[j] })
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Values[prefix+"_p50_us"] = percentile(nanoseconds, 0.5) / 1e3
	r.Values[prefix+"_p99_us"] = percentile(nanoseconds, 0.99) / 1e3
	r.Values[prefix+"_p999_us"] = percentile(nanoseconds, 0.999) / 1e3
	r.Values[prefix+"_max_us"] = percentile(nanoseconds, 1) / 1e3
}

// every runs work for each index at the same time.
func every(n int, work func(int)) {
	var group sync.WaitGroup
	for i := 0; i < n; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			work(i)
		}(i)
	}
	group.Wait()
}

func openAll(d *dialer, s settings, out *result, readerBytes int) ([]*session, error) {
	sessions := make([]*session, s.connections)
	gate := make(chan struct{}, 32)
	var failed error
	var mutex sync.Mutex
	every(s.connections, func(i int) {
		gate <- struct{}{}
		defer func() { <-gate }()
		opened, err := d.open(s.host, readerBytes)
		if err == nil {
			err = opened.small(pathOther) // so that both legs stand
		}
		if err != nil {
			mutex.Lock()
			failed = err
			mutex.Unlock()
			return
		}
		sessions[i] = opened
	})
	if failed != nil {
		closeAll(sessions)
		return nil, fmt.Errorf("connecting: %w", failed)
	}
	return sessions, nil
}

func closeAll(sessions []*session) {
	for _, s := range sessions {
		if s != nil {
			s.close()
		}
	}
}

// bulkScenario downloads one answer on each connection and checks length and checksum.
func bulkScenario(d *dialer, s settings, out *result) error {
	body := newBulk(s.coding, s.eventBytes)
	blocks := body.blocks(s.bytes)
	size, sum := body.truth(blocks)
	sessions, err := openAll(d, s, out, 64<<10)
	if err != nil {
		return err
	}
	defer closeAll(sessions)
	target := fmt.Sprintf("%s?alt=sse&bytes=%d&coding=%s", s.target(pathStream), s.bytes, s.coding)
	start := time.Now()
	every(s.connections, func(i int) {
		response, err := sessions[i].do(target, s.coding)
		if err != nil {
			out.fail(err)
			return
		}
		buffer := make([]byte, 128<<10)
		length, got := int64(0), uint32(0)
		for err == nil {
			var n int
			n, err = response.Body.Read(buffer)
			length += int64(n)
			got = crc32.Update(got, castagnoli, buffer[:n])
		}
		if !errors.Is(err, io.EOF) {
			out.fail(err)
		} else if length != size || got != sum {
			out.fail(fmt.Errorf("%d of %d octets, checksum %08x instead of %08x", length, size, got, sum))
		} else {
			s.count(out, 1)
		}
	})
	elapsed := time.Since(start).Seconds()
	out.Values["bytes"] = float64(size) * float64(s.connections)
	out.Values["seconds"] = elapsed
	out.Values["plain_ratio"] = body.ratio()
	return nil
}

// loop repeats work on several goroutines until the time is over, and lets the last ones end.
func loop(s settings, out *result, work func(worker int) error) {
	deadline := time.Now().Add(time.Duration(s.seconds * float64(time.Second)))
	var mutex sync.Mutex
	var taken []int64
	start := time.Now()
	every(s.connections, func(i int) {
		var mine []int64
		for time.Now().Before(deadline) {
			began := time.Now()
			if err := work(i); err != nil {
				out.fail(err)
				break
			}
			mine = append(mine, time.Since(began).Nanoseconds())
		}
		mutex.Lock()
		taken = append(taken, mine...)
		mutex.Unlock()
	})
	out.Values["seconds"] = time.Since(start).Seconds()
	out.Values["done"] = float64(len(taken))
	out.summarize("took", taken)
	s.count(out, int64(len(taken)))
}

// handshakes makes a connection for each small call.
func handshakes(d *dialer, s settings, out *result) error {
	target := s.target(pathSmall)
	loop(s, out, func(int) error {
		opened, err := d.open(s.host, 4096)
		if err != nil {
			return err
		}
		defer opened.close()
		return opened.small(target)
	})
	return nil
}

// requests makes small calls on connections that stay.
func requests(d *dialer, s settings, out *result) error {
	sessions, err := openAll(d, s, out, 4096)
	if err != nil {
		return err
	}
	defer closeAll(sessions)
	target := s.target(pathSmall)
	loop(s, out, func(i int) error { return sessions[i].small(target) })
	return nil
}

// first times connection, handshake and the first event of a stream, one after the other.
func first(d *dialer, s settings, out *result) error {
	var tcpTLS, firstByte, firstEvent []int64
	for i := 0; i < s.iterations; i++ {
		start := time.Now()
		opened, err := d.open(s.host, 4096)
		if err != nil {
			return err
		}
		handshake := time.Since(start)
		response, err := opened.do(s.target(pathStream)+"?alt=sse&events=2&every_us=5000", "identity")
		if err != nil {
			return err
		}
		head := time.Since(start)
		event, seen := time.Duration(0), 0
		var found marks
		err = readAll(response.Body, func(piece []byte) {
			found.feed(piece, func(int, int64) {
				if seen == 0 {
					event = time.Since(start)
				}
				seen++
			})
		})
		opened.close()
		if err != nil || seen != 2 {
			return fmt.Errorf("%d of 2 events: %v", seen, err)
		}
		s.count(out, 1)
		tcpTLS = append(tcpTLS, handshake.Nanoseconds())
		firstByte = append(firstByte, head.Nanoseconds())
		firstEvent = append(firstEvent, event.Nanoseconds())
	}
	out.summarize("handshake", tcpTLS)
	out.summarize("first_byte", firstByte)
	out.summarize("first_event", firstEvent)
	return nil
}

func readAll(body io.Reader, piece func([]byte)) error {
	buffer := make([]byte, 16<<10)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			piece(buffer[:n])
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// fresh connects to names that nobody asked for before.
func fresh(d *dialer, s settings, out *result) error {
	var shook []int64
	for i := 0; i < s.iterations; i++ {
		start := time.Now()
		opened, err := d.open(fmt.Sprintf(s.host, s.seed+i), 4096)
		if err != nil {
			return err
		}
		shook = append(shook, time.Since(start).Nanoseconds())
		err = opened.small(pathOther)
		opened.close()
		if err != nil {
			return err
		}
	}
	out.summarize("handshake", shook)
	return nil
}

// hold keeps idle connections open until standard input ends, and then uses each once more.
func hold(d *dialer, s settings, out *result) error {
	sessions, err := openAll(d, s, out, 4096)
	if err != nil {
		return err
	}
	defer closeAll(sessions)
	if _, err := fmt.Printf("{\"held\":%d}\n", len(sessions)); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	alive := 0
	for _, opened := range sessions {
		if err := opened.small(pathOther); err != nil {
			out.fail(err)
			continue
		}
		alive++
	}
	out.Values["alive"] = float64(alive)
	return nil
}
