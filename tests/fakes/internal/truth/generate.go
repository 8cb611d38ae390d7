package truth

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand"
	"strings"

	"antigravity-proxy/fakes/internal/upstream"
)

// exchange is one request and its answer, before they are put on a wire.
type exchange struct {
	f       facts
	isCall  bool
	method  string
	query   string
	request []byte
	reqType string
	reqCode string // content coding of the request

	contentType string
	fields      [][2]string // further response fields
	body        string      // decoded
	ends        []int       // of the units of the body: events
	emptyIsOK   bool

	coded    []byte
	coding   string
	codeMark string     // value of Content-Encoding, "" when the field is left out
	marks    []codeMark // where a cut of a stored coding is well defined
	sent     int        // octets of coded that are sent
	framed   bool       // the framing says that the body is whole
	leaves   bool       // the client leaves
}

type codeMark struct{ coded, decoded int }

// generator invents the exchanges of one script.
type generator struct {
	rng   *rand.Rand
	seed  int64
	index int // of the script
	n     int // of the exchange in it
	notes bool
}

// priceless is a model that no price list has.
const priceless = "no-such-model-7"

// model chooses one, at times one without a price.
func (g *generator) model(list ...string) string {
	if g.chance(8) {
		return priceless
	}
	return g.pick(list...)
}

const cascades = 200

func (g *generator) chance(of int) bool { return g.rng.Intn(of) == 0 }

func (g *generator) pick(list ...string) string { return list[g.rng.Intn(len(list))] }

func (g *generator) tokens() uint64 {
	switch g.rng.Intn(13) {
	case 0:
		return 0
	case 1:
		return uint64(g.rng.Intn(10))
	case 2:
		return uint64(g.rng.Int63n(1_000_000_000_001))
	case 3, 4: // where prices change
		return []uint64{200000, 200000, 200001, 271999, 271999, 272000, 272000, 272001}[g.rng.Intn(8)]
	}
	return uint64(g.rng.Intn(200000))
}

// part is a share of n.
func (g *generator) part(n uint64) uint64 {
	if n == 0 || g.chance(3) {
		return 0
	}
	if g.chance(40) {
		return n + 1 + uint64(g.rng.Intn(100)) // parts larger than the whole do occur
	}
	return uint64(g.rng.Int63n(int64(n + 1)))
}

