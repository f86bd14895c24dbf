package probe

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// newDNS passes when the server answers an SOA question over UDP with NOERROR.
func newDNS(spec Spec) (ask, error) {
	name := dns.Fqdn(spec.Query)
	if _, ok := dns.IsDomainName(name); !ok {
		return ask{}, fmt.Errorf("%q is not a domain name", spec.Query)
	}
	check := func(ctx context.Context, t Target) (Result, error) { return checkDNS(ctx, t, name) }
	return ask{check, func(t Target) string { return t.Addr.String() + " " + name }}, nil
}

func checkDNS(ctx context.Context, t Target, name string) (Result, error) {
	conn, done, err := dial(ctx, "udp", t.Addr)
	if err != nil {
		return Result{}, err
	}
	defer done()
	query := new(dns.Msg).SetQuestion(name, dns.TypeSOA)
	query.SetEdns0(dns.DefaultMsgSize, false)
	wire := &dns.Conn{Conn: conn, UDPSize: dns.DefaultMsgSize}
	if err := wire.WriteMsg(query); err != nil {
		return Result{}, err
	}
	for {
		answer, err := wire.ReadMsg()
		if err != nil {
			return Result{}, err
		}
		if answer.Id != query.Id || !answer.Response {
			continue // a late answer to someone else's question
		}
		if answer.Rcode != dns.RcodeSuccess {
			return Result{}, errors.New(dns.RcodeToString[answer.Rcode])
		}
		return Result{}, nil
	}
}
