package schema

import (
	"encoding/json"
	"fmt"
)

// Apply changes the JSON form of a message as a MessageDiff says, for tests that read the streams.
func Apply(message string, into Object, diff any) error {
	m, ok := Lookup(message)
	if !ok {
		return fmt.Errorf("no message %s", message)
	}
	plain, err := Plain(diff)
	if err != nil {
		return err
	}
	o, ok := plain.(Object)
	if !ok {
		return fmt.Errorf("%s: want a diff, got %T", message, plain)
	}
	m.apply(into, o, false)
	return nil
}

// apply is the client's side of ls-protocol 3.6: elements are replaced, or the diff is merged into them.
// The indices are the double's own, so they are not checked.
func (m *Message) apply(into Object, diff Object, merge bool) {
	list, _ := diff["fieldDiffs"].([]any)
	for _, item := range list {
		d := item.(Object)
		f := m.byNum[int(integer(d["fieldNumber"]))]
		switch {
		case d["clear"] == true:
			delete(into, f.Name)
		case d["updateSingular"] != nil:
			into[f.Name] = updated(f, into[f.Name], d["updateSingular"].(Object), true)
		case d["updateRepeated"] != nil:
			r := d["updateRepeated"].(Object)
			old, _ := into[f.Name].([]any)
			next := make([]any, integer(r["newLength"]))
			copy(next, old)
			values, _ := r["updateValues"].([]any)
			for k, v := range values {
				i := integer(r["updateIndices"].([]any)[k])
				next[i] = updated(f, next[i], v.(Object), merge)
			}
			into[f.Name] = next
		case d["updateMap"] != nil:
			entries, _ := into[f.Name].(Object)
			if entries == nil {
				entries = Object{}
				into[f.Name] = entries
			}
			for _, k := range d["updateMap"].(Object)["mapKeyDiffs"].([]any) {
				key := k.(Object)["mapKey"].(Object)["stringValue"].(string)
				if k.(Object)["clear"] == true {
					delete(entries, key)
				} else {
					entries[key] = updated(f, entries[key], k.(Object)["updateSingular"].(Object), merge)
				}
			}
		}
	}
}

func integer(v any) int64 {
	text, _ := v.(json.Number)
	n, _ := text.Int64()
	return n
}

func updated(f *Field, old any, v Object, merge bool) any {
	for key, inner := range v {
		switch {
		case key == "messageValue":
			into := Object{}
			if old != nil && merge {
				into = f.Message.expand(old)
			}
			f.Message.apply(into, inner.(Object), merge)
			return f.Message.fold(into)
		case key == "enumValue":
			return f.Enum.Name(uint64(integer(inner)))
		default:
			return inner
		}
	}
	return nil
}

// fold is the reverse of expand: times are text again.
func (m *Message) fold(o Object) any {
	if m.Name != "Timestamp" && m.Name != "Duration" {
		return o
	}
	raw, err := messages["Times"].encode(o)
	if err != nil {
		return nil
	}
	text, err := m.decode(raw)
	if err != nil {
		return nil
	}
	return text
}
