package truth

import "strings"

// block is what stands between two empty lines of an event stream.
type block struct {
	typ, data    string
	hasData      bool
	orphans      string // lines that are no fields
	unterminated bool
}

// blocks reads a whole event stream: the WHATWG rules, and an end of the body that ends the last line.
func blocks(body string) []block {
	body = strings.TrimPrefix(body, "\xEF\xBB\xBF")
	var out []block
	var now block
	var data, orphans []string
	begun := false
	flush := func(unterminated bool) {
		if begun {
			now.hasData = data != nil
			now.data, now.orphans = strings.Join(data, "\n"), strings.Join(orphans, "\n")
			now.unterminated = unterminated
			out = append(out, now)
		}
		now, data, orphans, begun = block{}, nil, nil, false
	}
	for body != "" {
		end := strings.IndexAny(body, "\r\n")
		line, next := body, ""
		if end >= 0 {
			line, next = body[:end], body[end+1:]
			if body[end] == '\r' {
				next = strings.TrimPrefix(next, "\n")
			}
		}
		body = next
		if line == "" {
			flush(false)
			continue
		}
		if line[0] == ':' {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "data":
			begun = true
			data = append(data, value)
		case "event":
			begun = true
			now.typ = value
		case "id", "retry":
		default:
			begun = true
			orphans = append(orphans, line)
		}
	}
	flush(true)
	return out
}
