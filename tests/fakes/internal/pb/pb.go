// Package pb reads and writes the protobuf wire format by hand: the doubles use the standard
// library only, and a second implementation keeps the product's own encoder honest.
package pb

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Field is one decoded field. Varint and fixed values are in Number, length-delimited ones in Bytes.
type Field struct {
	Num    int
	Wire   int
	Number uint64
	Bytes  []byte
}

// AppendVarint appends a varint field.
func AppendVarint(b []byte, num int, v uint64) []byte {
	b = binary.AppendUvarint(b, uint64(num)<<3)
	return binary.AppendUvarint(b, v)
}

// AppendTag appends the head of a field.
func AppendTag(b []byte, num, wire int) []byte {
	return binary.AppendUvarint(b, uint64(num)<<3|uint64(wire))
}

// AppendPacked appends a bare value of wire type 0 (varint), 1 (8 bytes) or 5 (4 bytes).
func AppendPacked(b []byte, wire int, v uint64) []byte {
	switch wire {
	case 1:
		return binary.LittleEndian.AppendUint64(b, v)
	case 5:
		return binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return binary.AppendUvarint(b, v)
}

// AppendBytes appends a length-delimited field.
func AppendBytes(b []byte, num int, v []byte) []byte {
	b = binary.AppendUvarint(b, uint64(num)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// AppendString appends a string field; an empty string is left out, as proto3 does.
func AppendString(b []byte, num int, v string) []byte {
	if v == "" {
		return b
	}
	return AppendBytes(b, num, []byte(v))
}

// Parse splits a message into its fields. Unknown fields are the caller's business.
func Parse(b []byte) ([]Field, error) {
	var out []Field
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errors.New("proto: bad tag")
		}
		b = b[n:]
		f := Field{Num: int(tag >> 3), Wire: int(tag & 7)}
		if f.Num == 0 {
			return nil, errors.New("proto: cannot parse invalid wire-format data: field number 0")
		}
		switch f.Wire {
		case 0:
			v, n := binary.Uvarint(b)
			if n <= 0 {
				return nil, errors.New("proto: bad varint")
			}
			f.Number = v
			b = b[n:]
		case 1, 5:
			size := 8
			if f.Wire == 5 {
				size = 4
			}
			if len(b) < size {
				return nil, errors.New("proto: unexpected EOF")
			}
			for i := size - 1; i >= 0; i-- {
				f.Number = f.Number<<8 | uint64(b[i])
			}
			b = b[size:]
		case 2:
			v, n := binary.Uvarint(b)
			if n <= 0 || v > uint64(len(b)-n) {
				return nil, errors.New("proto: unexpected EOF")
			}
			f.Bytes = b[n : n+int(v)]
			b = b[n+int(v):]
		default:
			return nil, fmt.Errorf("proto: cannot parse invalid wire-format data: wire type %d", f.Wire)
		}
		out = append(out, f)
	}
	return out, nil
}

// Get returns the last field with that number; proto3 lets the last one win.
func Get(fields []Field, num int) (Field, bool) {
	for i := len(fields) - 1; i >= 0; i-- {
		if fields[i].Num == num {
			return fields[i], true
		}
	}
	return Field{}, false
}

// String returns the text of a field, empty when absent.
func String(fields []Field, num int) string {
	f, _ := Get(fields, num)
	return string(f.Bytes)
}