func (g *generator) uuid(r *rand.Rand) string {
	b := make([]byte, 16)
	r.Read(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (g *generator) id(prefix string) string {
	return fmt.Sprintf("%s%d-%d-%d", prefix, g.seed, g.index, g.n)
}

func (g *generator) toolName() string {
	return g.pick("run_command", "view_file", "grep_search", "write_to_file", "browser.open", "über-tool", "a b", longName("mcp__srv__do"))
}

// key writes the ids of the head, which later tell the records apart.
func (g *generator) idField(x *exchange) {
	if g.chance(6) {
		return
	}
	x.f.idHeader = g.id("req-")
	x.fields = append(x.fields, [2]string{g.pick("x-request-id", "request-id"), x.f.idHeader})
}

// refuse makes an answer with an HTTP error.
func (g *generator) refuse(x *exchange, err func(status int) any) {
	x.f.status = []int{400, 401, 403, 404, 413, 429, 429, 499, 500, 503, 529}[g.rng.Intn(11)]
	x.ends = nil
	switch g.rng.Intn(6) {
	case 0:
		x.contentType, x.body = "text/html", "<html><head><title>502</title></head><body>data: no</body></html>"
	case 1:
		x.body = ""
	default:
		s := newStyle(g.rng)
		s.pretty = g.chance(2)
		x.contentType = g.pick("application/json; charset=UTF-8", "application/json", "text/event-stream")
		x.body = s.text(err(x.f.status)) + g.pick("", "\n")
	}
}

// encode applies a content coding and decides how much of it is sent.
func (g *generator) encode(x *exchange) {
	x.coding = []string{"", "", "", "gzip", "gzip", "gzip", "deflate", "br", "zstd", "gzip+br", "raw-deflate", "x-fake"}[g.rng.Intn(12)]
	if x.coding == "x-fake" && !g.chance(4) || x.body == "" {
		x.coding = ""
	}
	ends := x.ends
	if len(ends) == 0 || ends[len(ends)-1] != len(x.body) {
		ends = append(append([]int{}, ends...), len(x.body))
	}
	x.marks = []codeMark{{0, 0}}
	var out bytes.Buffer
	if x.coding == "" {
		out.WriteString(x.body)
		for _, end := range ends {
			x.marks = append(x.marks, codeMark{end, end})
		}
		if g.chance(8) {
			x.codeMark = "identity"
		}
	} else {
		x.codeMark = upstream.CodingHeader(x.coding)
		members := x.coding == "gzip" && g.chance(6)
		coder, err := upstream.NewCoder(&out, x.coding)
		if err != nil {
			panic(err)
		}
		from, flushes := 0, g.rng.Intn(3)
		for i, end := range ends {
			io.WriteString(coder, x.body[from:end])
			from = end
			if members && i+1 < len(ends) {
				coder.Close()
				coder, _ = upstream.NewCoder(&out, x.coding)
			} else if flushes == 0 || flushes == 1 && g.chance(2) {
				coder.Flush()
				x.marks = append(x.marks, codeMark{out.Len(), end})
			}
		}
		coder.Close()
		if (x.coding == "gzip" || x.coding == "zstd") && g.chance(5) {
			x.codeMark = "" // the magic number has to do
		}
	}
	x.coded = out.Bytes()
	x.sent, x.framed = len(x.coded), true
	if !g.chance(5) {
		return
	}
	// Something is missing at the end: of the coding, of the framing, or because the client leaves.
	switch g.rng.Intn(4) {
	case 0:
		x.sent = g.cutAt(x)
		x.framed = x.coding != "" // clean framing around a coding that was cut
	case 1:
		x.sent, x.framed, x.leaves = g.cutAt(x), false, true
	default:
		x.sent, x.framed = g.cutAt(x), false
		if g.chance(4) {
			x.sent = len(x.coded)
		}
	}
}

func (g *generator) cutAt(x *exchange) int {
	switch x.coding {
	case "", "gzip", "deflate", "raw-deflate":
		if g.chance(3) {
			return x.marks[g.rng.Intn(len(x.marks))].coded
		}
		n := g.rng.Intn(len(x.coded) + 1)
		if x.coding == "" || !x.doubtful(n) {
			return n
		}
	}
	return x.marks[g.rng.Intn(len(x.marks))].coded
}

// doubtful: decoders may differ by a symbol in what they make of a cut, and it would matter here.
func (x *exchange) doubtful(n int) bool {
	one, other := *x, *x
	one.sent, other.sent = max(n-3, 0), min(n+3, len(x.coded))
	least, _ := one.received()
	most, _ := other.received()
	for _, end := range append([]int{len(x.body)}, x.ends...) {
		if len(least) <= end && end-8 <= len(most) {
			return true
		}
	}
	return begun(least) != begun(most)
}

// begun says what a body has begun with that its end breaks off.
func begun(body string) string {
	list := blocks(body)
	if len(list) == 0 {
		return shape(body, "")
	}
	last := list[len(list)-1]
	data := strings.TrimLeft(last.data, " \t\r\n")
	return fmt.Sprint(shape(body, ""), len(list), last.unterminated && last.hasData && data != "" && data[0] != ':', last.orphans != "")
}

// received is what a reader makes of the octets that were sent.
func (x *exchange) received() (string, coding) {
	if x.coding == "x-fake" {
		return "", codingUnknown
	}
	if x.sent == len(x.coded) {
		return x.body, codingGood
	}
	if x.sent == 0 || x.coding == "" {
		return x.body[:min(x.sent, len(x.body))], codingGood
	}
	for _, m := range x.marks {
		if m.coded == x.sent {
			return x.body[:m.decoded], codingCut
		}
	}
	switch x.coding {
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(x.coded[:x.sent]))
		if err != nil {
			return "", codingCut
		}
		out, err := io.ReadAll(z)
		if err == nil { // just between two members
			return string(out), codingGood
		}
		return string(out), codingCut
	case "deflate", "raw-deflate":
		return inflated(x.coded[:x.sent], x.coding == "deflate"), codingCut
	}
	panic("no prefix of " + x.coding)
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// expected is the record that the exchange must leave; nil when it is none.
func (x *exchange) expected() *Record {
	if !x.isCall {
		return nil
	}
	x.f.body, x.f.coding = x.received()
	x.f.contentType = x.contentType
	return expect(&x.f)
}

// aside invents a request that is no model call.
func (g *generator) aside(x *exchange) {
	rows := []struct{ method, host, path string }{
		{"POST", "daily-cloudcode-pa.googleapis.com", "/v1internal:countTokens"},
		{"POST", "daily-cloudcode-pa.googleapis.com", "/v1internal:loadCodeAssist"},
		{"POST", "cloudcode-pa.googleapis.com", "/v1internal:onboardUser"},
		{"POST", "cloudcode-pa.googleapis.com", "/v1internal:fetchAvailableModels"},
		{"POST", "cloudcode-pa.googleapis.com", "/v1internal:recordCodeAssistMetrics"},
		{"GET", "cloudcode-pa.googleapis.com", "/v1internal/operations/abc"},
		{"GET", "daily-cloudcode-pa.googleapis.com", "/v1internal:streamGenerateContent"},
		{"POST", "generativelanguage.googleapis.com", "/v1beta/models/gemini-3-flash:countTokens"},
		{"POST", "generativelanguage.googleapis.com", "/v1beta/models/gemini-embedding-001:embedContent"},
		{"POST", "generativelanguage.googleapis.com", "/v1beta/models/gemini-embedding-001:batchEmbedContents"},
		{"POST", "generativelanguage.googleapis.com", "/v1beta/models/imagen-4:predict"},
		{"POST", "generativelanguage.googleapis.com", "/v1beta/models/gemini-3-flash:batchGenerateContent"},
		{"GET", "generativelanguage.googleapis.com", "/v1beta/models"},
		{"GET", "generativelanguage.googleapis.com", "/v1beta/interactions/int_1"},
		{"POST", "generativelanguage.googleapis.com", "/v1beta/cachedContents"},
		{"POST", "us-central1-aiplatform.googleapis.com", "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict"},
		{"POST", "us-central1-aiplatform.googleapis.com", "/v1/projects/p/locations/l/publishers/google/models/gemini-3-flash:countTokens"},
		{"POST", "aiplatform.googleapis.com", "/v1/projects/p/locations/l/publishers/google/models/gemini-3-flash:computeTokens"},
		{"POST", "aiplatform.googleapis.com", "/v1/projects/p/locations/l/publishers/google/models/imagen:predict"},
		{"POST", "api.anthropic.com", "/v1/messages/count_tokens"},
		{"GET", "api.anthropic.com", "/v1/models"},
		{"GET", "api.anthropic.com", "/v1/messages"},
		{"POST", "api.anthropic.com", "/v1/messages/batches"},
		{"GET", "api.anthropic.com", "/v1/messages/batches/b1/results"},
		{"POST", "api.anthropic.com", "/api/event_logging/batch"},
		{"GET", "api.openai.com", "/v1/responses/resp_1"},
		{"POST", "api.openai.com", "/v1/responses/resp_1/cancel"},
		{"GET", "api.openai.com", "/v1/responses/resp_1/input_items"},
		{"POST", "api.openai.com", "/v1/responses/input_tokens"},
		{"GET", "api.openai.com", "/v1/chat/completions/chatcmpl-1"},
		{"POST", "api.openai.com", "/v1/embeddings"},
		{"POST", "api.openai.com", "/v1/moderations"},
		{"GET", "chatgpt.com", "/backend-api/codex/models"},
		{"POST", "truth.openai.azure.com", "/openai/deployments/d/embeddings"},
	}
	row := rows[g.rng.Intn(len(rows))]
	if Secret != "" && g.chance(3) {
		row.path = "/v1/files/" + Secret // of what is no model call not even the path is kept
	}
	x.method, x.f.host, x.f.path = row.method, row.host, row.path
	if g.chance(3) {
		x.query = "alt=sse&stream=true&starting_after=3"
	}
	if x.method == "POST" {
		x.request = []byte(`{"model":"gemini-3-flash","requestId":"agent/a/1/b/2","request":{"x":"` + Secret + `"}}`)
	}
	x.f.status, x.contentType = 200, g.pick("application/json", "text/event-stream")
	body := newStyle(g.rng).text(obj{{"totalTokens", 123}, {"usage", obj{{"input_tokens", 5}, {"output_tokens", 5}, {"total_tokens", 10}}},
		{"usageMetadata", obj{{"promptTokenCount", 123456}}}, {"candidates", arr{obj{{"finishReason", "STOP"}}}},
		{"status", "completed"}, {"type", "message"}, {"stop_reason", "end_turn"}})
	x.body = body
	if x.contentType == "text/event-stream" {
		e := newEventStream(g.rng)
		e.object("response.completed", obj{{"type", "response.completed"}, {"response", obj{{"id", "resp_1"}, {"usage", obj{{"input_tokens", 5}, {"output_tokens", 5}}}}}})
		x.body, x.ends = e.b.String(), e.ends
	}
}
