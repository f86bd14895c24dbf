package agent

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/agent/load"
	"github.com/ballast-lb/ballast/internal/pace"
)

// TestWriteRate is the limit that the documentation states: 500 agents whose
// loads wander and jump must not write to Consul more than 50 times a second,
// on average over an hour and in every ten seconds after the start.
func TestWriteRate(t *testing.T) {
	const agents, interval, length, window = 500, 2 * time.Second, time.Hour, 10 * time.Second
	p := pace.Pace{Every: 10 * time.Second, Step: loadStep, Refresh: refresh, Limits: limits}
	for _, c := range []struct {
		name  string
		noise func(r *rand.Rand, i int, at time.Duration) load.Sample
		most  float64 // writes a second, on average
	}{
		{"calm: noise of 5% around a fixed load", func(r *rand.Rand, i int, _ time.Duration) load.Sample {
			return load.Sample{CPU: new(clamp(float64(i%80)/100 + 0.05*r.NormFloat64())), Connections: new(200 + r.IntN(20))}
		}, 2},
		{"busy: noise of 20% around a load that swings by half an hour", func(r *rand.Rand, i int, at time.Duration) load.Sample {
			swing := 0.6 + 0.35*math.Sin(2*math.Pi*(at.Minutes()/30+float64(i)/agents))
			return load.Sample{CPU: new(min(1, clamp(swing+0.2*r.NormFloat64()))), Connections: new(int(500*swing) + r.IntN(100))}
		}, 35},
		{"wild: every number is new each time", func(r *rand.Rand, _ int, _ time.Duration) load.Sample {
			return load.Sample{Application: new(r.Float64() * 1.2), Connections: new(r.IntN(10000))}
		}, 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			begin := time.Unix(1_800_000_000, 0)
			windows := make([]int, length/window)
			meta, status := 0, 0
			for i := range agents {
				offset := time.Duration(r.Float64() * float64(window)) // they were not started as one
				s := &Smoothing{TimeConstant: 16 * time.Second}
				last, alarm := pace.Published{}, pace.Alarm{}
				for at := offset; at < length; at += interval {
					sample := c.noise(r, i, at)
					value, _, _ := s.Add(begin.Add(at), sample)
					before := alarm.On
					if alarm = alarm.Next(limits, value); alarm.On != before {
						status++
					}
					fact, ok := p.Next(begin.Add(at), last, pace.Fact{Load: value, Connections: *sample.Connections, Boot: "b", Overloaded: alarm.On})
					if ok {
						last = p.Done(begin.Add(at), fact, r.Float64())
						meta++
						windows[at/window]++
					}
				}
			}
			most := 0
			for _, n := range windows[1:] {
				most = max(most, n)
			}
			rate := float64(meta) / length.Seconds()
			t.Logf("%d agents: %.1f Meta writes/s, %.1f/s in the busiest %v; %.2f status changes/s",
				agents, rate, float64(most)/window.Seconds(), window, float64(status)/length.Seconds())
			if rate >= c.most || float64(most)/window.Seconds() >= 60 {
				t.Errorf("%.1f writes/s, want below %v", rate, c.most)
			}
			if meta < agents {
				t.Errorf("only %d writes by %d agents", meta, agents)
			}
		})
	}
}
