//go:build linux

package paired

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// ask sends one query from the client, and returns the addresses of the answer.
func (s *stage) ask(name string, kind uint16) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	conn, err := s.lab.Client.Dial(ctx, "udp", s.lab.NS.HostPort(53))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	m := new(dns.Msg).SetQuestion(name+".example.org.", kind)
	answer, _, err := new(dns.Client).ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: conn})
	if err != nil {
		return nil, err
	}
	if answer.Rcode != dns.RcodeSuccess {
		return nil, fmt.Errorf("%s %s: %s", name, dns.TypeToString[kind], dns.RcodeToString[answer.Rcode])
	}
	addrs := []string{} // not nil: an answer without any is one
	for _, rr := range answer.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			addrs = append(addrs, rr.A.String())
		case *dns.AAAA:
			addrs = append(addrs, rr.AAAA.String())
		}
	}
	slices.Sort(addrs)
	return addrs, nil
}

// answers tells why a name is not answered with just these addresses now.
func (s *stage) answers(name string, want ...string) error {
	got, err := s.ask(name, dns.TypeA)
	if err == nil && !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		err = fmt.Errorf("%s is answered with %v, not %v", name, got, want)
	}
	return err
}

// shares asks many times, and counts the addresses.
func (s *stage) shares(t *testing.T, name string, queries int) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for range queries {
		addrs, err := s.ask(name, dns.TypeA)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addrs {
			counts[a]++
		}
	}
	t.Logf("%d answers: %v", queries, counts)
	return counts
}

// connect opens a connection from the client, and returns the name of the
// server that greets it.
func (s *stage) connect(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	conn, err := s.lab.Client.Dial(ctx, "tcp", net.JoinHostPort(address, "80"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(3 * time.Second)) // it is open
	name, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(name), err
}

// servers opens connections to an address, and returns who answered.
func (s *stage) servers(t *testing.T, address string, count int) []string {
	t.Helper()
	names := map[string]bool{}
	for range count {
		name, err := s.connect(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
