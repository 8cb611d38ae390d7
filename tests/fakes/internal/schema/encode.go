package schema

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"antigravity-proxy/fakes/internal/pb"
)

// Plain brings a value into what encoding/json reads: maps, slices, strings, json.Number, bools.
func Plain(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&out)
	return out, err
}

// Encode turns the JSON form into the wire form. A key that the message does not have is an error;
// one whose number nobody knows is left out.
func Encode(message string, v any) ([]byte, error) {
	m, ok := Lookup(message)
	if !ok {
		return nil, fmt.Errorf("no message %s", message)
	}
	plain, err := Plain(v)
	if err != nil {
		return nil, err
	}
	return m.encode(plain)
}

func (m *Message) encode(v any) ([]byte, error) {
	if m.Name == "Timestamp" || m.Name == "Duration" {
		return encodeTime(m.Name, v)
	}
	o, ok := v.(Object)
	if !ok {
		return nil, fmt.Errorf("%s: want an object, got %T", m.Name, v)
	}
	for key := range o {
		if m.byName[key] == nil {
			return nil, fmt.Errorf("%s has no field %s", m.Name, key)
		}
	}
	var out []byte
	var err error
	for _, f := range m.Fields {
		value, ok := o[f.Name]
		if !ok || value == nil || f.Num == 0 {
			continue
		}
		if out, err = f.append(out, value); err != nil {
			return nil, fmt.Errorf("%s.%s: %v", m.Name, f.Name, err)
		}
	}
	return out, nil
}

func (f *Field) append(out []byte, v any) ([]byte, error) {
	switch {
	case f.Map:
		entries, ok := v.(Object)
		if !ok {
			return nil, fmt.Errorf("want a map, got %T", v)
		}
		for _, key := range sortedKeys(entries) {
			value, err := f.one(nil, 2, entries[key], true)
			if err != nil {
				return nil, err
			}
			out = pb.AppendBytes(out, f.Num, append(pb.AppendString(nil, 1, key), value...))
		}
		return out, nil
	case f.Repeated:
		items, ok := v.([]any)
		if !ok {
			return nil, fmt.Errorf("want a list, got %T", v)
		}
		if f.Kind == "string" || f.Kind == "bytes" || f.Kind == "message" {
			for _, item := range items {
				var err error
				if out, err = f.one(out, f.Num, item, true); err != nil {
					return nil, err
				}
			}
			return out, nil
		}
		var packed []byte
		for _, item := range items {
			n, err := f.number(item)
			if err != nil {
				return nil, err
			}
			packed = pb.AppendPacked(packed, f.wire(), n)
		}
		if packed == nil {
			return out, nil
		}
		return pb.AppendBytes(out, f.Num, packed), nil
	}
	return f.one(out, f.Num, v, f.Optional)
}

func sortedKeys(o Object) []string {
	keys := make([]string, 0, len(o))
	for key := range o {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// one appends a single value; a zero only when asked for.
func (f *Field) one(out []byte, num int, v any, zero bool) ([]byte, error) {
	switch f.Kind {
	case "string", "bytes":
		text, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("want a string, got %T", v)
		}
		raw := []byte(text)
		if f.Kind == "bytes" {
			var err error
			if raw, err = base64.StdEncoding.DecodeString(text); err != nil {
				return nil, err
			}
		}
		if len(raw) == 0 && !zero {
			return out, nil
		}
		return pb.AppendBytes(out, num, raw), nil
	case "message":
		raw, err := f.Message.encode(v)
		if err != nil {
			return nil, err
		}
		return pb.AppendBytes(out, num, raw), nil
	}
	n, err := f.number(v)
	if err != nil || (n == 0 && !zero) {
		return out, err
	}
	return pb.AppendPacked(pb.AppendTag(out, num, f.wire()), f.wire(), n), nil
}

func (f *Field) wire() int {
	switch f.Kind {
	case "float":
		return 5
	case "double":
		return 1
	}
	return 0
}

// number is the wire value: of a float its bits, of a negative integer its two's complement.
func (f *Field) number(v any) (uint64, error) {
	if b, ok := v.(bool); ok && f.Kind == "bool" {
		if b {
			return 1, nil
		}
		return 0, nil
	}
	text, isText := v.(string)
	if n, ok := v.(json.Number); ok {
		text = n.String()
	} else if !isText {
		return 0, fmt.Errorf("want %s, got %T", f.Kind, v)
	}
	switch f.Kind {
	case "enum":
		if n, ok := f.Enum.Number(text); ok {
			return n, nil
		}
		return strconv.ParseUint(text, 10, 32)
	case "float", "double":
		x, err := strconv.ParseFloat(text, 64)
		if f.Kind == "float" {
			return uint64(math.Float32bits(float32(x))), err
		}
		return math.Float64bits(x), err
	case "uint32", "uint64":
		return strconv.ParseUint(text, 10, 64)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return uint64(n), err
}

func encodeTime(name string, v any) ([]byte, error) {
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%s: want a string, got %T", name, v)
	}
	seconds, nanos, err := splitTime(name, text)
	if err != nil {
		return nil, err
	}
	var out []byte
	if seconds != 0 {
		out = pb.AppendVarint(out, 1, uint64(seconds))
	}
	if nanos != 0 {
		out = pb.AppendVarint(out, 2, uint64(nanos))
	}
	return out, nil
}

func splitTime(name, text string) (seconds, nanos int64, err error) {
	if name == "Timestamp" {
		t, err := time.Parse(time.RFC3339Nano, text)
		return t.Unix(), int64(t.Nanosecond()), err
	}
	if !strings.HasSuffix(text, "s") {
		return 0, 0, fmt.Errorf("bad duration %q", text)
	}
	d, err := time.ParseDuration(text)
	return int64(d / time.Second), int64(d % time.Second), err
}
