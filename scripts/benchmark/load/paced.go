package main

import (
	"fmt"
	"sync"
	"time"
)

// tally is what one stream saw.
type tally struct {
	delays                       []int64
	received, merged, disordered int64
	calls                        int64
}

// paced reads streams whose events carry when they were sent. Connections stand before the first
// stream starts; streams start evenly over one interval; the first event of each does not count,
// since it waits for the request.
func paced(d *dialer, s settings, out *result) error {
	if s.connections > s.streams || s.protocol != "h2" {
		s.connections = s.streams
	}
	sessions, err := openAll(d, s, out, 4096)
	if err != nil {
		return err
	}
	defer closeAll(sessions)
	interval := time.Duration(s.everyMicroseconds) * time.Microsecond
	target := fmt.Sprintf("%s?alt=sse&events=%d&every_us=%d", s.target(pathStream), s.events, s.everyMicroseconds)
	start := time.Now().Add(100 * time.Millisecond)
	deadline := start.Add(time.Duration(s.seconds * float64(time.Second)))
	length := time.Duration(s.events) * interval
	var mutex sync.Mutex
	var all tally
	expected := int64(0)
	every(s.streams, func(i int) {
		opened := sessions[i%len(sessions)]
		mine := tally{}
		asked := int64(0)
		time.Sleep(time.Until(start.Add(interval * time.Duration(i) / time.Duration(s.streams))))
		// A call that would end after the deadline is not begun, but each stream makes one.
		for asked == 0 || time.Now().Add(length).Before(deadline) {
			asked++
			if err := mine.read(opened, target, s.events, 2*length+20*time.Second); err != nil {
				out.fail(err)
				break
			}
		}
		mutex.Lock()
		defer mutex.Unlock()
		all.delays = append(all.delays, mine.delays...)
		all.received += mine.received
		all.merged += mine.merged
		all.disordered += mine.disordered
		all.calls += mine.calls
		expected += asked * int64(s.events)
	})
	out.Values["seconds"] = time.Since(start).Seconds()
	out.Values["events"] = float64(expected)
	out.Values["lost"] = float64(expected - all.received)
	out.Values["merged"] = float64(all.merged)
	out.Values["disordered"] = float64(all.disordered)
	out.summarize("delay", all.delays)
	s.count(out, all.calls)
	return nil
}

func (t *tally) read(opened *session, target string, events int, limit time.Duration) error {
	if opened.transport == nil {
		_ = opened.connection.SetDeadline(time.Now().Add(limit))
	}
	response, err := opened.do(target, "identity")
	if err != nil {
		return err
	}
	if opened.transport != nil {
		stop := time.AfterFunc(limit, func() { _ = response.Body.Close() })
		defer stop.Stop()
	}
	var found marks
	next := 0
	err = readAll(response.Body, func(piece []byte) {
		now := time.Now().UnixNano()
		together := int64(0)
		found.feed(piece, func(sequence int, sent int64) {
			if sequence != next {
				t.disordered++
			}
			if next = sequence + 1; sequence > 0 {
				t.delays = append(t.delays, now-sent)
			}
			t.received++
			together++
		})
		if together > 1 {
			t.merged += together - 1
		}
	})
	if err != nil {
		return err
	}
	if next != events {
		return fmt.Errorf("%d of %d events", next, events)
	}
	t.calls++
	return nil
}
