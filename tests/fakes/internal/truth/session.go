package truth

import (
	"fmt"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// AllWires are the kinds of exchanges there are; a kind that stands twice comes twice as often.
const AllWires = "google,google,anthropic,chat,responses,interactions,websocket,aside"

// RunOptions describe one run.
type RunOptions struct {
	Seed      int64
	Exchanges int
	Parallel  int
	Script    int // only this one; -1: all
	Wires     []string
	Optional  []string
	Prices    *PriceList // nil: what calls cost is not compared
	API       string
}

// Result is what came of a run.
type Result struct {
	*Report
	Connections, Exchanges, Failed, Fields int
	Priced                                 int // calls that have a cost
	ByWire                                 map[string]int
}

// AbsentNames are the fields that no record had.
func (r *Result) AbsentNames() []string {
	out := []string{}
	for name := range r.Absent {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// roundSize is how many calls are made before they are compared. No more than two rounds are kept.
const roundSize = 2000

// made is what must be recorded of one call.
type made struct {
	record *Record
	script int
}

// batch is a round: its calls, and when the records of them began.
type batch struct {
	calls        []made
	since, until time.Time
}

// run is one run of Run.
type run struct {
	*Stage
	o        RunOptions
	result   *Result
	failures []string
	next     int
	made     int
	tally    *tally
	seen     map[string]int // how often each id was on a page
	progress progress
}

// Run plays scripts until there were enough calls. Round by round the proxy comes to rest; what it has
// recorded is compared while the next round is played.
func (st *Stage) Run(o RunOptions) (*Result, error) {
	r := &run{Stage: st, o: o, tally: newTally(), seen: map[string]int{}}
	r.result = &Result{Report: &Report{Absent: map[string]bool{}}, ByWire: map[string]int{}}
	if o.Script >= 0 {
		r.next, r.o.Parallel = o.Script, 1
	}
	if o.Exchanges > loud {
		defer r.progress.show(o.Exchanges)()
	}
	rounds := make(chan batch)
	compared := make(chan error, 1)
	go func() {
		defer close(compared)
		for b := range rounds {
			if err := r.compare(b); err != nil {
				compared <- err
				return
			}
		}
	}()
	err := r.play(rounds, compared)
	close(rounds)
	if comparing := <-compared; err == nil {
		err = comparing
	}
	if err == nil {
		err = r.finish()
	}
	return r.result, err
}

// play makes the calls, a round at a time, unless comparing them has failed.
func (r *run) play(rounds chan<- batch, failed <-chan error) error {
	var b batch
	for {
		b.calls, b.since = nil, b.until
		over := r.round(&b)
		if err := quiet(r.o.API); err != nil {
			return err
		}
		b.until = time.Now()
		select {
		case rounds <- b:
		case err := <-failed:
			return err
		}
		if over {
			return nil
		}
	}
}

// round plays scripts until there are enough calls for a round; it says whether it was the last one.
func (r *run) round(b *batch) (over bool) {
	var (
		mu sync.Mutex
		wg sync.WaitGroup
	)
	take := func() *script {
		mu.Lock()
		over = r.made >= r.o.Exchanges || r.o.Script >= 0 && r.next > r.o.Script || len(r.failures) > 20
		if over || len(b.calls) >= roundSize {
			mu.Unlock()
			return nil
		}
		index := r.next
		r.next++
		mu.Unlock()
		return newScript(r.Options, index)
	}
	for w := 0; w < r.o.Parallel; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for s := take(); s != nil; s = take() {
				if r.o.Script >= 0 {
					fmt.Fprintln(os.Stderr, s)
					for _, note := range s.notes {
						fmt.Fprintln(os.Stderr, note)
					}
					for _, one := range s.steps {
						fmt.Fprintf(os.Stderr, "from client: %v\n%q\n", one.fromClient, one.data)
					}
				}
				err := r.Play(s)
				mu.Lock()
				r.result.Connections++
				r.made += len(s.records)
				r.progress.made.Add(int64(len(s.records)))
				for _, record := range s.records {
					b.calls = append(b.calls, made{record, s.index})
					r.result.ByWire[record.API+" "+record.Protocol]++
				}
				if err != nil {
					r.failures = append(r.failures, fmt.Sprintf("%v: %v", s, err))
				}
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	return over
}

// compare fetches the records of a round, compares and forgets them.
func (r *run) compare(b batch) error {
	recorded, err := FetchRecords(r.o.API, b.since, b.until)
	if err != nil {
		return err
	}
	expected := make([]origin, len(b.calls))
	for i, call := range b.calls {
		expected[i] = expectedOf(call.record, call.script, r.o.Prices, b.until)
		r.result.Fields += len(expected[i].fields)
	}
	optional := map[string]bool{}
	for _, name := range r.o.Optional {
		optional[name] = true
	}
	r.result.Report.compare(expected, recorded, optional)
	r.tally.expect(expected)
	for _, o := range recorded {
		id := text(o["id"])
		if r.seen[id]++; r.seen[id] > 1 {
			r.result.add("record %s is there more than once", id)
		}
	}
	r.progress.compared.Add(int64(len(expected)))
	r.progress.differences.Store(int64(r.result.Differences))
	return nil
}

// finish looks at all records once more, at once: those that were compared must be there, and no others.
func (r *run) finish() error {
	if err := fetchIDs(r.o.API, func(id string) {
		switch r.seen[id] {
		case 0:
			r.result.add("record %s was not there when its calls were compared", id)
		case seenAgain:
			r.result.add("record %s is there more than once", id)
		}
		r.seen[id] = seenAgain
	}); err != nil {
		return err
	}
	for id, n := range r.seen {
		if n != seenAgain {
			r.result.add("record %s is there no more", id)
		}
	}
	usage, err := fetch(r.o.API + "/v1/usage?group_by=model")
	if err != nil {
		return err
	}
	r.result.CompareSums(r.tally, usage)
	r.result.Priced = r.tally.priced
	r.result.Exchanges, r.result.Failed = r.made, len(r.failures)
	if len(r.failures) > 20 {
		r.failures = r.failures[:20]
	}
	r.result.Lines = append(r.failures, r.result.Lines...)
	return nil
}

// seenAgain is the count of an id that finish has seen.
const seenAgain = 1 << 30

// loud is the number of calls above which a run says how far it is.
const loud = 5000

// progress is how far a run is.
type progress struct {
	made, compared, differences atomic.Int64
}

// show says so on stderr every few seconds, until the function that it returns is called.
func (p *progress) show(of int) (stop func()) {
	began, tick, done := time.Now(), time.NewTicker(5*time.Second), make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				seconds := time.Since(began).Seconds()
				fmt.Fprintf(os.Stderr, "      %.0f s: %d of %d calls made (%.0f/s), %d compared, %d differences\n", seconds, p.made.Load(), of,
					float64(p.made.Load())/seconds, p.compared.Load(), p.differences.Load())
			}
		}
	}()
	return func() {
		tick.Stop()
		close(done)
	}
}

// quiet waits until no connection is open and every record is written.
func quiet(api string) error {
	end := time.Now().Add(60 * time.Second)
	for {
		status, err := Status(api)
		if err != nil {
			return err
		}
		if show(at(status, "interception", "open")) == "0" && show(at(status, "ledger", "waiting")) == "0" {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the proxy does not come to rest: %s", show(status))
		}
		time.Sleep(50 * time.Millisecond)
	}
}
