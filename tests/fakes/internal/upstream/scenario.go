package upstream

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Scenario is a set of names with parameters: "tiny-chunks,trailers;size=8M;eol=crlf".
type Scenario struct {
	names  map[string]bool
	params map[string]string
	text   string
}

var known = map[string]bool{
	"cut-midstream": true, "cut-midevent": true, "slow": true, "error429": true,
	"error503-sse-type": true, "inband-error": true, "no-usage": true, "huge-event": true,
	"many-events": true, "big-bulk": true, "concatenated-gzip": true, "until-close": true,
	"early-hints": true, "trailers": true, "tiny-chunks": true, "total-mismatch": true,
	"stall": true, "content-length": true, "tool-round": true, "model-base": true,
	"max-tokens": true, "usage-every": true, "usage-last": true, "usage-shrinks": true,
	"unterminated": true, "identity": true, "reset-midstream": true, "fin-midchunk": true,
	"goaway": true, "coded": true, "echo": true,
}

// Known lists the scenario names.
func Known() []string {
	var out []string
	for name := range known {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

var marker = regexp.MustCompile(`\[\[fake:([^\]]*)\]\]`)

// ParseScenario reads the text of the header or of a marker. An unknown name is an error: a typing
// mistake in a test must not quietly turn into the plain answer.
func ParseScenario(text string) (Scenario, error) {
	s := Scenario{names: map[string]bool{}, params: map[string]string{}, text: text}
	for i, part := range strings.Split(text, ";") {
		if i > 0 {
			key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
			if !ok {
				return s, fmt.Errorf("scenario parameter %q is not key=value", part)
			}
			s.params[key] = value
			continue
		}
		for _, name := range strings.Split(part, ",") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			if !known[name] {
				return s, fmt.Errorf("unknown scenario %q; known: %s", name, strings.Join(Known(), " "))
			}
			s.names[name] = true
		}
	}
	return s, nil
}

// scenarioOf picks the header, else the last marker in the prompt.
func scenarioOf(header, prompt string) (Scenario, error) {
	if header != "" {
		return ParseScenario(header)
	}
	found := marker.FindAllStringSubmatch(prompt, -1)
	if len(found) == 0 {
		return ParseScenario("")
	}
	return ParseScenario(found[len(found)-1][1])
}

// Has tells whether the scenario was asked for.
func (s Scenario) Has(name string) bool { return s.names[name] }

// Int returns a number parameter; K, M and G are powers of 1024.
func (s Scenario) Int(key string, fallback int64) int64 {
	text := s.params[key]
	factor := int64(1)
	if n := len(text); n > 0 {
		switch text[n-1] {
		case 'K', 'k':
			factor = 1 << 10
		case 'M', 'm':
			factor = 1 << 20
		case 'G', 'g':
			factor = 1 << 30
		}
		if factor > 1 {
			text = text[:n-1]
		}
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fallback
	}
	return v * factor
}

// Duration returns a time parameter.
func (s Scenario) Duration(key string, fallback time.Duration) time.Duration {
	if d, err := time.ParseDuration(s.params[key]); err == nil {
		return d
	}
	return fallback
}

// Param returns a text parameter.
func (s Scenario) Param(key string) string { return s.params[key] }
