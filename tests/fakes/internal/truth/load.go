package truth

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// attempt is one record of a call that was made while the proxy may have been killed.
type attempt struct {
	origin
	whole time.Time // zero: the client did not see the end of it
	began time.Time
}

// Load plays scripts while somebody else kills and restarts the proxy, as told by lines "kill MS" (the
// time of the kill in Unix milliseconds) on `orders`, until that ends. Then it compares: what the
// client saw whole more than `allowance` before a kill is recorded exactly once, and nothing is
// recorded twice.
func (st *Stage) Load(o RunOptions, orders io.Reader, allowance time.Duration) (*Result, error) {
	var (
		mu       sync.Mutex
		attempts []attempt
		kills    []time.Time
		next     int
		stopped  bool
		wg       sync.WaitGroup
	)
	result := &Result{ByWire: map[string]int{}}
	for w := 0; w < o.Parallel; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				mu.Lock()
				index, over := next, stopped
				next++
				mu.Unlock()
				if over {
					return
				}
				s := newScript(st.Options, index)
				p := &play{script: s, toldAll: make(chan struct{}), ended: make(chan struct{})}
				began := time.Now()
				err := st.play(p)
				mu.Lock()
				result.Connections++
				if err != nil {
					result.Failed++
				}
				for i, r := range s.records {
					a := attempt{origin: expectedOf(r, s.index, o.Prices, began), began: began}
					if i < len(p.whole) {
						a.whole = p.whole[i]
					}
					attempts = append(attempts, a)
				}
				mu.Unlock()
				if err != nil {
					time.Sleep(20 * time.Millisecond) // the proxy may not be there
				}
			}
		}()
	}
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		var ms int64
		if _, err := fmt.Sscanf(lines.Text(), "kill %d", &ms); err == nil {
			mu.Lock()
			kills = append(kills, time.UnixMilli(ms))
			mu.Unlock()
		}
	}
	mu.Lock()
	stopped = true
	mu.Unlock()
	wg.Wait()
	if err := quiet(o.API); err != nil {
		return nil, err
	}
	recorded, err := FetchRecords(o.API, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	result.Exchanges = len(attempts)
	result.Report = compareKilled(attempts, recorded, kills, allowance, o.Optional)
	return result, nil
}

// compareKilled compares what must be recorded despite the kills.
func compareKilled(attempts []attempt, recorded []object, kills []time.Time, allowance time.Duration, optional []string) *Report {
	r := &Report{Recorded: len(recorded), Absent: map[string]bool{}}
	skip := map[string]bool{}
	for _, name := range optional {
		skip[name] = true
	}
	got := map[string][]object{}
	ids := map[string]int{}
	for _, o := range recorded {
		got[key(o)] = append(got[key(o)], o)
		ids[text(o["id"])]++
	}
	for id, n := range ids {
		if n > 1 {
			r.add("record %s is there %d times", id, n)
		}
	}
	made := map[string]int{}
	for _, a := range attempts {
		made[key(a.fields)]++
	}
	lost, doubtful := 0, 0
	for _, a := range attempts {
		k := key(a.fields)
		if strings.HasPrefix(k, "anonymous") {
			continue // cannot be told apart from others
		}
		if len(got[k]) > made[k] {
			r.add("script %d: recorded %d times: %s", a.script, len(got[k]), k)
		}
		sure := !a.whole.IsZero()
		for _, kill := range kills {
			// What a client reads after the kill of the process that served it was on its way before.
			if a.began.Before(kill) && a.whole.Add(allowance).After(kill) {
				sure = false
			}
		}
		if !sure {
			doubtful++
			if len(got[k]) == 0 {
				lost++
			}
			continue
		}
		r.Expected++
		switch {
		case len(got[k]) == 0:
			r.add("script %d: lost, %s before a kill: %s", a.script, nextKill(a.whole, kills), k)
		case made[k] == 1:
			for _, d := range r.differ(a.against(got[k][0]), got[k][0], skip) {
				r.add("script %d: %s: %s", a.script, k, d)
			}
		}
	}
	for k, list := range got {
		if made[k] == 0 && !strings.HasPrefix(k, "anonymous") {
			// The id may have been in an answer that was cut: then the path has to do.
			r.Unknown += len(list)
		}
	}
	r.Doubtful, r.Lost = doubtful, lost
	return r
}

func nextKill(at time.Time, kills []time.Time) string {
	for _, kill := range kills {
		if kill.After(at) {
			return strconv.FormatInt(kill.Sub(at).Milliseconds(), 10) + " ms"
		}
	}
	return "long"
}
