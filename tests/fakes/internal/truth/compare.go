package truth

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Report is what came of a comparison.
type Report struct {
	Expected, Recorded int
	Differences        int
	Lines              []string        // the first differences
	Absent             map[string]bool // fields that the records do not have

	// Of a run with kills: calls under way then, those of them without a record, records of none of the calls.
	Doubtful, Lost, Unknown int
}

func (r *Report) add(format string, args ...any) {
	r.Differences++
	if len(r.Lines) < 60 {
		r.Lines = append(r.Lines, fmt.Sprintf(format, args...))
	}
}

func tree(v any) object {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	o, ok := parse(string(text))
	if !ok {
		panic("no JSON: " + string(text))
	}
	return o.(object)
}

// FetchRecords pages through all records that began in a span of time; a zero time is no limit.
func FetchRecords(api string, since, until time.Time) ([]object, error) {
	var all []object
	for cursor := ""; ; {
		page, err := fetch(recordsPage(api, cursor, since, until))
		if err != nil {
			return nil, err
		}
		for _, r := range list(page["records"]) {
			all = append(all, r.(object))
		}
		if cursor = text(page["next_cursor"]); cursor == "" {
			return all, nil
		}
	}
}

// fetchIDs pages through all records there are, and looks at nothing but their ids.
func fetchIDs(api string, take func(id string)) error {
	for cursor := ""; ; {
		address := recordsPage(api, cursor, time.Time{}, time.Time{})
		body, err := get(address)
		if err != nil {
			return err
		}
		var page struct {
			Records []struct {
				ID string `json:"id"`
			} `json:"records"`
			Next string `json:"next_cursor"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
		for _, r := range page.Records {
			take(r.ID)
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

func recordsPage(api, cursor string, since, until time.Time) string {
	q := url.Values{"limit": {"1000"}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	if !since.IsZero() {
		q.Set("since", stamp(since))
	}
	if !until.IsZero() {
		q.Set("until", stamp(until))
	}
	return api + "/v1/usage/records?" + q.Encode()
}

// stamp is a time as records have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

var apiClient = &http.Client{Timeout: 60 * time.Second}

func get(address string) ([]byte, error) {
	answer, err := apiClient.Get(address)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != 200 {
		err = fmt.Errorf("%s: %s: %.300s", address, answer.Status, body)
	}
	return body, err
}

func fetch(address string) (object, error) {
	body, err := get(address)
	if err != nil {
		return nil, err
	}
	v, ok := parse(string(body))
	o, isObject := v.(object)
	if !ok || !isObject {
		return nil, fmt.Errorf("%s: no JSON object: %.300s", address, body)
	}
	return o, nil
}

// Status is GET /v1/status.
func Status(api string) (object, error) { return fetch(api + "/v1/status") }

// key tells records apart: by their own ids, else by all that they say.
func key(o object) string {
	if id := text(o["request_id"]); id != "" {
		return "request " + id
	}
	if id := text(o["response_id"]); id != "" {
		return "response " + id
	}
	return "anonymous " + text(o["protocol"]) + " " + text(o["host"]) + text(o["path"])
}

// origin is where an expected record comes from.
type origin struct {
	fields object
	script int
	costs  *costs // nil: what a call costs is not compared
}

// expectedOf makes what must be recorded of a call, at the prices of a time.
func expectedOf(r *Record, script int, prices *PriceList, at time.Time) origin {
	o := origin{tree(r), script, &costs{list: prices, record: r}}
	o.costs.put(o.fields, stamp(at))
	return o
}

// against is what must be recorded of a call that began when a record says.
func (o origin) against(got object) object {
	if o.costs != nil {
		o.costs.put(o.fields, text(got["started_at"]))
	}
	return o.fields
}

// Compare finds every difference between what must be recorded and what is.
func Compare(expected []origin, recorded []object, optional map[string]bool) *Report {
	r := &Report{Absent: map[string]bool{}}
	r.compare(expected, recorded, optional)
	return r
}

func (r *Report) compare(expected []origin, recorded []object, optional map[string]bool) {
	r.Expected += len(expected)
	r.Recorded += len(recorded)
	want := map[string][]origin{}
	for _, e := range expected {
		want[key(e.fields)] = append(want[key(e.fields)], e)
	}
	got := map[string][]object{}
	var keys []string
	for _, o := range recorded {
		k := key(o)
		if got[k] == nil {
			keys = append(keys, k)
		}
		got[k] = append(got[k], o)
	}
	for k := range want {
		if got[k] == nil {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		r.group(k, want[k], got[k], optional)
	}
}

// group compares records of one key: equal ones first, what is left by the least differences.
func (r *Report) group(k string, want []origin, got []object, optional map[string]bool) {
	left := append([]object{}, got...)
	var missing []origin
	for _, w := range want {
		found := -1
		for i, g := range left {
			if len(r.differ(w.against(g), g, optional)) == 0 {
				found = i
				break
			}
		}
		if found < 0 {
			missing = append(missing, w)
			continue
		}
		left = append(left[:found], left[found+1:]...)
	}
	for _, w := range missing {
		best, at := []string(nil), -1
		for i, g := range left {
			if d := r.differ(w.against(g), g, optional); at < 0 || len(d) < len(best) {
				best, at = d, i
			}
		}
		if at < 0 {
			r.add("script %d: not recorded: %s", w.script, show(w.fields))
			continue
		}
		for _, d := range best {
			r.add("script %d: %s: %s", w.script, k, d)
		}
		left = append(left[:at], left[at+1:]...)
	}
	for _, g := range left {
		r.add("recorded, but no such call was made: %s", show(g))
	}
}

func (r *Report) differ(want, got object, optional map[string]bool) (out []string) {
	for name, must := range want {
		have, ok := got[name]
		if !ok {
			r.Absent[name] = true
			if optional[name] {
				continue
			}
		}
		if same := name == "cost_usd" && sameUSD(must, have); !ok || !same && !equal(must, have) {
			out = append(out, fmt.Sprintf("%s is %s, must be %s", name, show(have), show(must)))
		}
	}
	sort.Strings(out)
	if !inOrder(text(got["started_at"]), text(got["first_byte_at"]), text(got["ended_at"])) {
		out = append(out, fmt.Sprintf("times are out of order: %s, %s, %s", text(got["started_at"]), text(got["first_byte_at"]), text(got["ended_at"])))
	}
	return out
}

// inOrder compares times, not texts: a full second has no fraction. What is empty is not known.
func inOrder(texts ...string) bool {
	var last time.Time
	for _, each := range texts {
		if each == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, each)
		if err != nil || at.Before(last) {
			return false
		}
		last = at
	}
	return true
}

// equal is reflect.DeepEqual for JSON, where most values are null or of one of two types.
func equal(want, have any) bool {
	switch w := want.(type) {
	case nil:
		return have == nil
	case string:
		h, ok := have.(string)
		return ok && h == w
	case json.Number:
		h, ok := have.(json.Number)
		return ok && h == w
	}
	return reflect.DeepEqual(want, have)
}

func show(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// sameUSD allows for the last digit of a number that is written in USD.
func sameUSD(want, have any) bool {
	w, isNumber := want.(json.Number)
	h, ok := have.(json.Number)
	if !isNumber || !ok {
		return want == nil && have == nil
	}
	exact, ok := new(big.Rat).SetString(w.String())
	written, isRat := new(big.Rat).SetString(h.String())
	if !ok || !isRat {
		return false
	}
	off := new(big.Rat).Sub(written, exact)
	limit := new(big.Rat).Mul(exact, big.NewRat(1, 1<<51))
	return off.Abs(off).Cmp(limit) <= 0
}

// sameCost compares a number in USD, null where nothing has a cost.
func sameCost(usd any, pico *big.Int) bool {
	if pico == nil {
		return usd == nil
	}
	exact, _ := new(big.Rat).SetFrac(pico, picoPerUSD).Float64()
	return sameUSD(json.Number(strconv.FormatFloat(exact, 'g', -1, 64)), usd)
}

var sumFields = strings.Fields("input_total input_uncached cached_input cache_write tool_use_prompt output_total reasoning total")

// tally adds up by model what must be recorded, as GET /v1/usage must.
type tally struct {
	sums     map[string]map[string]uint64
	costs    map[string]*big.Int
	unpriced map[string]uint64
	priced   int // of all models
}

func newTally() *tally {
	return &tally{map[string]map[string]uint64{}, map[string]*big.Int{}, map[string]uint64{}, 0}
}

func modelKey(name string) string {
	if name == "" {
		return "null"
	}
	return "=" + name
}

func (t *tally) expect(list []origin) {
	for _, e := range list {
		name := modelKey(text(e.fields["model"]))
		s := t.sums[name]
		if s == nil {
			s = map[string]uint64{}
			t.sums[name] = s
		}
		s["calls"]++
		s[map[string]string{"ok": "ok", "partial": "partial", "error": "errors"}[text(e.fields["outcome"])]]++
		u, ok := e.fields["usage"].(object)
		if !ok {
			s["usage_unknown"]++
		} else {
			for _, name := range sumFields {
				n, _, _ := wide(u[name])
				s[name] += n
			}
			if u["reasoning"] == nil {
				s["reasoning_unknown"]++
			}
		}
		for _, f := range e.fields["flags"].([]any) {
			s["flag "+text(f)]++
		}
		n, _ := e.fields["cost_pico_usd"].(json.Number)
		pico, ok := new(big.Int).SetString(n.String(), 10)
		if !ok {
			t.unpriced[name]++
			continue
		}
		t.priced++
		if t.costs[name] == nil {
			t.costs[name] = new(big.Int)
		}
		t.costs[name].Add(t.costs[name], pico)
	}
}

// wide is a number of a record, which may be above what a single counter may say.
func wide(v any) (uint64, bool, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false, false
	}
	i, err := n.Int64()
	return uint64(i), err == nil, err != nil
}

// CompareSums checks GET /v1/usage by model against the sum of what must be recorded.
func (r *Report) CompareSums(t *tally, usage object) {
	want := t.sums
	for _, group := range list(usage["groups"]) {
		o := group.(object)
		name := modelKey(text(at(o, "key", "model")))
		s := want[name]
		delete(want, name)
		for _, field := range append([]string{"calls", "ok", "partial", "errors", "usage_unknown", "reasoning_unknown"}, sumFields...) {
			if n, _, _ := wide(o[field]); n != s[field] {
				r.add("sums of model %s: %s is %s, must be %d", name, field, show(o[field]), s[field])
			}
		}
		if n, _, _ := wide(o["unpriced"]); n != t.unpriced[name] {
			r.add("sums of model %s: unpriced is %s, must be %d", name, show(o["unpriced"]), t.unpriced[name])
		}
		if !sameCost(o["cost_usd_estimate"], t.costs[name]) {
			r.add("sums of model %s: cost_usd_estimate is %s, must be %v pico-USD", name, show(o["cost_usd_estimate"]), t.costs[name])
		}
		for flag, v := range o["flags"].(object) {
			if n, _, _ := wide(v); n != s["flag "+flag] {
				r.add("sums of model %s: flag %s is %s, must be %d", name, flag, show(v), s["flag "+flag])
			}
		}
	}
	for name := range want {
		r.add("sums: model %s is missing", name)
	}
}
