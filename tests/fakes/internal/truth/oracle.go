package truth

import (
	"sort"
	"strconv"
	"strings"
)

// coding is how the decoding of a body ended.
type coding int

const (
	codingGood coding = iota
	codingCut
	codingUnknown
)

// facts is everything that decides what is recorded of one exchange.
type facts struct {
	wire            string // google, anthropic, chat, completions, responses, interactions
	host, path      string // without the query
	protocol        string
	provider, api   string
	urlModel        string
	requestModel    string
	requestID       string // of the request's body
	requestType     string
	labelTrajectory string
	labelLastStep   string
	promptCascade   string // named by the system prompt
	promptEvidence  string

	hasHead     bool // the response's
	status      int
	contentType string
	tierHeader  string
	traceHeader string
	idHeader    string
	sequence    bool // body is JSON texts, one per WebSocket message

	body     string // decoded
	coding   coding
	complete bool // the framing says that the body is whole
	closedBy string
	bytesIn  int
	bytesOut int
	uid      int
}

// seen is what a reader of one wire format makes of a body.
type seen struct {
	record   *Record
	flags    map[string]bool
	ended    bool
	hasUsage bool
	isError  bool // the body says so
	noOutput bool // there is usage, but what stands for output is a placeholder
	tools    []string
}

func (s *seen) flag(name string) { s.flags[name] = true }

func (s *seen) tool(name string) {
	name = clip(name, 256)
	if name == "" || len(s.tools) == 128 {
		return
	}
	for _, known := range s.tools {
		if known == name {
			return
		}
	}
	s.tools = append(s.tools, name)
}

func (s *seen) model(name string) {
	if name = modelName(name); name != "" {
		s.record.Model, s.record.ModelSource = &name, pointer("response")
	}
}

func (s *seen) responseID(id string) {
	if id != "" {
		s.record.ResponseID = pointer(clip(id, 256))
	}
}

func (s *seen) err(e *CallError) {
	if e != nil {
		s.record.Error, s.isError = e, true
	}
}

// wireReader takes the events of a stream, or the one object of a JSON body.
type wireReader interface {
	// event takes one object; name is that of the SSE event, "" in a JSON body.
	event(name string, o object)
	// done takes "[DONE]" and says whether that has a meaning on this wire.
	done(data string) bool
	// whole is called after a complete JSON body.
	whole()
	// end works out finish and usage.
	end()
}

func newReader(f *facts, s *seen) wireReader {
	switch f.wire {
	case "google":
		return &googleReader{s: s}
	case "responses":
		return &responsesReader{s: s, plain: true}
	case "anthropic":
		return &anthropicReader{s: s}
	case "chat", "completions":
		return &chatReader{s: s}
	case "interactions":
		return &interactionsReader{s: s}
	}
	panic("no such wire: " + f.wire)
}

// shape says what a body is, by its first octet, then by what its head says.
func shape(body, contentType string) string {
	rest := strings.TrimPrefix(body, "\xEF\xBB\xBF")
	rest = strings.TrimLeft(rest, " \t\r\n")
	if rest == "" {
		return "empty"
	}
	switch rest[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	}
	if strings.HasPrefix(strings.ToLower(contentType), "text/event-stream") {
		return "sse"
	}
	for _, start := range []string{"data:", "event:", "id:", "retry:", ":"} {
		if strings.HasPrefix(rest, start) {
			return "sse"
		}
	}
	return "opaque"
}

func (s *seen) readSSE(body string, r wireReader) {
	for _, b := range blocks(body) {
		data := strings.Trim(b.data, " \t\r\n")
		if data == "[DONE]" {
			// Only where that has a meaning something was used that had not come to its end.
			if r.done(data) && b.unterminated {
				s.flag("unterminated_event")
			}
		} else if b.hasData && data != "" && data[0] != ':' {
			if b.unterminated {
				s.flag("unterminated_event")
			}
			v, ok := parse(data)
			o, isObject := v.(object)
			switch {
			case ok && isObject:
				r.event(b.typ, o)
			case !b.unterminated:
				s.flag("bad_event")
			}
		}
		if orphans := strings.Trim(b.orphans, " \t\r\n"); orphans != "" && orphans[0] == '{' {
			if v, ok := parse(orphans); ok && at(v, "error") != nil {
				if e := errorOf(at(v, "error")); e != nil {
					s.err(e)
					s.flag("trailing_error_json")
				}
			}
		}
	}
}

func (s *seen) read(f *facts, r wireReader) {
	switch shape(f.body, f.contentType) {
	case "empty":
	case "sse":
		s.record.Stream = true
		s.readSSE(f.body, r)
	case "object":
		v, ok := parse(strings.TrimPrefix(f.body, "\xEF\xBB\xBF"))
		if !ok {
			s.flag("bad_json")
			break
		}
		r.event("", v.(object))
		r.whole()
	case "array":
		s.record.Stream = true
		list, whole := elements(strings.TrimPrefix(f.body, "\xEF\xBB\xBF"))
		for _, v := range list {
			if o, ok := v.(object); ok {
				r.event("", o)
			}
		}
		if !whole {
			s.flag("bad_json")
		}
	default:
		s.flag("bad_json")
	}
	r.end()
}

