package truth

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// PriceList works out what a call costs, from the tables of data/prices and what the specification says
// of their meaning, with exact rational numbers.
type PriceList struct {
	version   string
	fallback  map[string][]string
	models    map[string][]*pricedModel // by provider, in the order in which they are tried
	suffixes  []string
	endings   []string
	aliases   []aliasRule
	factors   []factorRule
	mu        sync.Mutex
	remembers map[string]*quote
}

type pricedModel struct {
	id      string
	match   func(name string) bool
	periods []period
}

// period is prices since a day; the last one that has come counts.
type period struct {
	since string // "2026-03-13", "" for the first
	units map[string]unitPrice
}

// unitPrice is micro-USD per million tokens, or per thousand searches.
type unitPrice struct {
	base  *big.Int
	tiers []tierPrice
}

type tierPrice struct {
	above uint64
	price *big.Int
}

type aliasRule struct{ Model, As, Provider string }

type factorRule struct {
	Of, Source               string
	Words, Providers, Models []string
	Factor                   [2]int64
}

// quote is whose price a name has.
type quote struct {
	model   *pricedModel
	aliased bool
}

// otherModels are names that a pattern of the table takes for an older model, and that have no price. It is
// what the table does not know; the program has to.
var otherModels = []string{"claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2"}

// mostUSD is more than any call costs: what would cost more was counted wrong, and has no cost.
const mostUSD = 10_000

// ReadPrices reads the tables in a directory.
func ReadPrices(dir string) (*PriceList, error) {
	p := &PriceList{fallback: map[string][]string{}, models: map[string][]*pricedModel{}, remembers: map[string]*quote{}}
	var table struct {
		Schema, Version string
		Providers       []struct {
			ID       string
			Fallback []string
			Models   []struct {
				ID     string
				Match  object
				Prices []map[string]json.RawMessage
			}
		}
	}
	if err := readTable(filepath.Join(dir, "prices.json"), "antigravity-proxy.prices.v1", &table, &table.Schema); err != nil {
		return nil, err
	}
	p.version = table.Version
	for _, provider := range table.Providers {
		p.fallback[provider.ID] = provider.Fallback
		for _, m := range provider.Models {
			match, err := matcher(m.Match)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", provider.ID, m.ID, err)
			}
			made := &pricedModel{id: m.ID, match: match}
			for i, raw := range m.Prices {
				one, err := readPeriod(raw)
				if err != nil {
					return nil, fmt.Errorf("%s %s: %w", provider.ID, m.ID, err)
				}
				if (i == 0) != (one.since == "") {
					return nil, fmt.Errorf("%s %s: one entry, the first, must have no date", provider.ID, m.ID)
				}
				made.periods = append(made.periods, one)
			}
			p.models[provider.ID] = append(p.models[provider.ID], made)
		}
	}
	var rules struct {
		Schema            string
		Suffixes, Endings []string
		Aliases           []aliasRule
		Factors           []factorRule
	}
	if err := readTable(filepath.Join(dir, "rules.json"), "antigravity-proxy.price-rules.v1", &rules, &rules.Schema); err != nil {
		return nil, err
	}
	p.suffixes, p.endings, p.aliases, p.factors = rules.Suffixes, rules.Endings, rules.Aliases, rules.Factors
	return p, nil
}

