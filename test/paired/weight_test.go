//go:build linux

package paired

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// oneVIP has all servers behind it.
func oneVIP(l *lab.Lab) []vip { return []vip{{Name: "web", Address: l.VIP(0).String()}} }

var onePool = []string{"", "", ""}

func TestWeightFollowsServers(t *testing.T) {
	t.Parallel()
	s := setUp(t, onePool, oneVIP)
	web := s.vips[0]
	s.within(t, 10*time.Second, "the VIP is the answer", func() error { return s.answers("www", web.Address) })

	s.echoes[0].Stop()
	s.echoes[1].Stop()
	s.within(t, 10*time.Second, "weight 1 of 3 with one server left", func() error { return s.weighs(web, 1) })
	if err := s.is(web, "passing", func(r registration) bool { return !strings.Contains(r.output, "3 of 3") }); err != nil {
		t.Errorf("What the check says is old: %v", err)
	}
	if got := s.servers(t, web.Address, 12); !slices.Equal(got, []string{"s3"}) {
		t.Errorf("With s1 and s2 stopped %v answer", got)
	}
	if err := s.answers("www", web.Address); err != nil {
		t.Error(err)
	}

	s.echoes[2].Stop()
	s.within(t, 10*time.Second, "critical without servers", func() error { return s.is(web, "critical", nil) })
	s.within(t, 5*time.Second, "the VIP leaves the answers", func() error { return s.answers("www") })
	if err := s.answers("any", web.Address); err != nil {
		t.Errorf("With empty=all: %v", err)
	}

	for _, e := range s.echoes {
		if err := e.Start(); err != nil {
			t.Fatal(err)
		}
	}
	s.within(t, 10*time.Second, "the VIP returns to the answers", func() error { return s.answers("www", web.Address) })
	s.within(t, 10*time.Second, "weight 3 again", func() error { return s.weighs(web, 3) })
}
