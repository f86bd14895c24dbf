package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/test/bench/figures"
	"github.com/miekg/dns"
)

const (
	changeLimit  = 5 * time.Second // after which a change counts as lost
	askEvery     = 300 * time.Microsecond
	latencyLimit = 50 // ms, of the 99th percentile
)

// latency changes a service in a real Consul, again and again, and measures
// how long each change takes to show in answers.
func (b *bench) latency(ctx context.Context, r *figures.Report) error {
	server, err := consultest.Launch(consultest.Options{})
	if errors.Is(err, consultest.ErrMissing) {
		note := fmt.Sprintf("The time from a change in Consul to the answer was not measured: %v.", err)
		b.say("%s", note)
		r.Notes = append(r.Notes, note)
		return nil
	}
	if err != nil {
		return err
	}
	defer server.Remove()
	agent := newConsulAgent(server.Addr)
	defer agent.close()
	s := newService()
	if err := agent.register(ctx, s); err != nil {
		return err
	}
	srv, err := b.startServer(ctx, fmt.Sprintf("ballast consul.zone {\n control off\n consul %s\n}", server.Addr))
	if err != nil {
		return err
	}
	defer srv.stop()
	first, cancel := context.WithTimeout(ctx, changeLimit)
	defer cancel()
	if _, err := srv.awaitAnswer(first, s.expected()); err != nil {
		return fmt.Errorf("the service as it was registered: %w\n%s", err, srv.log)
	}
	delays, err := b.changeMany(ctx, agent, srv, s)
	if err != nil {
		return err
	}
	r.Rows = append(r.Rows, delays.rows()...)
	return nil
}

// delays are in milliseconds.
type delays struct{ fromStart, fromReturn []float64 }

func (b *bench) changeMany(ctx context.Context, agent *consulAgent, srv *server, s *service) (*delays, error) {
	d := &delays{}
	for i := range b.changes {
		if i%25 == 0 {
			b.say("Consul to answer: change %d of %d", i+1, b.changes)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(b.pause):
		}
		if err := d.change(ctx, agent, srv, s, i); err != nil {
			return nil, fmt.Errorf("change %d: %w", i+1, err)
		}
	}
	return d, nil
}

// change makes the change number i, and asks for it from the start on: the
// answer may be there before Consul's API call has returned.
func (d *delays) change(ctx context.Context, agent *consulAgent, srv *server, s *service, i int) error {
	apply := s.next(agent, i)
	type outcome struct {
		seen time.Time
		err  error
	}
	seen := make(chan outcome, 1)
	ctx, cancel := context.WithTimeout(ctx, changeLimit)
	defer cancel()
	want := s.expected()
	start := time.Now()
	go func() {
		at, err := srv.awaitAnswer(ctx, want)
		seen <- outcome{at, err}
	}()
	err := apply(ctx)
	returned := time.Now()
	if err != nil {
		cancel()
	}
	o := <-seen
	if err = errors.Join(err, o.err); err != nil {
		return err
	}
	d.fromStart = append(d.fromStart, milliseconds(o.seen.Sub(start)))
	d.fromReturn = append(d.fromReturn, milliseconds(max(0, o.seen.Sub(returned))))
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// awaitAnswer asks for SRV records, which show everybody's weight, until they
// are those wanted, and returns when that answer came.
func (s *server) awaitAnswer(ctx context.Context, want map[string]uint16) (time.Time, error) {
	var got map[string]uint16
	for {
		m, err := s.ask(ctx, dns.TypeSRV)
		now := time.Now()
		if err == nil {
			if got = weights(m); maps.Equal(got, want) {
				return now, nil
			}
		}
		select {
		case <-ctx.Done():
			return now, fmt.Errorf("want %v in the answer, the last one had %v: %w", want, got, ctx.Err())
		case <-s.Ended():
			return now, errors.New("coredns has ended")
		case <-time.After(askEvery):
		}
	}
}

// weights are those of an answer's SRV records, by target.
func weights(m *dns.Msg) map[string]uint16 {
	got := map[string]uint16{}
	for _, rr := range m.Answer {
		if srv, ok := rr.(*dns.SRV); ok {
			got[srv.Target] = srv.Weight
		}
	}
	return got
}

func (d *delays) rows() []figures.Row {
	row := func(subject string, values []float64) figures.Row {
		p99 := figures.Percentile(values, 0.99)
		return figures.Row{Measure: "change in Consul to changed answer", Subject: subject, Unit: "ms", Value: figures.Of(values),
			Goal: figures.AtMost("p99", p99, latencyLimit, "ms"),
			Note: fmt.Sprintf("%d changes of weight and health, p99 %s ms", len(values), figures.Figure(p99))}
	}
	return []figures.Row{row("from the API call's return", d.fromReturn), row("from the API call's start", d.fromStart)}
}
