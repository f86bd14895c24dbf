package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/agent/load"
	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call is one call of the Registry, with the time since the test began.
type call struct {
	at     time.Duration
	what   string // register, decorate, beat, publish, leave
	health pool.Health
	text   string
	meta   map[string]string
}

// recorder is a Registry that notes what it is told.
type recorder struct {
	mu    sync.Mutex
	begin time.Time
	calls []call
	fail  func(what string) error // nil: nothing fails
	slow  time.Duration           // each call takes that long
}

func (r *recorder) note(ctx context.Context, c call) error {
	r.mu.Lock()
	if r.begin.IsZero() {
		r.begin = time.Now()
	}
	c.at = time.Since(r.begin)
	r.calls = append(r.calls, c)
	fail, slow := r.fail, r.slow
	r.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if fail != nil {
		return fail(c.what)
	}
	return nil
}

func (r *recorder) Register(ctx context.Context, s consul.Registration) error {
	return r.note(ctx, call{what: "register", text: s.ID, meta: maps.Clone(s.Meta)})
}

func (r *recorder) Decorate(ctx context.Context, id string, s consul.Registration) error {
	return r.note(ctx, call{what: "decorate", text: id, meta: maps.Clone(s.Meta)})
}

func (r *recorder) Beat(ctx context.Context, id string, h pool.Health, output string) error {
	return r.note(ctx, call{what: "beat", health: h, text: output})
}

func (r *recorder) Publish(ctx context.Context, id string, meta map[string]string) error {
	return r.note(ctx, call{what: "publish", meta: meta})
}

func (r *recorder) Leave(ctx context.Context, id string, decorated bool) error {
	return r.note(ctx, call{what: "leave", text: fmt.Sprintf("%s decorated=%v", id, decorated)})
}

func (r *recorder) setFail(f func(string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = f
}

// of returns the calls of a kind, in order.
func (r *recorder) of(what string) []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.calls), func(c call) bool { return c.what != what })
}

func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = nil
}

// source is a Sampler that a test turns.
type source struct {
	mu sync.Mutex
	s  load.Sample
	n  int
}

func steady(value float64) *source {
	return &source{s: load.Sample{Application: &value, Connections: new(7)}}
}

func (s *source) Sample(context.Context, time.Time) (load.Sample, load.Troubles) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return s.s, nil
}

func (s *source) set(value float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Application = &value
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func testConfig(r Registry, s Sampler) Config {
	c := DefaultConfig()
	c.Service.Name, c.Service.Port = "web", 8080
	c.Registry, c.Sampler, c.Listen = r, s, ""
	c.Boot = func() string { return "b00" }
	c.Random = func() float64 { return 0.5 }
	return c
}

// start runs the agent in the test's bubble and returns how to stop it.
func start(t *testing.T, r *recorder, cfg Config) (stop func()) {
	t.Helper()
	if r != nil {
		r.begin = time.Now()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func TestRegistersWithItsFirstSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		cfg := testConfig(r, steady(0.42))
		cfg.Service.Meta = map[string]string{"version": "7"}
		stop := start(t, r, cfg)
		time.Sleep(firstSample)
		synctest.Wait()
		got := r.of("register")
		if len(got) != 1 || got[0].at != firstSample {
			t.Fatalf("registered %+v, want once at %v", got, firstSample)
		}
		want := map[string]string{"version": "7", pool.MetaLoad: "0.4", pool.MetaConnections: "7", pool.MetaBoot: "b00"}
		if !maps.Equal(got[0].meta, want) {
			t.Errorf("meta %v, want %v", got[0].meta, want)
		}
		if beats := r.of("beat"); len(beats) != 1 || beats[0].health != pool.Passing || beats[0].at != firstSample {
			t.Errorf("beats %+v, want passing at once", beats)
		}
		stop()
	})
}

func TestBeatsThreeTimesInATTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		cfg := testConfig(r, steady(0.1))
		cfg.Interval = 30 * time.Second // samples are rarer than beats
		stop := start(t, r, cfg)
		time.Sleep(time.Minute + firstSample)
		synctest.Wait()
		beats := r.of("beat")
		if len(beats) < 18 || len(beats) > 20 {
			t.Errorf("%d beats in a minute with a TTL of 10s", len(beats))
		}
		for i := 1; i < len(beats); i++ {
			if gap := beats[i].at - beats[i-1].at; gap > 10*time.Second/3+time.Millisecond {
				t.Errorf("%v between beats", gap)
			}
		}
		if n := len(r.of("publish")); n != 0 {
			t.Errorf("%d writes of an unchanged load", n)
		}
		stop()
	})
}

func TestAlarmGoesOutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := &recorder{}, steady(0.5)
		cfg := testConfig(r, s)
		cfg.Interval = 100 * time.Millisecond
		stop := start(t, r, cfg)
		time.Sleep(1050 * time.Millisecond)
		for _, c := range []struct {
			load    float64
			samples int
			changed bool
			want    pool.Health
		}{
			{0.95, 1, true, pool.Warning},
			{0.80, 3, false, pool.Warning},
			{0.70, pace.ClearAfter, true, pool.Passing},
			{0.85, 3, false, pool.Passing},
		} {
			s.set(c.load)
			r.forget()
			time.Sleep(time.Duration(c.samples) * cfg.Interval)
			synctest.Wait()
			beats := r.of("beat")
			if c.changed && (len(beats) != 1 || beats[0].health != c.want) {
				t.Errorf("load %v: beats %+v, want one of %v within %d samples", c.load, beats, c.want, c.samples)
			}
			if !c.changed && len(beats) != 0 {
				t.Errorf("load %v: beats %+v between the limits, want none", c.load, beats)
			}
		}
		stop()
	})
}

func TestMetaIsWrittenSeldom(t *testing.T) {
	for _, random := range []float64{0, 0.5, 0.999} {
		synctest.Test(t, func(t *testing.T) {
			r, s := &recorder{}, steady(0.1)
			cfg := testConfig(r, s)
			cfg.Interval = 100 * time.Millisecond
			cfg.Random = func() float64 { return random }
			stop := start(t, r, cfg)
			for i := range 1200 { // two minutes of a load that never rests
				s.set(float64(i%17) / 20)
				time.Sleep(100 * time.Millisecond)
			}
			synctest.Wait()
			gap := pace.Jitter(cfg.PublishEvery, 0.2, random)
			writes := append(r.of("register"), r.of("publish")...)
			if want := int(2 * time.Minute / gap); len(writes) < want-2 || len(writes) > want+1 {
				t.Errorf("random %v: %d writes in two minutes, want about %d", random, len(writes), want)
			}
			for i := 1; i < len(writes); i++ {
				if d := writes[i].at - writes[i-1].at; d < gap || d > gap+3*cfg.Interval {
					t.Errorf("random %v: %v between writes, want %v", random, d, gap)
				}
			}
			stop()
		})
	}
}

func TestForgottenByConsul(t *testing.T) {
	for _, lost := range []string{"beat", "publish"} {
		t.Run("noticed by "+lost, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := &recorder{}, steady(0.1)
				stop := start(t, r, testConfig(r, s))
				time.Sleep(20 * time.Second)
				r.forget()
				gone := true
				r.setFail(func(what string) error {
					switch {
					case what == "register":
						gone = false
					case what == lost && gone:
						return fmt.Errorf("consul: %w", consul.ErrNotRegistered)
					}
					return nil
				})
				s.set(0.5)
				time.Sleep(12 * time.Second)
				synctest.Wait()
				got := r.of("register")
				if len(got) != 1 {
					t.Fatalf("registered again: %+v, want once", got)
				}
				writes := append(got, r.of("publish")...)
				if load := writes[len(writes)-1].meta[pool.MetaLoad]; load != "0.5" {
					t.Errorf("load %s in Meta, want the present 0.5", load)
				}
				if beats := r.of("beat"); beats[len(beats)-1].at < got[0].at {
					t.Error("no beat after it registered again: the check stays critical")
				}
				stop()
			})
		})
	}
}

func TestDecoratedServiceNotThereYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		r.fail = func(what string) error { return fmt.Errorf("consul: %w", consul.ErrNotRegistered) }
		cfg := testConfig(r, steady(0.1))
		cfg.Service.Name, cfg.Decorate = "", "web-7"
		stop := start(t, r, cfg)
		time.Sleep(time.Minute)
		tries := len(r.of("decorate"))
		if tries < 6 || tries > 40 {
			t.Errorf("%d attempts in a minute, want backed-off ones", tries)
		}
		r.setFail(nil)
		time.Sleep(cfg.Service.TTL + time.Second)
		synctest.Wait()
		if n := len(r.of("beat")); n == 0 {
			t.Error("no beat after the service came")
		}
		stop()
		if got := r.of("leave"); len(got) != 0 {
			t.Errorf("left %+v: a decorated service stays critical", got)
		}
		beats := r.of("beat")
		if last := beats[len(beats)-1]; last.health != pool.Critical || last.text != stopping {
			t.Errorf("last beat %+v, want critical", last)
		}
	})
}

func TestConsulAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := &recorder{}, steady(0.1)
		stop := start(t, r, testConfig(r, s))
		time.Sleep(5 * time.Second)
		r.setFail(func(string) error { return errors.New("connection refused") })
		time.Sleep(20 * time.Second) // the back-off has grown
		r.forget()
		before := s.count()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := s.count() - before; n != 30 {
			t.Errorf("%d samples in a minute without Consul, want 30", n)
		}
		if n := len(r.of("beat")); n < 17 || n > 37 {
			t.Errorf("%d attempts in a minute, want one in half to a whole third of the TTL", n)
		}
		s.set(0.95)
		r.setFail(nil)
		r.forget()
		time.Sleep(10 * time.Second) // no more than the TTL
		synctest.Wait()
		if beats := r.of("beat"); len(beats) == 0 || beats[len(beats)-1].health != pool.Warning {
			t.Errorf("after Consul came back: %+v, want warning", beats)
		}
		if len(r.of("publish")) != 1 {
			t.Errorf("the load that changed meanwhile was not published: %+v", r.calls)
		}
		stop()
	})
}

func TestSlowConsulDelaysNoSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := &recorder{slow: time.Hour}, steady(0.1)
		stop := start(t, r, testConfig(r, s))
		time.Sleep(time.Minute + firstSample)
		synctest.Wait()
		if n := s.count(); n != 32 { // primed, first, and one in two seconds
			t.Errorf("%d samples in a minute, want 32", n)
		}
		stop()
	})
}

func TestStops(t *testing.T) {
	for _, c := range []struct {
		name     string
		leave    Leave
		critical bool
		left     string
	}{
		{"by default it deregisters", "", true, "web decorated=false"},
		{"critical", LeaveCritical, true, ""},
		{"keep", LeaveKeep, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{}
				cfg := testConfig(r, steady(0.1))
				cfg.Leave, cfg.Drain = c.leave, 3*time.Second
				stop := start(t, r, cfg)
				time.Sleep(10*time.Second + time.Millisecond)
				r.forget()
				stop()
				beats, leaves := r.of("beat"), r.of("leave")
				if c.critical {
					if len(beats) != 1 || beats[0].health != pool.Critical || beats[0].text != stopping || beats[0].at != 10*time.Second+time.Millisecond {
						t.Errorf("beats %+v, want critical at once", beats)
					}
				} else if len(beats) != 0 {
					t.Errorf("beats %+v, want none", beats)
				}
				switch {
				case c.left == "" && len(leaves) != 0:
					t.Errorf("left: %+v", leaves)
				case c.left != "" && (len(leaves) != 1 || leaves[0].text != c.left || leaves[0].at-beats[0].at != cfg.Drain):
					t.Errorf("left %+v, want %s %v after critical", leaves, c.left, cfg.Drain)
				}
			})
		})
	}
}

func TestStopsWhileConsulHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		cfg := testConfig(r, steady(0.1))
		stop := start(t, r, cfg)
		time.Sleep(5 * time.Second)
		r.mu.Lock()
		r.slow = time.Hour
		r.mu.Unlock()
		began := time.Now()
		stop()
		if d := time.Since(began); d > 2*cfg.Service.TTL/3+cfg.Drain+time.Second {
			t.Errorf("stopping took %v", d)
		}
	})
}

func TestDrainFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		cfg := testConfig(r, steady(0.1))
		cfg.DrainFile = filepath.Join(t.TempDir(), "drain")
		stop := start(t, r, cfg)
		time.Sleep(5 * time.Second)
		r.forget()
		if err := os.WriteFile(cfg.DrainFile, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(cfg.Interval)
		os.Remove(cfg.DrainFile)
		time.Sleep(cfg.Interval)
		synctest.Wait()
		var got []string
		for _, b := range r.of("beat") {
			got = append(got, b.health.String())
		}
		if text := strings.Join(got, " "); text != "drained passing" {
			t.Errorf("beats %s, want drained passing", text)
		}
		stop()
	})
}

func TestServiceCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		cfg := testConfig(r, steady(0.1))
		var mu sync.Mutex
		answer := errors.New("tcp: refused")
		cfg.Check = func(context.Context) error { mu.Lock(); defer mu.Unlock(); return answer }
		set := func(err error) { mu.Lock(); answer = err; mu.Unlock() }
		last := func() call { synctest.Wait(); b := r.of("beat"); return b[len(b)-1] }
		stop := start(t, r, cfg)
		time.Sleep(time.Second)
		if b := last(); b.health != pool.Critical || b.text != "tcp: refused" {
			t.Errorf("beat %+v, want critical", b)
		}
		set(nil)
		time.Sleep(6 * time.Second)
		if b := last(); b.health != pool.Passing {
			t.Errorf("beat %+v, want passing", b)
		}
		set(fmt.Errorf("too many open files: %w", ErrUnable))
		time.Sleep(30 * time.Second)
		if b := last(); b.health != pool.Passing {
			t.Errorf("beat %+v, want passing: the trouble is the agent's", b)
		}
		stop()
	})
}

// nothing measures nothing.
type nothing struct{}

func (nothing) Sample(context.Context, time.Time) (load.Sample, load.Troubles) {
	return load.Sample{}, load.Troubles{load.SignalCPU: errors.New("no stat")}
}

func TestNothingToMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		err := Run(t.Context(), testConfig(r, nothing{}))
		if err == nil || !strings.Contains(err.Error(), "nothing can be measured") || !strings.Contains(err.Error(), "no stat") {
			t.Errorf("error %v", err)
		}
		if len(r.calls) != 0 {
			t.Errorf("told Consul %+v", r.calls)
		}
	})
}

// Trouble with publishing alone keeps neither beats nor alarms back.
func TestPublishFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := &recorder{}, steady(0.1)
		cfg := testConfig(r, s)
		stop := start(t, r, cfg)
		time.Sleep(5 * time.Second)
		r.setFail(func(what string) error {
			if what == "publish" {
				return errors.New("timeout")
			}
			return nil
		})
		s.set(0.5) // something to publish
		time.Sleep(time.Minute)
		r.forget()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n, least := len(r.of("beat")), int(time.Minute/cfg.Service.TTL)*2; n < least {
			t.Errorf("%d beats in a minute while publishing fails, want at least %d", n, least)
		}
		s.set(0.95)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		beats := r.of("beat")
		if last := beats[len(beats)-1]; last.health != pool.Warning {
			t.Errorf("last beat is %v, 3 s after the overload", last.health)
		}
		stop()
	})
}
