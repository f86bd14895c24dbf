//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/test/bench/figures"
)

// outcome is what was measured of one policy.
type outcome struct {
	Policy string `json:"policy"`
	Record string `json:"record"`

	Below90     float64            `json:"p_max_below_0.90"` // share of samples
	Below98     float64            `json:"p_max_below_0.98"`
	OverAverage map[string]float64 `json:"max_over_average"` // mean, by length of window
	Utilisation float64            `json:"utilisation"`
	P99         float64            `json:"page_p99_ms"`
	PageRate    float64            `json:"pages_per_second"`
	QueryRate   float64            `json:"queries_per_second"`
	Failures    map[string]int     `json:"failures"`
	Examples    map[string]string  `json:"failure_examples,omitempty"`

	GeneratorCPU float64 `json:"generator_cores"`
	GeneratorLag float64 `json:"generator_lag_p99_ms"`

	Samples []sample `json:"samples"`
}

// complete makes the figures of the samples, and of what clients noted.
func (o *outcome) complete(s settings, d *diary) {
	var lags []float64
	lags, o.Failures, o.Examples = d.whole()
	o.GeneratorLag = figures.Percentile(lags, .99)
	if len(o.Samples) == 0 {
		return
	}
	quotas, all := s.quotas(), sum(o.Samples)
	busiest := maxima(o.Samples, quotas)
	o.Below90, o.Below98 = below(busiest, .9), below(busiest, .98)
	o.OverAverage = map[string]float64{}
	for _, n := range s.spans() {
		if windows := merge(o.Samples, n); len(windows) > 0 {
			o.OverAverage[s.length(n)] = mean(overAverage(windows, quotas))
		}
	}
	o.Utilisation = mean(all.utilisation(quotas))
	o.P99 = all.p99()
	o.PageRate, o.QueryRate = float64(len(all.Pages))/all.Seconds, all.Queries/all.Seconds
}

// spans are the windows of max/avg, in samples: short ones show the papers'
// measure, the longest one is the headline.
func (s *settings) spans() []int {
	all := []int{1, max(1, s.span/4), s.span}
	return slices.Compact(all)
}

// length is that of n samples, for people.
func (s *settings) length(n int) string { return s.window(n).Round(time.Millisecond).String() }

func (o *outcome) failed() (n int) {
	for _, k := range o.Failures {
		n += k
	}
	return n
}

// report is the outcome of a run.
type report struct {
	Machine   string             `json:"machine"`
	Factor    float64            `json:"factor"`
	Seed      uint64             `json:"seed"`
	Clients   int                `json:"clients"`
	Resolvers []string           `json:"resolvers"` // kind and clients of each
	Quotas    []float64          `json:"quotas_cores"`
	Hit       hit                `json:"hit"`
	Chance    map[string]float64 `json:"chance_max_over_average"` // by length of window
	Outcomes  []outcome          `json:"policies"`

	settings settings
}

func newReport(s settings, h hit) *report {
	r := &report{
		Machine: figures.Machine(), Factor: s.factor, Seed: s.seed, Clients: s.clients,
		Quotas: s.quotas(), Hit: h, Chance: map[string]float64{}, settings: s,
	}
	for i, n := range zipf(s.clients, s.resolvers) {
		r.Resolvers = append(r.Resolvers, fmt.Sprintf("%s %d", kindOf(i).name, n))
	}
	for _, n := range s.spans() {
		r.Chance[s.length(n)] = chance(s, h, s.window(n))
	}
	return r
}

// preface says what is going to be measured.
func (r *report) preface() string {
	s := r.settings
	var b strings.Builder
	fmt.Fprintf(&b, "%d servers with quotas of", len(r.Quotas))
	for _, q := range r.Quotas {
		fmt.Fprintf(&b, " %.3f", q)
	}
	fmt.Fprintf(&b, " cores; %d clients behind %d resolvers; all times of the papers divided by %g\n", r.Clients, len(r.Resolvers), r.Factor)
	fmt.Fprintf(&b, "clients of the resolvers: %s\n", strings.Join(r.Resolvers, ", "))
	fmt.Fprintf(&b, "a hit takes %v of CPU on average, and %v for HTTP; %.0f pages/s are offered, for a utilisation of %.2f\n",
		r.Hit.CPU, r.Hit.Overhead, s.pageRate(), s.utilisation)
	fmt.Fprintf(&b, "max/avg that pure chance leaves if every server gets exactly its share:%s\n\n", r.windows(r.Chance))
	return b.String()
}

// windows lists values by length of window, the shortest first.
func (r *report) windows(values map[string]float64) string {
	var b strings.Builder
	for _, n := range r.settings.spans() {
		length := r.settings.length(n)
		if v, ok := values[length]; ok {
			fmt.Fprintf(&b, " %.3f over %s,", v, length)
		}
	}
	return strings.TrimSuffix(b.String(), ",")
}

// goal is what max/avg of headroom should stay below.
const goal = 1.15

// summary is what came out: what it took to load the servers, and then a line
// for each policy.
func (r *report) summary() string {
	var b strings.Builder
	b.WriteString("\n")
	for _, o := range r.Outcomes {
		r.detail(&b, o)
	}
	b.WriteString("\n")
	span := r.settings.length(r.settings.span)
	for _, o := range r.Outcomes {
		fmt.Fprintf(&b, "%s: P(max<.90) %.2f, P(max<.98) %.2f, max/avg %.2f (chance %.2f), page p99 %.0f ms, %.2f queries/s, %d failed\n",
			o.Policy, o.Below90, o.Below98, o.OverAverage[span], r.Chance[span], o.P99, o.QueryRate, o.failed())
	}
	for _, o := range r.Outcomes {
		if o.Policy == "headroom" {
			fmt.Fprintf(&b, "%s\n", figures.AtMost("max/avg of headroom", o.OverAverage[span], goal, ""))
		}
	}
	return b.String()
}

// detail is what tells whether the figures of a policy can be trusted.
func (r *report) detail(b *strings.Builder, o outcome) {
	fmt.Fprintf(b, "%s: max/avg%s; utilisation %.2f at %.0f pages/s; clients took %.2f cores, 99 %% of their timers were less than %.1f ms late\n",
		o.Policy, r.windows(o.OverAverage), o.Utilisation, o.PageRate, o.GeneratorCPU, o.GeneratorLag)
	if o.GeneratorLag > lateLimit {
		fmt.Fprintf(b, "%s: the machine was too busy: its clients were late, and what they saw is of little worth\n", o.Policy)
	}
	for _, kind := range slices.Sorted(maps.Keys(o.Examples)) {
		fmt.Fprintf(b, "%s: %d failed by %s, such as: %s\n", o.Policy, o.Failures[kind], kind, o.Examples[kind])
	}
}

// lateLimit is a lateness in milliseconds that is small beside a page's time
// to think, and beside what a busy server makes a client wait.
const lateLimit = 50

// write writes JSON and plots.
func (r *report) write(dir string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "balance.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return r.draw(dir)
}
