package cookie

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ringOf(t testing.TB, secrets ...string) ring {
	t.Helper()
	r, err := readSecrets(strings.NewReader(strings.Join(secrets, "\n")), "test")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	rfcSecret = "e5e973e5a6b2a43f48e7dc849e37bfcf"
	rfcOld    = "dd3bdf9344b678b185a6f5cb60fca715"
	rfcNew    = "445536bcd2513298075a5d379663c962"
)

func TestVectorsOfRFC9018(t *testing.T) {
	for _, tc := range []struct {
		name    string
		secrets []string
		addr    string
		asked   string
		at      uint32 // when the query's cookie is judged
		verdict verdict
		now     uint32 // when the reply's cookie is made
		reply   string
	}{
		{"A.1 learning a new server cookie", []string{rfcSecret}, "198.51.100.100", "2464c4abcf10c957",
			1559731985, fresh, 1559731985, "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
		{"A.2 the same client learning a renewed server cookie", []string{rfcSecret}, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
			1559734385, aging, 1559734385, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
		{"A.3 another client, reserved bits set", []string{rfcSecret}, "203.0.113.203", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
			1559727985, valid, 1559734700, "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
		{"A.4 IPv6, and a secret that is being exchanged", []string{rfcNew, rfcOld}, "2001:db8:220:1:59de:d0f4:8769:82b8", "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
			1559741961, aging, 1559741961, "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, addr, asked := ringOf(t, tc.secrets...), netip.MustParseAddr(tc.addr), unhex(t, tc.asked)
			if got := r.judge(asked, addr, tc.at); got != tc.verdict {
				t.Errorf("The query's cookie is %d, not %d", got, tc.verdict)
			}
			if got := r.issue(asked, addr, tc.now); !bytes.Equal(got[:], unhex(t, tc.reply)) {
				t.Errorf("The reply's cookie is %x, not %s", got, tc.reply)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	const now = 1_800_000_000
	r := ringOf(t, rfcSecret)
	addr, client := netip.MustParseAddr("192.0.2.1"), unhex(t, "0123456789abcdef")
	made := func(when uint32) []byte { full := r.issue(client, addr, when); return full[:] }
	with := func(at int, value byte) []byte { full := made(now); full[at] ^= value; return full }
	for _, tc := range []struct {
		name   string
		option []byte
		want   verdict
	}{
		{"nothing", nil, malformed},
		{"7 octets", make([]byte, 7), malformed},
		{"a client cookie", client, fresh},
		{"a server cookie of 7 octets", make([]byte, 15), malformed},
		{"a server cookie of 8 octets, not of ours", make([]byte, 16), invalid},
		{"a server cookie of 32 octets, not of ours", make([]byte, 40), invalid},
		{"a server cookie of 33 octets", make([]byte, 41), malformed},
		{"ours, just made", made(now), valid},
		{"ours, half its life old", made(now - renewAfter), valid},
		{"ours, older", made(now - renewAfter - 1), aging},
		{"ours, at its end", made(now - lifetime), aging},
		{"ours, too old", made(now - lifetime - 1), invalid},
		{"ours, of a clock five minutes ahead", made(now + ahead), valid},
		{"ours, of a clock further ahead", made(now + ahead + 1), invalid},
		{"ours, from half the clock's range away", made(now + 1<<31), invalid},
		{"another client cookie", with(0, 1), invalid},
		{"another version", with(8, 2), invalid},
		{"a changed reserved octet", with(9, 1), invalid},
		{"a changed time", with(15, 1), invalid},
		{"a changed hash", with(23, 0x80), invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := r.judge(tc.option, addr, now); got != tc.want {
				t.Errorf("It is %d, not %d", got, tc.want)
			}
		})
	}
	t.Run("another address", func(t *testing.T) {
		if got := r.judge(made(now), addr.Next(), now); got != invalid {
			t.Errorf("It is %d", got)
		}
	})
	t.Run("the clock's range ends", func(t *testing.T) {
		full := r.issue(client, addr, 1<<32-10)
		if got := r.judge(full[:], addr, 10); got != valid {
			t.Errorf("It is %d", got)
		}
	})
	t.Run("the secret was exchanged", func(t *testing.T) {
		if got := ringOf(t, rfcNew, rfcSecret).judge(made(now), addr, now); got != aging {
			t.Errorf("While both are known it is %d", got)
		}
		if got := ringOf(t, rfcNew).judge(made(now), addr, now); got != invalid {
			t.Errorf("When the old one is gone it is %d", got)
		}
		if got := ringOf(t, rfcSecret, rfcNew).judge(made(now), addr, now); got != valid {
			t.Errorf("Before the new one makes cookies it is %d", got)
		}
	})
}

func FuzzJudge(f *testing.F) {
	f.Add(unhex(f, "2464c4abcf10c957"), uint32(0))
	f.Add(unhex(f, "2464c4abcf10c957010000005cf79f111f8130c3eee29480"), uint32(1559731985))
	f.Add(make([]byte, 40), uint32(1))
	f.Add(make([]byte, 41), uint32(1))
	r, addr := ringOf(f, rfcNew, rfcSecret), netip.MustParseAddr("198.51.100.100")
	f.Fuzz(func(t *testing.T, option []byte, now uint32) {
		switch v := r.judge(option, addr, now); {
		case v == malformed:
			if n := len(option); n == 8 || n >= 16 && n <= 40 {
				t.Errorf("%d octets are malformed", n)
			}
			return
		case v.proven() && len(option) != fullLen:
			t.Errorf("A cookie of %d octets is valid", len(option))
		}
		full := r.issue(option, addr, now)
		if v := r.judge(full[:], addr, now); v != valid {
			t.Errorf("Just made, %x is %d", full, v)
		}
	})
}
