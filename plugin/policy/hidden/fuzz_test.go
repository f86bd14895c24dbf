package hidden

import (
	"math"
	"testing"
)

// FuzzStore asks in the name of some keys, at times that go back and forth, with
// TTLs of all sizes: whatever comes, bounds are kept and numbers are numbers.
func FuzzStore(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01\x02\x03\x04 a key or two, asking at any time they like; a census now and then \xff\xff\xff\xff"))
	for seed := range byte(8) {
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(i*i*7+i*int(seed)) ^ seed<<3
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit, places = 80, 70
		s := NewStore(limit, NewRoom(places), 3)
		now := start
		for len(b) >= 4 {
			key, step, ttl, what := b[0], b[1], float64(b[2]), b[3]
			b = b[4:]
			now += jump(step)
			if ttl > 250 {
				ttl = []float64{0, 1e-3, 1e9, math.MaxInt32, 86400}[int(ttl)-251]
			}
			if what%16 == 0 {
				s.Least(int64(ttl))
				checkCensus(t, s.Take(now, ttl, float64(what)-16))
			}
			tell(s, keyOf(t, int(key)), now, ttl)
			if r, ok := s.Look(keyOf(t, int(key))); ok {
				checkRecord(t, &r, now)
			}
			if s.Len() > places || s.Len() < 0 {
				t.Fatalf("%d keys, with room for %d", s.Len(), places)
			}
		}
		s.Close()
	})
}

// jump is a step in time of -64 to 171 s, or by days.
func jump(step byte) int64 {
	switch {
	case step >= 252:
		return ns(86400) * int64(1-2*int(step&1)) * int64(step-251)
	case step >= 236:
		return ns(0.1) * int64(step-236)
	}
	return ns(float64(step) - 64)
}

func checkRecord(t *testing.T, r *Record, now int64) {
	t.Helper()
	for name, v := range map[string]float64{"rate": r.Rate(), "floor": r.Floor(), "certainty": r.Certainty(), "caches": r.Caches() - 1, "presence": r.presence(now), "kept": float64(r.kept())} {
		if !(v >= 0) || math.IsInf(v, 0) {
			t.Fatalf("%s %v: %+v", name, v, r)
		}
	}
}

func checkCensus(t *testing.T, c *Census) {
	t.Helper()
	for name, v := range map[string]float64{"total": c.Total, "share": c.Share, "most": c.Most, "hot": c.HotTotal, "questions": c.Questions, "affordable": c.Affordable} {
		if !(v >= 0) || math.IsInf(v, 0) {
			t.Fatalf("%s %v: %+v", name, v, c)
		}
	}
	if c.Share > 1+1e-5 || c.HotKeys > c.Keys || c.Weight(c.Most) > 1 {
		t.Fatalf("census %+v", c)
	}
}
