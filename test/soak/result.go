package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// result is what came of it.
type result struct {
	Seed          uint64                `json:"seed"`
	Seconds       float64               `json:"seconds"`
	Operations    map[string]int        `json:"operations"`
	Faults        map[string]int        `json:"faults"`
	Asked         int64                 `json:"asked"`
	Checked       int64                 `json:"checked"`
	Truncated     int64                 `json:"truncated"`
	Excused       int64                 `json:"lost_excused"`
	Stalled       int64                 `json:"lost_in_stalls"`
	Lost          int64                 `json:"lost"`
	Cut           int64                 `json:"tcp_asked_again"`
	Stalls        time.Duration         `json:"longest_stall_ns"`
	Strays        int64                 `json:"strays"`
	Held          int64                 `json:"held_back"`
	Median        time.Duration         `json:"median_ns"`
	Slow          time.Duration         `json:"p999_ns"`
	Slowest       time.Duration         `json:"slowest_ns"`
	Begin         gauges                `json:"begin"`
	End           gauges                `json:"end"`
	ReloadSeconds float64               `json:"reload_seconds,omitempty"`
	ReloadQPS     float64               `json:"reload_qps,omitempty"`
	Lives         int                   `json:"lives"`
	InOutage      int                   `json:"starts_in_outage"`
	Blank         int                   `json:"starts_without_state"`
	Resumed       int64                 `json:"answers_from_state"`
	SlowestResume time.Duration         `json:"slowest_start_from_state_ns"`
	OldestState   time.Duration         `json:"oldest_state_ns"`
	LogLines      int                   `json:"log_lines"`
	Warnings      int                   `json:"log_warnings"`
	Errors        int                   `json:"log_errors"`
	Wrong         map[oracle.Kind]int64 `json:"wrong"`
	AllWrong      int64                 `json:"wrong_sum"`
}

// What may be more at the end than at the beginning, of what a leak would grow.
const (
	sparePaths = 40 // goroutines, that come and go with queries
	spareFiles = 20
	// linesPerEvent is how many lines of log an operation or a fault may cause, on
	// average. More would be a flood.
	linesPerEvent = 8
)

// sum fills in what was counted, and judges what is not an answer.
func (s *stage) sum(r *result) {
	t := &s.tally
	r.Operations, r.Faults = s.journal.counts()
	r.Asked, r.Checked, r.Truncated = t.asked.Load(), t.checked.Load(), t.truncated.Load()
	r.Excused, r.Lost, r.Cut = t.excused.Load(), t.lost.Load(), t.cut.Load()
	r.Stalled, r.Stalls = t.stalled.Load(), s.examiner.stalls.longest()
	r.Strays, r.Held = t.strays.Load(), t.held.Load()
	r.InOutage, r.Blank, r.Resumed = s.returns.inOutage, s.returns.blank, t.resumed.Load()
	r.SlowestResume, r.OldestState = s.returns.slowest, s.returns.oldest
	r.Median, r.Slow, r.Slowest = t.within(0.5), t.within(0.999), t.within(1)
	log := s.process.log
	r.Lives, r.LogLines = s.process.lives, log.lineCount()
	r.Warnings, r.Errors = log.count(logWarning), log.count(logError)
	if n := log.count(logPanic); n > 0 {
		s.examiner.fault("panic", "the log tells of %d panics", n)
	}
	if most := linesPerEvent*(total(r.Operations)+total(r.Faults)) + 100; r.LogLines > most {
		s.examiner.fault("log flood", "%d lines of log, more than %d", r.LogLines, most)
	}
	r.Wrong, r.AllWrong = t.wrongKinds()
}

// leaks tells that there is more at the end than queries explain.
func (r *result) leaks() bool {
	return r.End.Goroutines-r.Begin.Goroutines > sparePaths || r.End.Files-r.Begin.Files > spareFiles
}

func total(counts map[string]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// write writes the result in one of its forms.
func (r *result) write(w io.Writer, form string) error {
	if form == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-36s %s\n", name, fmt.Sprintf(format, args...))
	}
	table := func(title string, counts map[string]int) {
		if len(counts) == 0 {
			return
		}
		fmt.Fprintf(w, "%s: %d\n", title, total(counts))
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			row(name, "%d", counts[name])
		}
	}
	table("operations", r.Operations)
	table("faults", r.Faults)
	fmt.Fprintf(w, "in %.0f s with seed %d, %d lives of the process:\n", r.Seconds, r.Seed, r.Lives)
	row("asked", "%d, %.0f/s", r.Asked, float64(r.Asked)/r.Seconds)
	row("answers checked", "%d (%d truncated)", r.Checked, r.Truncated)
	row("answered within", "%v (median), %v (99.9 %%), %v (slowest)", r.Median, r.Slow, r.Slowest)
	if r.ReloadSeconds > 0 {
		row("during the reloads", "%.0f s, asked %.0f/s", r.ReloadSeconds, r.ReloadQPS)
	}
	row("lost while away on purpose", "%d", r.Excused)
	row("lost while the machine stood still", "%d", r.Stalled)
	row("longest time that it did", "%v", r.Stalls.Round(time.Millisecond))
	row("lost otherwise", "%d", r.Lost)
	row("asked again over TCP", "%d", r.Cut)
	row("late or stray answers", "%d", r.Strays)
	row("not asked, as too many were open", "%d", r.Held)
	row("starts while Consul was away", "%d", r.InOutage)
	row("starts with no state to be found", "%d", r.Blank)
	row("answers from state alone, checked", "%d", r.Resumed)
	row("slowest start from state", "%v", r.SlowestResume.Round(time.Millisecond))
	row("oldest state at an end", "%v", r.OldestState.Round(time.Millisecond))
	row("goroutines, begin and end", "%d, %d", r.Begin.Goroutines, r.End.Goroutines)
	row("open files", "%d, %d", r.Begin.Files, r.End.Files)
	row("resident memory", "%.0f MB, %.0f MB", r.Begin.Resident/1e6, r.End.Resident/1e6)
	row("heap", "%.0f MB, %.0f MB", r.Begin.Heap/1e6, r.End.Heap/1e6)
	row("log lines", "%d (%d warnings, %d errors)", r.LogLines, r.Warnings, r.Errors)
	row("wrong", "%d %v", r.AllWrong, r.kinds())
	return nil
}

// kinds lists what was wrong.
func (r *result) kinds() (list []string) {
	for _, k := range slices.Sorted(maps.Keys(r.Wrong)) {
		list = append(list, fmt.Sprintf("%s: %d", k, r.Wrong[k]))
	}
	return list
}
