package cookie

import (
	"context"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// Cookie is the plugin's handler for one server block.
type Cookie struct {
	Next plugin.Handler

	secrets *keeper
	require bool
}

// Name implements plugin.Handler.
func (c *Cookie) Name() string { return Name }

// ServeDNS implements plugin.Handler. A COOKIE option goes no further than this:
// it is between the client and this server, and nobody below may echo it or send
// it on.
func (c *Cookie) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	text, given := take(r.IsEdns0())
	switch {
	case given:
		return c.answer(ctx, w, r, text)
	case c.demands(ctx, w, r):
		return truncated(w, r)
	}
	return plugin.NextOrFailure(Name, c.Next, ctx, w, r)
}

// answer serves a query that had a COOKIE option.
func (c *Cookie) answer(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, text string) (int, error) {
	var buf [maxLen]byte
	option := decode(&buf, text)
	secrets, addr, now := *c.secrets.ring.Load(), remoteAddr(w), uint32(time.Now().Unix())
	v := secrets.judge(option, addr, now)
	queries[v].Inc()
	if v == malformed { // RFC 7873 section 5.2.2
		return dns.RcodeFormatError, nil
	}
	if v != valid {
		text = encode(secrets.issue(option, addr, now))
	}
	w = &writer{ResponseWriter: w, request: r, cookie: dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: text}}
	if !v.proven() && c.demands(ctx, w, r) {
		w.WriteMsg(new(dns.Msg).SetRcode(r, dns.RcodeBadCookie))
		return dns.RcodeBadCookie, nil
	}
	rcode, err := plugin.NextOrFailure(Name, c.Next, ctx, w, r)
	if !plugin.ClientWrite(rcode) { // what CoreDNS would write has no cookie
		w.WriteMsg(new(dns.Msg).SetRcode(r, rcode))
		rcode = dns.RcodeSuccess // is written
	}
	return rcode, err
}

// demands tells that a query without a valid cookie gets no answer: its sender's
// address may be forged.
func (c *Cookie) demands(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) bool {
	if !c.require || r.Opcode != dns.OpcodeQuery {
		return false
	}
	if state := (request.Request{Req: r, W: w}); state.Proto() != "udp" {
		return false
	}
	// QUIC is UDP as well, but has proven the address.
	s, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server)
	return !ok || strings.HasPrefix(s.Addr, transport.DNS+"://")
}

// truncated sends the client to TCP.
func truncated(w dns.ResponseWriter, r *dns.Msg) (int, error) {
	unproven.Inc()
	m := new(dns.Msg).SetReply(r)
	m.Truncated = true
	w.WriteMsg(m)
	return dns.RcodeSuccess, nil
}

// take removes all COOKIE options, and returns the first: others do not count
// (RFC 7873 section 5.2).
func take(opt *dns.OPT) (text string, given bool) {
	if opt == nil {
		return "", false
	}
	kept := opt.Option[:0]
	for _, o := range opt.Option {
		if o.Option() != dns.EDNS0COOKIE {
			kept = append(kept, o)
			continue
		}
		if cookie, ok := o.(*dns.EDNS0_COOKIE); ok && !given {
			text = cookie.Cookie
		}
		given = true
	}
	if given {
		clear(opt.Option[len(kept):])
		opt.Option = kept
	}
	return text, given
}

// decode reads the option's text form, which is all that miekg/dns tells of it.
func decode(buf *[maxLen]byte, text string) []byte {
	if len(text) > 2*maxLen {
		return nil // malformed
	}
	n, err := hex.Decode(buf[:], []byte(text))
	if err != nil {
		return nil
	}
	return buf[:n]
}

// encode is hex.EncodeToString with one allocation.
func encode(full [fullLen]byte) string {
	var text [2 * fullLen]byte
	hex.Encode(text[:], full[:])
	return string(text[:])
}

func remoteAddr(w dns.ResponseWriter) netip.Addr {
	remote := w.RemoteAddr()
	if wrapped, ok := remote.(interface{ Unwrap() net.Addr }); ok { // the proxyproto plugin's
		remote = wrapped.Unwrap()
	}
	switch a := remote.(type) {
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("")
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.IPv6Unspecified()
}

// writer puts the cookie into every reply.
type writer struct {
	dns.ResponseWriter
	request *dns.Msg
	cookie  dns.EDNS0_COOKIE
}

// WriteMsg implements dns.ResponseWriter.
func (w *writer) WriteMsg(m *dns.Msg) error {
	// A reply without an OPT record gets the request's, as CoreDNS would do.
	state := request.Request{Req: w.request, W: w.ResponseWriter}
	if state.SizeAndDo(m) {
		opt := m.IsEdns0()
		take(opt) // one that an upstream sent with its reply is of another client: ourselves
		opt.Option = append(opt.Option, &w.cookie)
	}
	return w.ResponseWriter.WriteMsg(m)
}
