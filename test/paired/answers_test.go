//go:build linux

package paired

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/test/lab"
)

// twoVIPs have s1 and s2 behind the one, and s3 behind the other.
func twoVIPs(l *lab.Lab) []vip {
	return []vip{
		{Name: "large", Address: l.VIP(0).String(), Tag: "large"},
		{Name: "small", Address: l.VIP(1).String(), Tag: "small"},
	}
}

var twoPools = []string{"large", "large", "small"}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := setUp(t, twoPools, func(l *lab.Lab) []vip {
		return append(twoVIPs(l), vip{Name: "six", Address: l.VIP6(0).String()})
	})
	large, small := s.vips[0], s.vips[1]
	s.within(t, 10*time.Second, "both VIPs are answers", func() error { return s.answers("any", large.Address, small.Address) })

	t.Run("a VIP is answered with by what is behind it", func(t *testing.T) {
		// Two in three: 5 standard deviations of 600 draws are 58.
		const queries = 600
		if got := s.shares(t, "www", queries)[large.Address]; got < 342 || got > 458 {
			t.Errorf("%s is %d of %d answers, want 400 or so", large.Address, got, queries)
		}
	})
	t.Run("a connection through the answer reaches the servers behind it", func(t *testing.T) {
		for v, want := range map[string][]string{large.Address: {"s1", "s2"}, small.Address: {"s3"}} {
			if got := s.servers(t, v, 12); !slices.Equal(got, want) {
				t.Errorf("Behind %s answer %v, want %v", v, got, want)
			}
		}
	})
	t.Run("an IPv6 VIP is the answer to AAAA", func(t *testing.T) {
		six := s.vips[2].Address
		s.within(t, 10*time.Second, "AAAA", func() error {
			got, err := s.ask("www", dns.TypeAAAA)
			if err == nil && !slices.Equal(got, []string{six}) {
				err = fmt.Errorf("it is %v", got)
			}
			return err
		})
		if got := s.servers(t, six, 12); !slices.Equal(got, []string{"s1", "s2", "s3"}) {
			t.Errorf("Behind %s answer %v", six, got)
		}
	})
	t.Run("without via=vip the answer is the servers", func(t *testing.T) {
		l := s.lab
		s.within(t, 10*time.Second, "servers", func() error {
			return s.answers("direct", l.Servers[0].Addr.String(), l.Servers[1].Addr.String(), l.Servers[2].Addr.String())
		})
	})
	t.Run("an overloaded pool shows its load and is avoided", func(t *testing.T) {
		s.load(t, 0, 0.95)
		s.load(t, 1, 0.97)
		s.within(t, 10*time.Second, "Consul knows of the overload", func() error {
			return s.is(large, "warning", func(r registration) bool { return r.load >= 0.9 && r.load <= 1 })
		})
		s.within(t, 10*time.Second, "answers avoid it", func() error { return s.answers("any", small.Address) })
		s.load(t, 0, 0.1)
		s.load(t, 1, 0.1)
		s.within(t, 15*time.Second, "it is passing again", func() error { return s.is(large, "passing", nil) })
	})
}
