package hidden

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// taught is a store of some keys that asked for hours, and when that ended.
func taught(keys int) (*Store, []Key, int64) {
	s, random := NewStore(1000, nil, 1), rand.New(rand.NewPCG(3, 4))
	list := make([]Key, keys)
	now := int64(1_700_000_000e9)
	end := now + int64(6*3600e9)
	for i := range list {
		list[i] = tenKey(byte(i))
		rate := 0.01 * float64(1+i)
		for at := now + int64(i)*1e9; at < end; at += int64((60 + random.ExpFloat64()/rate) * 1e9) {
			sh, r := s.Ask(list[i], at)
			if r != nil {
				r.TTL = 60
			}
			s.Release(sh, r, list[i], at, 60)
		}
	}
	s.Take(end-int64(1800e9), 60, 1)
	s.Take(end, 60, 1)
	return s, list, end
}

func tenKey(i byte) Key { return Key{high: 0, low: 0xffff<<32 | 10<<24 | uint64(i), bits: 128} }

func TestMemory(t *testing.T) {
	s, keys, end := taught(20)
	later := end + int64(120e9)
	next := NewStore(1000, nil, 2)
	if err := next.Restore(s.Save(), later); err != nil {
		t.Fatal(err)
	}
	if next.Len() != len(keys) {
		t.Errorf("%d keys of %d", next.Len(), len(keys))
	}
	for _, key := range keys {
		was, _ := s.Look(key)
		sh, r := next.Ask(key, later) // the gap was ours
		if r == nil {
			t.Fatalf("%v is not known", key)
		}
		if r.Rate() != was.Rate() || r.Floor() != was.Floor() || r.Born != was.Born || r.Certainty() != was.Certainty() || r.Caches() != was.Caches() {
			t.Errorf("%v is\n%+v, was\n%+v", key, *r, was)
		}
		r.TTL = 60
		next.Release(sh, r, key, later, 60)
	}
	before, after := s.Take(end, 60, 1), next.Take(later, 60, 1)
	if math.Abs(after.Total/before.Total-1) > 0.01 || after.Keys != before.Keys || after.trust.ratio == 0 || after.trust.since != before.trust.since {
		t.Errorf("all are %+v, were %+v", after, before)
	}
	if math.Abs(after.Questions/before.Questions-1) > 0.05 {
		t.Errorf("%v questions a second, before %v", after.Questions, before.Questions)
	}
}

// TestMemoryCountsNoQuestions: of a key that has not asked yet nobody knows what it
// was told.
func TestMemoryCountsNoQuestions(t *testing.T) {
	s, _, end := taught(5)
	next := NewStore(1000, nil, 2)
	if err := next.Restore(s.Save(), end); err != nil {
		t.Fatal(err)
	}
	if c := next.Take(end, 60, 1); c.Questions != 0 || c.Affordable != 0 || c.Keys != 5 {
		t.Errorf("%+v", c)
	}
}

func TestMemoryTakesNoMoreRoomThanThereIs(t *testing.T) {
	s, _, end := taught(200)
	room := NewRoom(50)
	next := NewStore(100, room, 2)
	if err := next.Restore(s.Save(), end); err != nil || next.Len() != 50 {
		t.Errorf("%d keys, %v", next.Len(), err)
	}
	next.Close()
	if !room.take(50) {
		t.Error("Room is lost")
	}
	small := NewStore(64, nil, 2)
	if err := small.Restore(s.Save(), end); err != nil || small.Len() != 64 {
		t.Errorf("%d keys, %v", small.Len(), err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	s, _, end := taught(3)
	good := s.Save()
	const head, size = 21, 79
	if len(good) != head+3*size {
		t.Fatalf("%d bytes for 3 keys", len(good))
	}
	change := func(at int, v any) []byte {
		b := bytes.Clone(good)
		binary.Encode(b[at:], binary.BigEndian, v)
		return b
	}
	for _, c := range []struct {
		name, want string
		text       []byte
	}{
		{"nothing", "version", nil},
		{"another version", "version", change(0, uint8(2))},
		{"a cut", "bytes for 3 keys", good[:len(good)-1]},
		{"more than it says", "bytes for 2 keys", change(1, uint32(2))},
		{"more than there can be", "bytes for 4294967295 keys", change(1, uint32(math.MaxUint32))},
		{"no ratio", "NaN sessions", change(5, math.NaN())},
		{"a prefix of nothing", "key 2: a prefix of 0 bits", change(head+size+16, uint8(0))},
		{"a prefix too long", "key 1: a prefix of 129 bits", change(head+16, uint8(129))},
		{"a rate below 0", "key 3: a number is -1", change(head+3*size-4, float32(-1))},
		{"a rate that is none", "key 3: a number is NaN", change(head+3*size-4, float32(math.NaN()))},
	} {
		t.Run(c.name, func(t *testing.T) {
			next := NewStore(100, nil, 1)
			if err := next.Restore(c.text, end); err == nil || !strings.Contains(err.Error(), c.want) || next.Len() != 0 {
				t.Errorf("%d keys, error %v, want one with %q", next.Len(), err, c.want)
			}
		})
	}
}

// TestRestoreWithoutAClock has times that are yet to come.
func TestRestoreWithoutAClock(t *testing.T) {
	s, keys, end := taught(3)
	next, now := NewStore(100, nil, 1), end-int64(24*3600e9)
	if err := next.Restore(s.Save(), now); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if r, ok := next.Look(key); !ok || r.Last > now || r.Born > now {
			t.Errorf("%+v", r)
		}
	}
}

func FuzzRestore(f *testing.F) {
	s, _, end := taught(2)
	f.Add(s.Save())
	f.Fuzz(func(t *testing.T, b []byte) {
		next := NewStore(100, nil, 1)
		if next.Restore(b, end) != nil {
			return
		}
		for i := range byte(3) {
			sh, r := next.Ask(tenKey(i), end)
			next.Release(sh, r, tenKey(i), end, 60)
		}
		if c := next.Take(end, 60, 1); math.IsNaN(c.Total) || c.Total < 0 {
			t.Errorf("%+v", c)
		}
	})
}