func readTable(path, schema string, into any, has *string) error {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err == nil && *has != schema {
		err = fmt.Errorf("the schema is %q", *has)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

var units = map[string]bool{"input": true, "cached": true, "cache_write": true, "cache_write_1h": true, "output": true,
	"input_audio": true, "cached_audio": true, "output_audio": true, "input_image": true, "cached_image": true, "output_image": true,
	"input_video": true, "output_video": true, "web_search": true, "file_search": true}

func readPeriod(raw map[string]json.RawMessage) (period, error) {
	out := period{units: map[string]unitPrice{}}
	for name, text := range raw {
		if name == "start_date" {
			if err := json.Unmarshal(text, &out.since); err != nil {
				return out, err
			}
			continue
		}
		if !units[name] {
			return out, fmt.Errorf("%s is something new, which this oracle has to learn", name)
		}
		var tiered struct {
			Base  *int64
			Above [][2]int64
		}
		if json.Unmarshal(text, &tiered.Base) != nil {
			if err := json.Unmarshal(text, &tiered); err != nil || tiered.Base == nil {
				return out, fmt.Errorf("%s: %s is no price", name, text)
			}
		}
		price := unitPrice{base: big.NewInt(*tiered.Base)}
		for _, t := range tiered.Above {
			price.tiers = append(price.tiers, tierPrice{uint64(t[0]), big.NewInt(t[1])})
		}
		out.units[name] = price
	}
	return out, nil
}

// matcher makes a test of lower-case names from a rule of the table.
func matcher(rule object) (func(string) bool, error) {
	if len(rule) != 1 {
		return nil, fmt.Errorf("a rule with %d parts", len(rule))
	}
	for kind, v := range rule {
		word := strings.ToLower(text(v))
		switch kind {
		case "equals":
			return func(name string) bool { return name == word }, nil
		case "starts_with":
			return func(name string) bool { return strings.HasPrefix(name, word) }, nil
		case "ends_with":
			return func(name string) bool { return strings.HasSuffix(name, word) }, nil
		case "contains":
			return func(name string) bool { return strings.Contains(name, word) }, nil
		case "regex":
			// Go has no look-ahead. The table uses one form: "^(?!X)", what does not begin with X.
			written, negated := text(v), false
			if strings.HasPrefix(written, "^(?!") && strings.HasSuffix(written, ")") {
				written, negated = "^(?:"+written[len("^(?!"):], true
			}
			e, err := regexp.Compile(written)
			if err != nil {
				return nil, err
			}
			return func(name string) bool { return e.MatchString(name) != negated }, nil
		case "and", "or":
			var parts []func(string) bool
			for _, part := range list(v) {
				one, err := matcher(part.(object))
				if err != nil {
					return nil, err
				}
				parts = append(parts, one)
			}
			return func(name string) bool {
				for _, one := range parts {
					if one(name) != (kind == "and") {
						return kind == "or"
					}
				}
				return kind == "and"
			}, nil
		default:
			return nil, fmt.Errorf("%s is something new, which this oracle has to learn", kind)
		}
	}
	return nil, nil
}

var plainDate = regexp.MustCompile(`-(20\d\d)(\d\d)(\d\d)\b`)

// listed is the model that a provider's list, or one it falls back to, has for a name; then for the name with dashes in its date.
func (p *PriceList) listed(provider, name string) *pricedModel {
	for _, written := range []string{name, plainDate.ReplaceAllString(name, "-$1-$2-$3")} {
		for _, list := range append([]string{provider}, p.fallback[provider]...) {
			for _, m := range p.models[list] {
				if m.match(written) {
					return m
				}
			}
		}
	}
	return nil
}

// quote says whose price a name has at a provider; nil when there is none.
func (p *PriceList) quote(provider, name string) *quote {
	name = strings.ToLower(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.remembers[provider+" "+name]
	if !ok {
		known = p.look(provider, name)
		p.remembers[provider+" "+name] = known
	}
	return known
}

func (p *PriceList) look(provider, name string) *quote {
	for _, other := range otherModels {
		if rest := strings.TrimPrefix(name, other); rest != name && (rest == "" || rest[0] == '@' || rest[0] == '-') {
			return nil
		}
	}
	if m := p.listed(provider, name); m != nil {
		return &quote{m, false}
	}
	// The name of another one: that of a rule, or the same with other ends.
	for plain := name; ; {
		for _, a := range p.aliases {
			if a.Model == plain {
				whose := provider
				if a.Provider != "" {
					whose = a.Provider
				}
				if m := p.listed(whose, a.As); m != nil {
					return &quote{m, true}
				}
			}
		}
		for _, ending := range p.endings {
			if m := p.listed(provider, plain+ending); m != nil {
				return &quote{m, true}
			}
		}
		longer := plain
		for _, suffix := range p.suffixes {
			if plain = strings.TrimSuffix(longer, suffix); plain != longer {
				break
			}
		}
		if plain == longer || plain == "" {
			return nil
		}
	}
}

// pricesOn is what a model costs on a day, "2026-11-22".
func (m *pricedModel) pricesOn(day string) map[string]unitPrice {
	units := m.periods[0].units
	for _, one := range m.periods[1:] {
		if one.since <= day {
			units = one.units
		}
	}
	return units
}

// factor is what the words of a record make of a list price; nil when one of them is not known.
func (p *PriceList) factor(r *Record, m *pricedModel) *big.Rat {
	product := big.NewRat(1, 1)
	for _, one := range []struct {
		of   string
		word *string
	}{{"tier", r.ServiceTier}, {"speed", r.Modifiers.Speed}, {"geo", r.Modifiers.InferenceGeo}} {
		if one.word == nil {
			continue
		}
		var rule *factorRule
		for i := range p.factors {
			f := &p.factors[i]
			if f.Of == one.of && has(f.Words, strings.ToLower(*one.word)) && (f.Providers == nil || has(f.Providers, r.Provider)) &&
				(f.Models == nil || named(f.Models, m.id)) {
				rule = f
				break
			}
		}
		if rule == nil {
			return nil
		}
		product.Mul(product, big.NewRat(rule.Factor[0], rule.Factor[1]))
	}
	return product
}

func has(list []string, word string) bool {
	for _, each := range list {
		if each == word {
			return true
		}
	}
	return false
}

// named: a star at the end of a pattern stands for anything.
func named(patterns []string, id string) bool {
	for _, pattern := range patterns {
		if pattern == id || strings.HasSuffix(pattern, "*") && strings.HasPrefix(id, strings.TrimSuffix(pattern, "*")) {
			return true
		}
	}
	return false
}

// tokenCost is the list price of all tokens in pico-USD; nil when some of them have no price.
func tokenCost(prices map[string]unitPrice, u *Usage) *big.Rat {
	if _, ok := prices["input"]; !ok {
		return nil // a model that is named and has no price
	}
	sum, known := new(big.Int), true
	// lot adds tokens of one class; units are its own price, then that of what it is part of.
	lot := func(tokens uint64, units ...string) {
		if tokens == 0 {
			return
		}
		for _, unit := range units {
			if price, ok := prices[unit]; ok {
				// All tokens of a call have the price of its size.
				each := price.base
				for _, t := range price.tiers {
					if u.InputTotal > t.above {
						each = t.price
					}
				}
				n := new(big.Int).SetUint64(tokens)
				sum.Add(sum, n.Mul(n, each))
				return
			}
		}
		known = false
	}
	fresh, read, out := u.InputUncached, u.CachedInput, u.OutputTotal
	for _, kind := range []string{"audio", "image", "video"} {
		if _, ok := prices["input_"+kind]; ok {
			// Both cached and of that kind are tokens of which both are said; there are no more of either than that.
			of := u.InputByModality[kind]
			both := least(of, u.CachedByModality[kind], read)
			only := least(of-both, fresh)
			lot(both, "cached_"+kind, "cached", "input_"+kind)
			lot(only, "input_"+kind)
			read, fresh = read-both, fresh-only
		}
		if _, ok := prices["output_"+kind]; ok {
			of := least(u.OutputByModality[kind], out)
			lot(of, "output_"+kind)
			out -= of
		}
	}
	lot(fresh, "input")
	lot(read, "cached", "input")
	hour := least(u.CacheWriteByTTL["1h"], u.CacheWrite)
	lot(hour, "cache_write_1h", "cache_write", "input")
	lot(u.CacheWrite-hour, "cache_write", "input") // the shortest, whatever is not said
	lot(out, "output")
	if !known {
		return nil
	}
	return new(big.Rat).SetInt(sum)
}

func least(n uint64, more ...uint64) uint64 {
	for _, m := range more {
		if m < n {
			n = m
		}
	}
	return n
}

// cost is what a call costs in pico-USD, and whether at the price of a similar name; nil when that is not known.
func (p *PriceList) cost(r *Record, day string) (pico *big.Int, aliased bool) {
	if r.Usage == nil || r.Model == nil {
		return nil, false
	}
	rows := append([]Additional{{Model: r.Model, Usage: *r.Usage}}, r.AdditionalUsage...)
	sum := new(big.Rat)
	for i := range rows {
		name := r.Model
		if rows[i].Model != nil {
			name = rows[i].Model
		}
		q := p.quote(r.Provider, *name)
		if q == nil {
			return nil, false
		}
		aliased = aliased || q.aliased
		prices := q.model.pricesOn(day)
		tokens, factor := tokenCost(prices, &rows[i].Usage), p.factor(r, q.model)
		if tokens == nil || factor == nil {
			return nil, false
		}
		sum.Add(sum, tokens.Mul(tokens, factor))
		if i > 0 {
			continue
		}
		for _, tool := range []string{"web_search", "file_search"} {
			if fee, ok := prices[tool]; ok {
				// Micro-USD per thousand are a thousand pico-USD each; no factor holds for them.
				n := new(big.Int).SetUint64(r.ServerTools[tool])
				n.Mul(n, fee.base).Mul(n, big.NewInt(1000))
				sum.Add(sum, new(big.Rat).SetInt(n))
			}
		}
	}
	// Rounded once, half a pico-USD to a whole one.
	twice := new(big.Int).Add(new(big.Int).Lsh(sum.Num(), 1), sum.Denom())
	pico = twice.Quo(twice, new(big.Int).Lsh(sum.Denom(), 1))
	if pico.Cmp(new(big.Int).Mul(big.NewInt(mostUSD), picoPerUSD)) > 0 {
		return nil, false
	}
	return pico, aliased
}

var picoPerUSD = big.NewInt(1_000_000_000_000)

// costs makes the fields of a record that say what its call costs.
type costs struct {
	list   *PriceList
	record *Record
	day    string // for which the fields are made
}

// put makes the fields for the time of a call, as records have it.
func (c *costs) put(fields object, started string) {
	if c.list == nil || len(started) < 10 || started[:10] == c.day {
		return
	}
	c.day = started[:10]
	for _, name := range []string{"cost_usd", "cost_pico_usd", "cost_basis", "price_version", "price_aliased"} {
		fields[name] = nil
	}
	if pico, aliased := c.list.cost(c.record, c.day); pico != nil {
		usd, _ := new(big.Rat).SetFrac(pico, picoPerUSD).Float64()
		fields["cost_usd"] = json.Number(strconv.FormatFloat(usd, 'g', -1, 64))
		fields["cost_pico_usd"] = json.Number(pico.String())
		fields["cost_basis"] = "list price estimate"
		fields["price_version"] = c.list.version
		fields["price_aliased"] = aliased
	}
}
