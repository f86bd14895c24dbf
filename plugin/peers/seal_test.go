package peers

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// newMemory is that of a process that started an hour ago.
func newMemory() *Memory { return NewMemory(noon.Add(-time.Hour)) }

func TestOpen(t *testing.T) {
	alice, bob := identity{1}, identity{2}
	const ours, theirs = "a secret", "another one"
	send := func(id identity, secret string, number uint64, at time.Time) []byte {
		return seal(sealOf(secret, id), id, number, at, []byte("words"))
	}
	changed := func(at int) []byte {
		b := send(alice, ours, 2, noon)
		b[at] ^= 1
		return b
	}
	for _, c := range []struct {
		name     string
		datagram []byte
		want     error
	}{
		{"the next one", send(alice, ours, 2, noon), nil},
		{"one after some that were lost", send(alice, ours, 2000, noon), nil},
		{"one of another process", send(bob, ours, 1, noon), nil},
		{"a clock that is behind", send(bob, ours, 1, noon.Add(-Skew)), nil},
		{"a clock of a known sender that jumped", send(alice, ours, 2, noon.Add(-time.Hour)), nil},
		{"the same again", send(alice, ours, 1, noon), errReplay},
		{"one of before a restart, recorded", send(bob, ours, 7, noon.Add(-2*time.Minute)), errClock},
		{"a clock that is far ahead", send(bob, ours, 1, noon.Add(2*time.Minute)), errClock},
		{"another secret", send(bob, theirs, 1, noon), errSecret},
		{"another secret in a known name", send(alice, theirs, 2, noon), errSecret},
		{"another sender's name", changed(len(magic)), errSecret},
		{"another number", changed(headerSize - 3), errSecret},
		{"a changed byte", changed(headerSize + 3), errSecret},
		{"a changed tag", changed(headerSize + timeSize + 5 + tagSize - 1), errSecret},
		{"another version", changed(3), errMalformed},
		{"nothing", nil, errMalformed},
		{"a header alone", send(alice, ours, 2, noon)[:headerSize], errMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newMemory()
			if _, err := s.open(ours, send(alice, ours, 1, noon), noon); err != nil {
				t.Fatal(err)
			}
			words, err := s.open(ours, c.datagram, noon)
			if !errors.Is(err, c.want) || err == nil && !bytes.Equal(words, []byte("words")) {
				t.Errorf("%q, %v; want %v", words, err, c.want)
			}
			if c.want == nil {
				return
			}
			if _, err := s.open(ours, send(alice, ours, 2, noon), noon); err != nil {
				t.Errorf("the next good one: %v", err)
			}
		})
	}
}

// TestOpenNeverTwice: what was recorded counts at no later time, however long its
// sender is silent.
func TestOpenNeverTwice(t *testing.T) {
	s, recorded := newMemory(), seal(sealOf("s", identity{1}), identity{1}, 1, noon, nil)
	for after := time.Duration(0); after < time.Hour; after += 10 * time.Second {
		_, err := s.open("s", recorded, noon.Add(after))
		if (err == nil) != (after == 0) {
			t.Fatalf("after %v: %v", after, err)
		}
		other := identity{2, byte(after / time.Minute)}
		if _, err := s.open("s", seal(sealOf("s", other), other, uint64(after)+1, noon.Add(after), nil), noon.Add(after)); err != nil {
			t.Fatal(err)
		}
		if len(s.senders) > 20 {
			t.Fatalf("%d senders are remembered", len(s.senders))
		}
	}
}

// TestOpenAfterRestart: what was recorded before a restart is fresh, but not new.
func TestOpenAfterRestart(t *testing.T) {
	s, alice := NewMemory(noon), identity{1}
	for _, c := range []struct {
		name   string
		number uint64
		sent   time.Duration // after the start
		want   error
	}{
		{"recorded a minute ago", 1, -50 * time.Second, errReplay},
		{"recorded just before", 2, -time.Millisecond, errReplay},
		{"sent since", 3, 0, nil},
		{"sent by a clock that was set back meanwhile", 4, -time.Second, nil},
	} {
		d := seal(sealOf("s", alice), alice, c.number, noon.Add(c.sent), nil)
		if _, err := s.open("s", d, noon.Add(time.Second)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestNewSecret(t *testing.T) {
	s, id := newMemory(), identity{1}
	for i, step := range []struct {
		ours, theirs string
		number       uint64
		ok           bool
	}{
		{"old", "old", 1, true}, {"old", "new", 2, false}, {"new", "new", 3, true}, {"new", "old", 4, false},
		{"new", "new", 5, true}, {"old", "old", 1, false}, {"old", "old", 6, true},
	} {
		_, err := s.open(step.ours, seal(sealOf(step.theirs, id), id, step.number, noon, nil), noon)
		if (err == nil) != step.ok {
			t.Errorf("step %d: %v", i, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(seal(sealOf("s", identity{1}), identity{1}, 1, noon, []byte("words")))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newMemory()
		words, err := s.open("another", b, noon)
		if err == nil || words != nil || len(s.senders) > 0 {
			t.Fatalf("%x was opened", b)
		}
	})
}
