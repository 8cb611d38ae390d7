package truth

import (
	"fmt"
	"math/rand"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON as servers write it: ordered, in any spelling that means the same.
type (
	kv struct {
		k string
		v any
	}
	obj []kv
	arr []any
	raw string // stands as it is
)

// style is how one text is spelled.
type style struct {
	rng    *rand.Rand
	pretty bool
	spaced bool
	escape bool
	eol    string
}

func newStyle(rng *rand.Rand) style {
	s := style{rng: rng, eol: "\n"}
	switch rng.Intn(6) {
	case 0:
		s.pretty = true
	case 1, 2:
		s.spaced = true
	}
	s.escape = rng.Intn(4) == 0
	return s
}

func (s style) text(v any) string {
	var b strings.Builder
	b.Grow(512)
	s.value(&b, v, 0)
	return b.String()
}

func (s style) newline(b *strings.Builder, depth int) {
	if s.pretty {
		b.WriteString(s.eol)
		b.WriteString(strings.Repeat("  ", depth))
	}
}

func (s style) value(b *strings.Builder, v any, depth int) {
	switch t := v.(type) {
	case nil:
		b.WriteString("null")
	case raw:
		b.WriteString(string(t))
	case string:
		s.quote(b, t)
	case bool:
		b.WriteString(strconv.FormatBool(t))
	case int:
		b.WriteString(strconv.Itoa(t))
	case uint64:
		b.WriteString(strconv.FormatUint(t, 10))
	case arr:
		b.WriteByte('[')
		for i, e := range t {
			if i > 0 {
				b.WriteByte(',')
				if s.spaced {
					b.WriteByte(' ')
				}
			}
			s.newline(b, depth+1)
			s.value(b, e, depth+1)
		}
		if len(t) > 0 {
			s.newline(b, depth)
		}
		b.WriteByte(']')
	case obj:
		b.WriteByte('{')
		for i, e := range t {
			if i > 0 {
				b.WriteByte(',')
				if s.spaced {
					b.WriteByte(' ')
				}
			}
			s.newline(b, depth+1)
			s.quote(b, e.k)
			b.WriteByte(':')
			if s.spaced || s.pretty {
				b.WriteByte(' ')
			}
			s.value(b, e.v, depth+1)
		}
		if len(t) > 0 {
			s.newline(b, depth)
		}
		b.WriteByte('}')
	default:
		panic(fmt.Sprintf("no JSON for %T", v))
	}
}

// quote writes a string, which must be UTF-8.
func (s style) quote(b *strings.Builder, t string) {
	b.WriteByte('"')
	from := 0 // up to here everything is written
	for i, r := range t {
		written := ""
		switch {
		case r == '"':
			written = `\"`
		case r == '\\':
			written = `\\`
		case r == '\n':
			written = `\n`
		case r == '\r':
			written = `\r`
		case r == '/' && s.escape && s.rng.Intn(2) == 0:
			written = `\/`
		case r < 0x20 || s.escape && (r > 0x7E || s.rng.Intn(8) == 0):
		default:
			continue
		}
		b.WriteString(t[from:i])
		from = i + utf8.RuneLen(r)
		switch {
		case written != "":
			b.WriteString(written)
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			unit(b, hi, "0123456789ABCDEF")
			unit(b, lo, "0123456789abcdef")
		default:
			unit(b, r, "0123456789abcdef")
		}
	}
	b.WriteString(t[from:])
	b.WriteByte('"')
}

// unit writes one UTF-16 code unit. Texts have many of them, too many for fmt.
func unit(b *strings.Builder, r rune, digits string) {
	b.Write([]byte{'\\', 'u', digits[r>>12], digits[r>>8&15], digits[r>>4&15], digits[r&15]})
}

// number spells a count in one of the ways that the number rules accept.
func number(rng *rand.Rand, n uint64) any {
	switch rng.Intn(24) {
	case 0:
		return raw(fmt.Sprintf("%d.0", n))
	case 1:
		return strconv.FormatUint(n, 10)
	case 2:
		return raw(fmt.Sprintf("%de0", n))
	case 3:
		if n == 0 {
			return raw("0.0E5")
		}
		if n%10 == 0 {
			return raw(fmt.Sprintf("%dE+1", n/10))
		}
		return raw(fmt.Sprintf("%d0e-1", n))
	}
	return n
}

// badNumber is something that must be ignored where a count belongs.
func badNumber(rng *rand.Rand) any {
	all := []any{raw("-5"), raw("1.5"), true, false, raw("1e300"), raw("18446744073709551615"), raw("1000000000001"), arr{1}, obj{{"n", 1}},
		"-1", "12a", "", "99999999999999", raw("0.1e0"), raw("18446744073709551616"), raw("1e-2")}
	return all[rng.Intn(len(all))]
}

// shuffled is the same object in another order.
func shuffled(rng *rand.Rand, o obj) obj {
	out := append(obj{}, o...)
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// dressed has unknown fields that a reader must step over, with known names deep inside.
func dressed(rng *rand.Rand, o obj) obj {
	if Secret != "" {
		o = append(o[:len(o):len(o)], kv{"key " + Secret, obj{{Secret, Secret}}})
	}
	for n := rng.Intn(3); n > 0 && rng.Intn(3) == 0; n-- {
		i := rng.Intn(len(o) + 1)
		o = append(o[:i:i], append(obj{{fmt.Sprintf("future%d", rng.Intn(100)), junk(rng)}}, o[i:]...)...)
	}
	return o
}

func junk(rng *rand.Rand) any {
	switch rng.Intn(7) {
	case 0:
		return nil
	case 1:
		return rng.Intn(1000)
	case 2:
		return lookAlike
	case 3:
		return arr{obj{{"usageMetadata", obj{{"promptTokenCount", 777}}}}, arr{}, obj{}}
	case 4:
		return obj{{"usage", obj{{"input_tokens", 999}, {"output_tokens", 888}, {"prompt_tokens", 777}}}, {"finishReason", "STOP"}}
	case 5:
		return raw("-1.25e-7")
	}
	return obj{{"response", obj{{"modelVersion", "not-this"}, {"usageMetadata", obj{}}}}, {"error", obj{{"code", 1}}}}
}

const lookAlike = "\n\ndata: {\"usageMetadata\":{\"promptTokenCount\":999999}}\n\ndata: [DONE]\n\n{\"usage\":{\"input_tokens\":999999," +
	"\"prompt_tokens\":999999}}\r\n\r\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

// Secret, when set, is planted wherever a request or an answer has room for content, and must be found
// nowhere else afterwards.
var Secret string

// secretWord is a secret as a word of its own; a plain one without a secret to plant.
func secretWord(plain string) string {
	if Secret == "" {
		return plain
	}
	return "please keep " + Secret + " to yourself"
}

// longName is a name that is stored, with a secret behind what is stored of it.
func longName(plain string) string {
	if Secret == "" {
		return plain
	}
	return plain + strings.Repeat("n", 300) + Secret
}

// prose is model text: words, other scripts, look-alikes.
func prose(rng *rand.Rand, size int) string {
	var b strings.Builder
	words := []string{"the ", "meter ", "reads ", "streams ", "größer ", "данные ", "トークン", "😀 ", "\"quoted\" ", "\\ ", "{", "}", "\n", "data: ", "a/b "}
	if rng.Intn(6) == 0 {
		b.WriteString(lookAlike)
	}
	b.WriteString(Secret)
	for b.Len() < size {
		b.WriteString(words[rng.Intn(len(words))])
	}
	return b.String()
}

// eventStream writes SSE: line ends, comments, fields and blank lines at random.
type eventStream struct {
	rng   *rand.Rand
	eol   string // "" chooses anew for each line
	noise int    // 1 in so many places has some; 0: none
	b     strings.Builder
	ends  []int
}

func newEventStream(rng *rand.Rand) *eventStream {
	e := &eventStream{rng: rng, eol: []string{"\n", "\n", "\n", "\r\n", "\r\n", "\r", ""}[rng.Intn(7)]}
	e.noise = []int{0, 0, 2, 6}[rng.Intn(4)]
	if rng.Intn(12) == 0 {
		e.b.WriteString("\xEF\xBB\xBF")
	}
	return e
}

func (e *eventStream) line(text string) {
	e.b.WriteString(text)
	if e.eol != "" {
		e.b.WriteString(e.eol)
		return
	}
	ends := []string{"\r\n", "\r", "\n"}
	if text == "" && strings.HasSuffix(e.b.String(), "\r") {
		ends = ends[:2] // LF would only complete the line end before it
	}
	e.b.WriteString(ends[e.rng.Intn(len(ends))])
}

func (e *eventStream) clutter() {
	if e.noise == 0 || e.rng.Intn(e.noise) != 0 {
		return
	}
	switch e.rng.Intn(7) {
	case 0:
		e.line(": keepalive " + Secret)
	case 1:
		e.line("data: : keepalive " + Secret)
		e.line("")
	case 2:
		e.line(":")
		e.line("")
	case 3:
		e.line("id: 7" + Secret)
		e.line("retry: 10")
	case 4:
		e.line("")
	case 5:
		e.line("event: nothing-follows")
		e.line("")
	case 6:
		e.line("data:")
		e.line("")
	}
}

// event writes one event; the unit ends behind its blank line.
func (e *eventStream) event(name, data string) {
	e.clutter()
	if name != "" {
		e.line(e.field("event", name))
	}
	for _, l := range strings.Split(strings.ReplaceAll(data, "\r\n", "\n"), "\n") {
		e.line(e.field("data", l))
	}
	e.line("")
	e.ends = append(e.ends, e.b.Len())
}

func (e *eventStream) field(name, value string) string {
	if e.rng.Intn(5) == 0 && !strings.HasPrefix(value, " ") {
		return name + ":" + value
	}
	return name + ": " + value
}

// object writes one JSON event.
func (e *eventStream) object(name string, v any) {
	e.event(name, newStyle(e.rng).text(v))
}
