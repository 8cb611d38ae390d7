package ls

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// faults are answers that a test asked for by the knob "fail".
type faults struct {
	mu    sync.Mutex
	rules []*fault
}

type fault struct {
	method, what string
	left         int // -1 for ever
}

// newFaults reads METHOD=STATUS, METHOD=hang, =reset and =half, each with an optional *TIMES; the
// method * stands for all.
func newFaults(text string) (*faults, error) {
	out := &faults{}
	for _, item := range list(text) {
		method, what, ok := strings.Cut(item, "=")
		what, times, limited := strings.Cut(what, "*")
		rule := &fault{method, what, -1}
		var err error
		if limited {
			rule.left, err = strconv.Atoi(times)
		}
		if status, bad := strconv.Atoi(what); bad == nil {
			ok = ok && codes[status] != ""
		} else {
			ok = ok && (what == "hang" || what == "reset" || what == "half")
		}
		if !ok || err != nil {
			return nil, fmt.Errorf("knob fail: want METHOD=STATUS|hang|reset|half[*TIMES], got %q", item)
		}
		out.rules = append(out.rules, rule)
	}
	return out, nil
}

// codes are the Connect names of the statuses of unary errors (ls-protocol 3.1).
var codes = map[int]string{400: "invalid_argument", 401: "unauthenticated", 403: "permission_denied",
	404: "not_found", 429: "resource_exhausted", 500: "unknown", 501: "unimplemented", 503: "unavailable",
	504: "deadline_exceeded"}

// next says what is to happen to this call, empty for nothing.
func (f *faults) next(method string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rule := range f.rules {
		if (rule.method == method || rule.method == "*") && rule.left != 0 {
			if rule.left > 0 {
				rule.left--
			}
			return rule.what
		}
	}
	return ""
}

// play makes a call fail; the answer is an error for the caller to send, or none is ever sent.
func play(what string, w http.ResponseWriter, r *http.Request) error {
	switch what {
	case "hang":
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case "half": // half of an answer, and the connection is gone
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.Write([]byte{0, 0, 0, 0, 99, '{'})
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "reset":
		panic(http.ErrAbortHandler)
	}
	status, _ := strconv.Atoi(what)
	return refuse(status, codes[status], "fault asked for by the test")
}

// marker asks for something in one turn: [[ls:NAME;key=value]] in the prompt.
var marker = regexp.MustCompile(`\[\[ls:([^\]]*)\]\]`)

var knownMarkers = map[string]bool{"die": true, "idle-early": true, "huge": true, "many": true, "wait": true,
	"subagent": true, "reset": true, "hang": true, "grow": true, "background": true, "notify": true, "extra-steps": true}

// script is what the markers of a prompt ask for.
type script map[string]map[string]string

func parseScript(prompt string) (script, error) {
	out := script{}
	for _, found := range marker.FindAllStringSubmatch(prompt, -1) {
		parts := strings.Split(found[1], ";")
		name := strings.TrimSpace(parts[0])
		if !knownMarkers[name] {
			return nil, refuse(400, "invalid_argument", "unknown marker %q", name)
		}
		params := map[string]string{}
		for _, part := range parts[1:] {
			key, value, ok := strings.Cut(part, "=")
			if !ok {
				return nil, refuse(400, "invalid_argument", "marker parameter %q is not key=value", part)
			}
			params[strings.TrimSpace(key)] = value
		}
		out[name] = params
	}
	return out, nil
}

func (s script) has(name string) bool { _, ok := s[name]; return ok }

// size of a parameter; K, M and G are powers of 1024.
func (s script) size(name, key string, fallback int) int {
	text := s[name][key]
	shift := 0
	if n := len(text); n > 0 {
		if shift = 10 * (1 + strings.IndexByte("KMG", text[n-1])); shift > 0 {
			text = text[:n-1]
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return fallback
	}
	return n << shift
}

func (s script) millis(name, key string, fallback time.Duration) time.Duration {
	if n, err := strconv.Atoi(s[name][key]); err == nil {
		return millis(n)
	}
	return fallback
}
