package truth

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
)

// step is octets that one side sends and the other one must receive unchanged.
type step struct {
	fromClient bool
	data       []byte
}

// How a connection ends.
const (
	endClient      = "client"       // close_notify, then FIN, after the last answer
	endClientReset = "client-reset" // TCP reset
	endServer      = "server"       // close_notify, then FIN
	endServerFin   = "server-fin"   // FIN alone
	endServerReset = "server-reset"
)

// script is everything that happens on one connection, decided beforehand: both sides follow it, and
// neither has an HTTP implementation of its own that could hide what the proxy changes.
type script struct {
	index   int
	host    string
	alpn    []string // what the client offers
	steps   []step
	end     string
	records []*Record
	notes   []string    // one line for each exchange, when asked for
	whole   map[int]int // once the client has that step: how many of the records are those of whole exchanges
}

// mark finds the script on the server's side; it stands in the first request, in clear.
func mark(index int) string { return fmt.Sprintf("script-%08d-", index) }

func (s *script) add(fromClient bool, data []byte) {
	if len(data) == 0 {
		return
	}
	if n := len(s.steps); n > 0 && s.steps[n-1].fromClient == fromClient {
		s.steps[n-1].data = append(s.steps[n-1].data, data...)
		return
	}
	s.steps = append(s.steps, step{fromClient, append([]byte{}, data...)})
}

// isWhole notes that all records so far are of exchanges that end with the last step.
func (s *script) isWhole() {
	if s.whole == nil {
		s.whole = map[int]int{}
	}
	s.whole[len(s.steps)-1] = len(s.records)
}

func (x *exchange) target(index int) string {
	q := "truth=" + mark(index)
	if x.query != "" {
		q = x.query + "&" + q
	}
	if Secret != "" {
		q += "&key=" + Secret + "&access_token=" + Secret
	}
	return x.f.path + "?" + q
}

func fieldName(rng *rand.Rand, name string) string {
	switch rng.Intn(3) {
	case 0:
		return strings.ToLower(name)
	case 1:
		return strings.ToUpper(name)
	}
	return name
}

// secretFields are what else stands in the heads of requests and answers.
func secretFields(request bool) [][2]string {
	if Secret == "" {
		return nil
	}
	if request {
		return [][2]string{{"authorization", "Bearer " + Secret}, {"x-goog-api-key", Secret}, {"x-api-key", Secret}, {"cookie", "sid=" + Secret},
			{"user-agent", secretWord("")}, {"x-" + strings.ToLower(Secret), Secret}, {"referer", "https://" + Secret + "/"}}
	}
	return [][2]string{{"set-cookie", "sid=" + Secret}, {"x-debug", secretWord("")}, {"www-authenticate", "Bearer realm=" + Secret},
		{"location", "https://example.test/" + Secret}, {"anthropic-organization-id", Secret}}
}

