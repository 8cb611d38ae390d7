package truth

import (
	"fmt"
	"os"
	"sort"
	"sync"
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
	API       string
}

// Result is what came of a run.
type Result struct {
	*Report
	Connections, Exchanges, Failed, Fields int
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

// Run plays scripts until there were enough calls, then compares.
func (st *Stage) Run(o RunOptions) (*Result, error) {
	result := &Result{ByWire: map[string]int{}}
	var (
		mu       sync.Mutex
		expected []origin
		failures []string
		next     int
		wg       sync.WaitGroup
	)
	if o.Script >= 0 {
		next, o.Parallel = o.Script, 1
	}
	take := func() *script {
		mu.Lock()
		if len(expected) >= o.Exchanges || o.Script >= 0 && next > o.Script || len(failures) > 20 {
			mu.Unlock()
			return nil
		}
		index := next
		next++
		mu.Unlock()
		return newScript(st.Options, index)
	}
	for w := 0; w < o.Parallel; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for s := take(); s != nil; s = take() {
				if o.Script >= 0 {
					fmt.Fprintln(os.Stderr, s)
					for _, note := range s.notes {
						fmt.Fprintln(os.Stderr, note)
					}
					for _, one := range s.steps {
						fmt.Fprintf(os.Stderr, "from client: %v\n%q\n", one.fromClient, one.data)
					}
				}
				err := st.Play(s)
				mu.Lock()
				result.Connections++
				for _, r := range s.records {
					expected = append(expected, origin{tree(r), s.index})
					result.ByWire[r.API+" "+r.Protocol]++
				}
				if err != nil {
					failures = append(failures, fmt.Sprintf("%v: %v", s, err))
				}
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	result.Exchanges = len(expected)
	if err := quiet(o.API); err != nil {
		return nil, err
	}
	recorded, err := FetchRecords(o.API)
	if err != nil {
		return nil, err
	}
	optional := map[string]bool{}
	for _, name := range o.Optional {
		optional[name] = true
	}
	result.Report = Compare(expected, recorded, optional)
	usage, err := fetch(o.API + "/v1/usage?group_by=model")
	if err != nil {
		return nil, err
	}
	result.CompareSums(expected, recorded, usage)
	for _, e := range expected {
		result.Fields += len(e.fields)
	}
	result.Failed = len(failures)
	if len(failures) > 20 {
		failures = failures[:20]
	}
	result.Lines = append(failures, result.Lines...)
	return result, nil
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
