package probe

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"slices"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// ping is what differs between the families.
type ping struct {
	network, raw   string // of a ping socket, and of one that needs CAP_NET_RAW
	local          string
	protocol       int // IANA protocol number, as icmp.ParseMessage wants it
	request, reply icmp.Type
}

var (
	ping4 = ping{"udp4", "ip4:icmp", "0.0.0.0", 1, ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply}
	ping6 = ping{"udp6", "ip6:ipv6-icmp", "::", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply}
)

// newICMP passes when an echo request is answered. It uses Linux's ping
// sockets, which need no privilege but a group within
// net.ipv4.ping_group_range, or else a raw socket, which needs CAP_NET_RAW.
func newICMP(Spec) (ask, error) {
	return ask{checkICMP, func(t Target) string { return t.Addr.Addr().String() }}, nil
}

func checkICMP(ctx context.Context, t Target) (Result, error) {
	p, addr := ping4, t.Addr.Addr()
	if addr.Is6() {
		p = ping6
	}
	to := net.Addr(&net.UDPAddr{IP: addr.AsSlice(), Zone: addr.Zone()})
	conn, err := icmp.ListenPacket(p.network, p.local)
	if err != nil {
		var refused error
		if conn, refused = icmp.ListenPacket(p.raw, p.local); refused != nil {
			return Result{}, fmt.Errorf("%w: ping socket (is the group in net.ipv4.ping_group_range?): %w", ErrUnable, err)
		}
		to = &net.IPAddr{IP: addr.AsSlice(), Zone: addr.Zone()}
	}
	defer bind(ctx, conn)()
	return Result{}, p.echo(conn, to)
}

// echo sends one request and waits for its reply. A raw socket gets everybody's
// replies, and a ping socket may get those to an earlier one with its
// identifier: the random payload tells which one is ours.
func (p ping) echo(conn *icmp.PacketConn, to net.Addr) error {
	payload := make([]byte, 16)
	_, _ = rand.Read(payload) // never fails
	request := icmp.Message{Type: p.request, Body: &icmp.Echo{Seq: 1, Data: payload}}
	wire, err := request.Marshal(nil)
	if err != nil {
		return err
	}
	if _, err := conn.WriteTo(wire, to); err != nil {
		return err
	}
	for buf := make([]byte, 512); ; {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return err
		}
		answer, err := icmp.ParseMessage(p.protocol, buf[:n])
		if err != nil || answer.Type != p.reply {
			continue
		}
		if echo, ok := answer.Body.(*icmp.Echo); ok && slices.Equal(echo.Data, payload) {
			return nil
		}
	}
}