// chunked frames data; sizes, their spelling and extensions are chance. Without last the final chunk
// is missing.
func chunked(rng *rand.Rand, data []byte, last bool, trailers bool) []byte {
	var b bytes.Buffer
	small := rng.Intn(4) == 0 && len(data) < 4000
	for len(data) > 0 {
		n := 1 + rng.Intn(len(data))
		if small {
			n = 1 + rng.Intn(min(7, len(data)))
		} else if rng.Intn(2) == 0 {
			n = 1 + rng.Intn(min(2000, len(data)))
		}
		format := "%x"
		switch rng.Intn(4) {
		case 0:
			format = "%X"
		case 1:
			format = "0%x"
		}
		fmt.Fprintf(&b, format, n)
		if rng.Intn(6) == 0 {
			b.WriteString(";name=value" + Secret + ";flag=\"a;b\"")
		}
		b.WriteString("\r\n")
		b.Write(data[:n])
		b.WriteString("\r\n")
		data = data[n:]
	}
	if last {
		b.WriteString("0\r\n")
		if trailers {
			b.WriteString("X-Body-Digest: sha-256=0" + Secret + "\r\nx-usage: {\"input_tokens\":999}\r\n")
		}
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// requestHTTP1 is the request as octets.
func (x *exchange) requestHTTP1(rng *rand.Rand, index int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n%s: %s\r\n", x.method, x.target(index), fieldName(rng, "Host"), x.f.host)
	fmt.Fprintf(&b, "%s: %s\r\n", fieldName(rng, "Accept-Encoding"), "gzip, deflate, br, zstd")
	for _, f := range secretFields(true) {
		fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
	}
	if x.request == nil {
		b.WriteString("\r\n")
		return b.Bytes()
	}
	body := x.request
	b.WriteString("Content-Type: application/json\r\n")
	if x.reqCode != "" {
		fmt.Fprintf(&b, "%s: %s\r\n", fieldName(rng, "Content-Encoding"), x.reqCode)
	}
	if rng.Intn(2) == 0 {
		fmt.Fprintf(&b, "%s: chunked\r\n\r\n", fieldName(rng, "Transfer-Encoding"))
		b.Write(chunked(rng, body, true, false))
	} else {
		fmt.Fprintf(&b, "%s: %d\r\n\r\n", fieldName(rng, "Content-Length"), len(body))
		b.Write(body)
	}
	return b.Bytes()
}

// responseHTTP1 is the answer as octets; interim are those of 1xx heads before it. It sets what the
// framing says of the end of the body. canClose: the connection may end with this body.
func (x *exchange) responseHTTP1(rng *rand.Rand, canClose bool) (interim, response []byte, end string) {
	var head bytes.Buffer
	for n := rng.Intn(3); n > 0 && rng.Intn(5) == 0; n-- {
		interim = append(interim, "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"...)
	}
	fmt.Fprintf(&head, "HTTP/1.1 %d %s%s\r\n", x.f.status, []string{"OK", "Whatever", ""}[rng.Intn(3)], Secret)
	x.fields = append(x.fields, secretFields(false)...)
	if x.contentType != "" {
		fmt.Fprintf(&head, "%s: %s\r\n", fieldName(rng, "Content-Type"), x.contentType)
	}
	if x.codeMark != "" {
		fmt.Fprintf(&head, "%s: %s\r\n", fieldName(rng, "Content-Encoding"), x.codeMark)
	}
	for _, f := range x.fields {
		fmt.Fprintf(&head, "%s: %s\r\n", fieldName(rng, f[0]), f[1])
	}
	data := x.coded[:x.sent]
	framing := []string{"chunked", "chunked", "length", "both"}[rng.Intn(4)]
	// A body without framing that the client leaves would look whole.
	if canClose && !x.leaves && rng.Intn(6) == 0 {
		framing = "close"
	}
	if !x.framed && framing == "length" && x.sent == len(x.coded) {
		framing = "chunked"
	}
	whole := x.framed && !x.leaves
	switch framing {
	case "length":
		n := len(data)
		if !whole {
			n = len(x.coded) + rng.Intn(10)
			if n == len(data) {
				n++
			}
		}
		fmt.Fprintf(&head, "%s: %d\r\n\r\n", fieldName(rng, "Content-Length"), n)
		head.Write(data)
	case "close":
		head.WriteString("Connection: close\r\n\r\n")
		head.Write(data)
	default:
		if framing == "both" && rng.Intn(3) == 0 {
			fmt.Fprintf(&head, "Content-Length: %d\r\n", rng.Intn(5000))
		}
		fmt.Fprintf(&head, "%s: chunked\r\n\r\n", fieldName(rng, "Transfer-Encoding"))
		body := chunked(rng, data, whole, rng.Intn(5) == 0)
		if !whole && rng.Intn(3) == 0 && len(data) > 0 {
			// The cut is inside of a chunk that promised more.
			body = append(body, fmt.Sprintf("%x\r\n", 1+rng.Intn(5000))...)
		}
		head.Write(body)
	}
	x.f.complete = whole
	switch {
	case x.leaves:
		end = []string{endClient, endClientReset}[rng.Intn(2)]
		x.f.closedBy = "client"
	case framing == "close" && whole:
		end = endServer
	case !whole:
		end = []string{endServer, endServerFin, endServerReset}[rng.Intn(3)]
		if framing == "close" {
			end = []string{endServerFin, endServerReset}[rng.Intn(2)]
		}
		x.f.closedBy = "upstream"
	}
	x.f.hasHead = true
	x.f.bytesIn = len(interim) + head.Len()
	return interim, head.Bytes(), end
}

func (g *generator) fill(s *script, x *exchange) {
	g.encode(x)
	defer func() {
		if !g.notes {
			return
		}
		s.notes = append(s.notes, fmt.Sprintf("%s %s%s: %d, coding %q said %q, %d of %d octets sent, framed %v, client leaves %v, body %.2000q", x.method,
			x.f.host, x.f.path, x.f.status, x.coding, x.codeMark, x.sent, len(x.coded), x.framed, x.leaves, x.body))
	}()
	if x.request != nil && x.method == "POST" && g.chance(10) {
		x.reqCode = g.pick("gzip", "zstd")
		var b bytes.Buffer
		x.request = encoded(&b, x.reqCode, x.request)
	}
}
