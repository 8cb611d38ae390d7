package schema

import (
	"fmt"
	"reflect"
	"strings"
)

// Diff is the MessageDiff (ls-protocol 3.6) that turns one JSON form of a message into another.
// Elements of lists and maps are sent whole, with a clear for every field that is gone, so that a
// client may replace the old element or apply the diff to it.
func Diff(message string, from, to any) (Object, error) {
	m, ok := Lookup(message)
	if !ok {
		return nil, fmt.Errorf("no message %s", message)
	}
	before, err := Plain(from)
	if err != nil {
		return nil, err
	}
	after, err := Plain(to)
	if err != nil {
		return nil, err
	}
	return m.diff(m.expand(before), m.expand(after), false)
}

// expand gives times their fields; everything else is an object already.
func (m *Message) expand(v any) Object {
	o, ok := v.(Object)
	if ok {
		return o
	}
	text, _ := v.(string)
	seconds, nanos, err := splitTime(m.Name, text)
	if err != nil {
		return Object{}
	}
	out := Object{}
	if seconds != 0 {
		out["seconds"] = fmt.Sprint(seconds)
	}
	if nanos != 0 {
		out["nanos"] = nanos
	}
	plain, err := Plain(out)
	if err != nil {
		return Object{}
	}
	return plain.(Object)
}

func (m *Message) diff(from, to Object, whole bool) (Object, error) {
	var diffs []any
	for _, f := range m.Fields {
		before, had := from[f.Name]
		after, has := to[f.Name]
		if f.Num == 0 || (!had && !has) || (!whole && had && has && reflect.DeepEqual(before, after)) {
			continue
		}
		one := Object{"fieldNumber": f.Num}
		diffs = append(diffs, one)
		var err error
		switch {
		case !has:
			one["clear"] = true
		case f.Map:
			one["updateMap"], err = f.mapDiff(before, after)
		case f.Repeated:
			one["updateRepeated"], err = f.listDiff(before, after, whole)
		default:
			one["updateSingular"], err = f.singular(before, after, whole)
		}
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %v", m.Name, f.Name, err)
		}
	}
	if diffs == nil {
		return Object{}, nil
	}
	return Object{"fieldDiffs": diffs}, nil
}

func (f *Field) mapDiff(before, after any) (Object, error) {
	from, _ := before.(Object)
	to, ok := after.(Object)
	if !ok {
		return nil, fmt.Errorf("want a map, got %T", after)
	}
	var diffs []any
	for _, key := range sortedKeys(to) {
		if reflect.DeepEqual(from[key], to[key]) {
			continue
		}
		value, err := f.singular(from[key], to[key], true)
		if err != nil {
			return nil, err
		}
		diffs = append(diffs, Object{"mapKey": Object{"stringValue": key}, "updateSingular": value})
	}
	for _, key := range sortedKeys(from) {
		if _, ok := to[key]; !ok {
			diffs = append(diffs, Object{"mapKey": Object{"stringValue": key}, "clear": true})
		}
	}
	return Object{"mapKeyDiffs": diffs}, nil
}

func (f *Field) listDiff(before, after any, whole bool) (Object, error) {
	from, _ := before.([]any)
	to, ok := after.([]any)
	if !ok {
		return nil, fmt.Errorf("want a list, got %T", after)
	}
	var values, indices []any
	for i, item := range to {
		var old any
		if i < len(from) {
			old = from[i]
			if !whole && reflect.DeepEqual(old, item) {
				continue
			}
		}
		value, err := f.singular(old, item, true)
		if err != nil {
			return nil, err
		}
		values, indices = append(values, value), append(indices, i)
	}
	out := Object{}
	if len(to) > 0 {
		out["newLength"] = len(to)
	}
	if values != nil {
		out["updateValues"], out["updateIndices"] = values, indices
	}
	return out, nil
}

func (f *Field) singular(before, after any, whole bool) (Object, error) {
	switch f.Kind {
	case "message":
		from := Object{}
		if before != nil {
			from = f.Message.expand(before)
		}
		inner, err := f.Message.diff(from, f.Message.expand(after), whole)
		return Object{"messageValue": inner}, err
	case "enum":
		n, err := f.number(after)
		return Object{"enumValue": n}, err
	case "string", "bytes", "bool":
		return Object{f.Kind + "Value": after}, nil
	}
	if _, err := f.number(after); err != nil {
		return nil, err
	}
	if strings.HasSuffix(f.Kind, "64") {
		return Object{f.Kind + "Value": fmt.Sprint(after)}, nil
	}
	return Object{f.Kind + "Value": after}, nil
}
