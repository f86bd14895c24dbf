package peers

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// noon is when the tests happen.
var noon = time.UnixMilli(1_700_000_000_000)

func wordOf(key string, ttl, age time.Duration, servers ...uint64) Word {
	w := Word{Name: Hash("www.example.org."), Family: 1, Key: netip.MustParsePrefix(key), TTL: ttl, At: noon.Add(-age), N: len(servers)}
	copy(w.Servers[:], servers)
	return w
}

func TestWord(t *testing.T) {
	many := wordOf("192.0.2.1/32", time.Hour, 0)
	for many.N = 0; many.N < MaxServers; many.N++ {
		many.Servers[many.N] = rand.Uint64()
	}
	for name, w := range map[string]Word{
		"an IPv4 address":       wordOf("192.0.2.1/32", 15*time.Second, 0, 1),
		"a client subnet":       wordOf("198.51.100.0/24", 1800*time.Second, 37*time.Millisecond, 1, 2),
		"a subnet of odd bits":  wordOf("198.51.64.0/19", 30*time.Second, time.Second, 1<<63),
		"an IPv6 subnet":        wordOf("2001:db8:1::/56", 30*time.Second, 0, 7),
		"an IPv6 address":       wordOf("2001:db8::1/128", 30*time.Second, 0, 7),
		"no server":             wordOf("192.0.2.1/32", 30*time.Second, 0),
		"the most servers":      many,
		"everybody, as nothing": wordOf("0.0.0.0/0", 30*time.Second, 0, 7),
	} {
		t.Run(name, func(t *testing.T) {
			b := w.append(nil, noon)
			if len(b) > maxWord {
				t.Errorf("%d bytes, more than %d", len(b), maxWord)
			}
			var got Word
			rest, err := got.parse(append(b, 1, 2, 3), noon)
			if err != nil || len(rest) != 3 {
				t.Fatalf("%d bytes are left, error %v", len(rest), err)
			}
			if !got.At.Equal(w.At) {
				t.Errorf("at %v, want %v", got.At, w.At)
			}
			if got.At = w.At; got != w {
				t.Errorf("got  %+v\nwant %+v", got, w)
			}
		})
	}
}

func TestWordIsMasked(t *testing.T) {
	w := wordOf("198.51.100.77/24", time.Second, 0, 1)
	var got Word
	if _, err := got.parse(w.append(nil, noon), noon); err != nil || got.Key.String() != "198.51.100.0/24" {
		t.Errorf("%v, %v", got.Key, err)
	}
}

// TestWordIsBounded: nothing is said that would be refused, with all that follows it
// in the datagram.
func TestWordIsBounded(t *testing.T) {
	for _, w := range []Word{wordOf("192.0.2.1/32", 10000*time.Hour, 0, 1), wordOf("192.0.2.1/32", time.Hour, time.Hour, 1), wordOf("192.0.2.1/32", -1, -time.Hour, 1)} {
		var got Word
		if _, err := got.parse(w.append(nil, noon), noon); err != nil || got.TTL > longestTTL || got.At.After(noon) || noon.Sub(got.At) > longestAge {
			t.Errorf("TTL %v, at %v became %v, at %v (%v)", w.TTL, w.At, got.TTL, got.At, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	w := wordOf("198.51.100.0/24", time.Second, 0, 1, 2)
	good := w.append(nil, noon)
	for n := range good {
		if _, err := new(Word).parse(good[:n], noon); err == nil {
			t.Errorf("the first %d of %d bytes are a word", n, len(good))
		}
	}
	for name, change := range map[string]func([]byte){
		"a prefix longer than the address": func(b []byte) { b[9] = 33 },
		"more servers than an answer has":  func(b []byte) { b[15] = MaxServers + 1 },
		"a TTL of some years":              func(b []byte) { copy(b[13:], []byte{0xff, 0xff, 0xff, 0x7f}) },
	} {
		t.Run(name, func(t *testing.T) {
			b := append(append([]byte(nil), good...), make([]byte, 400)...)
			change(b)
			if _, err := new(Word).parse(b, noon); err == nil {
				t.Error("it is a word")
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, w := range []Word{wordOf("192.0.2.1/32", time.Hour, 0, 1), wordOf("2001:db8::/56", time.Hour, time.Second, 1, 2)} {
		f.Add(w.append(nil, noon))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var w, again Word
		rest, err := w.parse(b, noon)
		if err != nil {
			return
		}
		if len(rest) >= len(b) || !w.Key.IsValid() || w.N > MaxServers || w.At.After(noon) || w.TTL < 0 {
			t.Fatalf("%+v", w)
		}
		if _, err := again.parse(w.append(nil, noon), noon); err != nil || again != w {
			t.Fatalf("%+v again is %+v, %v", w, again, err)
		}
	})
}
