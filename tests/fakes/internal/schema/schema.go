// Package schema knows the messages of the language server by name, number and type, and turns their
// proto3 JSON form into the wire form and back. The doubles keep everything as JSON; this is how the
// same answer also goes out as binary protobuf, and as the diffs of the reactive streams.
package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// Object is a message in its JSON form.
type Object = map[string]any

// Field is one field of a message. Num is 0 when nobody documents it: such a field exists in JSON only.
type Field struct {
	Name     string
	Num      int
	Kind     string // a scalar, "enum" or "message"
	Enum     *Enum
	Message  *Message
	Repeated bool
	Map      bool // with string keys
	Optional bool // a zero is sent
}

// Message is one type.
type Message struct {
	Name   string
	Fields []*Field
	byName map[string]*Field
	byNum  map[int]*Field
}

// Enum has names with a common prefix.
type Enum struct {
	Prefix  string
	numbers map[string]uint64
	names   map[uint64]string
}

var (
	messages = map[string]*Message{}
	enums    = map[string]*Enum{}
)

func init() {
	for _, line := range append(strings.Split(enumTable, "\n"), "") {
		if name, rest, ok := strings.Cut(line, ":"); ok {
			addEnum(strings.TrimSpace(name), strings.Fields(rest))
		}
	}
	tables := commonTable + stepTable + serviceTable
	for _, line := range strings.Split(tables, "\n") {
		if name, _, ok := strings.Cut(line, ":"); ok {
			messages[name] = &Message{Name: name, byName: map[string]*Field{}, byNum: map[int]*Field{}}
		}
	}
	for _, line := range strings.Split(tables, "\n") {
		if name, rest, ok := strings.Cut(line, ":"); ok {
			for _, text := range strings.Fields(rest) {
				messages[name].add(text)
			}
		}
	}
}

func addEnum(name string, items []string) {
	e := &Enum{Prefix: items[0], numbers: map[string]uint64{}, names: map[uint64]string{}}
	for _, item := range append(items[1:], "UNSPECIFIED=0") {
		text, number, _ := strings.Cut(item, "=")
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			panic(name + ": " + item)
		}
		e.numbers[e.Prefix+text], e.names[n] = n, e.Prefix+text
	}
	enums[name] = e
}

// add reads name=number, with * for repeated, {} for a map, ? for optional, then :type; string is the
// default type and - stands for a number nobody knows.
func (m *Message) add(text string) {
	f := &Field{Kind: "string"}
	name, rest, ok := strings.Cut(text, "=")
	if !ok {
		panic(m.Name + ": " + text)
	}
	f.Name = name
	number, kind, typed := strings.Cut(rest, ":")
	switch {
	case strings.HasSuffix(number, "*"):
		f.Repeated = true
	case strings.HasSuffix(number, "{}"):
		f.Map = true
	case strings.HasSuffix(number, "?"):
		f.Optional = true
	}
	if number = strings.TrimRight(number, "*{}?"); number != "-" {
		n, err := strconv.Atoi(number)
		if err != nil || m.byNum[n] != nil {
			panic(m.Name + ": " + text)
		}
		f.Num = n
		m.byNum[n] = f
	}
	if typed {
		f.Kind = kind
	}
	if e, ok := enums[f.Kind]; ok {
		f.Kind, f.Enum = "enum", e
	} else if inner, ok := messages[f.Kind]; ok {
		f.Kind, f.Message = "message", inner
	} else if !scalars[f.Kind] {
		panic(fmt.Sprintf("%s.%s: no type %q", m.Name, f.Name, f.Kind))
	}
	m.Fields = append(m.Fields, f)
	m.byName[f.Name] = f
}

var scalars = map[string]bool{"string": true, "bytes": true, "bool": true, "int32": true, "int64": true,
	"uint32": true, "uint64": true, "float": true, "double": true}

// Lookup finds a message by its name.
func Lookup(name string) (*Message, bool) {
	m, ok := messages[name]
	return m, ok
}

// Number of an enum value by name, also for those of the model catalogue.
func (e *Enum) Number(name string) (uint64, bool) {
	if n, ok := e.numbers[name]; ok {
		return n, true
	}
	if text := strings.TrimPrefix(name, placeholder); text != name && e == enums["Model"] {
		n, err := strconv.ParseUint(text, 10, 16)
		return 1000 + n, err == nil
	}
	return 0, false
}

const placeholder = "MODEL_PLACEHOLDER_M"

// Name of an enum value; an unknown one is its number, as in proto3 JSON.
func (e *Enum) Name(n uint64) any {
	if name, ok := e.names[n]; ok {
		return name
	}
	if e == enums["Model"] && n >= 1000 {
		return placeholder + strconv.FormatUint(n-1000, 10)
	}
	return n
}

// ModelName is the name of a number of the enum Model, empty when it has none.
func ModelName(n uint64) string {
	name, _ := enums["Model"].Name(n).(string)
	return name
}
