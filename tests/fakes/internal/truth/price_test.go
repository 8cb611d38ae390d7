package truth

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

const priceTables = "../../../../data/prices"

func readPrices(t *testing.T) *PriceList {
	t.Helper()
	p, err := ReadPrices(priceTables)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What the makers of the table compute from it.
func TestPricesAreThoseOfThePackageTheyComeFrom(t *testing.T) {
	p := readPrices(t)
	data, err := os.ReadFile(priceTables + "/checks.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Usages []map[string]uint64
		Checks [][5]any
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	number := func(v any) int64 {
		n, _ := v.(json.Number).Int64()
		return n
	}
	for _, c := range file.Checks {
		from := file.Usages[number(c[3])]
		u := Usage{InputTotal: from["input_tokens"], CachedInput: from["cache_read_tokens"], CacheWrite: from["cache_write_tokens"],
			CacheWriteByTTL: map[string]uint64{"1h": from["cache_write_1h_tokens"]}, OutputTotal: from["output_tokens"],
			InputByModality: map[string]uint64{"audio": from["input_audio_tokens"]}, CachedByModality: map[string]uint64{"audio": from["cache_audio_read_tokens"]},
			OutputByModality: map[string]uint64{"image": from["output_image_tokens"]}}
		u.InputUncached = u.InputTotal - u.CachedInput - u.CacheWrite
		r := &Record{Provider: c[0].(string), Model: pointer(c[1].(string)), Usage: &u}
		got, aliased := p.cost(r, time.UnixMilli(number(c[2])).UTC().Format("2006-01-02"))
		if got == nil || got.Int64() != number(c[4]) || aliased {
			t.Errorf("%v: %v pico-USD, aliased: %v", c, got, aliased)
		}
	}
	if len(file.Checks) < 1000 {
		t.Errorf("only %d checks", len(file.Checks))
	}
}

type priceCase struct {
	provider, model, day string
	usage                Usage
	change               func(r *Record)
	want                 string // of pico-USD, with "~" before that of a similar name
}

// The worked checks of the specification, and what it says of names, factors, fees and rows.
func TestPricesMeanWhatTheSpecificationSays(t *testing.T) {
	p := readPrices(t)
	input := func(n uint64) Usage { return Usage{InputTotal: n, InputUncached: n} }
	both := func(in, out uint64) Usage { return Usage{InputTotal: in, InputUncached: in, OutputTotal: out} }
	cached := func(in, read, out uint64) Usage {
		return Usage{InputTotal: in, InputUncached: in - read, CachedInput: read, OutputTotal: out}
	}
	tier := func(word string) func(*Record) { return func(r *Record) { r.ServiceTier = &word } }
	geo := func(word string) func(*Record) { return func(r *Record) { r.Modifiers.InferenceGeo = &word } }
	row := func(model string, u Usage) func(*Record) {
		return func(r *Record) { r.AdditionalUsage = []Additional{{Kind: "advisor_message", Model: &model, Usage: u}} }
	}
	m := uint64(1_000_000)
	for _, c := range []priceCase{
		{"google", "gemini-3.1-pro-preview", "", cached(9001, 8192, 141), nil, "4948400000"},
		{"google", "gemini-3.1-pro-preview", "", both(200000, 1000), nil, "412000000000"},
		{"google", "gemini-3.1-pro-preview", "", both(200001, 1000), nil, "818004000000"},
		{"google", "gemini-3-flash-preview", "", cached(2264, 1000, 350), func(r *Record) { r.Usage.InputByModality = map[string]uint64{"audio": 510} }, "1987000000"},
		{"google", "gemini-3.7-flash", "2026-12-31", input(m), nil, "750000000000"},
		{"google", "gemini-3.7-flash", "2027-01-01", input(m), nil, "1500000000000"},
		{"anthropic", "claude-opus-4-6", "", Usage{InputTotal: 20995, InputUncached: 3, CachedInput: 18432, CacheWrite: 2560,
			CacheWriteByTTL: map[string]uint64{"5m": 512, "1h": 2048}, OutputTotal: 611}, nil, "48186000000"},
		{"anthropic", "claude-sonnet-4-6", "2026-03-12", both(300000, 1000), nil, "1822500000000"},
		{"anthropic", "claude-sonnet-4-6", "2026-03-14", both(300000, 1000), nil, "915000000000"},
		{"openai", "gpt-5.1", "", cached(1300, 1024, 350), nil, "3973000000"},
		{"openai", "gpt-5.4", "", both(271999, 900), nil, "693497500000"},
		{"openai", "gpt-5.4", "", both(272000, 900), nil, "1380250000000"},
		{"openai", "gpt-5.6-sol", "", Usage{InputTotal: 16000, InputUncached: 464, CachedInput: 14336, CacheWrite: 1200, OutputTotal: 420}, nil, "21990400000"},

		{"google", "gemini-3-flash", "", input(m), nil, "~500000000000"},
		{"google", "Gemini-3-Pro-High", "", input(1000), nil, "~2000000000"},
		{"google", "gpt-oss-120b-medium", "", input(m), nil, "~39000000000"},
		{"google", "gemini-pro-agent", "", input(1000), nil, "~2000000000"},
		{"google", "claude-haiku-4-5@20260101", "", input(1000), nil, "1000000000"},
		{"google", "claude-sonnet-5-5@20260101", "", input(1000), nil, "-"},
		{"anthropic", "claude-sonnet-5-5", "", input(1000), nil, "-"},
		{"anthropic", "claude-sonnet-5-20260801", "", input(1000), nil, "2000000000"},
		{"openai", "gpt-5.1-20251113", "", input(1000), nil, "1250000000"},
		{"azure", "o4-mini", "", cached(1000, 1000, 0), nil, "280000000"},
		{"google", "gemma-4-31b-it", "", input(1000), nil, "-"},
		{"google", "gemini-2.5-pro-preview-tts", "", input(1000), nil, "1000000000"},
		{"openai", "no-such", "", input(1000), nil, "-"},

		{"openai", "gpt-5.1", "", cached(1300, 1024, 350), tier("batch"), "1986500000"},
		{"openai", "o4-mini", "", input(1), tier("priority"), "2000000"},
		{"openai", "gpt-4o-mini", "", input(1), tier("priority"), "250000"},
		{"openai", "gpt-5.4-nano", "", input(1), tier("priority"), "-"},
		{"anthropic", "claude-opus-4-6", "", input(1000), geo("us"), "5500000000"},
		{"anthropic", "claude-opus-4-5", "", input(1000), geo("us"), "5000000000"},
		{"anthropic", "claude-haiku-4-5", "", input(1000), func(r *Record) {
			r.ServerTools = map[string]uint64{"web_search": 3, "web_fetch": 7}
			r.ServiceTier = pointer("batch")
		}, "30500000000"},
		{"anthropic", "claude-sonnet-5", "", input(1000), row("claude-opus-5", both(1000, 10)), "7250000000"},
		{"anthropic", "claude-sonnet-5", "", input(1000), row("claude-mythos-1", both(1000, 10)), "-"},
		{"openai", "gpt-5.1", "", input(8_000_000_000), nil, "10000000000000000"},
		{"openai", "gpt-5.1", "", input(8_000_000_001), nil, "-"},
		{"openai", "gpt-5.1", "", Usage{}, nil, "0"},
	} {
		u := c.usage
		r := &Record{Provider: c.provider, Model: &c.model, Usage: &u}
		if c.change != nil {
			c.change(r)
		}
		if c.day == "" {
			c.day = "2026-11-20"
		}
		got := "-"
		if pico, aliased := p.cost(r, c.day); pico != nil {
			if got = pico.String(); aliased {
				got = "~" + got
			}
		}
		if got != c.want {
			t.Errorf("%s %s %s: %s, want %s", c.provider, c.model, c.day, got, c.want)
		}
	}
}

// The day of a call decides, not the one on which it is compared; a cost that is wrong is noticed.
func TestWrongCostsAreNoticed(t *testing.T) {
	p := readPrices(t)
	u := Usage{InputTotal: 1000, InputUncached: 1000}
	r := &Record{Provider: "google", API: "vertex", Model: pointer("gemini-3.7-flash"), Usage: &u, Flags: []string{}}
	stored := func(day string) object {
		o := tree(r)
		(&costs{list: p, record: r}).put(o, day)
		o["started_at"], o["ended_at"] = day, day
		return o
	}
	const old, current = "2026-12-31T23:59:59.999999Z", "2027-01-01T00:00:00.000000Z"
	expected := func() []origin { return []origin{expectedOf(r, 0, p, time.Date(2027, 1, 1, 0, 0, 9, 0, time.UTC))} }
	for _, day := range []string{old, current} {
		want, report, sums := expected(), &Report{Absent: map[string]bool{}}, newTally()
		report.compare(want, []object{stored(day)}, nil)
		sums.expect(want)
		estimate := map[string]string{old: "0.00075", current: "0.0015"}[day]
		report.CompareSums(sums, object{"groups": []any{object{"key": object{"model": "gemini-3.7-flash"}, "calls": json.Number("1"), "reasoning_unknown": json.Number("1"),
			"input_total": json.Number("1000"), "input_uncached": json.Number("1000"), "cost_usd_estimate": json.Number(estimate), "flags": object{}}}})
		if report.Differences != 0 {
			t.Errorf("%s: %v", day, report.Lines)
		}
	}
	for name, wrong := range map[string]any{"cost_usd": json.Number("0.00150000000001"), "cost_pico_usd": json.Number("1500000001"), "cost_basis": nil,
		"price_version": "proxy.yaml", "price_aliased": true} {
		o := stored(current)
		o[name] = wrong
		if report := Compare(expected(), []object{o}, nil); report.Differences != 1 || !strings.Contains(report.Lines[0], name) {
			t.Errorf("a wrong %s: %v", name, report.Lines)
		}
	}
}
