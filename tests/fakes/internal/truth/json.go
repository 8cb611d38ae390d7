package truth

import (
	"encoding/json"
	"io"
	"math/big"
	"strings"
)

const maxDepth = 512

func tooDeep(text string) bool {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// parse reads one whole JSON text.
func parse(text string) (any, bool) {
	if tooDeep(text) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	return v, true
}

// elements reads as many whole elements of a JSON array as there are; whole says whether it ended.
func elements(text string) (list []any, whole bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	for d.More() {
		var v any
		if d.Decode(&v) != nil {
			return list, false
		}
		list = append(list, v)
	}
	if _, err := d.Token(); err != nil {
		return list, false
	}
	_, err := d.Token()
	return list, err == io.EOF
}

type object = map[string]any

func at(v any, keys ...string) any {
	for _, key := range keys {
		o, _ := v.(object)
		v = o[key]
	}
	return v
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

var most = big.NewRat(1_000_000_000_000, 1)

// count applies the number rules: absent and null are not there; anything but a whole number from
// 0 to 10^12, or a string of at most 13 digits, is bad.
func count(v any) (n uint64, present, bad bool) {
	written := ""
	switch t := v.(type) {
	case nil:
		return 0, false, false
	case json.Number:
		written = t.String()
	case string:
		if t == "" || len(t) > 13 || strings.Trim(t, "0123456789") != "" {
			return 0, false, true
		}
		written = t
	default:
		return 0, false, true
	}
	r, ok := new(big.Rat).SetString(written)
	if !ok || !r.IsInt() || r.Sign() < 0 || r.Cmp(most) > 0 {
		return 0, false, true
	}
	return r.Num().Uint64(), true, false
}

// counter collects counts that are assigned, never added.
type counter struct {
	values map[string]uint64
	bad    bool
}

func (c *counter) take(name string, v any) {
	n, present, bad := count(v)
	c.bad = c.bad || bad
	if present {
		if c.values == nil {
			c.values = map[string]uint64{}
		}
		c.values[name] = n
	}
}

func (c *counter) get(name string) uint64 { return c.values[name] }

func (c *counter) maybe(name string) *uint64 {
	if n, ok := c.values[name]; ok {
		return &n
	}
	return nil
}

// clip is how names and ids may be stored: cut, and printable.
func clip(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	b := []byte(s)
	for i, c := range b {
		if c < 0x20 || c > 0x7E {
			b[i] = '?'
		}
	}
	return string(b)
}

func modelName(s string) string { return clip(s[strings.LastIndexByte(s, '/')+1:], 256) }

// word is what a program chose; anything else might be content.
func word(s string) string {
	if len(s) > 64 {
		return "other"
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-.:/", c) >= 0) {
			return "other"
		}
	}
	return s
}

func scalar(v any) string {
	switch t := v.(type) {
	case string:
		return word(t)
	case json.Number:
		return t.String()
	}
	return ""
}

// errorOf describes an error object: type, else status, else code.
func errorOf(v any) *CallError {
	o, ok := v.(object)
	if !ok {
		return nil
	}
	e := &CallError{Code: scalar(o["code"])}
	for _, s := range []string{word(text(o["type"])), word(text(o["status"])), e.Code, "unknown"} {
		if s != "" {
			e.Type = s
			break
		}
	}
	return e
}
