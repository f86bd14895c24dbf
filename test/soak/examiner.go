package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// examiner looks at every answer, and reports what is wrong.
type examiner struct {
	clock    clock
	model    *oracle.Model
	journal  *journal
	tally    *tally
	stalls   *stalls
	patience time.Duration // until a question counts as lost
	margin   time.Duration // by which a question may come too late for a process that ends

	mu   sync.Mutex
	out  io.Writer
	told map[oracle.Kind]int
}

// tellLimit is how many violations of a kind are printed; all are counted.
const tellLimit = 20

// examine judges an answer.
func (e *examiner) examine(asked oracle.Asked, packet []byte, network string) {
	e.tally.answered(asked.Received - asked.Sent)
	m, err := unpack(packet)
	if err != nil {
		e.violation(asked, network, &oracle.Wrong{Kind: oracle.Garbled, Text: err.Error()})
		return
	}
	if network == "tcp" && m.Truncated {
		e.violation(asked, network, &oracle.Wrong{Kind: oracle.Flags, Text: "TC over TCP"})
	}
	e.tally.checked.Add(1)
	if m.Truncated {
		e.tally.truncated.Add(1)
	}
	if e.model.Resumed(asked) {
		e.tally.resumed.Add(1)
	}
	if w := e.model.Judge(asked, m); w != nil {
		e.violation(asked, network, w)
	}
}

// lost notes a question without an answer.
func (e *examiner) lost(asked oracle.Asked, network, how string) {
	asked.Received = e.clock.now()
	if e.model.Excused(asked.Sent, asked.Sent+e.margin) {
		e.tally.excused.Add(1)
		return
	}
	if e.stalls.within(asked.Sent, asked.Received) {
		e.tally.stalled.Add(1)
		return
	}
	e.tally.lost.Add(1)
	e.violation(asked, network, &oracle.Wrong{Kind: oracle.Lost, Text: how})
}

// violation reports something wrong, with what was done last.
func (e *examiner) violation(asked oracle.Asked, network string, w *oracle.Wrong) {
	e.tally.wrong(w.Kind)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told[w.Kind]++
	if n := e.told[w.Kind]; n > tellLimit {
		return
	} else if n == tellLimit {
		fmt.Fprintf(e.out, "WRONG more answers are %s; they are counted only\n", w.Kind)
		return
	}
	fmt.Fprintf(e.out, "WRONG at %s: %s over %s, asked at %s\n  %s: %s\n", stamp(asked.Received), asked.Question, network, stamp(asked.Sent), w.Kind, w.Text)
	if w.Allowed != "" {
		fmt.Fprintf(e.out, "  allowed: %s\n", w.Allowed)
	}
	fmt.Fprintf(e.out, "  last operations:\n    %s\n", strings.Join(e.journal.last(), "\n    "))
}

// fault reports something wrong that is no answer.
func (e *examiner) fault(kind oracle.Kind, format string, args ...any) {
	e.tally.wrong(kind)
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(e.out, "WRONG at %s: %s\n  last operations:\n    %s\n", stamp(e.clock.now()), fmt.Sprintf(format, args...),
		strings.Join(e.journal.last(), "\n    "))
}