// correlate ties the record to what the request's body says.
func correlate(f *facts, r *Record) {
	r.RequestKind, r.CascadeSource = "other", "none"
	if f.requestID != "" {
		r.RequestID = pointer(clip(f.requestID, 256))
	}
	segments := strings.Split(f.requestID, "/")
	switch segments[0] {
	case "agent", "checkpoint", "tab", "web_search":
		r.RequestKind = segments[0]
	}
	switch f.requestType {
	case "agent", "checkpoint", "tab", "web_search":
		r.RequestKind = f.requestType
	}
	if segments[0] == "agent" && len(segments) == 5 {
		r.CascadeID, r.CascadeSource, r.CascadeEvidence = &segments[1], "exact", pointer("request_id")
		r.TrajectoryID = &segments[3]
		if n, err := strconv.ParseUint(segments[4], 10, 64); err == nil {
			r.StepIndex = &n
		}
		return
	}
	if f.promptCascade != "" {
		// What a prompt names has to be known to be exact, and here no cascade is.
		r.CascadeID, r.CascadeSource, r.CascadeEvidence = &f.promptCascade, "inferred", &f.promptEvidence
	}
	if f.labelTrajectory != "" {
		r.TrajectoryID = &f.labelTrajectory
	}
	if n, err := strconv.ParseUint(f.labelLastStep, 10, 64); err == nil {
		r.StepIndex = pointer(n + 1)
	}
}

// Expect works out the record of an exchange.
func expect(f *facts) *Record {
	r := &Record{Host: f.host, Path: clip(f.path, 512), Protocol: f.protocol, LocalUID: f.uid, Provider: f.provider,
		API: f.api, BytesIn: uint64(f.bytesIn), BytesOut: uint64(f.bytesOut), UsageState: "none"}
	correlate(f, r)
	if name := modelName(f.requestModel); name != "" {
		r.Model, r.ModelSource = &name, pointer("request")
	}
	if name := modelName(f.urlModel); name != "" {
		r.Model, r.ModelSource = &name, pointer("url")
	}
	s := &seen{record: r, flags: map[string]bool{}}
	if f.hasHead {
		r.HTTPStatus = &f.status
		if f.tierHeader != "" {
			r.ServiceTier = pointer(strings.ToLower(word(f.tierHeader)))
		}
		if f.traceHeader != "" {
			r.TraceID = pointer(clip(f.traceHeader, 256))
		}
		if f.idHeader != "" {
			r.RequestID = pointer(clip(f.idHeader, 256))
		}
		switch {
		case f.coding == codingUnknown:
			s.flag("decode_error")
			s.ended = f.complete
		case f.sequence:
			s.record.Stream = true
			reader := newReader(f, s)
			reader.(*responsesReader).plain = false
			for _, message := range strings.Split(strings.TrimSuffix(f.body, "\x1e"), "\x1e") {
				if v, ok := parse(message); ok {
					if o, isObject := v.(object); isObject {
						reader.event("", o)
						continue
					}
				}
				s.flag("bad_event")
			}
			reader.end()
		default:
			s.read(f, newReader(f, s))
		}
	}
	if f.coding == codingCut || !f.complete {
		s.flag("truncated_body")
	}
	r.ToolCalls = s.tools
	if f.closedBy != "" {
		r.ClosedBy = &f.closedBy
	}
	if f.hasHead && f.status >= 400 && r.Error == nil {
		r.Error = &CallError{"http_error", strconv.Itoa(f.status)}
	}
	switch {
	case f.hasHead && f.status >= 400 || r.Error != nil:
		r.Outcome = "error"
	case s.ended:
		r.Outcome = "ok"
	default:
		r.Outcome = "partial"
	}
	switch {
	case r.Usage != nil && s.ended && !s.noOutput && (!s.isError || f.wire == "responses"):
		r.UsageState = "final"
	case r.Usage != nil:
		r.UsageState = "provisional"
	case r.Outcome == "ok":
		s.flag("usage_missing")
	}
	if r.Model == nil {
		s.flag("model_missing")
	}
	r.Flags = []string{}
	for name := range s.flags {
		r.Flags = append(r.Flags, name)
	}
	sort.Strings(r.Flags)
	if r.ToolCalls == nil {
		r.ToolCalls = []string{}
	}
	if r.AdditionalUsage == nil {
		r.AdditionalUsage = []Additional{}
	}
	if !s.hasUsage || r.Reported == nil {
		r.Reported = map[string]uint64{}
	}
	return r
}

// reportedOf is every counter of a provider under its own name.
func reportedOf(c counter, lists map[string]map[string]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for name, n := range c.values {
		out[name] = n
	}
	for name, l := range lists {
		for entry, n := range l {
			if n > 0 {
				out[name+"."+entry] = n
			}
		}
	}
	return out
}

// takeList reads an array of named numbers; a name that comes again is added to.
func (c *counter) takeList(lists *map[string]map[string]uint64, v any, list string, nameKey, countKey string) {
	entries, ok := v.([]any)
	if !ok {
		return
	}
	sums := map[string]uint64{}
	for _, entry := range entries {
		n, present, bad := count(at(entry, countKey))
		c.bad = c.bad || bad
		if present && n > 0 {
			sums[word(text(at(entry, nameKey)))] += n
		}
	}
	if *lists == nil {
		*lists = map[string]map[string]uint64{}
	}
	(*lists)[list] = sums
}

// settle fills the sums of a usage object and notes what does not fit together.
func (s *seen) settle(u *Usage) {
	if u.CachedInput+u.CacheWrite > u.InputTotal {
		s.flag("partition_mismatch")
		u.InputUncached = 0
	} else {
		u.InputUncached = u.InputTotal - u.CachedInput - u.CacheWrite
	}
	if u.Reasoning != nil && *u.Reasoning > u.OutputTotal {
		s.flag("partition_mismatch")
	}
	u.Total = u.InputTotal + u.OutputTotal
	if u.ReportedTotal != nil && *u.ReportedTotal != u.Total {
		s.flag("total_mismatch")
	}
	s.record.Usage = u
}
