package schema

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"antigravity-proxy/fakes/internal/pb"
)

// Decode turns the wire form into the JSON form; fields that the message does not have are ignored.
func Decode(message string, raw []byte) (Object, error) {
	m, ok := Lookup(message)
	if !ok {
		return nil, fmt.Errorf("no message %s", message)
	}
	v, err := m.decode(raw)
	if err != nil {
		return nil, err
	}
	o, ok := v.(Object)
	if !ok {
		return nil, fmt.Errorf("%s is no object", message)
	}
	return o, nil
}

func (m *Message) decode(raw []byte) (any, error) {
	fields, err := pb.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", m.Name, err)
	}
	if m.Name == "Timestamp" || m.Name == "Duration" {
		seconds, _ := pb.Get(fields, 1)
		nanos, _ := pb.Get(fields, 2)
		if m.Name == "Timestamp" {
			return time.Unix(int64(seconds.Number), int64(nanos.Number)).UTC().Format(time.RFC3339Nano), nil
		}
		d := time.Duration(seconds.Number)*time.Second + time.Duration(nanos.Number)
		return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s", nil
	}
	out := Object{}
	for _, got := range fields {
		f := m.byNum[got.Num]
		if f == nil {
			continue
		}
		if err := f.read(out, got); err != nil {
			return nil, fmt.Errorf("%s.%s: %v", m.Name, f.Name, err)
		}
	}
	return out, nil
}

func (f *Field) read(out Object, got pb.Field) error {
	switch {
	case f.Map:
		entry, err := pb.Parse(got.Bytes)
		if err != nil {
			return err
		}
		raw, _ := pb.Get(entry, 2)
		value, err := f.value(raw)
		if err != nil {
			return err
		}
		entries, _ := out[f.Name].(Object)
		if entries == nil {
			entries = Object{}
			out[f.Name] = entries
		}
		entries[pb.String(entry, 1)] = value
		return nil
	case f.Repeated:
		list, _ := out[f.Name].([]any)
		if packed := got.Wire == 2 && f.Kind != "string" && f.Kind != "bytes" && f.Kind != "message"; packed {
			for rest := got.Bytes; len(rest) > 0; {
				n, size := unpack(rest, f.wire())
				if size <= 0 {
					return fmt.Errorf("bad packed list")
				}
				list, rest = append(list, f.scalar(n)), rest[size:]
			}
		} else {
			value, err := f.value(got)
			if err != nil {
				return err
			}
			list = append(list, value)
		}
		out[f.Name] = list
		return nil
	}
	value, err := f.value(got)
	out[f.Name] = value
	return err
}

func unpack(raw []byte, wire int) (uint64, int) {
	switch {
	case wire == 5 && len(raw) >= 4:
		return uint64(binary.LittleEndian.Uint32(raw)), 4
	case wire == 1 && len(raw) >= 8:
		return binary.LittleEndian.Uint64(raw), 8
	case wire == 0:
		return binary.Uvarint(raw)
	}
	return 0, 0
}

func (f *Field) value(got pb.Field) (any, error) {
	switch f.Kind {
	case "string":
		return string(got.Bytes), nil
	case "bytes":
		return base64.StdEncoding.EncodeToString(got.Bytes), nil
	case "message":
		return f.Message.decode(got.Bytes)
	}
	if got.Wire == 2 {
		return nil, fmt.Errorf("a length where a number belongs")
	}
	return f.scalar(got.Number), nil
}

// scalar is the JSON form of a number: 64 bits are strings, enums are names.
func (f *Field) scalar(n uint64) any {
	switch f.Kind {
	case "enum":
		return f.Enum.Name(n)
	case "bool":
		return n != 0
	case "float":
		return math.Float32frombits(uint32(n))
	case "double":
		return math.Float64frombits(n)
	case "int64":
		return strconv.FormatInt(int64(n), 10)
	case "uint64":
		return strconv.FormatUint(n, 10)
	case "uint32":
		return json.Number(strconv.FormatUint(uint64(uint32(n)), 10))
	}
	return json.Number(strconv.FormatInt(int64(int32(n)), 10))
}
